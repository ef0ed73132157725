//! The queries of `datastore-queries.json` against every pair of wrappers of a memory store.
//!
//! Loaded through the pair, they must answer as a plain memory store loaded with the same entries does; and that one, if
//! it was loaded with all of them, as the vectors say.

use std::{collections::BTreeSet, sync::Arc};

use datastore_core::MemoryDatastore;
use futures::TryStreamExt;
use interface_datastore::{Datastore, DatastoreExt, ErrorKind, Key};
use pollster::block_on;
use serde_json::Value;

use crate::{
    queries::{hex, index, key, query, text},
    vectors,
    wrappers::WRAPPERS,
};

/// Puts the data set into both; how many entries the pair has no place for.
async fn load(vectors: &Value, pair: &dyn Datastore, plain: &MemoryDatastore) -> usize {
    let mut refused = 0;
    for record in vectors["dataset"].as_array().expect("a list") {
        let (key, value) = (key(&record[0]), hex(record[1].as_str().expect("text")));
        match pair.put(&key, value.clone()).await {
            Ok(_) => drop(plain.put(&key, value).await.expect("memory takes all")),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidKey, "{error}");
                refused += 1;
            }
        }
    }
    refused
}

async fn keys(store: &dyn Datastore, asked: &Value) -> Vec<Key> {
    let found = store.query(query(asked)).try_collect::<Vec<_>>().await;
    let found = found.expect("a query of memory works");
    found.into_iter().map(|entry| entry.key).collect()
}

async fn check_row(name: &str, row: &Value, asked: &Value, found: Vec<Key>, plain: Vec<Key>) {
    let context = format!("{name}: query {asked}");
    match text(row, "order") {
        "count" => assert_eq!(found.len(), plain.len(), "{context}"),
        "set" => {
            let set = |keys: &[Key]| keys.iter().cloned().collect::<BTreeSet<_>>();
            assert_eq!(found.len(), plain.len(), "{context}: listed twice");
            assert_eq!(set(&found), set(&plain), "{context}");
        }
        _ => assert_eq!(found, plain, "{context}"),
    }
}

async fn check(vectors: &Value, name: &str, pair: Arc<dyn Datastore>) {
    let plain = MemoryDatastore::new();
    let refused = load(vectors, &pair, &plain).await;
    for row in vectors["store: memory"]
        .as_array()
        .expect("a list")
        .iter()
        .skip(1)
    {
        let asked = &vectors["queries"][index(&row["q"])];
        let answer = keys(&plain, asked).await;
        if refused == 0 {
            let told = row["expect"]
                .as_array()
                .map_or_else(|| row["expect"].as_u64(), |keys| Some(keys.len() as u64));
            assert_eq!(Some(answer.len() as u64), told, "memory: query {asked}");
        }
        check_row(name, row, asked, keys(&pair, asked).await, answer).await;
    }
}

#[test]
fn every_pair_answers_as_memory_does() {
    let vectors = vectors::read("datastore-queries.json");
    // Nothing can be loaded through a view that refuses writes.
    let writable = || WRAPPERS.iter().filter(|(name, _)| *name != "read_only");
    for (outer_name, outer) in writable() {
        for (inner_name, inner) in writable() {
            let name = format!("{outer_name} over {inner_name}");
            block_on(check(
                &vectors,
                &name,
                outer(&inner(&MemoryDatastore::new())),
            ));
        }
    }
}
