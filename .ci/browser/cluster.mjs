// Three nodes as processes of their own, in FOLDER, which holds the binary.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import net from 'node:net'

const rules = { linux: 'md5 % 2 == 0', mac: 'sha1 % 3 == 0', android: 'otherwise' }
export const names = Object.keys(rules)

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => server.address().port)
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return ports
}

export class Cluster {
  static async start(folder) {
    const cluster = new Cluster()
    const ports = await freePorts(4 * names.length)
    const at = () => `"127.0.0.1:${ports.pop()}"`
    cluster.folder = folder
    cluster.pages = {}
    cluster.nodes = {}
    let text = 'name = "three"\nepoch = 1\n'
    for (const name of names) {
      const http = at()
      cluster.pages[name] = `http://${JSON.parse(http)}/`
      text += `[[node]]\nname = "${name}"\nrule = "${rules[name]}"\ntcp = ${at()}\nbus = ${at()}\nroute = ${at()}\nhttp = ${http}\ndata = "${name}"\n`
    }
    writeFileSync(`${folder}/three.toml`, text)
    await Promise.all(names.map(name => cluster.up(name)))
    return cluster
  }

  // up returns when the node answers requests.
  async up(name) {
    this.nodes[name] = spawn(`${this.folder}/dht`, ['-c', `${this.folder}/three.toml`, 'node', name], { stdio: ['ignore', 'ignore', 'inherit'] })
    while (!(await fetch(`${this.pages[name]}readyz`).catch(() => ({}))).ok) await new Promise(done => setTimeout(done, 50))
  }

  async kill(name) {
    this.nodes[name].kill('SIGKILL')
    await once(this.nodes[name], 'exit')
  }

  stop() {
    for (const node of Object.values(this.nodes)) node.kill('SIGKILL')
  }
}

// keyOf returns a key that belongs to node.
export function keyOf(node) {
  const residue = (hash, key, by) => Number(BigInt(`0x${createHash(hash).update(key).digest('hex')}`) % BigInt(by))
  const owner = key => (residue('md5', key, 2) === 0 ? 'linux' : residue('sha1', key, 3) === 0 ? 'mac' : 'android')
  for (let i = 0; ; i++) if (owner(`${node}-${i}`) === node) return `${node}-${i}`
}
