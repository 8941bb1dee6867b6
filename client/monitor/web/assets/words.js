// Numbers, times, keys and rules in words that people read.

const group = new Intl.NumberFormat('en-GB')
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })
const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

export const NONE = '–'

export const number = n => group.format(n)
export const plural = (n, noun) => `${number(n)} ${noun}${n === 1 ? '' : 's'}`
export const percent = share => `${(share * 100).toFixed(1)} %`
export const rate = n => (n < 9.95 ? n.toFixed(1) : number(Math.round(n)))
export const timeOfDay = at => clock.format(at)
export const date = at => day.format(at)
export const stamp = text => `${clock.format(new Date(text))}.${text.match(/\.(\d{3})/)?.[1] ?? '000'}`

export function bytes(n) {
  if (n < 1000) return plural(n, 'byte')
  const unit = Math.min(4, Math.floor(Math.log10(n) / 3))
  return `${(n / 1000 ** unit).toPrecision(3)} ${['', 'kB', 'MB', 'GB', 'TB'][unit]}`
}

export function micros(us) {
  if (us < 1000) return `${Math.round(us)} µs`
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 1 : 0)} ms`
  return `${(us / 1e6).toFixed(1)} s`
}

export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000))
  const parts = [[Math.floor(s / 86400), 'd'], [Math.floor(s / 3600) % 24, 'h'], [Math.floor(s / 60) % 60, 'min'], [s % 60, 's']]
  const first = parts.findIndex(([n]) => n > 0)
  return first < 0 ? '0 s' : parts.slice(first, first + 2).map(([n, unit]) => `${n} ${unit}`).join(' ')
}

// duration is a time to live as the box and the API write it, 1h2m3s.
export function duration(ms) {
  const s = Math.max(1, Math.round(ms / 1000))
  const parts = [[Math.floor(s / 3600), 'h'], [Math.floor(s / 60) % 60, 'm'], [s % 60, 's']]
  return parts.filter(([n]) => n).map(part => part.join('')).join('')
}

// writtenAt is when a version was made: a UUIDv7 begins with it.
export const writtenAt = version => new Date(parseInt(version.replace('-', '').slice(0, 12), 16))

export const system = os => ({ linux: 'Linux', darwin: 'macOS', android: 'Android', windows: 'Windows' })[os] ?? os

const hashes = { md5: 'MD5', sha1: 'SHA-1', sha256: 'SHA-256', sha512: 'SHA-512', xxh3: 'XXH3' }
export const hashName = hash => hashes[hash] ?? hash

// ruleInWords reads a rule aloud.
export function ruleInWords(rule) {
  const residue = rule.match(/^(\w+) % (\d+) (?:==|in) (\d+)(?:\.\.(\d+))?$/)
  if (residue) return residueInWords(hashName(residue[1]), +residue[2], +residue[3], residue[4])
  const prefix = rule.match(/^prefix "(.*)"$/)
  if (prefix) return `the key begins with ${prefix[1]}`
  const weight = rule.match(/^otherwise weight (\d+)$/)
  if (weight) return `what no other rule claims, ${weight[1]} parts of it`
  return rule === 'otherwise' ? 'what no other rule claims' : rule
}

function residueInWords(name, modulus, from, to) {
  if (to !== undefined) return `${name} modulo ${modulus} is ${from} to ${to}`
  if (modulus === 2) return `${name} is ${from === 0 ? 'even' : 'odd'}`
  if (from === 0) return `${name} is divisible by ${modulus}`
  return `${name} leaves ${from} when divided by ${modulus}`
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

// asText is the text that bytes are, or null.
export function asText(bytes) {
  try {
    return utf8.decode(bytes)
  } catch {
    return null
  }
}

export const toBytes = text => new TextEncoder().encode(text)
export const toHex = (bytes, between = '') => Array.from(bytes, b => b.toString(16).padStart(2, '0')).join(between)

// fromHex reads hexadecimal digits, with or without spaces; null when they are none.
export function fromHex(text) {
  const digits = text.replace(/\s|^0x/g, '')
  if (!/^([0-9a-f]{2})+$/i.test(digits)) return null
  return Uint8Array.from(digits.match(/../g), pair => parseInt(pair, 16))
}

// keyOf is the key of what the API answers: key64 stands for key where it is no text.
export function keyOf({ key, key64 }) {
  if (key64 !== undefined) return Uint8Array.from(atob(key64), c => c.charCodeAt(0))
  return key === undefined ? null : toBytes(key)
}

// legible shows what would not show, or would turn the text around, as an escape.
export function legible(text) {
  return text.replace(/[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu, c =>
    ({ '\n': '\\n', '\t': '\\t', '\r': '\\r' })[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

export function keyText(bytes) {
  const text = asText(bytes)
  return text === null ? `0x${toHex(bytes)}` : legible(text)
}

// shortKey is a key's text, cut in its middle where it would fill the page.
export function shortKey(bytes, most = 160) {
  const signs = [...keyText(bytes)]
  return signs.length > most ? `${signs.slice(0, most - 40).join('')} … ${signs.slice(-20).join('')}` : signs.join('')
}

// hexDump is bytes as hexdump -C shows them, the first of them.
export function hexDump(bytes, most = 256) {
  const lines = []
  for (let at = 0; at < Math.min(bytes.length, most); at += 16) {
    const row = bytes.subarray(at, Math.min(at + 16, most))
    const text = String.fromCharCode(...row).replace(/[^ -~]/g, '.')
    lines.push(`${at.toString(16).padStart(4, '0')}  ${toHex(row, ' ').padEnd(47)}  ${text}`)
  }
  return lines.join('\n')
}

// What a status means for the eye: a class, and a mark for those who do not see
// colours.
const looks = {
  stored: ['good', '✓'], found: ['good', '✓'], listed: ['good', '✓'],
  'not-stored': ['calm', '–'], absent: ['calm', '∅'], deleted: ['calm', '∅'], unchanged: ['calm', '='], superseded: ['warn', '!'], busy: ['warn', '!'],
}
export const look = (status, op) => looks[op === 'delete' && status === 'deleted' ? 'stored' : status] ?? ['bad', '✕']
