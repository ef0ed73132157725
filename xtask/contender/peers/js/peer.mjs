// The JavaScript stores as contenders: the same command line, inputs and lines as the program in Rust.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MemoryDatastore, ShardingDatastore, shard } from 'datastore-core'
import { FsDatastore } from 'datastore-fs'
import { LevelDatastore } from 'datastore-level'
import { Key } from 'interface-datastore'
import { Level } from 'level'

const text = (fallback) => ({ type: 'string', default: fallback })
const { values: options } = parseArgs({
  options: {
    backend: text('memory'),
    contender: text(''),
    workloads: text(''),
    dir: text('.'),
    layout: text('nested'),
    'n-small': text('10000'),
    'n-large': text('200'),
    'size-small': text('256'),
    'size-large': text('262144'),
    concurrency: text('16'),
    seed: text('1')
  }
})
const number = (name) => Number(options[name])
const kinds = {
  small: { name: 'small', count: number('n-small'), size: number('size-small') },
  block: { name: 'large', count: number('n-large'), size: number('size-large') }
}
const READS = 80

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
function hash (name) {
  const bits = [...createHash('sha256').update(name).digest()].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return bits.match(/.{1,5}/g).map((five) => LETTERS[parseInt(five.padEnd(5, '0'), 2)]).join('')
}
function keys (kind, count) {
  return Array.from({ length: count }, (_, index) => {
    const name = hash(`bench-${kind}-${index}`)
    return new Key(options.layout === 'flat' ? `/${name}` : `/${kind}/${index % 10}/${name}`)
  })
}

class Random {
  constructor (seed) { this.state = Math.imul(seed, 2654435761) >>> 0 || 1 }

  below (end) {
    this.state = (this.state ^ (this.state << 13)) >>> 0
    this.state = (this.state ^ (this.state >>> 17)) >>> 0
    this.state = (this.state ^ (this.state << 5)) >>> 0
    return this.state % end
  }
}

const POOL = 1 << 20
const pool = Buffer.alloc(POOL + Math.max(kinds.small.size, kinds.block.size) + 4)
const filler = new Random(7)
for (let at = 0; at + 4 <= pool.length; at += 4) pool.writeUInt32LE(filler.below(2 ** 32), at)
const value = (index, size) => pool.subarray(index * 4093 % POOL, index * 4093 % POOL + size)

function check (holds, what) {
  if (!holds) throw new Error(`wrong result: ${what}`)
}

let opened = 0
async function fresh () {
  if (options.backend === 'memory') return new MemoryDatastore()
  const place = join(options.dir, `s${++opened}`)
  if (options.backend === 'level' || options.backend === 'level-fsync') return level(place)
  check(['fs', 'flatfs'].includes(options.backend), `there is no backend ${options.backend}`)
  const folder = new FsDatastore(place)
  await folder.open()
  if (options.backend === 'fs') return folder
  const store = new ShardingDatastore(folder, new shard.NextToLast(2))
  await store.open()
  return store
}

// datastore-level hands no options on: what it calls adds that each write is synced.
class SyncedLevel extends Level {
  put (key, value, options) { return super.put(key, value, { ...options, sync: true }) }

  batch (operations, options) { return super.batch(operations, { ...options, sync: true }) }
}

async function level (place) {
  const store = options.backend === 'level'
    ? new LevelDatastore(place)
    : new LevelDatastore(new SyncedLevel(place, { keyEncoding: 'utf8', valueEncoding: 'view' }))
  await store.open()
  return store
}

function * pairs (kind, all) {
  for (const [index, key] of all.entries()) yield { key, value: value(index, kind.size) }
}

async function writeBatches (store, kind, all, size) {
  for (let at = 0; at < all.length; at += size) {
    const batch = store.batch()
    for (let index = at; index < Math.min(at + size, all.length); index++) batch.put(all[index], value(index, kind.size))
    await batch.commit()
  }
}

const left = {}
async function filled (kind) {
  if (left[kind.name] == null) {
    const all = keys(kind.name, kind.count)
    const store = await fresh()
    await writeBatches(store, kind, all, all.length)
    left[kind.name] = { store, all }
  }
  return left[kind.name]
}

// Runs and times the work; checks what it wrote.
async function writes (kind, work) {
  const all = keys(kind.name, kind.count)
  const store = await fresh()
  const done = await timed(kind.count, kind.count * kind.size, () => work(store, all))
  let count = 0
  for await (const _ of store.queryKeys({})) count++
  check(count === all.length, `${count} keys are stored`)
  check(Buffer.compare(await store.get(all[count - 1]), value(count - 1, kind.size)) === 0, 'a value')
  left[kind.name] = { store, all }
  return done
}

async function timed (ops, bytes, work) {
  const start = process.hrtime.bigint()
  const outcome = await work()
  return { ops, bytes, seconds: Number(process.hrtime.bigint() - start) / 1e9, outcome }
}

async function reads (kind, work) {
  const { store, all } = await filled(kind)
  const done = await timed(kind.count, kind.count * kind.size, () => work(store, all))
  check(done.outcome === done.bytes, `${done.outcome} bytes were read`)
  return done
}

const putEach = (kind) => writes(kind, async (store, all) => {
  for (const [index, key] of all.entries()) await store.put(key, value(index, kind.size))
})
const getEach = (kind) => reads(kind, async (store, all) => {
  const random = new Random(number('seed'))
  let bytes = 0
  for (let index = 0; index < all.length; index++) bytes += (await store.get(all[random.below(all.length)])).length
  return bytes
})

async function has (missing, wanted) {
  const { store, all } = await filled(kinds.small)
  const random = new Random(number('seed') + 1)
  const done = await timed(all.length, 0, async () => {
    let found = 0
    for (let index = 0; index < all.length; index++) {
      const key = missing != null && index % 2 === 1 ? missing[index] : all[random.below(all.length)]
      if (await store.has(key)) found++
    }
    return found
  })
  check(done.outcome === wanted, `${done.outcome} were found`)
  return done
}

async function mixed () {
  const tasks = number('concurrency')
  const { store, all } = await filled(kinds.small)
  const each = Math.floor(all.length / tasks)
  const fresh = keys('mixed', all.length)
  const task = async (_, place) => {
    const random = new Random(number('seed') + 100 + place)
    let bytes = 0
    for (let index = 0; index < each; index++) {
      if (random.below(100) < READS) {
        const read = await store.get(all[random.below(all.length)])
        bytes += read.length
      } else {
        await store.put(fresh[place * each + index], value(index, kinds.small.size))
        bytes += kinds.small.size
      }
    }
    return bytes
  }
  const ops = each * tasks
  const done = await timed(ops, ops * kinds.small.size, () => Promise.all(Array.from({ length: tasks }, task)))
  check(done.outcome.reduce((sum, bytes) => sum + bytes, 0) === done.bytes, 'bytes of mixed')
  delete left.small
  return done
}

const putAgain = (kind) => reads(kind, async (store, all) => {
  const random = new Random(number('seed') + 2)
  let bytes = 0
  for (let done = 0; done < all.length; done++) {
    const index = random.below(all.length)
    await store.put(all[index], value(index, kind.size))
    bytes += kind.size
  }
  return bytes
})

async function query (prefix) {
  const { store, all } = await filled(kinds.small)
  const wanted = all.filter((key) => key.toString().startsWith(prefix)).length
  let count = 0
  const done = await timed(wanted, wanted * kinds.small.size, async () => {
    let bytes = 0
    for await (const { value } of store.query(prefix === '/' ? {} : { prefix })) {
      count++
      bytes += value.length
    }
    return bytes
  })
  check(count === wanted && done.outcome === done.bytes, `${count} entries of ${done.outcome} bytes were read`)
  return done
}

async function queryKeys (prefix) {
  const { store, all } = await filled(kinds.small)
  const wanted = all.filter((key) => key.toString().startsWith(prefix)).length
  const done = await timed(wanted, 0, async () => {
    let count = 0
    for await (const _ of store.queryKeys(prefix === '/' ? {} : { prefix })) count++
    return count
  })
  check(done.outcome === wanted, `${done.outcome} keys were found`)
  return done
}

const workloads = {
  'put-small': () => putEach(kinds.small),
  'put-block': () => putEach(kinds.block),
  'batch-small': () => writes(kinds.small, (store, all) => writeBatches(store, kinds.small, all, all.length)),
  'batch-512': () => writes(kinds.small, (store, all) => writeBatches(store, kinds.small, all, 512)),
  'batch-1000': () => writes(kinds.small, (store, all) => writeBatches(store, kinds.small, all, 1000)),
  'putmany-small': () => writes(kinds.small, async (store, all) => {
    for await (const _ of store.putMany(pairs(kinds.small, all))) { /* the keys, as they are stored */ }
  }),
  'reput-small': () => putAgain(kinds.small),
  'reput-block': () => putAgain(kinds.block),
  'get-small': () => getEach(kinds.small),
  'get-block': () => getEach(kinds.block),
  'getmany-small': () => reads(kinds.small, async (store, all) => {
    const random = new Random(number('seed'))
    const asked = all.map(() => all[random.below(all.length)])
    let bytes = 0
    for await (const { value } of store.getMany(asked)) bytes += value.length
    return bytes
  }),
  has: () => has(keys('miss', kinds.small.count), Math.ceil(kinds.small.count / 2)),
  'has-present': () => has(null, kinds.small.count),
  'query-all': () => query('/'),
  'query-prefix': () => query(options.layout === 'flat' ? '/A' : '/small/3'),
  'querykeys-all': () => queryKeys('/'),
  'querykeys-prefix': () => queryKeys(options.layout === 'flat' ? '/A' : '/small/3'),
  mixed,
  delete: async () => {
    const { store, all } = await filled(kinds.small)
    const done = await timed(all.length, 0, async () => {
      for (const key of all) await store.delete(key)
    })
    check(!(await store.has(all[0])), 'a deleted key is still there')
    delete left.small
    return done
  }
}

for (const name of options.workloads.split(',')) {
  if (workloads[name] == null) {
    console.error(`skipped: there is no workload ${name}`)
    continue
  }
  const { ops, seconds, bytes } = await workloads[name]()
  const line = { contender: options.contender, workload: name, ops, seconds, bytes, extra: { layout: options.layout } }
  console.log(JSON.stringify(line))
}
