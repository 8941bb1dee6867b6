// Starts three nodes in FOLDER, which holds the binary, and holds what ioredis
// and node-redis get from each to what they should get.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import Redis from 'ioredis'
import { createClient } from 'redis'

const folder = process.argv[2]
const rules = { linux: 'md5 % 2 == 0', mac: 'sha1 % 3 == 0', android: 'otherwise' }

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

async function listening(port) {
  for (;;) {
    const socket = net.connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch {
      await new Promise(done => setTimeout(done, 20))
    } finally {
      socket.destroy()
    }
  }
}

async function start() {
  let text = 'name = "three"\nepoch = 1\n'
  const ports = {}
  for (const [name, rule] of Object.entries(rules)) {
    ports[name] = await freePort()
    text += `[[node]]\nname = "${name}"\nrule = "${rule}"\ntcp = "127.0.0.1:${ports[name]}"\nbus = "127.0.0.1:0"\ndata = "${name}"\n`
  }
  writeFileSync(`${folder}/three.toml`, text)
  const nodes = {}
  for (const name of Object.keys(rules)) {
    nodes[name] = spawn(`${folder}/dht`, ['-c', `${folder}/three.toml`, 'node', name, '--no-bus'], { stdio: ['ignore', 'ignore', 'inherit'] })
    await listening(ports[name])
  }
  return { ports, nodes }
}

async function ioredis(port, prefix) {
  const client = new Redis(port, '127.0.0.1', { connectionName: 'ci' })
  const keys = Array.from({ length: 20 }, (_, i) => `${prefix}:${i}`)
  await client.mset(Object.fromEntries(keys.map(k => [k, `value of ${k}`])))
  assert.deepEqual(await client.mget(keys), keys.map(k => `value of ${k}`))
  assert.equal(await client.get(`${prefix}:nothing`), null)
  assert.equal(await client.set(keys[0], 'again', 'EX', 100, 'NX'), null)
  assert.equal(await client.set(keys[0], 'again', 'EX', 100), 'OK')
  assert.equal(await client.ttl(keys[0]), 100)
  const counted = await client.pipeline().incr(`${prefix}:n`).incrby(`${prefix}:n`, 41).get(`${prefix}:n`).exec()
  assert.deepEqual(counted, [[null, 1], [null, 42], [null, '42']])
  await assert.rejects(client.multi().set(keys[1], 'lost').incr(`${prefix}:tx`).exec(), /not supported/)
  await assert.rejects(client.multi({ pipeline: false }), /not supported/)
  assert.match(String(await client.set(keys[1], 'lost').catch(e => e)), /not carried out/)
  assert.equal(await client.discard(), 'OK')
  assert.deepEqual(await client.mget(keys[1], `${prefix}:tx`), [`value of ${keys[1]}`, null])
  assert.deepEqual(await client.getBuffer(keys[1]), Buffer.from(`value of ${keys[1]}`))
  assert.equal(await client.del([...keys, `${prefix}:n`]), 21)
  await client.quit()
}

async function nodeRedis(port, prefix) {
  const client = createClient({ url: `redis://127.0.0.1:${port}`, name: 'ci' })
  await client.connect()
  const keys = Array.from({ length: 20 }, (_, i) => `${prefix}:${i}`)
  await Promise.all(keys.map(k => client.set(k, `value of ${k}`)))
  assert.deepEqual(await client.mGet(keys), keys.map(k => `value of ${k}`))
  assert.equal(await client.get(`${prefix}:nothing`), null)
  assert.equal(await client.setEx(keys[0], 100, 'again'), 'OK')
  assert.equal(await client.ttl(keys[0]), 100)
  assert.equal(await client.getDel(keys[0]), 'again')
  assert.equal(await client.incrBy(`${prefix}:n`, 42), 42)
  await assert.rejects(client.multi().set(keys[1], 'lost').incr(`${prefix}:tx`).exec(), /not supported/)
  assert.deepEqual(await client.mGet([keys[1], `${prefix}:tx`]), [`value of ${keys[1]}`, null])
  const seen = new Set()
  for await (const page of client.scanIterator({ MATCH: `${prefix}:*`, COUNT: 3 })) for (const key of [page].flat()) seen.add(key)
  assert.equal(seen.size, await client.dbSize())
  assert.equal(await client.del(keys), 19)
  assert.equal(await client.del(`${prefix}:n`), 1)
  await client.close()
}

async function ownerOffline(cluster) {
  const client = new Redis(cluster.ports.linux, '127.0.0.1', { maxRetriesPerRequest: 1 })
  cluster.nodes.android.kill('SIGKILL')
  await once(cluster.nodes.android, 'exit')
  await assert.rejects(client.get('greeting'), /OWNEROFFLINE android /)
  await client.quit()
}

const cluster = await start()
try {
  for (const [name, port] of Object.entries(cluster.ports)) {
    await nodeRedis(port, `node-redis:${name}`)
    await ioredis(port, `ioredis:${name}`)
  }
  await ownerOffline(cluster)
  console.log('ioredis and node-redis: all three nodes answer as they should')
} finally {
  for (const node of Object.values(cluster.nodes)) node.kill()
}
