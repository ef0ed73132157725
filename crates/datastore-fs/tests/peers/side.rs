//! Either implementation of a store in a folder, behind one trait.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use datastore_core::sharding::Shard;
use datastore_core::{NamespaceDatastore, ShardingDatastore};
use datastore_fs::{FsDatastore, FsOptions};
use futures::TryStreamExt;
use interface_datastore::{Datastore, DatastoreExt, Key, Query, Result};
use pollster::block_on;
use serde_json::{Map, Value, json};

use crate::hex::unhex;

/// Keys and values.
pub(crate) type Contents = BTreeMap<String, Vec<u8>>;

/// What lies upon the folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layers {
    pub(crate) extension: Option<&'static str>,
    pub(crate) shard: Option<ShardBy>,
    pub(crate) namespace: Option<&'static str>,
}

/// Where the shard function comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ShardBy {
    Identifier(&'static str),
    Marker,
}

impl Layers {
    pub(crate) const NONE: Self = Self {
        extension: None,
        shard: None,
        namespace: None,
    };

    /// The same folder for one who comes second, and learns the shard function from the marker.
    pub(crate) fn for_the_second(mut self) -> Self {
        self.shard = self.shard.map(|_| ShardBy::Marker);
        self
    }
}

/// A store of either implementation. Whatever fails, fails the test.
pub(crate) trait Side {
    fn put(&mut self, key: &str, value: &[u8]);
    fn put_many(&mut self, pairs: &Contents);
    fn get(&mut self, key: &str) -> Option<Vec<u8>>;
    fn has(&mut self, key: &str) -> bool;
    fn delete(&mut self, key: &str);
    /// Everything, or why it cannot be listed: a failure, or a key that comes twice.
    fn contents(&mut self) -> Result<Contents, String>;
    /// All keys in order, or why they cannot be listed.
    fn keys(&mut self) -> Result<Vec<String>, String>;
}

/// Our store.
pub(crate) struct Ours(pub(crate) Arc<dyn Datastore>);

impl Ours {
    pub(crate) fn open(folder: &Path, layers: Layers) -> Self {
        Self::try_open(folder, layers).unwrap_or_else(|error| panic!("{layers:?}: {error}"))
    }

    pub(crate) fn try_open(folder: &Path, layers: Layers) -> Result<Self> {
        block_on(async {
            let mut options = FsOptions::new();
            if let Some(extension) = layers.extension {
                options = options.with_extension(extension);
            }
            let mut store = FsDatastore::open(folder, options).await?.handle();
            if let Some(shard) = layers.shard {
                let function = match shard {
                    ShardBy::Identifier(text) => Some(text.parse::<Shard>().unwrap()),
                    ShardBy::Marker => None,
                };
                store = ShardingDatastore::open(&*store, function).await?.handle();
            }
            if let Some(namespace) = layers.namespace {
                store = NamespaceDatastore::new(&*store, Key::new(namespace)).handle();
            }
            Ok(Self(store))
        })
    }
}

impl Side for Ours {
    fn put(&mut self, key: &str, value: &[u8]) {
        block_on(self.0.put(&Key::new(key), value.to_vec())).unwrap();
    }

    fn put_many(&mut self, pairs: &Contents) {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(key, value)| (Key::new(key), value.clone().into()))
            .collect();
        let keys: Vec<Key> = block_on(self.0.put_many(pairs.clone()).try_collect()).unwrap();
        assert!(keys.iter().eq(pairs.iter().map(|(key, _)| key)));
    }

    fn get(&mut self, key: &str) -> Option<Vec<u8>> {
        let key = Key::new(key);
        let value = block_on(self.0.try_get(&key)).unwrap()?;
        assert_eq!(block_on(self.0.get_size(&key)).unwrap(), value.len() as u64);
        Some(value.to_vec())
    }

    fn has(&mut self, key: &str) -> bool {
        block_on(self.0.has(&Key::new(key))).unwrap()
    }

    fn delete(&mut self, key: &str) {
        block_on(self.0.delete(&Key::new(key))).unwrap();
    }

    fn contents(&mut self) -> Result<Contents, String> {
        let entries: Vec<_> = block_on(self.0.query(Query::all()).try_collect()).unwrap();
        once_each(
            entries
                .into_iter()
                .map(|entry| (entry.key.to_string(), entry.into_value().to_vec())),
        )
    }

    fn keys(&mut self) -> Result<Vec<String>, String> {
        let keys: Vec<Key> = block_on(self.0.query_keys(Query::all()).try_collect()).unwrap();
        let mut keys: Vec<String> = keys.iter().map(Key::to_string).collect();
        keys.sort();
        Ok(keys)
    }
}

/// The JavaScript store, in a process of its own.
pub(crate) struct JavaScript {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl JavaScript {
    pub(crate) fn open(folder: &Path, layers: Layers) -> Self {
        Self::try_open(folder, layers).unwrap_or_else(|error| panic!("{layers:?}: {error}"))
    }

    pub(crate) fn try_open(folder: &Path, layers: Layers) -> Result<Self, String> {
        let modules = std::env::var_os("RS_STORES_PEERS_MODULES")
            .expect("RS_STORES_PEERS_MODULES names a folder node_modules");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/store.mjs");
        let mut process = Command::new("node")
            .args([script.as_os_str(), &modules])
            .arg(description(folder, layers).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut opened = Self {
            process,
            input,
            output,
        };
        let outcome = opened.answer();
        if outcome == "ok" {
            Ok(opened)
        } else {
            Err(outcome.to_string())
        }
    }

    /// The outcome of an operation of `store.mjs`.
    pub(crate) fn ask(&mut self, operation: Value) -> Value {
        let mut line = operation.to_string();
        line.push('\n');
        self.input.write_all(line.as_bytes()).unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no answer from node: {line:?}"))
    }

    /// Ends the process as a crash would.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn listing(&mut self, operation: &str) -> Result<Vec<Value>, String> {
        let outcome = self.ask(json!([operation, {}]));
        match outcome {
            Value::Array(items) => Ok(items),
            other => Err(other.to_string()),
        }
    }
}

impl Drop for JavaScript {
    fn drop(&mut self) {
        // It may have ended already, and nothing is lost by an end now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Side for JavaScript {
    fn put(&mut self, key: &str, value: &[u8]) {
        assert_eq!(self.ask(json!(["put", key, hex(value)])), json!(key));
    }

    fn put_many(&mut self, pairs: &Contents) {
        let rows: Vec<_> = pairs
            .iter()
            .map(|(key, value)| json!([key, hex(value)]))
            .collect();
        let keys: Vec<_> = pairs.keys().collect();
        assert_eq!(self.ask(json!(["put_many", rows])), json!(keys));
    }

    fn get(&mut self, key: &str) -> Option<Vec<u8>> {
        let outcome = self.ask(json!(["get", key]));
        if outcome["error"] == "NotFoundError" {
            return None;
        }
        let value = outcome["value"].as_str();
        Some(unhex(value.unwrap_or_else(|| panic!("{key}: {outcome}"))))
    }

    fn has(&mut self, key: &str) -> bool {
        self.ask(json!(["has", key])).as_bool().unwrap()
    }

    fn delete(&mut self, key: &str) {
        assert_eq!(self.ask(json!(["delete", key])), "ok");
    }

    fn contents(&mut self) -> Result<Contents, String> {
        let pairs = self.listing("pairs")?;
        once_each(
            pairs
                .iter()
                .map(|pair| (text(&pair[0]), unhex(&text(&pair[1])))),
        )
    }

    fn keys(&mut self) -> Result<Vec<String>, String> {
        let mut keys: Vec<_> = self.listing("keys")?.iter().map(text).collect();
        keys.sort();
        Ok(keys)
    }
}

fn description(folder: &Path, layers: Layers) -> Value {
    let mut description = Map::new();
    description.insert("folder".into(), json!(folder.to_str().unwrap()));
    if let Some(extension) = layers.extension {
        description.insert("extension".into(), json!(extension));
    }
    match layers.shard {
        Some(ShardBy::Identifier(text)) => description.insert("shard".into(), json!(text)),
        Some(ShardBy::Marker) => description.insert("shard".into(), Value::Null),
        None => None,
    };
    if let Some(namespace) = layers.namespace {
        description.insert("namespace".into(), json!(namespace));
    }
    description.into()
}

fn once_each(pairs: impl Iterator<Item = (String, Vec<u8>)>) -> Result<Contents, String> {
    let mut contents = Contents::new();
    for (key, value) in pairs {
        if contents.insert(key.clone(), value).is_some() {
            return Err(format!("{key} is listed twice"));
        }
    }
    Ok(contents)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    let digits = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    bytes.iter().flat_map(digits).collect()
}
