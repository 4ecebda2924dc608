// The stream of news: open while the page is seen, and only then.
import { morph } from './morph.js'

const sign = document.getElementById('live')
const say = (state) => { sign.dataset.live = state; sign.title = { on: 'Live', off: 'Not live', lost: 'The monitor does not answer; trying again' }[state] }

// `version` is the one that the page was painted at: what has changed since is told first.
export function follow(address, version, told) {
  let stream = null
  const open = () => {
    if (stream || document.hidden) return
    stream = new EventSource(`${address}?version=${version}`)
    stream.onopen = () => say('on')
    stream.onerror = () => { say('lost'); if (stream?.readyState === EventSource.CLOSED) { close(); setTimeout(open, 2000) } }
    stream.onmessage = (event) => {
      const news = JSON.parse(event.data)
      if (news.trouble) return
      version = news.version
      for (const [name, html] of Object.entries(news.parts ?? {})) {
        const place = document.querySelector(`[data-part="${CSS.escape(name)}"]`)
        if (place) morph(place, html)
      }
      told(news)
    }
  }
  const close = () => { stream?.close(); stream = null; say('off') }
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()))
  addEventListener('pagehide', close)
  addEventListener('pageshow', open)
  open()
}
