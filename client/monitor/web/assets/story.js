// The story of one key, drawn: from the key down the rules in their order, and
// from its owner to what that answers.

import { el, svg } from './dom.js'
import { hashName, keyText, look, ruleInWords } from './words.js'

// story is the elements that tell what the API explains of key.
export function story(key, { hashes, rules, owners, answers }) {
  const root = el('div', { class: 'story' })
  const start = el('p', { class: 'story-key' }, el('span', { class: 'hint' }, 'key'), el('bdi', { class: 'key' }, keyText(key)))
  const stops = rules.map((rule, i) => stop(rule, i, hashes, owners, answers.find(a => a.node === rule.node)))
  const lines = svg('svg', { class: 'story-lines', 'aria-hidden': true })
  root.append(lines, start, hashList(hashes, rules), el('ol', { class: 'stops' }, stops.map(s => s.root)))
  new ResizeObserver(() => draw(lines, root, start, stops)).observe(root)
  return [sentence(key, rules, owners), root]
}

function sentence(key, rules, owners) {
  const first = rules.find(rule => rule.node === owners[0])
  return el('p', { class: 'said', role: 'status' }, el('span', null, el('bdi', { class: 'key' }, keyText(key)), ' belongs to ', el('b', null, owners.join(', then ')),
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
    el('p', null, el('b', null, rule.node), ' ', el('code', null, rule.rule)),
    el('p', { class: 'sum' }, sum(rule, hashes), el('b', { class: rule.claims ? 'good' : 'hint' }, rule.claims ? 'yes' : 'no')),
    owns || !rule.claims ? '' : el('p', { class: 'hint' }, `but ${owners.join(' and ')} comes first`))
  const [tone, mark] = look(answer.status)
  const reply = el('div', { class: 'stop-answer' }, el('p', { class: tone }, el('span', { 'aria-hidden': true }, `${mark} `), answer.status), el('p', { class: 'hint' }, meaning(answer, owns)))
  return { owns, station, box, reply, root: el('li', { class: owns ? 'stop owner' : 'stop' }, station, box, reply) }
}

// sum is the computation that decides a rule, on this key.
function sum(rule, hashes) {
  const residue = rule.why.match(/^(\w+) % (\d+) == (\d+)$/)
  const hex = residue && hashes[residue[1]]
  if (!hex) return el('span', null, `${rule.why} → `)
  return el('span', { title: ruleInWords(rule.rule) }, el('code', null, `${residue[1]} ${hex.slice(0, 4)}…${hex.slice(-3, -1)}`, digit(residue[1], hex, [rule]), ` % ${residue[2]} = ${residue[3]}`), ' → ')
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

// draw lays the lines: faint past every rule and to every answer, strong on the
// key's own way.
function draw(lines, root, start, stops) {
  const origin = root.getBoundingClientRect()
  const at = element => {
    const r = element.getBoundingClientRect()
    return { left: r.left - origin.left, right: r.right - origin.left, top: r.top - origin.top, bottom: r.bottom - origin.top, x: (r.left + r.right) / 2 - origin.left, y: (r.top + r.bottom) / 2 - origin.top }
  }
  lines.setAttribute('viewBox', `0 0 ${origin.width} ${origin.height}`)
  const rail = at(stops[0].station).x
  const from = at(start).bottom
  const down = to => `M${rail} ${from}V${at(to.station).y}`
  const paths = [svg('path', { d: down(stops.at(-1)), class: 'faint' })]
  for (const s of stops) paths.push(svg('path', { d: across(at(s.station), at(s.box), at(s.reply)), class: s.owns ? 'strong' : 'faint' }))
  const last = stops.findLast(s => s.owns)
  if (last) paths.push(svg('path', { d: down(last), class: 'strong' }))
  for (const s of stops.filter(s => s.owns)) paths.push(svg('path', { d: head(at(s.box), at(s.reply)), class: 'arrow' }))
  lines.replaceChildren(...paths)
}

const beside = (box, reply) => reply.left >= box.right

function across(station, box, reply) {
  const to = beside(box, reply) ? `M${box.right} ${station.y}H${reply.left - 8}` : `M${box.left + 16} ${box.bottom}V${Math.max(box.bottom, reply.top - 8)}`
  return `M${station.x} ${station.y}H${box.left}${to}`
}

function head(box, reply) {
  const [x, y] = beside(box, reply) ? [reply.left - 2, 0] : [box.left + 16, reply.top - 2]
  return beside(box, reply) ? `M${x} ${box.top + STATION}l-8 -5v10z` : `M${x} ${y}l-5 -8h10z`
}

const STATION = 22 // from a box's top to the middle of its station
