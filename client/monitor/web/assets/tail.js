// The live tail: lines as they come, newest first, no more than are of use.

import { arrows, byId, el, setOptions, setText } from './dom.js'
import { answerChip } from './outcome.js'
import { bytes, keyOf, keyText, legible, micros, number, plural, stamp } from './words.js'

const KEPT = 2000 // lines remembered, for a filter that is set later
const SHOWN = 300
const DRAWN_EVERY = 200 // milliseconds
const AT_ONCE = 25 // lines drawn then

const kinds = ['put', 'get', 'delete', 'update', 'keys', 'up', 'down', 'drain', 'expire', 'merge', 'corrupt', 'map-mismatch']

// tail returns what takes a line, the names of the nodes, and why there are no
// lines; show is called with a key that was chosen.
export function tail({ show, announce }) {
  const list = byId('tail')
  const filter = { text: byId('tail-text'), op: byId('tail-op'), node: byId('tail-node') }
  const pause = byId('tail-pause')
  const keys = arrows(list)
  let kept = [], fresh = [], seen = 0, lost = 0, stopped = [], scheduled = false, none = ''
  setOptions(filter.op, kinds, 1)

  const paused = () => pause.getAttribute('aria-pressed') === 'true'
  const held = () => paused() || list.contains(document.activeElement)
  const matches = entry => matching(entry, filter.text.value.toLowerCase(), filter.op.value, filter.node.value)

  function add(line) {
    const entry = { line, key: keyOf(line) }
    seen++
    if (line.lost && !lost) announce(`some lines are not shown: ${line.detail}`)
    lost += line.lost ?? 0
    kept.push(entry)
    if (kept.length > 2 * KEPT) kept = kept.slice(-KEPT)
    fresh.push(entry)
    if (fresh.length > SHOWN) fresh = fresh.slice(-SHOWN)
    schedule()
  }

  function schedule() {
    if (scheduled) return
    scheduled = true
    setTimeout(() => {
      scheduled = false
      if (!held()) flush()
      summary()
    }, DRAWN_EVERY)
  }

  function flush(most = AT_ONCE) {
    draw(fresh.filter(matches), most)
    fresh = []
  }

  function draw(fitting, most) {
    const drawn = fitting.slice(-most)
    const more = fitting.length - drawn.length
    if (more) drawn.unshift({ line: { time: drawn[0].line.time, detail: `${plural(more, 'line')} more, too fast to show: a filter finds them` } })
    list.prepend(...drawn.map(row).reverse())
    while (list.children.length > SHOWN) list.lastChild.remove()
    keys.refresh()
  }

  function redraw() {
    list.replaceChildren()
    if (!paused()) fresh = []
    draw((paused() ? stopped : kept.slice(-KEPT)).filter(matches).slice(-SHOWN), SHOWN)
    summary()
  }

  function summary() {
    byId('tail-empty').hidden = list.children.length > 0
    setText(byId('tail-empty'), none || (seen ? 'No line fits the filter.' : 'Nothing yet. Requests show here as they cross the bus.'))
    const waiting = held() && fresh.length ? `${paused() ? 'paused' : 'held'}, ${number(fresh.length)} waiting` : ''
    setText(byId('tail-sum'), [plural(seen, 'line'), lost ? `${number(lost)} not shown` : '', waiting].filter(Boolean).join(' · '))
  }

  pause.addEventListener('click', () => {
    const stop = !paused()
    pause.setAttribute('aria-pressed', stop)
    stopped = stop ? kept.slice(0, kept.length - fresh.length).slice(-KEPT) : []
    setText(pause, stop ? 'Go on' : 'Pause')
    if (!stop) flush(SHOWN)
    summary()
  })
  byId('tail-clear').addEventListener('click', () => {
    kept = []
    fresh = []
    stopped = []
    seen = lost = 0
    redraw()
  })
  for (const input of Object.values(filter)) input.addEventListener('input', redraw)
  list.addEventListener('focusout', schedule)
  list.addEventListener('click', event => {
    const key = event.target.closest('button')?.entry.key
    if (key) show(key)
  })
  return {
    add,
    nodes: names => setOptions(filter.node, names, 1),
    without(why = '') {
      none = why
      summary()
    },
  }
}

function wordsOf({ line, key }) {
  const answers = (line.answers ?? []).map(a => `${a.node} ${a.status} ${a.detail ?? ''}`)
  return [key ? keyText(key) : '', line.op, line.event, line.node, line.detail, ...answers].filter(Boolean).join(' ').toLowerCase()
}

function matching(entry, text, kind, node) {
  const { line } = entry
  return (!text || (entry.words ??= wordsOf(entry)).includes(text))
    && (!kind || (line.op ?? line.event) === kind)
    && (!node || line.node === node || (line.answers ?? []).some(a => a.node === node && a.status !== 'not-stored'))
}

function row(entry) {
  const { line } = entry
  const kind = line.lost ? 'gap' : line.op ?? line.event ?? 'note'
  return el('li', { class: 'line', 'data-kind': kind },
    el('time', null, stamp(line.time)),
    el('span', { class: 'kind' }, line.lost ? '…' : kind),
    subject(entry),
    line.answers ? el('ul', { class: 'chips' }, line.answers.map(a => answerChip(a, line.op, a.us && micros(a.us)))) : el('span', { class: 'hint detail' }, happening(line)),
    el('span', { class: 'took' }, line.us ? micros(line.us) : ''))
}

function subject(entry) {
  if (!entry.key) return el('b', { class: 'key' }, entry.line.node || '')
  const button = el('button', { type: 'button', class: 'key', tabindex: -1 }, el('bdi', null, keyText(entry.key)))
  button.entry = entry
  return button
}

function happening(line) {
  if (line.lost) return `${plural(line.lost, 'line')} not shown: ${legible(line.detail ?? '')}`
  return [line.key || line.key64 ? line.node : '', legible(line.detail ?? ''), line.bytes ? bytes(line.bytes) : ''].filter(Boolean).join(', ')
}
