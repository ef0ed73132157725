//! The queries of `vectors/datastore-queries.json` against every composition of stores there.

#[path = "vectors/queries.rs"]
mod queries;
mod vectors;

use std::{collections::BTreeSet, sync::Arc};

use datastore_core::{
    BlackHoleDatastore, KeyTransformDatastore, MemoryDatastore, MountDatastore, NamespaceDatastore,
    ShardingDatastore, TieredDatastore,
    key_transform::{PrefixTransform, from_fns},
    mount::Mount,
};
use futures::TryStreamExt;
use interface_datastore::{Datastore, DatastoreExt, ErrorKind, Key};
use serde_json::Value;

use queries::{hex, index, key, query, text};

/// A store and those that it was made of.
struct Built {
    store: Arc<dyn Datastore>,
    children: Vec<Built>,
}

impl Built {
    fn new(store: &impl Datastore, children: Vec<Built>) -> Self {
        let store = store.handle();
        Self { store, children }
    }

    fn child(&self, path: &[Value]) -> &Arc<dyn Datastore> {
        match path {
            [] => &self.store,
            [first, rest @ ..] => self.children[index(first)].child(rest),
        }
    }
}

fn build(desc: &Value, mounts_strip: bool) -> Built {
    let child = || build(&desc["child"], mounts_strip);
    let prefix = || Key::new(text(desc, "prefix"));
    match text(desc, "type") {
        "memory" => Built::new(&MemoryDatastore::new(), vec![]),
        "black-hole" => Built::new(&BlackHoleDatastore::new(), vec![]),
        "namespace" => {
            let child = child();
            Built::new(
                &NamespaceDatastore::new(&child.store, prefix()),
                vec![child],
            )
        }
        "keytransform" => {
            let child = child();
            Built::new(&transformed(&child.store, &desc["transform"]), vec![child])
        }
        "sharding" => {
            let child = child();
            let shard = text(desc, "fun").parse().unwrap();
            Built::new(&ShardingDatastore::new(&child.store, shard), vec![child])
        }
        "mount" => {
            let (mut mounts, mut children) = (Vec::new(), Vec::new());
            for mount in desc["mounts"].as_array().unwrap() {
                let prefix = Key::new(text(mount, "prefix"));
                let strips = mount["store"]["transform"]["kind"] == "strip-prefix";
                let child = build(&mount["store"], mounts_strip);
                mounts.push(if strips && mounts_strip {
                    Mount::new(prefix, child.child(&[0.into()])).stripped()
                } else {
                    Mount::new(prefix, &child.store)
                });
                children.push(child);
            }
            Built::new(&MountDatastore::new(mounts).unwrap(), children)
        }
        "tiered" => {
            let stores = desc["stores"].as_array().unwrap().iter();
            let children: Vec<_> = stores.map(|store| build(store, mounts_strip)).collect();
            let tiers = children.iter().map(|child| child.store.clone());
            Built::new(&TieredDatastore::new(tiers).unwrap(), children)
        }
        other => panic!("no store of type {other}"),
    }
}

fn transformed(inner: &Arc<dyn Datastore>, transform: &Value) -> KeyTransformDatastore {
    let prefix = || Key::new(text(transform, "prefix"));
    match text(transform, "kind") {
        "prefix" => KeyTransformDatastore::new(inner, PrefixTransform::new(prefix())),
        "strip-prefix" => {
            let (above, below) = (prefix(), prefix());
            // In JavaScript, what is left of the prefix itself is no key.
            let strip = move |key: &Key| key.strip_namespace(&above).filter(|key| !key.is_root());
            KeyTransformDatastore::new(inner, from_fns(strip, move |key| Some(below.child(key))))
        }
        "reverse" => {
            let reverse = |key: &Key| Some(key.reverse());
            KeyTransformDatastore::new(inner, from_fns(reverse, reverse))
        }
        "identity" => {
            let same = |key: &Key| Some(key.clone());
            KeyTransformDatastore::new(inner, from_fns(same, same))
        }
        other => panic!("no transform of kind {other}"),
    }
}

/// Loads the data set through the composition; how many puts were refused for want of a mount and of a name.
async fn load(built: &Built, vectors: &Value, head: &Value, mounts_strip: bool) -> (u64, u64) {
    let mut skip: BTreeSet<Key> = head["skip"].as_array().unwrap().iter().map(key).collect();
    if mounts_strip {
        skip.extend(stripping(&head["desc"]));
    }
    let (mut unmounted, mut nameless) = (0, 0);
    for pair in vectors["dataset"].as_array().unwrap() {
        let name = key(&pair[0]);
        if skip.contains(&name) {
            continue;
        }
        let value = hex(pair[1].as_str().unwrap());
        match built.store.put(&name, value).await {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.js_name(), "PutFailedError");
                match error.kind() {
                    ErrorKind::NoMount => unmounted += 1,
                    ErrorKind::InvalidKey => nameless += 1,
                    _ => panic!("{error}"),
                }
            }
        }
    }
    for record in head["inner"].as_array().unwrap() {
        let child = built.child(record[0].as_array().unwrap());
        let value = hex(record[2].as_str().unwrap());
        child.put(&key(&record[1]), value).await.unwrap();
    }
    (unmounted, nameless)
}

/// The prefixes that mounts of this composition strip: as keys they are roots here, and no keys in JavaScript.
fn stripping(desc: &Value) -> impl Iterator<Item = Key> {
    let mounts = desc["mounts"].as_array().into_iter().flatten();
    let strips = |mount: &&Value| mount["store"]["transform"]["kind"] == "strip-prefix";
    mounts.filter(strips).map(|mount| key(&mount["prefix"]))
}

fn expected(row: &Value, memory: &Value) -> Value {
    if row["expect"] == "memory" {
        memory[index(&row["q"]) + 1]["expect"].clone()
    } else {
        row["expect"].clone()
    }
}

async fn check_row(name: &str, built: &Built, vectors: &Value, row: &Value) {
    let number = index(&row["q"]);
    let asked = &vectors["queries"][number];
    let query = query(asked);
    let expect = expected(row, &vectors["store: memory"]);
    let with_values = built.store.query(query.clone()).try_collect::<Vec<_>>();
    let with_values = with_values.await.unwrap();
    for entry in &with_values {
        let value = built.store.get(&entry.key).await.unwrap();
        assert_eq!(
            Some(&value),
            entry.value.as_ref(),
            "{name}: {:?}",
            entry.key
        );
    }
    let keys: Vec<Key> = built.store.query_keys(query).try_collect().await.unwrap();
    let same: Vec<Key> = with_values.into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, same, "{name}: query {number} with and without values");
    let context = format!("{name}: query {number} {asked}");
    match text(row, "order") {
        "count" => assert_eq!(keys.len() as u64, expect.as_u64().unwrap(), "{context}"),
        "set" => {
            let sorted: BTreeSet<Key> = keys.iter().cloned().collect();
            assert_eq!(sorted.len(), keys.len(), "{context}: listed twice");
            let expect = expect.as_array().unwrap().iter().map(key).collect();
            assert_eq!(sorted, expect, "{context}");
        }
        _ => {
            let expect: Vec<Key> = expect.as_array().unwrap().iter().map(key).collect();
            assert_eq!(keys, expect, "{context}");
        }
    }
}

async fn check(name: &str, rows: &[Value], vectors: &Value, mounts_strip: bool) {
    let (head, rows) = rows.split_first().unwrap();
    let built = build(&head["desc"], mounts_strip);
    let refused = load(&built, vectors, head, mounts_strip).await;
    let count = |error: &str| head["refused"]["names"][error].as_u64().unwrap_or(0);
    let nameless = if mounts_strip { 0 } else { count("Error") };
    assert_eq!(
        refused,
        (count("PutFailedError"), nameless),
        "{name}: refused puts"
    );
    assert_eq!(rows.len(), vectors["queries"].as_array().unwrap().len());
    for row in rows {
        check_row(name, &built, vectors, row).await;
    }
}

#[test]
fn every_composition_answers_as_intended() {
    let vectors = vectors::read("datastore-queries.json");
    let mut stores = 0;
    for (name, rows) in vectors.as_object().unwrap() {
        let Some(name) = name.strip_prefix("store: ") else {
            continue;
        };
        stores += 1;
        let rows = rows.as_array().unwrap();
        pollster::block_on(check(name, rows, &vectors, false));
        // A mount that strips is the same as a mount of a store that strips.
        pollster::block_on(check(name, rows, &vectors, true));
    }
    assert!(stores >= 25, "{stores} compositions");
}
