//! The scenarios of the vectors that lay a sharded store or a namespace over the folder.
//!
//! The stores above refuse keys whose shard does not lead back to them, and keep their marker to themselves; all else
//! is as the vectors say it should be, and the files lie where the JavaScript stores put them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datastore_core::sharding::Shard;
use datastore_core::{NamespaceDatastore, ShardingDatastore};
use futures::TryStreamExt;
use interface_datastore::query::{Filter, Order};
use interface_datastore::{Batch, Datastore, DatastoreExt, ErrorKind, Key, Query};
use serde_json::Value;

use crate::common::hex::unhex;
use crate::common::tree::plain_tree;
use crate::common::{open_with, vectors};

const MARKER: &str = "/SHARDING";

async fn store_of(options: &Value, root: &Path) -> Arc<dyn Datastore> {
    let mut fs = datastore_fs::FsOptions::new();
    if let Some(extension) = options["extension"].as_str() {
        fs = fs.with_extension(extension);
    }
    let mut store: Arc<dyn Datastore> = Arc::new(open_with(root, fs).await);
    if let Some(shard) = options["shard"].as_str() {
        let shard: Shard = shard.parse().unwrap();
        store = Arc::new(ShardingDatastore::open(&store, Some(shard)).await.unwrap());
    }
    if let Some(prefix) = options["namespace"].as_str() {
        store = Arc::new(NamespaceDatastore::new(&store, Key::new(prefix)));
    }
    store
}

/// The values that the store holds, by key.
type Model = BTreeMap<String, Vec<u8>>;

/// Does an operation; keeps the model in step, and says whether the store refused the key.
async fn perform(store: &dyn Datastore, model: &mut Model, op: &Value) -> bool {
    let text = op[1].as_str().unwrap_or_default();
    let key = Key::new(text);
    let sharded_away = text == MARKER;
    match op[0].as_str().unwrap() {
        "put" => {
            let value = unhex(op[2].as_str().unwrap());
            match store.put(&key, value.clone()).await {
                Ok(_) => drop(model.insert(text.to_owned(), value)),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::InvalidKey, "{op}: {error}");
                    return true;
                }
            }
            assert!(!sharded_away, "the marker is no entry");
        }
        "get" => assert_eq!(
            store
                .try_get(&key)
                .await
                .unwrap()
                .map(|value| value.to_vec()),
            model.get(text).cloned(),
            "{op}"
        ),
        "has" => assert_eq!(
            store.has(&key).await.unwrap(),
            model.contains_key(text),
            "{op}"
        ),
        "delete" => match store.delete(&key).await {
            Ok(()) => drop(model.remove(text)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidKey, "{op}: {error}"),
        },
        "batch" => {
            let mut batch = Batch::new();
            for op in op[1].as_array().unwrap() {
                let key = op[1].as_str().unwrap();
                if op[0] == "put" {
                    let value = unhex(op[2].as_str().unwrap());
                    batch.put(Key::new(key), value.clone());
                    model.insert(key.to_owned(), value);
                } else {
                    batch.delete(Key::new(key));
                    model.remove(key);
                }
            }
            store.write(batch).await.unwrap();
        }
        other => panic!("unknown operation {other}"),
    }
    false
}

fn query_of(data: &Value) -> Query {
    let mut query = Query::prefix(data["prefix"].as_str().unwrap_or_default());
    for filter in data["filters"].as_array().into_iter().flatten() {
        let (kind, value) = filter.as_object().unwrap().iter().next().unwrap();
        let value = value.as_str().unwrap();
        query = query.with_filter(match kind.as_str() {
            "key_suffix" => Filter::key_suffix(value),
            "key_prefix" => Filter::key_prefix(value),
            "key_equals" => Filter::key_equals(Key::new(value)),
            other => panic!("unknown filter {other}"),
        });
    }
    for order in data["orders"].as_array().into_iter().flatten() {
        assert_eq!(order["by"], "key");
        let by_key = Order::by_key();
        query = query.with_order(if order["dir"] == "desc" {
            by_key.descending()
        } else {
            by_key
        });
    }
    query.offset = data["offset"].as_u64().unwrap_or(0);
    query.limit = data["limit"].as_u64();
    query
}

async fn check_query(
    name: &str,
    store: &dyn Datastore,
    row: &Value,
    model: &Model,
    refused: &[String],
) {
    let query = query_of(&row["q"]);
    // With refused keys missing, what is skipped and cut would be others.
    if !refused.is_empty() && (query.offset > 0 || query.limit.is_some()) {
        return;
    }
    let ordered = query.is_ordered();
    let entries: Vec<_> = store.query(query).try_collect().await.unwrap();
    let mut found: Vec<(String, Vec<u8>)> = entries
        .into_iter()
        .map(|entry| (entry.key.to_string(), entry.into_value().to_vec()))
        .collect();
    let expected = row["expect"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key.as_str().unwrap().to_owned());
    let mut expected: Vec<_> = expected
        .filter(|key| !refused.contains(key))
        .map(|key| (key.clone(), model.get(&key).cloned().unwrap_or_default()))
        .collect();
    if !ordered {
        found.sort();
        expected.sort();
    }
    assert_eq!(found, expected, "{name}: query {}", row["q"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn scenarios() {
    let vectors = vectors("datastore-fs.json");
    let mut checked = 0;
    for scenario in vectors["scenarios"].as_array().unwrap() {
        let (name, options) = (scenario["name"].as_str().unwrap(), &scenario["opts"]);
        if options["shard"].is_null() && options["namespace"].is_null() {
            continue;
        }
        checked += 1;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("x/root");
        let store = store_of(options, &root).await;
        let (mut model, mut refused) = (Model::new(), Vec::new());
        for row in scenario["ops"].as_array().unwrap() {
            if perform(&*store, &mut model, &row["op"]).await {
                refused.push(row["op"][1].as_str().unwrap().to_owned());
            }
        }
        let again = store_of(options, &root).await;
        for store in [&store, &again] {
            for row in scenario["queries"].as_array().unwrap() {
                check_query(name, &**store, row, &model, &refused).await;
            }
        }
        check_files(scenario, &root, &refused, model.len());
        assert!(
            plain_tree(folder.path())
                .into_keys()
                .all(|path| path.starts_with("x")),
            "{name}"
        );
    }
    assert_eq!(checked, 13, "scenarios with stores on top");
}

/// Our files are those of the JavaScript stores, but for the keys refused here and the marker overwritten there.
fn check_files(scenario: &Value, root: &Path, refused: &[String], held: usize) {
    let theirs: BTreeMap<PathBuf, Vec<u8>> = scenario["tree"]["files"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, contents)| (PathBuf::from(path), unhex(contents.as_str().unwrap())))
        .collect();
    let ours: BTreeMap<PathBuf, Vec<u8>> = plain_tree(root)
        .into_iter()
        .filter_map(|(path, contents)| Some((path, contents?)))
        .collect();
    let marker = |path: &Path| path.file_stem().is_some_and(|stem| stem == "SHARDING");
    for (path, contents) in &ours {
        assert!(
            marker(path) || theirs.get(path) == Some(contents),
            "{}: {}",
            scenario["name"],
            path.display()
        );
    }
    let entries = ours.keys().filter(|path| !marker(path)).count();
    assert_eq!(entries, held, "{}: refused {refused:?}", scenario["name"]);
}
