//! Fixtures: where they are, what they hold, and copies to be changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use datastore_leveldb::{LevelDatastore, LevelOptions};
use futures::TryStreamExt;
use interface_datastore::{
    Datastore, DatastoreExt, Finding, Key, MaintainOptions, Maintenance, MaintenanceEvent, Query,
    Result,
};
use pollster::block_on;
use tempfile::TempDir;

/// What a database holds, by key.
pub(crate) type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

pub(crate) const ALL: &[&str] = &[
    "compacted",
    "empty",
    "foreign_keys",
    "goleveldb/filters",
    "goleveldb/kubo",
    "goleveldb/levels_plain",
    "goleveldb/levels_snappy",
    "goleveldb/log",
    "goleveldb/recovered",
    "goleveldb/transaction",
    "killed",
    "large_values",
    "log",
    "long_records",
    "tables_snappy",
];

pub(crate) fn fixture(name: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    own.join(name)
}

/// What a fixture holds as its writer tells, keys of no datastore included.
pub(crate) fn written(name: &str) -> Contents {
    let text = fs::read_to_string(fixture(&format!("{name}.json"))).unwrap();
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    let entries = told["entries"].as_object().unwrap().iter();
    let value = |value: &serde_json::Value| {
        let times = usize::try_from(value["times"].as_u64().unwrap()).unwrap();
        value["text"].as_str().unwrap().repeat(times).into_bytes()
    };
    entries
        .map(|(key, told)| (key.clone().into_bytes(), value(told)))
        .collect()
}

/// What a fixture holds for a datastore.
pub(crate) fn expected(name: &str) -> Contents {
    let mut contents = written(name);
    contents.retain(|key, _| key.starts_with(b"/"));
    contents
}

/// A copy of a fixture in a folder of its own.
pub(crate) fn copy(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}

pub(crate) fn open(path: &Path, options: LevelOptions) -> Result<LevelDatastore> {
    block_on(LevelDatastore::open(path, options))
}

/// Everything that a query gives, in its order.
pub(crate) fn listed(store: &LevelDatastore, query: Query) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let entries = store.query(query).try_collect::<Vec<_>>();
    let pair = |entry: interface_datastore::Entry| {
        let key = entry.key.as_bytes().to_vec();
        (key, entry.into_value().to_vec())
    };
    Ok(block_on(entries)?.into_iter().map(pair).collect())
}

pub(crate) fn findings(store: &LevelDatastore, scope: &Key) -> Result<Vec<Finding>> {
    let events = store.maintain_opts(Maintenance::Check, scope, MaintainOptions::default());
    let events: Vec<_> = block_on(events.try_collect())?;
    let finding = |event| match event {
        MaintenanceEvent::Finding(finding) => Some(finding),
        _ => None,
    };
    Ok(events.into_iter().filter_map(finding).collect())
}

/// The codes of what a check finds.
pub(crate) fn codes(store: &LevelDatastore) -> Vec<String> {
    let found = findings(store, &Key::root()).unwrap();
    found.into_iter().map(|finding| finding.code).collect()
}
