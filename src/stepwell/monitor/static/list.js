// The list of runs: filtered while one types, every filter an address, new runs without a reload.
import { follow } from './live.js'
import { morph } from './morph.js'
import { tick } from './time.js'

export function list() {
  const place = document.getElementById('list')
  let asked = 0, timer = null

  async function show(address, keep) {
    const turn = ++asked
    const page = new URL(address, location.href)
    page.searchParams.set('part', '1')
    const answer = await fetch(page)
    if (!answer.ok || turn !== asked) return
    const typing = document.activeElement?.id === 'search' ? document.activeElement.value : null
    const html = await answer.text()
    if (turn !== asked) return
    morph(place, html)
    if (typing !== null) document.getElementById('search').value = typing
    if (!keep) history.replaceState(null, '', address)
    tick()
  }

  function filtered() {
    const form = place.querySelector('form')
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value))
    return query.size ? `/?${query}` : '/'
  }

  place.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(() => show(filtered()), 120) })
  place.addEventListener('submit', (event) => { event.preventDefault(); show(filtered()) })
  place.addEventListener('click', (event) => {
    const link = event.target.closest('.chip, .pager a')
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return
    event.preventDefault()
    history.pushState(null, '', link.href)
    show(link.href, true)
    if (link.closest('.pager')) scrollTo({ top: 0 })
  })
  addEventListener('popstate', () => show(location.href, true))

  follow('/live', place.dataset.version, () => show(location.href, true))
}
