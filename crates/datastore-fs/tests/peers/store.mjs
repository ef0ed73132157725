// A store of the JavaScript packages: each line in is an operation in JSON, each line out its outcome.
//
// Arguments: the folder `node_modules`, and the store as JSON:
//   {"folder": path, "extension": text, "shard": identifier or null for that of the marker, "namespace": key}
// All but the folder may be left out. The first line out is the outcome of opening. Values are written in hexadecimal.

import fs from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'
import { pathToFileURL } from 'node:url'

const [modules, description] = process.argv.slice(2)

// The packages do not lie above this file, so they cannot be imported by name.
async function load (name) {
  const { exports } = JSON.parse(fs.readFileSync(path.join(modules, name, 'package.json'), 'utf8'))
  return import(pathToFileURL(path.join(modules, name, exports['.'].import)).href)
}

const { FsDatastore } = await load('datastore-fs')
const { NamespaceDatastore, ShardingDatastore, shard } = await load('datastore-core')
const { Key } = await load('interface-datastore')

async function open ({ folder, extension, shard: identifier, namespace }) {
  let store = new FsDatastore(folder, extension === undefined ? {} : { extension })
  await store.open()
  if (identifier !== undefined) {
    store = new ShardingDatastore(store, identifier === null ? undefined : shard.parseShardFun(identifier))
    await store.open()
  }
  return namespace === undefined ? store : new NamespaceDatastore(store, new Key(namespace))
}

const hex = value => Buffer.from(value).toString('hex')
const unhex = text => Uint8Array.from(Buffer.from(text, 'hex'))

async function all (source) {
  const items = []
  for await (const item of source) {
    items.push(item)
  }
  return items
}

async function putMany (store, pairs) {
  return (await all(store.putMany(pairs.map(([key, value]) => ({ key: new Key(key), value: unhex(value) }))))).map(String)
}

const pairs = async (store, query) => (await all(store.query(query))).map(({ key, value }) => [key.toString(), hex(value)])
const keys = async (store, query) => (await all(store.queryKeys(query))).map(key => key.toString())

// A value that tells whether it is whole: one byte repeated, as often as that byte says.
const stampLength = byte => 1 + byte * 500
const isWhole = value => value.length > 0 && value.length === stampLength(value[0]) && value.every(byte => byte === value[0])

// Writes keys over and over with stamps below 128, and lists the store each time.
class Churn {
  written = 0
  torn = 0
  failed = {}
  listed = new Set()
  lastWritten = {}
  stopped = false

  constructor (store, keys) {
    this.store = store
    this.keys = keys
  }

  async round (number) {
    for (const key of this.keys) {
      const byte = number % 128
      try {
        await this.store.put(new Key(key), new Uint8Array(stampLength(byte)).fill(byte))
        this.lastWritten[key] = byte
        this.written++
      } catch (err) {
        this.failed[err.name] = (this.failed[err.name] ?? 0) + 1
      }
    }
    for (const { key, value } of await all(this.store.query({}))) {
      this.listed.add(key.toString())
      this.torn += isWhole(value) ? 0 : 1
    }
  }

  async run () {
    for (let number = 1; !this.stopped; number++) {
      await this.round(number)
    }
  }

  async stop () {
    this.stopped = true
    await this.running
    const { written, torn, failed, lastWritten } = this
    return { written, torn, failed, lastWritten, listed: [...this.listed].sort() }
  }
}

let churn

const operations = {
  put: async (store, key, value) => (await store.put(new Key(key), unhex(value))).toString(),
  put_many: putMany,
  get: async (store, key) => ({ value: hex(await store.get(new Key(key))) }),
  has: (store, key) => store.has(new Key(key)),
  delete: async (store, key) => { await store.delete(new Key(key)); return 'ok' },
  pairs,
  keys,
  // Answers after the first round, and goes on until `stop`.
  churn: async (store, keys) => {
    churn = new Churn(store, keys)
    await churn.round(0)
    churn.running = churn.run()
    return 'ok'
  },
  stop: () => churn.stop()
}

async function answer (work) {
  let outcome
  try {
    outcome = await work()
  } catch (err) {
    outcome = { error: err.name, message: err.message }
  }
  process.stdout.write(JSON.stringify(outcome) + '\n')
}

let store
await answer(async () => { store = await open(JSON.parse(description)); return 'ok' })
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [name, ...args] = JSON.parse(line)
  await answer(() => operations[name](store, ...args))
}
