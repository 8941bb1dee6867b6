// The JSON API of the node that serves this page.

// Failure is an error in the API's words, or that the node was not reached.
export class Failure extends Error {
  constructor(code, message, status) {
    super(message)
    this.code = code
    this.status = status
  }
}

const escape = bytes => Array.from(bytes, b => (/[\w-]/.test(String.fromCharCode(b)) ? String.fromCharCode(b) : `%${b.toString(16).padStart(2, '0')}`)).join('')

async function ask(path, options) {
  let response
  try {
    response = await fetch(`v1/${path}`, { cache: 'no-store', ...options })
  } catch {
    throw new Failure('offline', 'this page has lost its node, and goes on trying')
  }
  if (response.ok) return response
  const body = await response.json().catch(() => ({}))
  throw new Failure(body.code ?? 'internal', body.error ?? `the node answered ${response.status} ${response.statusText}`, response.status)
}

// path is where a key is asked for. A browser takes "." and ".." in an address
// for folders, however they are written.
function path(folder, key, parameters = {}) {
  const folderLike = key.length < 3 && key.every(b => b === 0x2e)
  const query = new URLSearchParams(folderLike ? { key64: btoa('.'.repeat(key.length)), ...parameters } : parameters)
  return `${folder}/${folderLike ? '' : escape(key)}${`?${query}`.replace(/\?$/, '')}`
}

// headers say what must stand for a write to be done: match is an entity tag,
// none that there is nothing.
const headers = ({ match, none }) => (match ? { 'If-Match': match } : none ? { 'If-None-Match': '*' } : {})

// put stores a value, for as long as life says: {ttl}, a time like 10m, or
// {expires}, unix milliseconds.
export async function put(key, value, life, condition) {
  const parameters = Object.fromEntries(Object.entries(life).filter(([, v]) => v))
  return (await ask(path('keys', key, parameters), { method: 'PUT', body: value, headers: headers(condition) })).json()
}

export async function get(key) {
  const response = await ask(path('keys', key))
  return {
    value: new Uint8Array(await response.arrayBuffer()),
    node: response.headers.get('Dht-Node'),
    version: response.headers.get('Dht-Version'),
    expires: Number(response.headers.get('Dht-Expires')), // 0 is never
  }
}

export const remove = async (key, condition) => (await ask(path('keys', key), { method: 'DELETE', headers: headers(condition) })).json()
export const explain = async key => (await ask(path('explain', key))).json()

export async function list(node, prefix, after, limit) {
  const query = [['node', encodeURIComponent(node)], ['prefix', escape(prefix)], ['after', escape(after)], ['limit', limit]]
  return (await ask(`keys?${query.filter(([, v]) => v !== '').map(p => p.join('=')).join('&')}`)).json()
}
