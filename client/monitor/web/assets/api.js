// The JSON API of the node that serves this page.

// Failure is an error in the API's words, or that the node was not reached.
export class Failure extends Error {
  constructor(code, message) {
    super(message)
    this.code = code
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
  throw new Failure(body.code ?? 'internal', body.error ?? `the node answered ${response.status} ${response.statusText}`)
}

// path is where a key is asked for. A browser takes "." and ".." in an address
// for folders, however they are written.
function path(folder, key, parameters = {}) {
  const folderLike = key.length < 3 && key.every(b => b === 0x2e)
  const query = new URLSearchParams(folderLike ? { key64: btoa('.'.repeat(key.length)), ...parameters } : parameters)
  return `${folder}/${folderLike ? '' : escape(key)}${`?${query}`.replace(/\?$/, '')}`
}

export async function put(key, value, ttl) {
  return (await ask(path('keys', key, ttl ? { ttl } : {}), { method: 'PUT', body: value })).json()
}

export async function get(key) {
  const response = await ask(path('keys', key))
  return {
    value: new Uint8Array(await response.arrayBuffer()),
    node: response.headers.get('Dht-Node'),
    version: response.headers.get('Dht-Version'),
    expires: response.headers.get('Dht-Expires'),
  }
}

export const remove = async key => (await ask(path('keys', key), { method: 'DELETE' })).json()
export const explain = async key => (await ask(path('explain', key))).json()

export async function list(node, prefix, after, limit) {
  const query = [['node', encodeURIComponent(node)], ['prefix', escape(prefix)], ['after', escape(after)], ['limit', limit]]
  return (await ask(`keys?${query.filter(([, v]) => v !== '').map(p => p.join('=')).join('&')}`)).json()
}
