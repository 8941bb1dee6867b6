// The key box: put, get, delete, explain. It remembers what it has shown of a
// key, so that a put changes only what was seen.

import * as api from './api.js'
import { byId, keyName } from './dom.js'
import { choices, conflict, failed, got, headline, wrote } from './outcome.js'
import { explanation } from './explanation.js'
import { asText, duration, fromHex, toBytes, toHex } from './words.js'

const UNDO_FOR = 10_000 // milliseconds

// keyBox returns what puts a key into the box; announce is called with what came of it.
export function keyBox({ announce }) {
  const form = byId('box')
  const outcome = byId('outcome')
  let turn = 0 // of answers, only the last request's is shown
  let seen // {id, tag, expires, opaque} of the key seen last; no tag: nothing stands
  let filled = {} // {id, value, ttl}: what the page wrote into the box, of which key

  async function run(verb, act, key) {
    const mine = ++turn
    outcome.setAttribute('aria-busy', 'true')
    let parts
    try {
      parts = await act(key ?? readKey(form), () => mine === turn)
    } catch (err) {
      parts = failed(verb, err)
    }
    if (mine !== turn) return
    outcome.removeAttribute('aria-busy')
    outcome.replaceChildren(...parts)
    announce(parts[0].lastChild.textContent)
  }

  // see remembers what stands under a key: null is nothing.
  function see(key, found) {
    seen = { id: toHex(key), tag: found && `"${found.version}"`, expires: found?.expires }
  }

  // fill writes a value into the box, where it can be changed without loss: a text
  // area keeps nothing but text, and line breaks of one kind.
  function fill(key, { value, expires }) {
    const text = asText(value)
    form.value.value = text ?? ''
    seen.opaque = form.value.value !== text
    if (seen.opaque) form.value.value = ''
    form.ttl.value = expires ? duration(expires - Date.now()) : ''
    filled = { id: toHex(key), value: form.value.value, ttl: form.ttl.value }
  }

  // unfill empties the box of another key's value, unless it was changed by hand.
  function unfill() {
    if (filled.id === undefined || filled.id === idOf(form)) return
    for (const name of ['value', 'ttl']) if (form[name].value === filled[name]) form[name].value = ''
    filled = {}
  }

  async function get(key, current) {
    const [value, ttl] = [form.value.value, form.ttl.value]
    try {
      const found = await api.get(key)
      if (current()) {
        see(key, found)
        if (form.value.value === value && form.ttl.value === ttl) fill(key, found) // else somebody types
      }
      return got(key, found)
    } catch (err) {
      if (current() && err.code === 'not-found') {
        see(key, null)
        if (filled.id === toHex(key)) fill(key, { value: new Uint8Array() })
      }
      throw err
    }
  }

  async function put(key, current, condition = seen?.id === toHex(key) ? (seen.tag ? { match: seen.tag } : { none: true }) : {}) {
    const known = seen?.id === toHex(key) ? seen : {}
    const value = toBytes(form.value.value)
    if (known.opaque && !value.length) throw new api.Failure('bad-request', 'the value that stands is no text that can be changed here: type what shall stand instead')
    const ttl = form.ttl.value.trim()
    const life = known.expires && filled.id === known.id && ttl === filled.ttl ? { expires: known.expires } : { ttl }
    try {
      const result = await api.put(key, value, life, condition)
      if (current()) {
        see(key, { version: result.version, expires: life.expires })
        filled = { id: toHex(key), value: form.value.value, ttl: form.ttl.value }
      }
      return wrote('put', key, result)
    } catch (err) {
      if (err.status === 412) return overtaken(key, value, current)
      if (err.status !== 409 || !Object.keys(condition).length) throw err
      return [...failed('put', err), choices({ 'Put without looking': () => run('put', (k, now) => put(k, now, {}), key) })]
    }
  }

  // overtaken shows a put's value beside what stands instead of what was seen.
  async function overtaken(key, mine, current) {
    const theirs = await standing(key)
    if (current()) see(key, theirs)
    if (theirs && toHex(theirs.value) === toHex(mine)) return got(key, theirs) // nothing is left to do
    const acts = { [theirs ? 'Put mine over it' : 'Put mine all the same']: () => run('put', put, key) }
    if (theirs) acts['Take theirs'] = () => run('get', get, key)
    return conflict(key, mine, theirs, acts)
  }

  async function standing(key) {
    try {
      return await api.get(key)
    } catch (err) {
      if (err.code === 'not-found') return null
      throw err
    }
  }

  // remove deletes exactly what stands now, which can be put back.
  async function remove(key, current) {
    const old = await standing(key).catch(err => {
      if (err.code === 'corrupt') return null
      throw err
    })
    let result, undo = old
    try {
      result = await api.remove(key, old ? { match: `"${old.version}"` } : {})
    } catch (err) {
      if (err.status === 412) return conflict(key, null, await standing(key), { Delete: () => run('delete', remove, key) })
      if (err.status !== 409 || !old) throw err
      undo = null // several owners: it cannot be seen to that nobody wrote meanwhile
      result = await api.remove(key, {})
    }
    if (current()) see(key, null)
    const parts = wrote('delete', key, result)
    if (!undo || result.status !== 'deleted') return parts
    const button = choices({ Undo: () => run('undo', (k, now) => putBack(k, now, old), key) })
    setTimeout(() => button.remove(), UNDO_FOR)
    return [...parts, button]
  }

  // putBack undoes a delete, unless somebody wrote meanwhile.
  async function putBack(key, current, old) {
    if (old.expires && old.expires <= Date.now()) return [headline('calm', keyName(key), ' would have expired by now')]
    try {
      const result = await api.put(key, old.value, { expires: old.expires }, { none: true })
      if (current()) {
        see(key, { version: result.version, expires: old.expires })
        if (filled.id === toHex(key)) fill(key, old)
      }
      return wrote('put', key, result)
    } catch (err) {
      if (err.status !== 412) throw err
      return conflict(key, old.value, await standing(key), {})
    }
  }

  const acts = {
    get: () => run('get', get),
    put: () => run('put', put),
    delete: () => run('delete', remove),
    explain: () => run('explain', async key => explanation(key, await api.explain(key))),
  }
  for (const name of ['put', 'delete', 'explain']) byId(name).addEventListener('click', acts[name])
  form.key.addEventListener('input', unfill)
  byId('key-as').addEventListener('input', unfill)
  form.addEventListener('submit', event => {
    event.preventDefault()
    acts.get()
  })
  form.addEventListener('keydown', event => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey || event.target === form.ttl)) return
    event.preventDefault()
    acts.put()
  })

  // show puts a key into the box, and shows its value.
  return function show(key) {
    const text = asText(key)
    const plain = text !== null && !/[\r\n]/.test(text) // an <input> drops line breaks
    byId('key-as').value = plain ? 'text' : 'hex'
    byId('key').value = plain ? text : toHex(key)
    unfill()
    acts.get()
    outcome.focus({ preventScroll: true })
    form.scrollIntoView({ block: 'nearest' })
  }
}

const bytesOf = form => (byId('key-as').value === 'hex' ? fromHex(form.key.value) : toBytes(form.key.value))

// idOf is which key stands in the box, for comparing.
const idOf = form => toHex(bytesOf(form) ?? [])

function readKey(form) {
  const key = bytesOf(form)
  if (key === null && form.key.value) throw new api.Failure('bad-request', 'a key in hex is an even number of digits 0 to 9, a to f')
  if (!key?.length) throw new api.Failure('bad-request', 'a key has at least one byte')
  return key
}
