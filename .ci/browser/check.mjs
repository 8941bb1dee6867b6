// Does before the page what a person does, and holds it to what it should show.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { Cluster, keyOf, names } from './cluster.mjs'
import { Screen } from './screen.mjs'

const MARKED_WITHIN = 3000 // milliseconds from a death to the card that says so

async function cards(screen) {
  for (const name of names) await screen.card(name, 'up')
  await screen.card('linux', 'MD5 is even')
  await screen.card('mac', '16.7 % expected')
  await screen.card('android', 'what no other rule claims')
}

async function putGetExplain(screen) {
  await screen.ask('put', 'greeting', 'hello')
  await screen.shows('#outcome', 'greeting is stored on android')
  assert.equal(await screen.page.textContent('#announce'), 'greeting is stored on android') // read aloud
  await screen.card('android', /1 key(?!s)/)
  await screen.shows('#tail li', /put *greeting.*android *stored/)
  await screen.ask('get', 'greeting')
  await screen.shows('#outcome .value', /^hello$/)
  await screen.shows('#outcome', '5 bytes')
  await screen.ask('explain', 'greeting')
  await screen.shows('#outcome .said', 'greeting belongs to android: no other rule claims it')
  await screen.shows('.stop:nth-child(1)', '% 2 = 1 → no')
  await screen.shows('.stop:nth-child(2)', '% 3 = 2 → no')
  await screen.shows('.stop.owner', 'found')
  await screen.page.locator('.explanation-lines [marker-end]').waitFor({ state: 'attached' })
}

async function forms(screen, cluster) {
  const raw = Uint8Array.from([0, 255, 254, 65])
  await fetch(`${cluster.pages.mac}v1/keys/%00%FF`, { method: 'PUT', body: raw })
  await screen.page.selectOption('#key-as', 'hex')
  await screen.ask('get', '00 ff')
  await screen.shows('#outcome .dump', '00 ff fe 41')
  await screen.page.selectOption('#key-as', 'text')
  for (const key of ['..', 'a/b?c#d%', 'grün/😀']) {
    await screen.ask('put', key, `value of ${key}`)
    await screen.shows('#outcome', `${key} is stored on`)
    await screen.ask('get', key)
    await screen.shows('#outcome .value', `value of ${key}`)
  }
  await screen.page.fill('#ttl', 'soon')
  await screen.ask('put', 'greeting')
  await screen.shows('#outcome', 'This cannot be asked')
  await screen.page.fill('#ttl', '10m')
  await screen.ask('put', 'short', 'lived')
  await screen.shows('#outcome', 'is stored on')
  await screen.ask('get', 'short')
  await screen.shows('#outcome', 'expires')
  await screen.page.fill('#ttl', '')
}

// hostile keys and values are text, wherever they stand.
async function hostile(screen) {
  const key = '<img src=x onerror="document.title=\'owned\'">'
  const value = '</script></pre><script>document.title="owned"</script><b>bold</b>'
  await screen.ask('put', key, value)
  await screen.shows('#outcome', `${key} is stored on`)
  await screen.shows('#tail li', key)
  await screen.ask('get', key)
  await screen.shows('#outcome .value', value)
  await screen.ask('explain', key)
  await screen.shows('.explanation-key', key)
  for (const name of names) {
    await screen.page.click(`[data-node=${name}] button`)
    await screen.shows('#keys-sum', name)
    if (await screen.page.getByRole('button', { name: key }).and(screen.page.locator('#browse-list button')).count()) break
  }
  await screen.shows('#browse-list', key)
  assert.equal(await screen.count('img[src="x"], #outcome script, .value b'), 0)
  assert.doesNotMatch(await screen.page.title(), /owned/)
}

async function browse(screen) {
  await screen.page.click('[data-node=android] button')
  await screen.page.locator('#browse-list button', { hasText: /^greeting$/ }).click()
  await screen.shows('#outcome .said', 'greeting is on android')
  await screen.shows('#outcome .value', /^hello$/)
  assert.equal(await screen.page.inputValue('#key'), 'greeting')
  assert.equal(await screen.page.inputValue('#value'), 'hello')
  await screen.page.fill('#browse-prefix', 'nothing-begins-so')
  await screen.page.press('#browse-prefix', 'Enter')
  await screen.shows('#browse-note', 'android keeps no key that begins so')
}

// browseAll: the keys of all nodes in one list, with how many there are.
async function browseAll(screen) {
  await screen.page.fill('#browse-prefix', '')
  await screen.page.selectOption('#browse-node', '')
  await screen.page.click('#browse button')
  const counts = await screen.page.locator('.keys-count').allTextContents()
  const total = counts.reduce((sum, n) => sum + Number(n), 0)
  await screen.shows('#keys-sum', `${total} of ${total} keys of all nodes`)
  assert.equal(await screen.count('#browse-list li'), total)
  await screen.shows('#browse-list li', /greeting.*on android/)
  await screen.shows('#browse-list li', /short.*until/)
}

const other = (cluster, key, value, method = 'PUT') => fetch(`${cluster.pages.mac}v1/keys/${encodeURIComponent(key)}`, { method, body: value })
const box = screen => Promise.all(['#key', '#value', '#ttl'].map(s => screen.page.inputValue(s)))

// boxFollowsKey: what the page wrote into the box goes when another key is chosen;
// what was typed stays.
async function boxFollowsKey(screen, cluster) {
  await other(cluster, 'first', 'one')
  await other(cluster, 'second', 'two')
  await screen.ask('get', 'first')
  await screen.shows('#outcome .value', /^one$/)
  assert.deepEqual(await box(screen), ['first', 'one', ''])
  await screen.page.fill('#key', 'second')
  assert.deepEqual(await box(screen), ['second', '', ''])
  await screen.page.fill('#value', 'typed')
  await screen.page.fill('#key', 'third')
  assert.deepEqual(await box(screen), ['third', 'typed', ''])
  await screen.page.click('#put')
  await screen.shows('#outcome', 'third is stored on')
  await screen.page.fill('#key', 'second')
  assert.deepEqual(await box(screen), ['second', '', '']) // a put's value, too, was for its key
  await screen.page.press('#key', 'Enter')
  await screen.shows('#outcome .value', /^two$/)
  assert.deepEqual(await box(screen), ['second', 'two', ''])
  const raw = Uint8Array.from([0, 255])
  await other(cluster, 'binary', raw)
  await screen.ask('get', 'binary')
  await screen.shows('#outcome .dump', '00 ff')
  await screen.page.click('#put') // an empty box, over what could not be shown in it
  await screen.shows('#outcome', 'the value that stands is no text')
  assert.deepEqual(new Uint8Array(await (await fetch(`${cluster.pages.mac}v1/keys/binary`)).arrayBuffer()), raw)
}

const read = async (cluster, key) => (await fetch(`${cluster.pages.mac}v1/keys/${key}`)).text()

// onlyWhatWasSeen: a put changes the version that was seen, or nothing.
async function onlyWhatWasSeen(screen, cluster) {
  await other(cluster, 'shared', 'before')
  await screen.ask('get', 'shared')
  await screen.shows('#outcome .value', /^before$/)
  await screen.ask('put', 'shared', 'mine')
  await screen.shows('#outcome', 'shared is stored on')
  await screen.ask('put', 'shared', 'mine again') // over its own put
  await screen.shows('#outcome .said', 'shared is stored on')
  await other(cluster, 'shared', 'theirs')
  await screen.ask('put', 'shared', 'mine at last')
  await screen.shows('#outcome .said', 'Somebody else has changed shared')
  await screen.shows('.versus > :nth-child(1)', /Yours.*mine at last/)
  await screen.shows('.versus > :nth-child(2)', /Theirs.*theirs/)
  assert.equal(await read(cluster, 'shared'), 'theirs')
  await accessibleNow(screen)
  await screen.page.click('text=Put mine over it')
  await screen.shows('#outcome .said', 'shared is stored on')
  assert.equal(await read(cluster, 'shared'), 'mine at last')
  await other(cluster, 'shared', 'theirs again')
  await screen.ask('put', 'shared', 'mine once more')
  await screen.page.click('text=Take theirs')
  await screen.shows('#outcome .value', /^theirs again$/)
  assert.equal(await screen.page.inputValue('#value'), 'theirs again')
  await other(cluster, 'shared', undefined, 'DELETE')
  await screen.page.click('#put')
  await screen.shows('#outcome .said', 'Somebody else has deleted shared')
  await screen.page.click('text=Put mine all the same')
  await screen.shows('#outcome .said', 'shared is stored on')
  await screen.ask('get', 'not-there')
  await screen.shows('#outcome', 'Nothing is stored under this key')
  await other(cluster, 'not-there', 'theirs')
  await screen.ask('put', 'not-there', 'mine')
  await screen.shows('#outcome .said', 'Somebody else has changed not-there')
  assert.equal(await read(cluster, 'not-there'), 'theirs')
}

// timeToLive is shown, and a put that leaves it alone keeps it.
async function timeToLive(screen, cluster) {
  const expires = async () => Number((await fetch(`${cluster.pages.mac}v1/keys/brief`)).headers.get('Dht-Expires'))
  await fetch(`${cluster.pages.mac}v1/keys/brief?ttl=10m`, { method: 'PUT', body: 'x' })
  const at = await expires()
  await screen.ask('get', 'brief')
  await screen.shows('#outcome', /expires in (9 min \d+ s|10 min)/)
  assert.match(await screen.page.inputValue('#ttl'), /^(10m|9m\d+s)$/)
  await screen.ask('put', 'brief', 'y')
  await screen.shows('#outcome', 'brief is stored on')
  assert.equal(await expires(), at)
  await screen.ask('get', 'brief')
  await screen.shows('#outcome .value', /^y$/)
  await screen.page.fill('#ttl', '1h')
  await screen.page.click('#put')
  await screen.shows('#outcome', 'brief is stored on')
  assert.ok(await expires() > at)
  await screen.page.fill('#key', 'lasting')
  assert.equal(await screen.page.inputValue('#ttl'), '')
}

async function json(screen, cluster) {
  await other(cluster, 'doc', '{"b":[1,12345678901234567890],"a":{},"s":"a\\"{,"}')
  await screen.ask('get', 'doc')
  await screen.shows('#outcome', 'JSON, laid out to be read')
  assert.equal(await screen.page.textContent('#outcome .value'), '{\n  "b": [\n    1,\n    12345678901234567890\n  ],\n  "a": {},\n  "s": "a\\"{,"\n}')
  assert.equal(await screen.page.inputValue('#value'), '{"b":[1,12345678901234567890],"a":{},"s":"a\\"{,"}') // as it is stored
}

async function undo(screen, cluster) {
  await fetch(`${cluster.pages.mac}v1/keys/precious?ttl=1h`, { method: 'PUT', body: 'kept' })
  const expires = (await fetch(`${cluster.pages.mac}v1/keys/precious`)).headers.get('Dht-Expires')
  await screen.ask('delete', 'precious')
  await screen.shows('#outcome .said', 'precious is deleted from')
  assert.equal((await fetch(`${cluster.pages.mac}v1/keys/precious`)).status, 404)
  await screen.page.click('text=Undo')
  await screen.shows('#outcome .said', 'precious is stored on')
  const back = await fetch(`${cluster.pages.mac}v1/keys/precious`)
  assert.deepEqual([await back.text(), back.headers.get('Dht-Expires')], ['kept', expires])
  await screen.ask('delete', 'precious')
  await screen.shows('#outcome .said', 'precious is deleted from')
  await other(cluster, 'precious', 'theirs')
  await screen.page.click('text=Undo')
  await screen.shows('#outcome .said', 'Somebody else has changed precious')
  assert.equal(await read(cluster, 'precious'), 'theirs')
  await screen.ask('delete', 'never-there')
  await screen.shows('#outcome .said', 'There was nothing under never-there to delete')
  assert.equal(await screen.count('text=Undo'), 0)
  await screen.shows('#tail li', /delete *never-there/) // or it would come while the next step has paused
}

async function pauseAndFilter(screen) {
  await screen.page.click('#tail-pause')
  await screen.ask('put', 'while-paused', 'x')
  await screen.shows('#tail-sum', 'paused, 1 waiting')
  assert.equal(await screen.page.locator('#tail', { hasText: 'while-paused' }).count(), 0)
  await screen.page.fill('#tail-text', 'paused') // which does not let it go on
  await screen.page.fill('#tail-text', '')
  await screen.shows('#tail-sum', 'paused, 1 waiting')
  assert.equal(await screen.page.locator('#tail', { hasText: 'while-paused' }).count(), 0)
  await screen.page.click('#tail-pause')
  await screen.shows('#tail', 'while-paused')
  await screen.page.fill('#tail-text', 'while-')
  await screen.page.waitForFunction(() => document.querySelectorAll('#tail > li').length === 1)
  await screen.page.selectOption('#tail-op', 'get')
  await screen.shows('#tail-empty', 'No line fits the filter')
  await screen.page.fill('#tail-text', '')
  await screen.page.selectOption('#tail-op', '')
  await screen.page.click('#tail-clear')
  await screen.shows('#tail-sum', '0 lines')
}

async function nodeDies(screen, cluster) {
  const key = keyOf('mac')
  await screen.ask('put', key, 'kept')
  await screen.shows('#outcome', 'is stored on mac')
  await cluster.kill('mac')
  const died = Date.now()
  await screen.card('mac', /down since/)
  const took = Date.now() - died
  assert.ok(took < MARKED_WITHIN, `the card said so after ${took} ms`)
  await screen.shows('#nodes-sum', '2 of 3 up')
  await screen.ask('get', key)
  await screen.shows('#outcome', 'The owner of this key is offline')
  await screen.ask('put', key, 'changed')
  await screen.shows('#outcome', 'The outcome is not known')
  await screen.ask('get', keyOf('linux'))
  await screen.shows('#outcome', 'Nothing is stored under this key')
  await screen.page.click('[data-node=mac] button')
  await screen.shows('#browse-note', 'mac is down')
  await cluster.up('mac')
  await screen.card('mac', /up/)
  await screen.shows('#nodes-sum', 'all 3 up')
  await screen.ask('get', key)
  await screen.shows('#outcome .value', /^kept$/)
}

async function serverDies(screen, cluster) {
  await cluster.kill('linux')
  await screen.shows('#link', 'disconnected')
  await screen.shows('#banner', 'linux does not answer since')
  await screen.ask('get', 'greeting')
  await screen.shows('#outcome', 'Not sent')
  assert.deepEqual(await screen.page.locator('#banner a').evaluateAll(links => links.map(a => [a.textContent, a.href])),
    [['mac', cluster.pages.mac], ['android', cluster.pages.android]])
  await accessibleNow(screen)
  const [away] = await Promise.all([screen.page.context().waitForEvent('page'), screen.page.click('#banner a', { modifiers: ['Control'] })])
  await away.locator('#facts', { hasText: 'served by mac' }).waitFor()
  await away.close()
  await cluster.up('linux')
  await screen.shows('#link', 'live')
  await screen.card('linux', 'up')
  assert.equal(await screen.page.isVisible('#banner'), false)
}

async function keyboardOnly(screen) {
  await screen.page.reload()
  await screen.shows('#link', 'live')
  const keyboard = screen.page.keyboard
  await keyboard.press('Tab')
  assert.equal(await screen.page.evaluate(() => document.activeElement.className), 'skip')
  await keyboard.press('Enter')
  await keyboard.type('by-hand')
  await keyboard.press('Tab')
  await keyboard.press('Tab')
  await keyboard.type('typed')
  await keyboard.press('Control+Enter')
  await screen.shows('#outcome', 'by-hand is stored on')
  for (const seen of ['#outcome .said', 'label[for=key]']) {
    const [header, top] = await screen.page.evaluate(s => [document.querySelector('header').getBoundingClientRect().bottom, document.querySelector(s).getBoundingClientRect().top], seen)
    assert.ok(top >= header, `${seen} begins at ${top}, below the header that ends at ${header}`)
  }
  await keyboard.press('Shift+Tab')
  await keyboard.press('Shift+Tab')
  await keyboard.press('Enter')
  await screen.shows('#outcome .value', /^typed$/)
}

async function deletes(screen) {
  await screen.ask('delete', 'greeting')
  await screen.shows('#outcome', 'greeting is deleted from android')
  await screen.ask('get', 'greeting')
  await screen.shows('#outcome', 'Nothing is stored under this key')
}

// phone: nothing is wider than the screen, whatever there is to show, and what
// scrolls by itself does not make the page longer.
async function phone(screen, cluster) {
  await Promise.all(Array.from({ length: 100 }, (_, i) => fetch(`${cluster.pages.linux}v1/keys/${i}`, { method: 'PUT', body: 'x' })))
  await screen.ask('put', 'k'.repeat(1000), 'v'.repeat(5000))
  await screen.shows('#outcome', 'is stored on')
  await screen.shows('#tail li', 'kkkk')
  for (const [verb, said] of [['get', 'is on'], ['explain', 'belongs to']]) {
    await screen.page.click(`#${verb}`)
    await screen.shows('#outcome .said', said)
    const [width, height] = await screen.size()
    assert.equal(width, 390)
    assert.ok(height < 6000, `${height} pixels long`)
  }
}

// notShown: lines that the page could not show are not lost data.
async function notShown(screen) {
  const loss = { time: new Date().toISOString(), lost: 9615, detail: 'more than this page can show' }
  await screen.page.route('**/v1/events', route => route.fulfill({ contentType: 'text/event-stream', body: `event: lost\ndata: ${JSON.stringify(loss)}\n\n` }))
  await screen.page.reload()
  await screen.shows('#tail li', '9,615 lines not shown')
  await screen.shows('#tail-sum', '9,615 not shown')
  assert.doesNotMatch(await screen.page.textContent('main'), /\blost\b/)
  await screen.page.unroute('**/v1/events')
}

// crowd: many nodes, with names and rules as long as they may be.
async function crowd(screen) {
  const node = i => ({ name: `node-${i}-`.padEnd(63, 'n'), rule: `prefix "${'p'.repeat(120)}${i}"`, up: i > 2, pinned: true, keys: i, misplaced: 0, share: 0.1, expected: 0.1, bytes: 1, reads_per_s: 0, writes_per_s: 0, p50_us: 0, p99_us: 0 })
  const status = { cluster: 'c'.repeat(63), epoch: 1, copies: 1, node: node(0).name, nodes: Array.from({ length: 12 }, (_, i) => node(i)) }
  await screen.page.route('**/v1/events', route => route.fulfill({ contentType: 'text/event-stream', body: `event: status\ndata: ${JSON.stringify(status)}\n\n` }))
  await screen.page.reload()
  await screen.card(node(11).name, 'up')
  const [width] = await screen.size()
  assert.equal(width, screen.page.viewportSize().width)
}

async function accessible(screen) {
  await screen.ask('explain', 'greeting')
  await screen.shows('.stops', 'android')
  await accessibleNow(screen)
}

async function accessibleNow(screen) {
  await screen.page.evaluate(readFileSync(new URL(import.meta.resolve('axe-core')), 'utf8'))
  const { violations } = await screen.page.evaluate(() => axe.run())
  assert.deepEqual(violations.map(v => `${v.id}: ${v.nodes.map(n => n.html).join(' ')}`), [])
}

const cluster = await Cluster.start(process.argv[2])
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: process.getuid() === 0 ? ['--no-sandbox'] : [] })
try {
  const desk = await Screen.open(browser, cluster.pages.linux, { viewport: { width: 1280, height: 900 } })
  for (const step of [cards, putGetExplain, forms, hostile, browse, browseAll, boxFollowsKey, onlyWhatWasSeen, timeToLive, json, undo, pauseAndFilter, nodeDies, serverDies, keyboardOnly, deletes]) {
    console.time(step.name)
    await step(desk, cluster)
    console.timeEnd(step.name)
  }
  const small = await Screen.open(browser, cluster.pages.mac, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, colorScheme: 'dark' })
  await phone(small, cluster)
  assert.deepEqual([...desk.problems, ...small.problems], [])
  for (const screen of [desk, small]) {
    await accessible(screen)
    await notShown(screen)
    await crowd(screen)
  }
  console.log('the page: all is shown as it should be, at a desk and on a phone')
} finally {
  await browser.close()
  cluster.stop()
}
