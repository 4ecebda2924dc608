// What every page does: theme, keys, times that go on, copying, and the page's own part.
import { tick } from './time.js'
import { follow } from './live.js'
import { actions, keepToken } from './actions.js'
import { grids } from './grid.js'
import { list } from './list.js'
import { stateOf } from './state.js'

keepToken()
tick()
setInterval(tick, 1000)

const root = document.documentElement
const dark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches)
function turn() {
  root.dataset.theme = dark() ? 'light' : 'dark'
  localStorage.setItem('stepwell-theme', root.dataset.theme)
  dispatchEvent(new Event('recolour'))
}
document.getElementById('theme').addEventListener('click', turn)
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => dispatchEvent(new Event('recolour')))

document.addEventListener('keydown', (event) => {
  if (event.target.matches('input, select, textarea') || event.ctrlKey || event.metaKey || event.altKey) return
  const search = document.querySelector('#search, input.find')
  if (event.key === '/' && search) search.focus()
  else if (event.key === 't') turn()
  else if (event.key === 'j' || event.key === 'k') step(event.key === 'j' ? 1 : -1)
  else return
  event.preventDefault()
})

// j and k go through what can be opened, as in a mail program.
function step(by) {
  const all = [...document.querySelectorAll('.runs tbody .name a, .timeline .rows a, .events summary')]
  if (!all.length) return
  const at = all.indexOf(document.activeElement)
  all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))].focus()
}

actions()
const page = document.body.dataset.page
if (page === 'runs') list()
if (page === 'run' && document.getElementById('overview')) {
  const painted = grids()
  const state = stateOf()
  const { events, version } = document.getElementById('overview').dataset
  follow(events, version, (news) => {
    painted.take(news)
    state.refresh()
    tick()
  })
}
