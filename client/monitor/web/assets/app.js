// The page: what the feed brings goes to the parts, and nothing else is kept.

import { browse } from './browse.js'
import { cards } from './cards.js'
import { charts } from './charts.js'
import { byId, el, setText } from './dom.js'
import { follow } from './feed.js'
import { keyBox } from './keybox.js'
import { tail } from './tail.js'
import { plural, timeOfDay } from './words.js'

const announce = sentence => setText(byId('announce'), sentence)
const show = keyBox({ announce })
const lines = tail({ show, announce })
const keys = browse({ show })
const drawCards = cards(byId('cards'), { browse: keys.open, announce })
const drawCharts = charts()

let server = '' // the node that serves this page
let others = [] // {name, page, up}: the nodes that serve such a page as well
let down // since when the feed is
let first // whether the next status is the first of a connection

function link(state, word) {
  byId('link').dataset.state = state
  setText(byId('link-word'), word)
}

function status({ cluster, epoch, copies, node, build, nodes, pages = {}, error, tail: noTail }) {
  server = node
  others = nodes.filter(n => n.name !== node && pages[n.name]).map(n => ({ name: n.name, page: pages[n.name], up: n.up }))
  const up = nodes.filter(n => n.up).length
  setText(byId('cluster'), cluster)
  setText(byId('facts'), `epoch ${epoch}${copies === 1 ? '' : ` · copies ${copies}`} · served by ${node}`)
  setText(byId('build'), build ?? '')
  setText(byId('nodes-sum'), up === nodes.length ? `all ${up} up` : error ?? `${up} of ${nodes.length} up`)
  document.title = up === nodes.length ? `${cluster} · dht` : `▼ ${plural(nodes.length - up, 'node')} down · ${cluster} · dht`
  const names = nodes.map(n => n.name)
  lines.nodes(names)
  lines.without(noTail)
  keys.nodes(nodes)
  drawCards(nodes, Date.now())
  drawCharts(nodes, first)
  first = false
}

function live() {
  if (down) announce('connected again')
  down = undefined
  first = true
  link('up', 'live')
  byId('banner').hidden = true
  document.body.classList.remove('stale')
}

function dead() {
  if (down) return
  down = Date.now()
  link('down', 'disconnected')
  byId('banner').hidden = false
  document.body.classList.add('stale')
  const sentence = `${server || 'The node'} does not answer since ${timeOfDay(down)}. What you see is from then; trying again …`
  byId('banner').replaceChildren(sentence, ...elsewhere())
  announce(sentence)
}

// elsewhere is where the other nodes show this page, those first that were up.
function elsewhere() {
  const links = others.toSorted((a, b) => b.up - a.up).map(({ name, page }) => el('a', { href: page }, name))
  return links.length ? [el('span', { class: 'elsewhere' }, 'The same page of ', ...links)] : []
}

follow('v1/events', { status, line: lines.add, lost: lines.add, live, dead })
