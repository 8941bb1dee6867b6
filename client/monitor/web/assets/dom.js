// Elements. A string only ever becomes a text node or an attribute: keys and
// values come from anybody, and none of them is markup.

import { keyText, shortKey } from './words.js'

const SVG = 'http://www.w3.org/2000/svg'

export const byId = id => document.getElementById(id)

// el makes <name class=…> with children; null and '' are left out.
export function el(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children)
}

// keyName is a key in running text.
export const keyName = key => el('bdi', { class: 'key', title: keyText(key) }, shortKey(key))

export function svg(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children)
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== ''))
  return element
}

// setText leaves the document alone where nothing changed.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

// setOptions fills a <select> with names after its fixed options, and keeps what
// is chosen.
export function setOptions(select, names, fixed = 0) {
  const have = [...select.options].slice(fixed).map(option => option.value)
  if (have.join() === names.join()) return
  const chosen = select.value
  while (select.options.length > fixed) select.remove(fixed)
  for (const name of names) select.add(new Option(name, name))
  if ([...select.options].some(option => option.value === chosen)) select.value = chosen
}

// arrows makes a list of buttons one stop of the Tab key: the arrow keys move in it.
export function arrows(list) {
  const buttons = () => [...list.querySelectorAll('button')]
  const enter = button => {
    for (const other of list.querySelectorAll('button[tabindex="0"]')) other.tabIndex = -1
    if (button) button.tabIndex = 0
  }
  list.addEventListener('keydown', event => {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key]
    if (!step) return
    const all = buttons()
    const next = all[Math.max(0, Math.min(all.length - 1, all.indexOf(document.activeElement) + step))]
    event.preventDefault()
    enter(next)
    next?.focus()
  })
  list.addEventListener('focusin', event => enter(event.target.closest('button')))
  return { refresh: () => list.querySelector('button[tabindex="0"]') || enter(list.querySelector('button')) }
}
