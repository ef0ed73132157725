//! Does what the operations of a trace say, and tells the outcome in the words of the vectors.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use datastore_flatfs::{Accuracy, FlatfsDatastore, FlatfsOptions, ShardFunction, convert};
use futures::TryStreamExt;
use interface_datastore::query::{Order, Select};
use interface_datastore::{
    Batch, BatchOp, Datastore, DatastoreExt, Entry, Error, ErrorKind, Key, Operation, Query, Result,
};
use serde_json::{Value, json};

use crate::common::counted;
use crate::common::hex::{hex, unhex};

/// Batches are values here: until they are committed they touch no store. Reads of them, which Go has and we have not, are
/// answered from what they hold.
struct Pending {
    dir: String,
    batch: Batch,
}

/// The state of a trace.
pub(super) struct Interpreter {
    root: tempfile::TempDir,
    options: FlatfsOptions,
    stores: BTreeMap<String, FlatfsDatastore>,
    batches: BTreeMap<String, Pending>,
    /// Files that batches wrote.
    pub(super) batched: BTreeSet<String>,
}

fn text<'a>(op: &'a Value, field: &str) -> &'a str {
    op[field]
        .as_str()
        .unwrap_or_else(|| panic!("{op} has no {field}"))
}

fn key(op: &Value) -> Key {
    Key::clean_path(text(op, "key"))
}

fn value(op: &Value) -> Vec<u8> {
    if let Some(value) = op["value_hex"].as_str() {
        return unhex(value);
    }
    let count = op["fill"][1].as_u64().unwrap() as usize;
    vec![op["fill"][0].as_u64().unwrap() as u8; count]
}

impl Interpreter {
    pub(super) fn new(options: FlatfsOptions) -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            options,
            stores: BTreeMap::new(),
            batches: BTreeMap::new(),
            batched: BTreeSet::new(),
        }
    }

    pub(super) fn dir(&self, op: &Value) -> PathBuf {
        self.root.path().join(op["dir"].as_str().unwrap_or("ds"))
    }

    fn store(&self, op: &Value) -> Option<&FlatfsDatastore> {
        self.stores.get(op["dir"].as_str().unwrap_or("ds"))
    }

    /// The outcome of an operation.
    pub(super) async fn perform(&mut self, op: &Value) -> Value {
        let name = text(op, "op");
        match name {
            _ if name.starts_with("fs_") || name == "mkdir_ds" => self.on_files(op),
            _ if name.starts_with("batch") => self.on_batch(op).await,
            "create" | "open" | "create_or_open" | "upgrade_v0" | "downgrade" | "move" => {
                self.on_directory(op).await.unwrap_or_else(|error| {
                    let class = if error.kind() == ErrorKind::NotFound {
                        "does_not_exist"
                    } else {
                        class(&error)
                    };
                    json!({"error": class})
                })
            }
            "set_average" | "set_calc_timeout_ms" => self.set_limit(op),
            "read_cache" => {
                let cache = self.dir(op).join("diskUsage.cache");
                json!({"text": fs::read_to_string(cache).unwrap_or_default()})
            }
            _ => match self.store(op) {
                Some(store) => on_store(store, op)
                    .await
                    .unwrap_or_else(|error| json!({"error": class(&error)})),
                None => json!({"error": "nothing is open there"}),
            },
        }
    }

    fn on_files(&self, op: &Value) -> Value {
        let dir = self.dir(op);
        let path = || dir.join(text(op, "path"));
        match text(op, "op") {
            "mkdir_ds" => fs::create_dir_all(&dir).unwrap(),
            "fs_mkdir" => fs::create_dir_all(path()).unwrap(),
            "fs_write_text" => fs::write(path(), text(op, "text")).unwrap(),
            "fs_symlink" => link(text(op, "target"), &path()),
            "fs_exists" => return json!({"exists": fs::symlink_metadata(path()).is_ok()}),
            // What is gone already is gone: ours may not have made it.
            "fs_remove" if path().is_dir() => fs::remove_dir_all(path()).unwrap(),
            "fs_remove" => drop(fs::remove_file(path())),
            other => panic!("unknown operation {other}"),
        }
        json!({"ok": true})
    }

    async fn on_directory(&mut self, op: &Value) -> Result<Value> {
        let dir = self.dir(op);
        if text(op, "op").contains("open") {
            // What is opened again was not open in the original, which failed to.
            self.stores.remove(op["dir"].as_str().unwrap_or("ds"));
        }
        let options = &self.options;
        let ok = |()| json!({"ok": true});
        let shard = || text(op, "shard").parse::<ShardFunction>().unwrap();
        let opened = match text(op, "op") {
            "create" => return convert::create(&dir, shard(), options).map(ok),
            "upgrade_v0" => {
                let length = op["prefix_len"].as_u64().unwrap();
                return convert::upgrade(&dir, length, options).map(ok);
            }
            "downgrade" => return convert::downgrade(&dir, options).map(ok),
            "move" => {
                let [from, to] = ["from", "to"].map(|field| self.root.path().join(text(op, field)));
                let go_on = &mut |_: convert::Event<'_>| ControlFlow::Continue(());
                return convert::move_store(&from, &to, options, go_on).map(|_| ok(()));
            }
            "open" => {
                let options = options.clone().with_create_if_missing(false);
                FlatfsDatastore::open(&dir, options).await?
            }
            "create_or_open" => {
                let options = options.clone().with_shard(shard());
                FlatfsDatastore::open(&dir, options).await?
            }
            other => panic!("unknown operation {other}"),
        };
        let shard = opened.shard().to_string();
        self.stores
            .insert(op["dir"].as_str().unwrap_or("ds").to_owned(), opened);
        Ok(json!({"ok": true, "shard": shard}))
    }

    /// How much is looked at to count the bytes used, at the openings to come.
    fn set_limit(&mut self, op: &Value) -> Value {
        let value = op["value"].as_i64().unwrap();
        let options = self.options.clone();
        self.options = match text(op, "op") {
            // None, for Go's 0 and less.
            "set_average" => options.with_usage_sample(usize::try_from(value).unwrap_or(0)),
            _ => options
                .with_usage_time_limit(Duration::from_millis(u64::try_from(value).unwrap_or(0))),
        };
        json!({"ok": true})
    }

    async fn on_batch(&mut self, op: &Value) -> Value {
        let id = text(op, "id").to_owned();
        if text(op, "op") == "batch" {
            let dir = op["dir"].as_str().unwrap_or("ds").to_owned();
            self.batches.insert(
                id,
                Pending {
                    dir,
                    batch: Batch::new(),
                },
            );
            return json!({"ok": true});
        }
        let pending = self.batches.get_mut(&id).unwrap();
        let store = &self.stores[&pending.dir];
        match text(op, "op") {
            "batch_put" => {
                let key = key(op);
                if let Err(error) = store.capabilities(&key).keys.check(Operation::Write, &key) {
                    return json!({"error": class(&error)});
                }
                let name = &key.to_string()[1..];
                let path = Path::new(&store.shard().dir(name)).join(format!("{name}.data"));
                self.batched.insert(path.to_str().unwrap().to_owned());
                pending.batch.put(key, value(op));
            }
            "batch_delete" => drop(pending.batch.delete(key(op))),
            "batch_discard" => pending.batch = Batch::new(),
            "batch_commit" => {
                if let Err(error) = store.write(pending.batch.clone()).await {
                    return json!({"error": class(&error)});
                }
                pending.batch = Batch::new();
            }
            _ => {
                let seen = seen_through(&pending.batch, store, op).await;
                return seen.unwrap_or_else(|error| json!({"error": class(&error)}));
            }
        }
        json!({"ok": true})
    }
}

/// The batch's last word on a key, if it has one.
fn in_batch(batch: &Batch, key: &Key) -> Option<Option<Vec<u8>>> {
    let last = batch.ops().iter().rfind(|op| op.key() == key)?;
    Some(match last {
        BatchOp::Put { value, .. } => Some(value.to_vec()),
        _ => None,
    })
}

/// What a store would show if a batch were committed.
async fn seen_through(batch: &Batch, store: &FlatfsDatastore, op: &Value) -> Result<Value> {
    if text(op, "op") == "batch_query" {
        let mut entries = Vec::new();
        let query = query(op);
        let mut seen = BTreeSet::new();
        for key in batch.ops().iter().map(BatchOp::key) {
            let first = seen.insert(key.clone());
            let put = in_batch(batch, key).flatten();
            let shown = put.filter(|_| first && query.covers(key));
            entries.extend(shown.map(|value| Entry::of_value(key.clone(), value.into())));
        }
        let stored: Vec<Entry> = store.query(query).try_collect().await?;
        entries.extend(
            stored
                .into_iter()
                .filter(|entry| !seen.contains(&entry.key)),
        );
        return Ok(told(entries, op));
    }
    let key = key(op);
    let found = match in_batch(batch, &key) {
        Some(found) => found,
        None => store.try_get(&key).await?.map(Into::into),
    };
    Ok(match (text(op, "op"), found) {
        ("batch_get", Some(value)) => json!({"value_hex": hex(&value)}),
        ("batch_get_size", Some(value)) => json!({"size": value.len()}),
        ("batch_has", found) => json!({"has": found.is_some()}),
        ("batch_get" | "batch_get_size", None) => json!({"error": "not_found"}),
        (other, _) => panic!("unknown operation {other}"),
    })
}

async fn on_store(store: &FlatfsDatastore, op: &Value) -> Result<Value> {
    Ok(match text(op, "op") {
        "put" => store
            .put(&key(op), value(op))
            .await
            .map(|_| json!({"ok": true}))?,
        "get" => json!({"value_hex": hex(&store.get(&key(op)).await?)}),
        "has" => json!({"has": store.has(&key(op)).await?}),
        "get_size" => json!({"size": store.get_size(&key(op)).await?}),
        "delete" => store.delete(&key(op)).await.map(|()| json!({"ok": true}))?,
        "sync" => store.sync(&key(op)).await.map(|_| json!({"ok": true}))?,
        "close" => {
            // The original counts before it is open.
            counted(store).await;
            store.close().await.map(|()| json!({"ok": true}))?
        }
        "query" => told(store.query(query(op)).try_collect().await?, op),
        "disk_usage" => {
            let (counted, _) = settled(store).await;
            assert_eq!(store.disk_usage().await?.bytes, counted);
            json!({"value": counted.to_string()})
        }
        "accuracy" => json!({"accuracy": settled(store).await.1.as_str()}),
        other => panic!("unknown operation {other}"),
    })
}

/// The bytes used, once the count that opening started has ended.
async fn settled(store: &FlatfsDatastore) -> (u64, Accuracy) {
    counted(store).await;
    store.usage()
}

/// The original leaves all but the root to be empty: its keys have one part, and prefixes name whole ones.
fn query(op: &Value) -> Query {
    let mut query = Query::within(Key::clean_path(op["prefix"].as_str().unwrap_or_default()));
    if op["keys_only"] == true {
        query.select = if op["returns_sizes"] == true {
            Select::Sizes
        } else {
            Select::Keys
        };
    }
    match op["order"].as_str() {
        Some("key") => query = query.with_order(Order::by_key()),
        Some("key_desc") => query = query.with_order(Order::by_key().descending()),
        None => {}
        other => panic!("unknown order {other:?}"),
    }
    query.offset = op["offset"].as_u64().unwrap_or(0);
    query.limit = op["limit"].as_u64();
    query
}

/// Entries in the words of the vectors: sorted unless an order was asked for, size 0 for what was not asked for.
fn told(mut entries: Vec<Entry>, op: &Value) -> Value {
    if op["count_only"] == true {
        return json!({"count": entries.len()});
    }
    let ordered = op["order"].is_string();
    if !ordered {
        entries.sort_by(|a, b| a.key.cmp(&b.key));
    }
    let (keys_only, sizes) = (op["keys_only"] == true, op["returns_sizes"] == true);
    let told: Vec<Value> = entries
        .into_iter()
        .map(|entry| {
            let size = if sizes || !keys_only {
                entry.size.unwrap()
            } else {
                0
            };
            let mut told = json!({"key": entry.key.to_string(), "size": size});
            if !keys_only {
                told["value_hex"] = json!(hex(&entry.into_value()));
            }
            told
        })
        .collect();
    json!({"entries": told, "ordered": ordered})
}

#[cfg(unix)]
fn link(target: &str, path: &Path) {
    std::os::unix::fs::symlink(target, path).unwrap();
}

#[cfg(windows)]
fn link(target: &str, path: &Path) {
    std::os::windows::fs::symlink_file(target, path).unwrap();
}

fn class(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "not_found",
        ErrorKind::AlreadyExists => "exists",
        ErrorKind::Closed => "closed",
        ErrorKind::InvalidKey => "invalid_key",
        _ => "other",
    }
}
