// Times as people read them, kept true without asking the server.
export function duration(seconds) {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60), two = (n) => String(n).padStart(2, '0')
  return minutes < 60 ? `${minutes} min ${two(whole % 60)} s` : `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`
}

function ago(ms) {
  const seconds = Math.max(0, (Date.now() - ms) / 1000)
  if (seconds < 5) return 'just now'
  if (seconds < 60) return `${Math.floor(seconds)} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`
  if (seconds < 7 * 86400) return `${Math.floor(seconds / 86400)} d ago`
  return null
}

const say = (element, text) => { if (element.textContent !== text) element.textContent = text }

export function tick() {
  const now = Date.now()
  for (const each of document.querySelectorAll('[data-since]')) {
    const seconds = Math.max(0, (now - each.dataset.since) / 1000)
    say(each, seconds < 60 ? `${Math.floor(seconds)} s` : duration(Math.floor(seconds)))
  }
  for (const each of document.querySelectorAll('[data-ago]')) {
    const text = ago(Number(each.dataset.ago))
    if (text) { if (!each.title) each.title = each.textContent; say(each, text) }
  }
  for (const rows of document.querySelectorAll('.rows[data-end=""]')) stretch(rows, now)
}

// While a run is under way its timeline ends now.
function stretch(rows, now) {
  if (document.getElementById('status')?.classList.contains('s-running') === false) return
  const start = Number(rows.dataset.start), span = Math.max(1, now - start)
  for (const bar of rows.querySelectorAll('.bar')) {
    const from = Number(bar.dataset.a), until = bar.dataset.b ? Number(bar.dataset.b) : now
    bar.setAttribute('x', `${(100 * (from - start)) / span}%`)
    bar.setAttribute('width', `${Math.max(0.25, (100 * (until - from)) / span)}%`)
  }
}
