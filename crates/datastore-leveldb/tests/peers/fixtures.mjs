// Makes the databases of tests/fixtures, each with a file of what it holds: node fixtures.mjs NODE_MODULES FOLDER
import { createRequire } from 'node:module'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const [modules, folder] = process.argv.slice(2)
const load = async name => {
  const require = createRequire(join(resolve(modules), '..', 'x.js'))
  return import(pathToFileURL(require.resolve(name)))
}
const { ClassicLevel } = await load('classic-level')
const { LevelDatastore } = await import(pathToFileURL(join(resolve(modules), 'datastore-level/dist/src/index.js')))
const { Key } = await import(pathToFileURL(join(resolve(modules), 'interface-datastore/dist/src/index.js')))

const value = (text, times = 1) => ({ text, times })
const bytes = ({ text, times }) => Buffer.from(text.repeat(times))
const path = name => join(folder, name)

// What is left after operations: [key, value] puts, [key] deletes.
function left (operations) {
  const entries = new Map()
  for (const [key, value] of operations) value === undefined ? entries.delete(key) : entries.set(key, value)
  return Object.fromEntries([...entries].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
}

function expect (name, operations, more = {}) {
  writeFileSync(path(`${name}.json`), JSON.stringify({ ...more, entries: left(operations) }).replaceAll('},', '},\n') + '\n')
}

async function open (name, options = {}) {
  rmSync(path(name), { recursive: true, force: true })
  const db = new ClassicLevel(path(name), { keyEncoding: 'utf8', valueEncoding: 'view', compression: true, ...options })
  await db.open()
  return db
}

async function run (db, operations) {
  for (const [key, value] of operations) value === undefined ? await db.del(key) : await db.put(key, bytes(value))
}

function tidy (name) {
  // Messages of the library: times of day, nothing that is read.
  for (const file of ['LOG', 'LOG.old']) rmSync(join(path(name), file), { force: true })
}

async function database (name, operations, { options, compact, more } = {}) {
  const db = await open(name, options)
  await run(db, operations)
  if (compact) await db.compactRange('', '\u{10ffff}')
  await db.close()
  tidy(name)
  expect(name, operations, more)
}

mkdirSync(folder, { recursive: true })

await database('empty', [])

const few = [
  ['/a', value('first')], ['/b', value('gone soon')], ['/a', value('second')], ['/b'], ['/a/b', value('')],
  ['/ä', value('two bytes')], ['/a//b', value('empty namespace')], ['/', value('root')], ['/end/', value('slash')]
]
{
  // As npm datastore-level writes it, which knows no key with a slash at its end.
  const store = new LevelDatastore(path('log'), {})
  rmSync(path('log'), { recursive: true, force: true })
  await store.open()
  const operations = few.filter(([key]) => key !== '/end/')
  for (const [key, value] of operations) {
    value === undefined ? await store.delete(new Key(key)) : await store.put(new Key(key), bytes(value))
  }
  await store.close()
  // LOG stays here: a reader must not mind it.
  expect('log', operations)
}

// Records that fill blocks of the log and go beyond them.
await database('long_records', [
  ['/one', value('x', 32700)], ['/two', value('y', 10)], ['/three', value('z', 100)], ['/four', value('w')]
])

// Several tables on several levels: small buffers, entries overwritten and deleted across them.
const many = []
for (let round = 0; round < 4; round++) {
  for (let i = 0; i < 300; i++) {
    const key = `/${['blocks', 'pins', 'local'][i % 3]}/${String((i * 7919 + round * 31) % 120).padStart(4, '0')}`
    many.push((i + round) % 5 === 0 ? [key] : [key, value(`value ${round} ${i} `, 20)])
  }
}
const small = { writeBufferSize: 64 << 10, blockSize: 1024, maxFileSize: 1 << 20 }
await database('tables_snappy', many, { options: small })
await database('compacted', many.slice(0, 120), { options: { ...small, compression: false, blockRestartInterval: 4 }, compact: true })

// Values larger than a block.
await database('large_values', [
  ['/large/a', value('abcdefgh', 25000)], ['/large/b', value('b')], ['/large/c', value('0123456789', 9000)], ['/large/d', value('')]
], { compact: true })

// Keys that no datastore has: those of sublevels, and plain ones.
await database('foreign_keys', [...few, ['!sub!/a', value('sublevel')], ['plain', value('p')], ['~', value('t')]], {
  compact: true, more: { foreign: ['!sub!/a', 'plain', '~'] }
})

// The state that a killed program leaves: copied while open.
{
  const db = await open('killed', small)
  const operations = [...many.slice(0, 320), ['/last', value('record')]]
  await run(db, operations)
  // Until the library has written its table and removed the log of it.
  await new Promise(resolve => setTimeout(resolve, 500))
  cpSync(path('killed'), path('killed.copy'), { recursive: true })
  await db.close()
  rmSync(path('killed'), { recursive: true })
  cpSync(path('killed.copy'), path('killed'), { recursive: true })
  rmSync(path('killed.copy'), { recursive: true })
  tidy('killed')
  expect('killed', operations)
}
