//! The vectors of go-ds-flatfs: every record, with a table of where ours is meant to do better.

mod better;
mod interpreter;
mod keys;
mod layout;
mod shard;
mod traces;
mod tree;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::common::vectors;

/// Each section of the vectors, its number of records, and the tests that check them all.
const SECTIONS: &[(&str, usize, &str)] = &[
    ("about", 4, "says what the records mean"),
    ("checkpoint_now", 13, "the unit tests of the module `usage`"),
    ("cli", 21, "datastore-cli"),
    ("combine_accuracy", 25, "the module `layout` here"),
    ("constants", 24, "the module `layout` here"),
    ("folder_estimate", 7, "the unit tests of the module `usage`"),
    ("keys", 52, "the module `keys` here"),
    ("kubo_disk_spec", 29, "datastore-open"),
    ("readme", 6, "the module `layout` here"),
    ("retry", 5, "the module `calls` here"),
    ("shard_dirs", 188, "the module `shard` here"),
    ("shard_parse", 53, "the module `shard` here"),
    ("system_call_order", 13, "the module `calls` here"),
    ("traces", 74, "the module `traces` here"),
];

pub(crate) fn section(name: &str) -> Vec<Value> {
    let records = vectors("flatfs.json")[name].as_array().cloned();
    records.unwrap_or_else(|| panic!("no section {name}"))
}

#[test]
fn every_section_is_known() {
    let vectors = vectors("flatfs.json");
    let found: BTreeSet<(&str, usize)> = vectors
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, records)| {
            let count = records.as_array().map(Vec::len);
            let count = count.or_else(|| records.as_object().map(serde_json::Map::len));
            (name.as_str(), count.unwrap())
        })
        .collect();
    let known = SECTIONS.iter().map(|(name, count, _)| (*name, *count));
    assert_eq!(found, known.collect());
}
