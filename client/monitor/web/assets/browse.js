// The keys of one node, a page at a time.

import * as api from './api.js'
import { arrows, byId, el, setOptions, setText } from './dom.js'
import { bytes, date, keyOf, keyText, number, plural, toBytes } from './words.js'

const PAGE = 100

// browse returns open, which lists a node's keys, and what takes the names of
// the nodes; show is called with a key that was chosen.
export function browse({ show }) {
  const node = byId('browse-node')
  const list = byId('browse-list')
  const more = byId('browse-more')
  const note = byId('browse-note')
  const stops = arrows(list)
  let asked, after, turn = 0

  async function page() {
    const mine = ++turn
    try {
      const { keys, more: cut, silent = [] } = await api.list(asked.node, asked.prefix, after, PAGE)
      if (mine !== turn) return
      if (silent.length) throw new api.Failure(silent[0].code, silent[0].error)
      list.append(...keys.map(row))
      after = keys.length ? keyOf(keys.at(-1)) : after
      more.hidden = !cut
      note.hidden = list.children.length > 0
      setText(note, asked.prefix.length ? `${asked.node} keeps no key that begins so.` : `${asked.node} keeps no key.`)
      setText(byId('keys-sum'), `${cut ? `the first ${number(list.children.length)} keys` : plural(list.children.length, 'key')} of ${asked.node}`)
      stops.refresh()
    } catch (err) {
      if (!(err instanceof api.Failure)) throw err
      if (mine !== turn) return
      note.hidden = false
      setText(note, err.code === 'owner-offline' ? `${asked.node} is down: its keys can be listed when it is back.` : err.message)
    }
  }

  function start() {
    asked = { node: node.value, prefix: toBytes(byId('browse-prefix').value) }
    after = new Uint8Array()
    list.replaceChildren()
    more.hidden = true
    setText(byId('keys-sum'), '')
    return page()
  }

  byId('browse').addEventListener('submit', event => {
    event.preventDefault()
    start()
  })
  more.addEventListener('click', page)
  list.addEventListener('click', event => {
    const chosen = event.target.closest('button')
    if (chosen) show(chosen.key)
  })
  return {
    nodes: names => setOptions(node, names),
    open(name) {
      node.value = name
      byId('browse-prefix').value = ''
      start()
      byId('keys-title').scrollIntoView()
      node.focus({ preventScroll: true })
    },
  }
}

function row(entry) {
  const key = keyOf(entry)
  const button = el('button', { type: 'button', class: 'key', tabindex: -1 }, el('bdi', null, keyText(key)))
  button.key = key
  return el('li', null, button, el('span', { class: 'hint' }, bytes(entry.bytes ?? 0)), el('span', { class: 'hint' }, entry.expires ? `until ${date(entry.expires)}` : ''))
}
