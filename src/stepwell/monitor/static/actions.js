// Buttons that change something, with the token that only the printed address carries; and copying.
const KEY = 'stepwell-token'
const said = document.getElementById('said')

export function keepToken() {
  const found = new URLSearchParams(location.hash.slice(1)).get('token')
  if (!found) return
  localStorage.setItem(KEY, found)
  history.replaceState(null, '', location.pathname + location.search)
}

export function actions() {
  document.addEventListener('click', (event) => {
    const copy = event.target.closest('[data-copy]')
    if (copy) return copied(copy)
    const button = event.target.closest('button[data-act]')
    if (button) act(button, button.dataset.act, {})
  })
  document.addEventListener('change', (event) => {
    const task = event.target.closest('select[data-act]')
    if (!task || !task.value) return
    if (confirm(`Do ${task.value} and all tasks after it again?`)) act(task, 'resume', { task: task.value })
    task.value = ''
  })
}

async function copied(button) {
  await navigator.clipboard.writeText(button.dataset.copy)
  button.classList.add('done')
  tell(`Copied: ${button.dataset.copy}`)
  setTimeout(() => button.classList.remove('done'), 1500)
}

async function act(control, verb, body) {
  const { run, pipeline } = control.closest('[data-run]').dataset
  if (verb === 'stop' && !confirm(`Stop the run ${run}? Its transaction is rolled back, and it can be resumed.`)) return
  control.disabled = true
  control.closest('.actions').setAttribute('aria-busy', 'true')
  tell(verb === 'stop' ? 'Stopping …' : 'Resuming …')
  try {
    const answer = await fetch(`/runs/${encodeURIComponent(pipeline)}/${encodeURIComponent(run)}/${verb}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-stepwell-token': localStorage.getItem(KEY) ?? '' },
      body: JSON.stringify(body),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(message(text))
    const { href } = JSON.parse(text)
    tell('')
    if (href && href !== location.pathname) location.assign(href)
  } catch (error) {
    tell(error.message, true)
  } finally {
    control.disabled = false
    control.closest('.actions')?.removeAttribute('aria-busy')
  }
}

function message(text) {
  try { return JSON.parse(text).message } catch { return text.trim() }
}

let timer
export function tell(text, bad = false) {
  said.textContent = text
  said.className = text ? `toast${bad ? ' bad' : ''}` : 'hidden'
  clearTimeout(timer)
  if (text) timer = setTimeout(() => tell(''), bad ? 12000 : 3000)
}
