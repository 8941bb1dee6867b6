// Small charts of the last two minutes, and of who keeps what.

import { shareBar } from './cards.js'
import { byId, el, setOptions, setText, svg } from './dom.js'
import { NONE, micros, rate } from './words.js'

const LENGTH = 120_000 // milliseconds shown
const HEIGHT = 176
const EDGE = { left: 56, right: 8, top: 8, bottom: 24 }

// charts returns what takes each status; the first of a connection gives rates
// since the nodes' start, and is left out.
export function charts() {
  const samples = [] // {at, byNode}
  const node = byId('charts-node')
  const rates = lineChart(byId('chart-rate'), ['reads', 'writes'], rate, 1)
  const took = lineChart(byId('chart-took'), ['p50', 'p99'], micros, 100)
  const shares = shareChart(byId('chart-share'))

  function draw() {
    const at = performance.now()
    const pick = of => samples.map(s => ({ at: s.at, values: of(s.byNode) }))
    rates(at, pick(byNode => [total(byNode, node.value, 'reads_per_s'), total(byNode, node.value, 'writes_per_s')]))
    took(at, pick(byNode => [slowest(byNode, node.value, 'p50_us'), slowest(byNode, node.value, 'p99_us')]))
    setText(byId('took-of'), node.value ? '' : 'of the slowest node')
  }

  node.addEventListener('change', draw)
  return function update(nodes, first) {
    const at = performance.now()
    samples.push({ at, byNode: new Map(first ? [] : nodes.map(n => [n.name, n])) })
    while (samples[0].at < at - LENGTH - 2000) samples.shift()
    setOptions(node, nodes.map(n => n.name), 1)
    draw()
    shares(nodes)
  }
}

const chosen = (byNode, name) => (name ? [byNode.get(name)] : [...byNode.values()]).filter(n => n?.up)

function total(byNode, name, field) {
  const nodes = chosen(byNode, name)
  return nodes.length ? nodes.reduce((sum, n) => sum + n[field], 0) : null
}

// slowest is null without any request: no latency is not a latency of 0.
const slowest = (byNode, name, field) => Math.max(0, ...chosen(byNode, name).map(n => n[field])) || null

// niceTop is the first of 1, 2, 5, 10, 20 … that is not below most.
function niceTop(most, least) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(most, least)))
  return [1, 2, 5, 10].map(n => n * unit).find(n => n >= most * 0.999 && n >= least)
}

// lineChart draws series with names into root; least is the least top of its axis.
function lineChart(root, names, words, least) {
  const values = names.map(() => el('output', null, NONE))
  const legend = el('p', { class: 'legend' }, names.map((name, i) => el('span', { class: `series series-${i}` }, el('i'), `${name} `, values[i])))
  const paths = names.map((_, i) => svg('path', { class: `line-${i}` }))
  const grid = [0, 1, 2].map(() => svg('path', { class: 'grid' }))
  const ticks = [0, 1, 2].map(() => svg('text', { class: 'tick', 'text-anchor': 'end' }))
  const times = ['2 min ago', '1 min ago', 'now'].map((text, i) => svg('text', { class: 'tick', 'text-anchor': ['start', 'middle', 'end'][i], y: HEIGHT - 6 }, text))
  const picture = svg('svg', { class: 'chart', height: HEIGHT, role: 'img' }, grid, paths, ticks, times)
  root.append(legend, picture)

  let last
  function draw(now = last?.now, samples = last?.samples) {
    if (!samples) return
    last = { now, samples }
    const width = picture.clientWidth
    const top = niceTop(Math.max(0, ...samples.flatMap(s => s.values)), least)
    const x = at => EDGE.left + (width - EDGE.left - EDGE.right) * (1 - (now - at) / LENGTH)
    const y = v => HEIGHT - EDGE.bottom - (HEIGHT - EDGE.top - EDGE.bottom) * (v / top)
    const inside = samples.filter(s => now - s.at <= LENGTH)
    names.forEach((_, i) => {
      const runs = runsOf(inside.map(s => s.values[i] !== null && [x(s.at), y(s.values[i])]))
      paths[i].setAttribute('d', runs.map(run => `M${run.join('L')}h.1`).join('')) // h: a lone point shows as a dot
    })
    ;[0, top / 2, top].forEach((v, i) => {
      grid[i].setAttribute('d', `M${EDGE.left} ${y(v)}H${width - EDGE.right}`)
      ticks[i].setAttribute('x', EDGE.left - 8)
      ticks[i].setAttribute('y', y(v) + 4)
      setText(ticks[i], v === 0 ? '0' : words(v).replace(/\.0\b/, ''))
    })
    times.forEach((text, i) => text.setAttribute('x', x(now - LENGTH * (1 - i / 2))))
    const latest = names.map((_, i) => (samples.at(-1).values[i] === null ? NONE : words(samples.at(-1).values[i])))
    latest.forEach((text, i) => setText(values[i], text))
    picture.setAttribute('aria-label', names.map((name, i) => `${name} ${latest[i]}`).join(', '))
  }

  new ResizeObserver(() => draw()).observe(picture)
  return draw
}

// runsOf is the points between those that are missing.
function runsOf(points) {
  const runs = [[]]
  for (const point of points) {
    if (point) runs.at(-1).push(point.map(n => n.toFixed(1)))
    else runs.push([])
  }
  return runs.filter(run => run.length)
}

// shareChart draws what each node keeps against what the rules give it; the
// largest of all nearly fills the width.
function shareChart(root) {
  const rows = new Map()
  const list = el('ul', { class: 'shares' })
  root.append(list)
  let top = 1
  return nodes => {
    top = Math.min(1, 1.1 * Math.max(0.1, ...nodes.map(n => Math.max(n.share, n.expected))))
    if ([...rows.keys()].join() !== nodes.map(n => n.name).join()) {
      rows.clear()
      for (const { name } of nodes) rows.set(name, shareBar(() => top))
      list.replaceChildren(...[...rows].map(([name, bar]) => el('li', null, el('p', { class: 'share-note' }, el('b', null, name), bar.have, bar.want), bar.bar)))
    }
    for (const n of nodes) rows.get(n.name).update(n)
  }
}
