// The keys of one node, or of all, a page at a time.

import * as api from './api.js'
import { arrows, byId, el, setOptions, setText } from './dom.js'
import { bytes, date, keyOf, keyText, number, plural, toBytes } from './words.js'

const PAGE = 100

// browse returns open, which lists a node's keys, and what takes the nodes as they
// are now; show is called with a key that was chosen.
export function browse({ show }) {
  const node = byId('browse-node')
  const list = byId('browse-list')
  const more = byId('browse-more')
  const note = byId('browse-note')
  const stops = arrows(list)
  let asked, after, cut, turn = 0, known = []

  async function page() {
    const mine = ++turn
    try {
      const answer = await api.list(asked.node, asked.prefix, after, PAGE)
      if (mine === turn) add(answer)
    } catch (err) {
      if (!(err instanceof api.Failure)) throw err
      if (mine === turn) say(reason(asked.node, err))
    }
  }

  function add({ keys, more: goesOn, silent = [] }) {
    if (asked.node && silent.length) throw new api.Failure(silent[0].code, silent[0].error)
    list.append(...keys.map(entry => row(entry, !asked.node)))
    after = keys.length ? keyOf(keys.at(-1)) : after
    cut = goesOn
    more.hidden = !cut
    say([...silent.map(s => reason(s.node, s)), list.children.length ? '' : nothing()].filter(Boolean).join(' '))
    summary()
    stops.refresh()
  }

  const who = () => asked.node || 'all nodes'
  const nothing = () => `${asked.node || 'No node'} keeps ${asked.node ? 'no' : 'a'} key${asked.prefix.length ? ' that begins so' : ''}.`

  function say(sentence) {
    note.hidden = !sentence
    setText(note, sentence)
  }

  // summary says how much of what there is stands in the list; nodes that are down
  // do not count.
  function summary() {
    const counted = known.filter(n => n.up && (!asked?.node || n.name === asked.node))
    const total = counted.reduce((sum, n) => sum + n.keys, 0)
    const shown = list.children.length
    const sum = byId('keys-sum')
    if (!asked) return setText(sum, known.length ? `${plural(total, 'key')} on ${plural(counted.length, 'node')}` : '')
    if (asked.prefix.length) return setText(sum, `${cut ? `the first ${number(shown)} keys` : plural(shown, 'key')} of ${who()} that begin${!cut && shown === 1 ? 's' : ''} so`)
    setText(sum, `${number(shown)} of ${plural(Math.max(total, shown), 'key')} of ${who()}`)
  }

  function start() {
    asked = { node: node.value, prefix: toBytes(byId('browse-prefix').value) }
    after = new Uint8Array()
    cut = false
    list.replaceChildren()
    more.hidden = true
    summary()
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
    nodes(nodes) {
      known = nodes
      setOptions(node, nodes.map(n => n.name), 1)
      summary()
    },
    open(name) {
      node.value = name
      byId('browse-prefix').value = ''
      start()
      byId('keys-title').scrollIntoView()
      node.focus({ preventScroll: true })
    },
  }
}

const reason = (node, { code, error, message }) => (code === 'owner-offline' && node
  ? `${node} is down: its keys can be listed when it is back.` : `${node}: ${error ?? message}`)

function row(entry, ofAll) {
  const key = keyOf(entry)
  const button = el('button', { type: 'button', class: 'key', tabindex: -1 }, el('bdi', null, keyText(key)))
  button.key = key
  const facts = [ofAll && `on ${entry.node}`, entry.expires && `until ${date(entry.expires)}`].filter(Boolean).join(' · ')
  return el('li', null, button, el('span', { class: 'hint' }, bytes(entry.bytes ?? 0)), el('span', { class: 'hint' }, facts))
}
