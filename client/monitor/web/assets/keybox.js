// The key box: put, get, delete, explain, and what came of it in plain words.

import * as api from './api.js'
import { byId, el, keyName } from './dom.js'
import { story } from './story.js'
import { asText, date, fromHex, hexDump, legible, look, plural, toBytes, toHex, writtenAt } from './words.js'

// What a failure means for the person before the page: a headline, and what to do.
const failures = {
  'not-found': ['calm', 'Nothing is stored under this key', 'Its owner is up, and said so.'],
  'owner-offline': ['bad', 'The owner of this key is offline', 'The value is not lost: it can be read again when the node is back.'],
  unknown: ['warn', 'The outcome is not known', 'The owner did not answer in time: it may have done this, or not. Doing it again is safe.'],
  unreachable: ['bad', 'No node answers', 'The node that serves this page has lost the bus.'],
  offline: ['bad', 'Not sent', 'Try again when the page says “live”.'],
  superseded: ['warn', 'A newer version stands', 'Somebody wrote this key meanwhile; theirs is kept.'],
  corrupt: ['bad', 'The value is damaged on the owner’s disk', 'dht fsck at that node says where.'],
  'bad-request': ['warn', 'This cannot be asked', 'Nothing was done.'],
  'too-large': ['warn', 'Too large', 'A key has at most 1,024 bytes; with its value it must fit one message of 1 MiB.'],
}

// keyBox returns what puts a key into the box; tell is called with what came of it.
export function keyBox({ tell }) {
  const form = byId('box')
  const outcome = byId('outcome')
  let turn = 0 // of answers, only the last request's is shown

  async function run(verb, act) {
    const mine = ++turn
    outcome.setAttribute('aria-busy', 'true')
    let parts
    try {
      parts = await act(readKey(form))
    } catch (err) {
      parts = failed(verb, err)
    }
    if (mine !== turn) return
    outcome.removeAttribute('aria-busy')
    outcome.replaceChildren(...parts)
    tell(parts[0].lastChild.textContent)
  }

  const acts = {
    get: () => run('get', async key => got(key, await api.get(key))),
    put: () => run('put', async key => wrote('put', key, await api.put(key, toBytes(form.value.value), form.ttl.value.trim()))),
    delete: () => run('delete', async key => wrote('delete', key, await api.remove(key))),
    explain: () => run('explain', async key => story(key, await api.explain(key))),
  }
  for (const name of ['put', 'delete', 'explain']) byId(name).addEventListener('click', acts[name])
  form.addEventListener('submit', event => {
    event.preventDefault()
    acts.get()
  })
  form.addEventListener('keydown', event => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey || event.target === form.ttl)) return
    event.preventDefault()
    acts.put()
  })

  // show puts a key into the box, and explains it.
  return function show(key) {
    const text = asText(key)
    const plain = text !== null && !/[\r\n]/.test(text) // an <input> drops line breaks
    byId('key-as').value = plain ? 'text' : 'hex'
    byId('key').value = plain ? text : toHex(key)
    acts.explain()
    outcome.focus({ preventScroll: true })
    form.scrollIntoView({ block: 'nearest' })
  }
}

function readKey(form) {
  const text = form.key.value
  const key = byId('key-as').value === 'hex' ? fromHex(text) : toBytes(text)
  if (key === null && text) throw new api.Failure('bad-request', 'a key in hex is an even number of digits 0 to 9, a to f')
  if (!key?.length) throw new api.Failure('bad-request', 'a key has at least one byte')
  return key
}

const headline = (tone, mark, ...text) => el('p', { class: 'said' }, el('b', { class: tone, 'aria-hidden': true }, mark), el('span', null, text))

function failed(verb, err) {
  const [tone, title, advice] = failures[err.code] ?? ['bad', `The ${verb} failed`, '']
  return [
    headline(tone, { calm: '∅', warn: '!', bad: '✕' }[tone], title),
    el('p', { class: 'advice' }, advice),
    el('p', { class: 'hint verbatim' }, legible(err.message)),
  ]
}

function wrote(verb, key, result) {
  const nodes = result.answers.filter(a => a.status === result.status).map(a => a.node).join(' and ')
  const [tone, mark] = look(result.status, verb)
  const said = {
    stored: [keyName(key), ` is stored on ${nodes}`],
    deleted: [keyName(key), ` is deleted from ${nodes}`],
    absent: ['There was nothing under ', keyName(key), ' to delete'],
  }[result.status] ?? [`The ${verb} of `, keyName(key), `: ${result.status}`]
  return [headline(tone, mark, ...said), el('ul', { class: 'chips' }, result.answers.map(a => answerChip(a, verb, a.reason ?? a.error))), about(result.version && `version ${result.version}`)]
}

const about = (...facts) => el('p', { class: 'hint facts' }, facts.filter(Boolean).map(fact => el('span', null, fact)))

// answerChip says in a few words what a node answered to op; note says more.
export function answerChip({ node, status, reason, error, detail }, op, note) {
  const [tone, mark] = look(status, op)
  return el('li', { class: `chip ${tone} ${status}`, title: reason ?? error ?? detail },
    el('span', { 'aria-hidden': true }, mark), el('b', null, node), el('span', { class: 'word' }, status), note && el('span', null, note))
}

function got(key, { value, node, version, expires }) {
  const text = asText(value)
  const readable = text !== null && !/[^\P{Cc}\n\t\r]/u.test(text)
  const body = value.length === 0 ? el('p', { class: 'quiet' }, 'The value is empty.')
    : el('pre', { class: readable ? 'value' : 'value dump', tabindex: 0, 'aria-label': 'Value' }, readable ? text : hexDump(value))
  return [
    headline('good', '✓', keyName(key), node ? ` is on ${node}` : ' is found'),
    body,
    about(
      plural(value.length, 'byte'),
      readable ? '' : `not text, so in hex${value.length > 256 ? '; the first 256 bytes' : ''}`,
      version && `written ${date(writtenAt(version))}`,
      expires && `expires ${date(+expires)}`),
  ]
}
