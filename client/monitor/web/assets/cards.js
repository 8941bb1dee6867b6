// A card for each node: how it is now, and what it last said when it is down.

import { el, setText } from './dom.js'
import { NONE, bytes, micros, number, percent, plural, rate, ruleInWords, span, system, timeOfDay } from './words.js'

// cards draws into list; browse is called with the name of a node whose keys are
// asked for, announce with a sentence when a node goes or comes.
export function cards(list, { browse, announce }) {
  const shown = new Map() // by name

  return function update(nodes, now) {
    if (nodes.map(n => n.name).join() !== [...shown.keys()].join()) {
      shown.clear()
      for (const node of nodes) shown.set(node.name, card(node, browse))
      list.replaceChildren(...[...shown.values()].map(c => c.root))
    }
    for (const node of nodes) {
      const change = shown.get(node.name).update(node, now)
      if (change) announce(change)
    }
  }
}

const facts = ['Reads', 'Writes', 'p50', 'p99', 'Up for', 'Stored']

function card({ name, rule }, browse) {
  const os = el('span', { class: 'os' })
  const state = el('p', { class: 'pill' }, el('span', { class: 'mark' }))
  const word = state.appendChild(el('span'))
  const keys = el('strong', { class: 'keys-count' })
  const noun = el('span')
  const under = el('p', { class: 'hint' })
  const share = shareBar()
  const shareNote = el('p', { class: 'share-note' }, share.have, share.want)
  const values = facts.map(() => el('dd'))
  const links = el('p', { class: 'links' })
  const open = el('button', { type: 'button', 'aria-label': `Browse the keys of ${name}` }, 'Browse')
  open.addEventListener('click', () => browse(name))
  const root = el('li', { class: 'panel card', 'data-node': name },
    el('div', { class: 'card-head' }, el('h3', null, name), os, state),
    el('p', { class: 'rule' }, el('code', null, rule), el('span', null, ruleInWords(rule))),
    el('div', { class: 'card-keys' }, el('p', null, keys, ' ', noun), open, under),
    el('div', null, share.bar, shareNote),
    el('dl', null, facts.map((fact, i) => el('div', null, el('dt', null, fact), values[i]))),
    links)

  let before, since // when the state was seen to change
  function update(node, now) {
    const change = before && before.up !== node.up
    if (change) since = now
    if (!node.up && before?.keys !== undefined) node = { ...node, keys: before.keys, misplaced: before.misplaced }
    before = node
    root.dataset.state = state.dataset.state = !node.up ? 'down' : node.unready ? 'unready' : 'up'
    setText(word, node.up ? (node.unready ? 'not ready' : 'up') : since ? `down since ${timeOfDay(since)}` : 'down')
    setText(os, node.up ? system(node.os ?? '') : '')
    setText(keys, node.up || since ? number(node.keys) : NONE)
    setText(noun, node.keys === 1 ? 'key' : 'keys')
    setText(under, keysNote(node, since))
    share.update(node)
    factsOf(node).forEach((text, i) => setText(values[i], text))
    links.replaceChildren(...(node.up ? linksNote(node) : [since ? `Down for ${span(now - since)}` : 'Links: not known']))
    return change && `${name} is ${node.up ? 'up again' : 'down'}`
  }
  return { root, update }
}

function keysNote(node, since) {
  if (!node.up) return since ? 'when last seen; offline, not lost' : 'offline, not lost'
  if (node.unready) return `Not ready: ${node.unready}`
  return node.misplaced ? `${plural(node.misplaced, 'key')} misplaced` : 'none misplaced'
}

function factsOf(node) {
  if (!node.up) return facts.map(() => NONE)
  const took = us => (us > 0 ? micros(us) : NONE)
  return [`${rate(node.reads_per_s)} /s`, `${rate(node.writes_per_s)} /s`, took(node.p50_us), took(node.p99_us), span(node.uptime_ms ?? 0), bytes(node.bytes)]
}

function linksNote({ links = [] }) {
  const count = state => links.filter(link => link.state === state).length
  const well = ['up', 'idle'].filter(count).map(state => `${count(state)} ${state}`).join(', ')
  const down = links.filter(link => link.state === 'down').map(link => `✕ ${link.to} ${link.path}`)
  return [`Links: ${well || 'none'} `, el('span', { class: 'bad' }, down.join(', '))]
}

// shareBar is a bar of what a node keeps, with a mark where the rules put it.
export function shareBar(most = () => 1) {
  const fill = el('span', { class: 'bar-fill' })
  const mark = el('span', { class: 'bar-mark' })
  const bar = el('div', { class: 'bar', 'aria-hidden': true }, fill, mark)
  const have = el('span', { class: 'have' })
  const want = el('span', { class: 'hint' })
  function update(node) {
    fill.style.setProperty('--part', node.up ? Math.min(1, node.share / most()) : 0)
    mark.style.setProperty('--part', Math.min(1, node.expected / most()))
    mark.hidden = node.pinned
    setText(have, node.up ? percent(node.share) : NONE)
    setText(want, node.pinned ? 'pinned by its prefix' : `${percent(node.expected)} expected`)
  }
  return { bar, have, want, update }
}
