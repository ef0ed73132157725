// A database of the npm packages: each line in is an operation in JSON, each line out its outcome.
//
// Arguments: the folder `node_modules`, the folder of the database, and the options of classic-level as JSON. The first line out
// is the outcome of opening. Keys and values are written in hexadecimal.

import fs from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'
import { pathToFileURL } from 'node:url'

const [modules, folder, options] = process.argv.slice(2)

// The packages do not lie above this file, so they cannot be imported by name.
async function load (name) {
  const { exports, main } = JSON.parse(fs.readFileSync(path.join(modules, name, 'package.json'), 'utf8'))
  return import(pathToFileURL(path.join(modules, name, exports?.['.'].import ?? main)).href)
}

const { ClassicLevel } = await load('classic-level')
const { LevelDatastore } = await load('datastore-level')
const { Key } = await load('interface-datastore')

// Numbers below `below`, the same for the same seed.
let state = 1
function random (below) {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
  return (state >> 8) % below
}

const parts = ['a', 'b', 'blocks', 'ä', '', 'long'.repeat(20), '0', '-']
const randomKey = () => '/' + Array.from({ length: 1 + random(3) }, () => parts[random(parts.length)] + random(30)).join('/')

// Some compress well, some not at all; a few are larger than blocks of tables and of logs.
function randomValue () {
  const length = random(20) === 0 ? random(60000) : random(300)
  const varied = random(2) === 0
  return Uint8Array.from({ length }, () => varied ? random(256) : 120)
}

const db = new ClassicLevel(folder, { keyEncoding: 'utf8', valueEncoding: 'view', ...JSON.parse(options) })
const hex = bytes => Buffer.from(bytes).toString('hex')

const operations = {
  async write (seed, count) {
    state = seed
    for (let i = 0; i < count; i++) {
      const batch = Array.from({ length: 1 + random(8) }, () => random(4) === 0
        ? { type: 'del', key: randomKey() }
        : { type: 'put', key: randomKey(), value: randomValue() })
      await db.batch(batch)
    }
  },
  // The same through npm datastore-level.
  async datastore (seed, count) {
    state = seed
    const store = new LevelDatastore(db)
    for (let i = 0; i < count; i++) {
      const key = new Key(randomKey())
      random(4) === 0 ? await store.delete(key) : await store.put(key, randomValue())
    }
  },
  // Writes one number to all of some keys at once, over and over, until the next operation comes.
  async count () {
    stopped = false
    counting = (async () => {
      for (let number = 1; !stopped; number++) {
        const value = Buffer.alloc(400, `${String(number).padStart(8, '0')} `)
        await db.batch(Array.from({ length: 40 }, (_, i) => ({ type: 'put', key: `/count/${i}`, value })))
        await new Promise(resolve => setTimeout(resolve, 1))
      }
    })()
  },
  async stop () {
    stopped = true
    await counting
  },
  compact: () => db.compactRange('', '\u{10ffff}'),
  async all () {
    const pairs = []
    for await (const [key, value] of db.iterator()) pairs.push([hex(Buffer.from(key)), hex(value)])
    return pairs
  }
}

let stopped, counting
const say = outcome => process.stdout.write(JSON.stringify(outcome ?? 'ok') + '\n')

try {
  await db.open()
  say()
} catch (error) {
  say({ error: String(error.cause ?? error) })
  process.exit(0)
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [name, ...operands] = JSON.parse(line)
  try {
    say(await operations[name](...operands))
  } catch (error) {
    say({ error: String(error) })
  }
}
await db.close()
