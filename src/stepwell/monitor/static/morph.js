// Put new HTML where old HTML is, changing only what differs: focus, selection, scrolling and open details stay.
export function morph(place, html) {
  const wanted = place.cloneNode(false)
  wanted.innerHTML = html
  children(place, wanted)
}

const key = (node) => node.id || node.dataset?.state || null

function children(old, wanted) {
  const keyed = new Map([...old.children].filter(key).map((child) => [key(child), child]))
  let at = old.firstChild
  for (const next of [...wanted.childNodes]) {
    let match = key(next) ? keyed.get(key(next)) : at
    if (match && match !== at && match.parentNode === old) old.insertBefore(match, at)
    if (match && same(match, next)) {
      update(match, next)
      at = match.nextSibling
    } else {
      old.insertBefore(next, at)
    }
  }
  while (at) { const gone = at; at = at.nextSibling; gone.remove() }
}

const same = (one, other) => one.nodeType === other.nodeType && one.nodeName === other.nodeName && key(one) === key(other)

function update(old, wanted) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== wanted.nodeValue) old.nodeValue = wanted.nodeValue
    return
  }
  for (const { name, value } of wanted.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value)
  for (const { name } of [...old.attributes]) {
    if (!wanted.hasAttribute(name) && !(name === 'open' || name === 'title' || name === 'disabled')) old.removeAttribute(name)
  }
  if (old.nodeName === 'SELECT' && old === document.activeElement) return
  children(old, wanted)
}
