// One state of a run, shown beside the graph: chosen without a reload, and read again while it is under way.
import { morph } from './morph.js'
import { tick } from './time.js'

export function stateOf() {
  const place = document.getElementById('state')
  const path = location.pathname
  let asked = 0

  async function show(query, jump) {
    const turn = ++asked
    if (!query.get('state')) { place.replaceChildren(); mark(null); return }
    const answer = await fetch(`${path}/state?${query}`)
    const html = await answer.text()
    if (turn !== asked || !answer.ok) return
    if (jump) place.replaceChildren()
    morph(place, html)
    mark(query.get('state'))
    tick()
    if (jump) place.scrollIntoView({ block: 'nearest', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' })
  }

  function mark(name) {
    for (const node of document.querySelectorAll('.graph .g-node')) node.classList.toggle('g-chosen', node.dataset.state === name)
  }

  // What is at work, or went wrong, is what one wants to see of a graph that is too high.
  const box = document.querySelector('.graph-box'), there = box?.querySelector('.g-running:not(.g-holds), .g-failed, .g-timed_out')
  if (there) box.scrollTop += there.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 2

  document.addEventListener('click', (event) => {
    const link = event.target.closest('.graph a, .timeline a, #state a')
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return
    const address = new URL(link.getAttribute('href'), location.href)
    if (address.pathname !== path || address.searchParams.has('tab')) return
    event.preventDefault()
    history.pushState(null, '', address.pathname + address.search)
    show(address.searchParams, !link.closest('#state'))
  })
  addEventListener('popstate', () => show(new URLSearchParams(location.search), false))
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && new URLSearchParams(location.search).get('state')) {
      history.pushState(null, '', path)
      show(new URLSearchParams(), false)
    }
  })
  place.addEventListener('input', (event) => { if (event.target.matches('.find')) find(event.target) })

  const running = () => place.querySelector('[data-running="yes"]')
  setInterval(() => { if (running() && !document.hidden) show(new URLSearchParams(location.search), false) }, 2000)
  return { refresh: () => { if (running()) show(new URLSearchParams(location.search), false); else mark(new URLSearchParams(location.search).get('state')) } }
}

// Where the text is found is marked without touching the document.
function find(input) {
  const block = input.closest('figure').querySelector('pre')
  if (!block || !window.Highlight) return
  const text = input.value.toLowerCase(), ranges = []
  const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); text && node; node = walker.nextNode()) {
    const where = node.data.toLowerCase()
    for (let at = where.indexOf(text); at >= 0; at = where.indexOf(text, at + text.length)) {
      const range = new Range()
      range.setStart(node, at)
      range.setEnd(node, at + text.length)
      ranges.push(range)
    }
  }
  CSS.highlights.set('found', new Highlight(...ranges))
  const box = ranges[0]?.getBoundingClientRect()
  if (box) block.scrollTop += box.top - block.getBoundingClientRect().top - block.clientHeight / 3
}
