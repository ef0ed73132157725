//! The vectors of npm `datastore-fs`: where it keeps to its own rules we do the same, where it errs we do better.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use datastore_fs::{Blocking, FsDatastore, FsOptions};
use futures::TryStreamExt;
use interface_datastore::query::Order;
use interface_datastore::{Batch, DatastoreExt, ErrorKind, Key, Query};
use serde_json::{Value, json};

use crate::common::hex::unhex;
use crate::common::tree::plain_tree;
use crate::common::{open_with, vectors};

/// Where the JavaScript store errs: the scenario, the operations whose outcome there is not ours, whether the folder looks different
/// for it, and why.
const FAULTS: &[(&str, &[usize], bool, &str)] = &[
    (
        "delete leaves folders",
        &[],
        true,
        "emptied folders are removed",
    ),
    (
        "root key",
        &[],
        true,
        "the root key is not hidden in the file `.data`, and is listed",
    ),
    (
        "double slashes collide",
        &[2, 4],
        true,
        "/a//b and /a/b are two keys",
    ),
    (
        "dots",
        &[4],
        true,
        "dots mean nothing; names that start with one are listed",
    ),
    (
        "escape",
        &[3],
        true,
        "no key leads out of the root or to another key's file",
    ),
    (
        "extension in key",
        &[2, 4],
        false,
        "/a.data/b and /a do not exclude each other",
    ),
    (
        "folder in the way of a file",
        &[1, 2, 4],
        true,
        "/a.data/b and /a do not exclude each other",
    ),
    (
        "file in the way of a folder",
        &[1],
        false,
        "/a.data/b and /a do not exclude each other",
    ),
    (
        "odd characters",
        &[],
        true,
        "a backslash is listed as it is",
    ),
    (
        "NUL and long names",
        &[0, 1, 2, 3, 4, 5, 6, 7, 9],
        false,
        "NUL and long names are names like any",
    ),
    ("extension empty", &[2], false, "/a does not block /a/b"),
    ("random", &[], true, "emptied folders are removed"),
    (
        "batch delete then put",
        &[1],
        true,
        "the last operation on a key wins",
    ),
];

/// Keys that the store must hold after `ops`, by the rules of the interface alone.
#[derive(Default)]
struct Model(BTreeMap<String, Vec<u8>>);

impl Model {
    fn apply(&mut self, op: &Value) -> Value {
        let text = |at: usize| op[at].as_str().unwrap_or_default().to_owned();
        let list = || op[1].as_array().cloned().unwrap_or_default();
        match op[0].as_str().unwrap() {
            "put" => {
                self.0.insert(text(1), unhex(&text(2)));
                json!(text(1))
            }
            "get" => self.get(&text(1)).map_or(
                json!({"error": "NotFoundError"}),
                |value| json!({"value": value}),
            ),
            "has" => json!(self.0.contains_key(&text(1))),
            "delete" => {
                self.0.remove(&text(1));
                json!("ok")
            }
            "put_many" => list()
                .iter()
                .map(|pair| self.apply(&json!(["put", pair[0], pair[1]])))
                .collect(),
            "delete_many" => list()
                .into_iter()
                .map(|key| {
                    self.apply(&json!(["delete", key]));
                    key
                })
                .collect(),
            "get_many" => {
                let pair = |key: &Value| Some(json!([key, self.get(key.as_str()?)?]));
                let pairs: Option<Vec<Value>> = list().iter().map(pair).collect();
                pairs.map_or(json!({"error": "NotFoundError"}), Value::from)
            }
            "batch" => {
                list().iter().for_each(|op| {
                    self.apply(op);
                });
                json!("ok")
            }
            "write_file" => {
                // Of the files put there by others, this one alone is a value.
                if text(1) == "ok.data" {
                    self.0.insert("/ok".into(), unhex(&text(2)));
                }
                json!("ok")
            }
            "mkdir" => json!("ok"),
            other => panic!("unknown operation {other}"),
        }
    }

    fn get(&self, key: &str) -> Option<String> {
        Some(hex(self.0.get(key)?))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key(value: &Value) -> Key {
    Key::new(value.as_str().unwrap())
}

/// Does an operation and gives its outcome in the words of the vectors.
async fn perform(store: &FsDatastore, root: &Path, op: &Value) -> Value {
    let outcome = match op[0].as_str().unwrap() {
        "put" => store
            .put(&key(&op[1]), unhex(op[2].as_str().unwrap()))
            .await
            .map(|_| op[1].clone()),
        "get" => store
            .get(&key(&op[1]))
            .await
            .map(|value| json!({"value": hex(&value)})),
        "has" => store.has(&key(&op[1])).await.map(Value::from),
        "delete" => store.delete(&key(&op[1])).await.map(|()| json!("ok")),
        "put_many" => {
            let pairs: Vec<_> = op[1]
                .as_array()
                .unwrap()
                .iter()
                .map(|pair| (key(&pair[0]), unhex(pair[1].as_str().unwrap()).into()))
                .collect();
            store
                .put_many(pairs)
                .map_ok(|key| json!(key.to_string()))
                .try_collect::<Vec<Value>>()
                .await
                .map(Value::from)
        }
        "get_many" => {
            let keys: Vec<Key> = op[1].as_array().unwrap().iter().map(key).collect();
            let pair = |entry: interface_datastore::Entry| {
                json!([entry.key.to_string(), hex(&entry.into_value())])
            };
            store
                .get_many(keys)
                .map_ok(pair)
                .try_collect::<Vec<Value>>()
                .await
                .map(Value::from)
        }
        "delete_many" => {
            let keys: Vec<Key> = op[1].as_array().unwrap().iter().map(key).collect();
            store
                .delete_many(keys)
                .map_ok(|key| json!(key.to_string()))
                .try_collect::<Vec<Value>>()
                .await
                .map(Value::from)
        }
        "batch" => {
            let mut batch = Batch::new();
            for op in op[1].as_array().unwrap() {
                match op[0].as_str().unwrap() {
                    "put" => batch.put(key(&op[1]), unhex(op[2].as_str().unwrap())),
                    _ => batch.delete(key(&op[1])),
                };
            }
            store.write(batch).await.map(|_| json!("ok"))
        }
        "write_file" => {
            let path = root.join(op[1].as_str().unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, unhex(op[2].as_str().unwrap())).unwrap();
            Ok(json!("ok"))
        }
        "mkdir" => {
            std::fs::create_dir_all(root.join(op[1].as_str().unwrap())).unwrap();
            Ok(json!("ok"))
        }
        other => panic!("unknown operation {other}"),
    };
    outcome.unwrap_or_else(|error| json!({"error": error.js_name()}))
}

fn query_of(data: &Value) -> Query {
    let mut query = Query::all();
    if let Some(prefix) = data["prefix"].as_str() {
        query = query.with_prefix(prefix);
    }
    for order in data["orders"].as_array().into_iter().flatten() {
        assert_eq!(order["by"], "key");
        let order_by = Order::by_key();
        query = query.with_order(if order["dir"] == "desc" {
            order_by.descending()
        } else {
            order_by
        });
    }
    if let Some(offset) = data["offset"].as_u64() {
        query = query.with_offset(offset);
    }
    if let Some(limit) = data["limit"].as_u64() {
        query = query.with_limit(limit);
    }
    query
}

async fn check_scenario(scenario: &Value, blocking: Blocking) {
    let name = scenario["name"].as_str().unwrap();
    let fault = FAULTS.iter().find(|(of, ..)| *of == name);
    let folder = tempfile::tempdir().unwrap();
    // Deep enough that a way out of the root would be seen.
    let root = folder.path().join("x/y/root");
    let mut options = FsOptions::new().with_blocking(blocking);
    if let Some(extension) = scenario["opts"]["extension"].as_str() {
        options = options.with_extension(extension);
    }
    let store = open_with(&root, options.clone()).await;

    let mut model = Model::default();
    let mut refused_there = BTreeSet::new();
    for (at, row) in scenario["ops"].as_array().unwrap().iter().enumerate() {
        let op = &row["op"];
        let expected = model.apply(op);
        assert_eq!(
            perform(&store, &root, op).await,
            expected,
            "{name}: operation {at} {op}"
        );
        let differs = fault.is_some_and(|(_, ops, ..)| ops.contains(&at));
        assert_eq!(
            row["out"] != expected,
            differs,
            "{name}: operation {at} {op}: the table of faults is wrong"
        );
        if op[0] == "put" && row["out"]["error"].is_string() {
            refused_there.insert(op[1].as_str().unwrap().to_owned());
        }
    }
    // A second handle sees what the first one wrote.
    let second = open_with(&root, FsOptions::new().with_read_only(true)).await;
    for store in [&store, &second] {
        for row in scenario["queries"].as_array().unwrap() {
            check_query(name, store, row, &model, &refused_there).await;
        }
    }
    check_tree(scenario, &root, fault.is_some_and(|(_, _, tree, _)| *tree));
    let outside: Vec<_> = plain_tree(folder.path())
        .into_keys()
        .filter(|path| !path.starts_with("x/y/root"))
        .collect();
    assert_eq!(
        outside,
        [Path::new("x"), Path::new("x/y")],
        "{name}: something left the root"
    );
}

async fn check_query(
    name: &str,
    store: &FsDatastore,
    row: &Value,
    model: &Model,
    refused_there: &BTreeSet<String>,
) {
    let query = query_of(&row["q"]);
    let entries: Vec<_> = store.query(query.clone()).try_collect().await.unwrap();
    let mut found: Vec<(String, Vec<u8>)> = entries
        .into_iter()
        .map(|entry| (entry.key.to_string(), entry.into_value().to_vec()))
        .collect();
    let keys: Vec<_> = store
        .query(query.clone().keys_only())
        .try_collect()
        .await
        .unwrap();
    let mut keys: Vec<String> = keys
        .into_iter()
        .map(|entry| entry.key.to_string())
        .collect();
    let mut expected: Vec<String> = row["expect"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key.as_str().unwrap().to_owned())
        .collect();
    if query.orders.is_empty() {
        let missing = refused_there
            .iter()
            .filter(|key| model.0.contains_key(*key) && query.covers(&Key::new(key)));
        expected.extend(missing.cloned());
        if name == "batch delete then put" {
            expected.push("/a".into());
        }
        expected.sort();
        expected.dedup();
        found.sort();
        keys.sort();
    }
    let expected: Vec<_> = expected
        .into_iter()
        .map(|key| (key.clone(), model.0[&key].clone()))
        .collect();
    assert_eq!(found, expected, "{name}: query {}", row["q"]);
    assert!(
        keys.iter().eq(expected.iter().map(|(key, _)| key)),
        "{name}: keys of query {}: {keys:?}",
        row["q"]
    );
}

/// The folder looks as the JavaScript store left it; where a fault changes that, at least no file is another's.
fn check_tree(scenario: &Value, root: &Path, differs: bool) {
    let name = &scenario["name"];
    let found = plain_tree(root);
    let mut expected: BTreeMap<_, _> = scenario["tree"]["files"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, contents)| (path.into(), Some(unhex(contents.as_str().unwrap()))))
        .collect();
    expected.extend(
        scenario["tree"]["dirs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|path| (path.as_str().unwrap().into(), None)),
    );
    if differs {
        assert_ne!(found, expected, "{name}: the table of faults is wrong");
        return;
    }
    assert_eq!(found, expected, "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scenarios() {
    let vectors = vectors("datastore-fs.json");
    let mut checked = BTreeSet::new();
    for scenario in vectors["scenarios"].as_array().unwrap() {
        // Those with other stores on top need those stores.
        if scenario["opts"]["shard"].is_string() || scenario["opts"]["namespace"].is_string() {
            continue;
        }
        check_scenario(scenario, Blocking::Never).await;
        check_scenario(scenario, Blocking::Inline).await;
        checked.insert(scenario["name"].as_str().unwrap());
    }
    let listed: Vec<_> = FAULTS
        .iter()
        .map(|(name, ..)| *name)
        .filter(|name| !checked.contains(name))
        .collect();
    assert!(
        listed.is_empty(),
        "faults of scenarios that are gone: {listed:?}"
    );
}

/// Every folder that the JavaScript store wrote opens, and shows the keys that it shows, and those that it should.
#[tokio::test(flavor = "multi_thread")]
async fn folders_written_by_javascript() {
    let vectors = vectors("datastore-fs.json");
    for scenario in vectors["scenarios"].as_array().unwrap() {
        let folder = tempfile::tempdir().unwrap();
        for (path, contents) in scenario["tree"]["files"].as_object().unwrap() {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, unhex(contents.as_str().unwrap())).unwrap();
        }
        let extension = scenario["opts"]["extension"].as_str().unwrap_or(".data");
        let before = plain_tree(folder.path());
        let store = open_with(folder.path(), FsOptions::new().with_extension(extension)).await;
        let mut expected: Vec<(String, String)> = Vec::new();
        for (path, contents) in scenario["tree"]["files"].as_object().unwrap() {
            // The root key's file looks like one that is foreign.
            if let Some(key) = path
                .strip_suffix(extension)
                .filter(|key| !key.is_empty() && !key.ends_with('/'))
            {
                expected.push((format!("/{key}"), contents.as_str().unwrap().to_owned()));
            }
        }
        expected.sort();
        let entries: Vec<_> = store.query(Query::all()).try_collect().await.unwrap();
        let mut found = Vec::new();
        for entry in entries {
            assert_eq!(
                store.get(&entry.key).await.unwrap(),
                entry.value.clone().unwrap()
            );
            found.push((entry.key.to_string(), hex(&entry.into_value())));
        }
        found.sort();
        assert_eq!(found, expected, "{}", scenario["name"]);
        assert_eq!(
            plain_tree(folder.path()),
            before,
            "{}: opening and reading changed files",
            scenario["name"]
        );
    }
}

/// What opening does with a folder that is there or not. A file in place of the folder is refused, which JavaScript forgets.
#[tokio::test(flavor = "multi_thread")]
async fn opening() {
    let vectors = vectors("datastore-fs.json");
    for row in vectors["open"].as_array().unwrap() {
        // A store that is not open cannot be used, by its type.
        let Some(init) = row["init"].as_object() else {
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/store");
        let is_file = row["exists"] == "file";
        if is_file {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "mine").unwrap();
        } else if row["exists"] == true {
            std::fs::create_dir_all(&path).unwrap();
        }
        let flag = |name: &str, default| init.get(name).and_then(Value::as_bool).unwrap_or(default);
        let options = FsOptions::new()
            .with_create_if_missing(flag("createIfMissing", true))
            .with_error_if_exists(flag("errorIfExists", false));
        let outcome = match FsDatastore::open(&path, options).await {
            Ok(_) => json!("ok"),
            Err(error) => {
                assert!(
                    error.path().is_some() && error.remedy().is_some(),
                    "{error}"
                );
                assert!(!is_file || error.kind() == ErrorKind::Foreign, "{error}");
                json!({"error": error.js_name()})
            }
        };
        let expected = if is_file {
            &json!({"error": "OpenFailedError"})
        } else {
            &row["out"]
        };
        assert_eq!(outcome, *expected, "{row}");
        assert_eq!(path.is_dir(), row["folder_after"] == true, "{row}");
        if is_file {
            assert_eq!(std::fs::read(&path).unwrap(), b"mine");
        }
    }
}
