// The explanation of one key, drawn: from the key down the rules in their order, and
// from its owner to what that answers.

import { el, keyName, svg } from './dom.js'
import { hashName, look } from './words.js'

// explanation is the elements that show what the API explains of key.
export function explanation(key, { hashes, rules, owners, answers }) {
  const root = el('div', { class: 'explanation' })
  const start = el('p', { class: 'explanation-key' }, el('span', { class: 'hint' }, 'key'), keyName(key))
  const stops = rules.map((rule, i) => stop(rule, i, hashes, owners, answers.find(a => a.node === rule.node)))
  const lines = svg('svg', { class: 'explanation-lines', 'aria-hidden': true })
  root.append(lines, start, hashList(hashes, rules), el('ol', { class: 'stops' }, stops.map(s => s.root)))
  new ResizeObserver(() => draw(lines, root, start, stops)).observe(root)
  return [sentence(key, rules, owners), root]
}

function sentence(key, rules, owners) {
  const first = rules.find(rule => rule.node === owners[0])
  return el('p', { class: 'said' }, el('span', null, keyName(key), ' belongs to ', el('b', null, owners.join(', then ')),
    owners.length === 1 && first ? `: ${first.why}` : ''))
}

// digit is the last one of a hash, marked where it alone decides the rule.
function digit(hash, hex, rules) {
  const decides = rules.some(({ rule }) => new RegExp(`^${hash} % (2|4|8|16) `).test(rule))
  return el(decides ? 'mark' : 'span', null, hex.slice(-1))
}

function hashList(hashes, rules) {
  return el('dl', { class: 'hashes' }, Object.entries(hashes).map(([hash, hex]) =>
    el('div', null, el('dt', null, hashName(hash)), el('dd', null, el('code', null, hex.slice(0, -1), digit(hash, hex, rules))))))
}

function stop(rule, i, hashes, owners, answer = { node: rule.node, status: 'silent' }) {
  const owns = owners.includes(rule.node)
  const station = el('span', { class: 'station', 'aria-hidden': true }, owns ? '✓' : String(i + 1))
  const box = el('div', { class: 'stop-rule' },
    el('p', null, el('b', null, rule.node), el('code', null, rule.rule)),
    el('p', null, sum(rule, hashes), el('b', { class: rule.claims ? 'good' : 'hint' }, rule.claims ? 'yes' : 'no')),
    owns || !rule.claims ? '' : el('p', { class: 'hint' }, `but ${owners.join(' and ')} comes first`))
  const [tone, mark] = look(answer.status)
  const reply = el('div', { class: 'stop-answer' }, el('b', { class: tone }, `${mark} ${answer.status}`), el('p', { class: 'hint' }, meaning(answer, owns)))
  return { owns, station, box, reply, root: el('li', { class: owns ? 'stop owner' : 'stop' }, station, box, reply) }
}

// sum is the computation that decides a rule, on this key.
function sum(rule, hashes) {
  const residue = rule.why.match(/^(\w+) % (\d+) == (\d+)$/)
  const hex = residue && hashes[residue[1]]
  if (!hex) return `${rule.why} → `
  return el('span', null, el('code', null, `${residue[1]} ${hex.slice(0, 4)}…${hex.slice(-3, -1)}`, digit(residue[1], hex, [rule]), ` % ${residue[2]} = ${residue[3]}`), ' → ')
}

function meaning(answer, owns) {
  switch (answer.status) {
    case 'found': return owns ? 'the owner has it' : 'kept from before the rules changed'
    case 'absent': return 'the owner, and nothing is stored'
    case 'deleted': return 'deleted, or expired'
    case 'not-stored': return 'it is no owner'
    case 'silent': return owns ? 'the owner is offline: neither read nor written now' : 'no answer'
  }
  return answer.error ?? answer.reason ?? ''
}

// draw lays the key's way over the boxes: past the rules that refuse it to each
// owner, and on to what that answers.
function draw(lines, root, start, stops) {
  const origin = root.getBoundingClientRect()
  const at = element => {
    const { left, right, top, bottom } = element.getBoundingClientRect()
    return { left: left - origin.left, right: right - origin.left, top: top - origin.top, bottom: bottom - origin.top }
  }
  const rail = at(stops[0].station).left + STATION / 2
  const down = to => `M${rail} ${at(start).bottom}V${at(to.station).top}`
  const paths = [svg('path', { d: down(stops.at(-1)), class: 'faint' })]
  for (const { station, box, reply, owns } of stops) {
    const [from, to, y] = [at(box), at(reply), at(station).top + STATION / 2]
    const onward = to.left >= from.right ? `M${from.right} ${y}H${to.left - 1}` : `M${from.left + STATION / 2} ${from.bottom}V${to.top - 1}`
    if (owns) paths.push(svg('path', { d: `M${rail} ${y}H${from.left}` }), svg('path', { d: onward, 'marker-end': 'url(#arrow)' }))
  }
  const last = stops.findLast(s => s.owns)
  if (last) paths.push(svg('path', { d: down(last) }))
  lines.replaceChildren(svg('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 5, markerHeight: 5, orient: 'auto' }, svg('path', { d: 'M0 0 8 4 0 8z' })), ...paths)
}

const STATION = 28 // pixels across, as in app.css
