// Small charts of the last two minutes, and of who keeps what.

import { shareBar } from './cards.js'
import { byId, el, setOptions, setText, svg } from './dom.js'
import { NONE, micros, percent, rate } from './words.js'

const LENGTH = 120_000 // milliseconds shown
const HEIGHT = 176
const EDGE = { left: 56, right: 8, top: 8, bottom: 24 }

// charts returns what takes each status.
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
  return function update(nodes) {
    const at = performance.now()
    samples.push({ at, byNode: new Map(nodes.map(n => [n.name, n])) })
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
  const legend = el('p', { class: 'legend' }, names.map((name, i) => el('span', { class: `series series-${i}` }, svg('svg', { class: 'swatch', viewBox: '0 0 16 8', 'aria-hidden': true }, svg('path', { d: 'M0 4H16', class: `line-${i}` })), `${name} `, values[i])))
  const when = legend.appendChild(el('span', { class: 'hint' }))
  const paths = names.map((_, i) => svg('path', { class: `line-${i}` }))
  const area = svg('path', { class: 'area' })
  const grid = [0, 1, 2].map(() => svg('path', { class: 'grid' }))
  const ticks = [0, 1, 2].map(() => svg('text', { class: 'tick', 'text-anchor': 'end' }))
  const times = ['2 min ago', '1 min ago', 'now'].map((text, i) => svg('text', { class: 'tick', 'text-anchor': ['start', 'middle', 'end'][i], y: HEIGHT - 6 }, text))
  const cursor = svg('path', { class: 'cursor' })
  const picture = svg('svg', { class: 'chart', height: HEIGHT, role: 'img' }, grid, area, paths, cursor, ticks, times)
  root.append(legend, picture)

  let last, pointed // x of the pointer
  function draw(now = last?.now, samples = last?.samples) {
    if (!samples) return
    last = { now, samples }
    const width = picture.clientWidth
    const top = niceTop(Math.max(0, ...samples.flatMap(s => s.values)), least)
    const x = at => EDGE.left + (width - EDGE.left - EDGE.right) * (1 - (now - at) / LENGTH)
    const y = v => HEIGHT - EDGE.bottom - (HEIGHT - EDGE.top - EDGE.bottom) * (v / top)
    const inside = samples.filter(s => now - s.at <= LENGTH)
    paths.forEach((path, i) => path.setAttribute('d', outline(inside.map(s => [x(s.at), s.values[i] === null ? null : y(s.values[i])]))))
    area.setAttribute('d', under(inside.map(s => [x(s.at), y(s.values[0] ?? 0)]), y(0)))
    ;[0, top / 2, top].forEach((v, i) => {
      grid[i].setAttribute('d', `M${EDGE.left} ${y(v)}H${width - EDGE.right}`)
      ticks[i].setAttribute('x', EDGE.left - 8)
      ticks[i].setAttribute('y', y(v) + 4)
      setText(ticks[i], v === 0 ? '0' : words(v).replace(/\.0\b/, ''))
    })
    times.forEach((text, i) => text.setAttribute('x', x(now - LENGTH * (1 - i / 2))))
    read(inside, x, now)
  }

  // read writes the values of now, or of where the pointer is.
  function read(samples, x, now) {
    const sample = pointed === undefined ? samples.at(-1) : samples.toSorted((a, b) => Math.abs(x(a.at) - pointed) - Math.abs(x(b.at) - pointed))[0]
    const text = i => (sample && sample.values[i] !== null ? words(sample.values[i]) : NONE)
    values.forEach((value, i) => setText(value, text(i)))
    const ago = sample ? Math.round((now - sample.at) / 1000) : 0
    setText(when, pointed !== undefined && sample ? `${ago} s ago` : '')
    cursor.setAttribute('d', pointed !== undefined && sample ? `M${x(sample.at)} ${EDGE.top}V${HEIGHT - EDGE.bottom}` : '')
    picture.setAttribute('aria-label', names.map((name, i) => `${name} ${text(i)}`).join(', '))
  }

  picture.addEventListener('pointermove', event => {
    pointed = event.offsetX
    draw()
  })
  picture.addEventListener('pointerleave', () => {
    pointed = undefined
    draw()
  })
  new ResizeObserver(() => draw()).observe(picture)
  return draw
}

// outline is a line through points, broken where there is no value.
function outline(points) {
  let pen = 'M'
  return points.map(([x, y]) => {
    if (y === null) {
      pen = 'M'
      return ''
    }
    const part = `${pen}${x.toFixed(1)} ${y.toFixed(1)}${pen === 'M' ? 'h.1' : ''}`
    pen = 'L'
    return part
  }).join('')
}

function under(points, floor) {
  if (points.length === 0) return ''
  return `M${points[0][0]} ${floor}${points.map(([x, y]) => `L${x.toFixed(1)} ${y.toFixed(1)}`).join('')}V${floor}Z`
}

// shareChart draws what each node keeps against what the rules give it, on an
// axis that ends at the largest of all.
function shareChart(root) {
  const rows = new Map()
  const list = el('ul', { class: 'shares' })
  const axis = ['', '', ''].map(() => el('span'))
  const key = el('p', { class: 'legend', 'aria-hidden': true }, el('span', { class: 'series' }, el('i', { class: 'key-fill' }), 'kept'), el('span', { class: 'series' }, el('i', { class: 'key-mark' }), 'expected'))
  root.append(key, list, el('p', { class: 'axis', 'aria-hidden': true }, axis))
  let top = 1
  return nodes => {
    top = Math.min(1, Math.ceil(Math.max(0.1, ...nodes.map(n => Math.max(n.share, n.expected))) * 10) / 10)
    if ([...rows.keys()].join() !== nodes.map(n => n.name).join()) {
      rows.clear()
      for (const { name } of nodes) rows.set(name, shareBar(() => top))
      list.replaceChildren(...[...rows].map(([name, bar]) => el('li', null, el('p', { class: 'share-note' }, el('b', null, name), bar.have, bar.want), bar.bar)))
    }
    for (const n of nodes) rows.get(n.name).update(n)
    ;[0, top / 2, top].forEach((v, i) => setText(axis[i], percent(v).replace('.0', '')))
  }
}
