// What came of a request, in plain words: elements for the outcome of the key box.

import { el, keyName } from './dom.js'
import { pretty } from './json.js'
import { asText, date, hexDump, legible, look, plural, span, writtenAt } from './words.js'

// What a failure means for the person before the page: a headline, and what to do.
const failures = {
  'not-found': ['calm', 'Nothing is stored under this key', 'Its owner is up, and said so.'],
  'owner-offline': ['bad', 'The owner of this key is offline', 'The value is not lost: it can be read again when the node is back.'],
  unknown: ['warn', 'The outcome is not known', 'The owner did not answer in time: it may have done this, or not. Doing it again is safe.'],
  unreachable: ['bad', 'No node answers', 'The node that serves this page has lost the bus.'],
  offline: ['bad', 'Not sent', 'Try again when the page says “live”.'],
  superseded: ['warn', 'A newer version stands', 'Somebody wrote this key meanwhile; theirs is kept.'],
  corrupt: ['bad', 'The value is damaged on the owner’s disk', 'dht fsck at that node says where.'],
  readonly: ['bad', 'The owner’s disk is full', 'Nothing was done. It can be read, and written again when there is room.'],
  busy: ['warn', 'Too much is going on', 'Nothing was done. Try again in a moment.'],
  'bad-request': ['warn', 'This cannot be asked', 'Nothing was done.'],
  'too-large': ['warn', 'Too large', 'A key has at most 1,024 bytes; with its value it must fit one message of 1 MiB.'],
}

const marks = { good: '✓', calm: '∅', warn: '!', bad: '✕' }

export const headline = (tone, ...text) => el('p', { class: 'said' }, el('b', { class: tone, 'aria-hidden': true }, marks[tone]), el('span', null, text))

const about = (...facts) => el('p', { class: 'hint facts' }, facts.filter(Boolean).map(fact => el('span', null, fact)))

// choices are buttons for what can be done next: name to what it does.
export const choices = acts => el('p', { class: 'choices' }, Object.entries(acts).map(([name, act]) => {
  const button = el('button', { type: 'button' }, name)
  button.addEventListener('click', act)
  return button
}))

export function failed(verb, err) {
  const [tone, title, advice] = failures[err.code] ?? ['bad', `The ${verb} failed`, '']
  return [
    headline(tone, title),
    el('p', { class: 'advice' }, advice),
    el('p', { class: 'hint verbatim' }, legible(err.message)),
  ]
}

export function wrote(verb, key, result) {
  const nodes = result.answers.filter(a => a.status === result.status).map(a => a.node).join(' and ')
  const said = {
    stored: [keyName(key), ` is stored on ${nodes}`],
    deleted: [keyName(key), ` is deleted from ${nodes}`],
    absent: ['There was nothing under ', keyName(key), ' to delete'],
  }[result.status] ?? [`The ${verb} of `, keyName(key), `: ${result.status}`]
  return [
    headline(look(result.status, verb)[0], ...said),
    el('ul', { class: 'chips' }, result.answers.map(a => answerChip(a, verb, a.reason ?? a.error))),
    about(result.version && `version ${result.version}`)]
}

// answerChip says in a few words what a node answered to op; note says more.
export function answerChip({ node, status, reason, error, detail }, op, note) {
  const [tone, mark] = look(status, op)
  return el('li', { class: `chip ${tone} ${status}`, title: reason ?? error ?? detail },
    el('span', { 'aria-hidden': true }, mark), el('b', null, node), el('span', { class: 'word' }, status), note && el('span', null, note))
}

export const got = (key, found) => [headline('good', keyName(key), found.node ? ` is on ${found.node}` : ' is found'), ...value(found)]

// value is a value as it can be read, and what there is to say of it.
function value({ value: bytes, version, expires }, label = 'Value') {
  const text = asText(bytes)
  const readable = text !== null && !/[^\P{Cc}\n\t\r]/u.test(text)
  const json = readable ? pretty(text) : null
  const body = bytes.length === 0 ? el('p', { class: 'quiet' }, 'The value is empty.')
    : el('pre', { class: readable ? 'value' : 'value dump', tabindex: 0, 'aria-label': label }, readable ? json ?? text : hexDump(bytes))
  return [body, about(
    plural(bytes.length, 'byte'),
    json !== null && json !== text && 'JSON, laid out to be read',
    readable ? '' : `not text, so in hex${bytes.length > 256 ? '; the first 256 bytes' : ''}`,
    version && `written ${date(writtenAt(version))}`,
    expires && `expires in ${span(expires - Date.now())}, ${date(+expires)}`)]
}

// conflict shows what the person wanted beside what somebody else made of the key
// meanwhile: theirs is null where that is nothing.
export function conflict(key, mine, theirs, acts) {
  const side = (title, parts) => el('div', { role: 'group', 'aria-label': title }, el('h3', null, title), parts)
  return [
    headline('warn', 'Somebody else has ', theirs ? 'changed ' : 'deleted ', keyName(key), ' since you looked: nothing was done'),
    el('div', { class: 'versus' },
      mine && side('Yours', value({ value: mine }, 'Your value')),
      side('Theirs', theirs ? value(theirs, 'Their value') : [el('p', { class: 'quiet' }, 'Nothing is stored.')])),
    choices(acts),
  ]
}
