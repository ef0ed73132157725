// A sharded store of the JavaScript packages in a folder: writes what it is given, and prints all that it then holds.
//
// Arguments: the folder `node_modules`, and {"folder": path, "shard": identifier, "puts": [[key, hex]], "deletes": [key]}.
// Printed: {"pairs": [[key, hex]]}, in JSON.

import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [modules, description] = process.argv.slice(2)

// The packages do not lie above this file, so they cannot be imported by name.
async function load (name) {
  const { exports } = JSON.parse(fs.readFileSync(path.join(modules, name, 'package.json'), 'utf8'))
  return import(pathToFileURL(path.join(modules, name, exports['.'].import)).href)
}

const { FsDatastore } = await load('datastore-fs')
const { ShardingDatastore, shard } = await load('datastore-core')
const { Key } = await load('interface-datastore')

const asked = JSON.parse(description)
const folder = new FsDatastore(asked.folder)
await folder.open()
const store = new ShardingDatastore(folder, shard.parseShardFun(asked.shard))
await store.open()
for (const [key, value] of asked.puts) {
  await store.put(new Key(key), Uint8Array.from(Buffer.from(value, 'hex')))
}
for (const key of asked.deletes) {
  await store.delete(new Key(key))
}
const pairs = []
for await (const { key, value } of store.query({})) {
  pairs.push([key.toString(), Buffer.from(value).toString('hex')])
}
console.log(JSON.stringify({ pairs }))
