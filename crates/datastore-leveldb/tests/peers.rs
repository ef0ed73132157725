//! Databases that npm `classic-level` and `datastore-level` write while the test runs: closed, killed, and still open.
//!
//! `cargo xtask peers` runs these tests; anywhere else they are listed as ignored.
#![allow(
    clippy::print_stderr,
    reason = "a test program's notes go to its terminal"
)]

#[path = "peers/node.rs"]
mod node;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use datastore_leveldb::{LevelDatastore, LevelOptions, Lock};
use futures::TryStreamExt;
use interface_datastore::{
    Datastore, DatastoreExt, ErrorKind, Key, MaintainOptions, Maintenance, MaintenanceEvent, Query,
    Result,
};
use libtest_mimic::{Arguments, Trial};
use node::{Contents, Node};
use pollster::block_on;
use serde_json::{Value, json};

const TESTS: &[(&str, fn())] = &[
    ("peers_random_operations", random_operations),
    ("peers_datastore_level", datastore_level),
    ("peers_our_lock_keeps_node_away", our_lock_keeps_node_away),
    ("peers_beside_a_writer", beside_a_writer),
];

fn main() -> ExitCode {
    let enabled = std::env::var_os("RS_STORES_PEERS").is_some_and(|value| value == "1");
    if !enabled {
        eprintln!("0 peers run: `cargo xtask peers` runs them with Node.js and the npm packages");
    }
    let trial = |(name, test): &(&str, fn())| {
        let test = *test;
        let run = move || {
            test();
            Ok(())
        };
        Trial::test(*name, run).with_ignored_flag(!enabled)
    };
    libtest_mimic::run(&Arguments::from_args(), TESTS.iter().map(trial).collect()).exit_code()
}

fn open(folder: &Path, lock: Lock) -> Result<LevelDatastore> {
    block_on(LevelDatastore::open(
        folder,
        LevelOptions::new().with_lock(lock),
    ))
}

fn listed(store: &LevelDatastore, query: Query) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let entries: Vec<_> = block_on(store.query(query).try_collect())?;
    let pair = |entry: interface_datastore::Entry| {
        (entry.key.as_bytes().to_vec(), entry.into_value().to_vec())
    };
    Ok(entries.into_iter().map(pair).collect())
}

/// Checks that everything is there, both ways and by key, and that nothing is damaged.
fn check(folder: &Path, expected: &Contents, context: &Value) {
    let store = open(folder, Lock::Respect).unwrap_or_else(|error| panic!("{context}: {error}"));
    let up = listed(&store, Query::all()).unwrap();
    assert!(up.iter().map(|(k, v)| (k, v)).eq(expected), "{context}");
    let down = listed(&store, Query::all().reversed()).unwrap();
    assert!(
        down.iter().map(|(k, v)| (k, v)).eq(expected.iter().rev()),
        "{context}"
    );
    let keys = expected.keys().map(|key| Key::raw(key).unwrap());
    let keys: Vec<_> = keys.collect();
    let many: Vec<_> = block_on(store.get_many(keys).try_collect()).unwrap();
    assert!(
        many.into_iter()
            .map(|entry| entry.into_value().to_vec())
            .eq(expected.values().cloned())
    );
    let events = store.maintain_opts(Maintenance::Check, &Key::root(), MaintainOptions::default());
    let events: Vec<_> = block_on(events.try_collect()).unwrap();
    for event in events {
        if let MaintenanceEvent::Finding(finding) = event {
            // A library that was killed may leave tables behind.
            assert_eq!(finding.code, "unused-table", "{context}: {finding:?}");
        }
    }
}

fn random_operations() {
    let tables = json!({ "writeBufferSize": 65536, "blockSize": 700, "maxFileSize": 1 << 20 });
    let plain =
        json!({ "writeBufferSize": 65536, "compression": false, "blockRestartInterval": 3 });
    for (seed, options) in [(1, json!({})), (2, tables), (3, plain)] {
        let folder = tempfile::tempdir().unwrap();
        let mut node = Node::open(folder.path(), &options).unwrap();
        node.ask(json!(["write", seed, 800]));
        let context = json!([seed, options]);

        // Refused while it is open, and the error names the process.
        let error = open(folder.path(), Lock::Respect).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
        if cfg!(target_os = "linux") {
            let holder = format!("process {} (", node.id());
            assert!(error.to_string().contains(&holder), "{error}");
        }
        let first = node.all();
        node.kill();
        check(folder.path(), &first, &context);

        // We have changed nothing, so it goes on where it was.
        let mut node = Node::open(folder.path(), &options).unwrap();
        assert_eq!(node.all(), first, "{context}");
        node.ask(json!(["write", seed + 10, 300]));
        let second = node.all();
        node.close();
        check(folder.path(), &second, &context);

        let mut node = Node::open(folder.path(), &options).unwrap();
        node.ask(json!(["compact"]));
        node.close();
        check(folder.path(), &second, &context);
    }
}

fn datastore_level() {
    let folder = tempfile::tempdir().unwrap();
    let options = json!({ "compression": false });
    let mut node = Node::open(folder.path(), &options).unwrap();
    node.ask(json!(["datastore", 7, 500]));
    let expected = node.all();
    node.close();
    check(folder.path(), &expected, &options);
}

fn our_lock_keeps_node_away() {
    let folder = tempfile::tempdir().unwrap();
    let options = json!({});
    let mut node = Node::open(folder.path(), &options).unwrap();
    node.ask(json!(["write", 5, 20]));
    node.close();
    if cfg!(target_os = "linux") {
        let store = open(folder.path(), Lock::Hold).unwrap();
        let refused = Node::open(folder.path(), &options)
            .err()
            .expect("node is kept away");
        assert!(refused.contains("LOCK"), "{refused}");
        block_on(store.close()).unwrap();
    }
    // A store that only respects the lock keeps nobody away.
    let store = open(folder.path(), Lock::Respect).unwrap();
    Node::open(folder.path(), &options).unwrap().close();
    drop(store);
}

/// While Node writes one number to forty keys at once, what is read is of one moment, or an error that says why not.
fn beside_a_writer() {
    let folder = tempfile::tempdir().unwrap();
    let options = json!({ "writeBufferSize": 1 << 18 });
    let mut node = Node::open(folder.path(), &options).unwrap();
    node.ask(json!(["count"]));
    let (mut whole, mut numbers) = (0, BTreeSet::new());
    for round in 0..300 {
        let read = open(folder.path(), Lock::Ignore);
        match read.and_then(|store| listed(&store, Query::within(Key::new("/count")))) {
            Ok(entries) => {
                let values: BTreeSet<_> = entries.iter().map(|(_, value)| value.clone()).collect();
                assert!(values.len() <= 1, "round {round}: {} numbers", values.len());
                assert!(
                    [0, 40].contains(&entries.len()),
                    "round {round}: {}",
                    entries.len()
                );
                whole += usize::from(entries.len() == 40);
                numbers.extend(values);
            }
            Err(error) => {
                let kinds = [ErrorKind::Failed, ErrorKind::Unavailable];
                assert!(kinds.contains(&error.kind()), "round {round}: {error:?}");
            }
        }
    }
    node.ask(json!(["stop"]));
    assert!(
        whole > 0 && numbers.len() > 1,
        "{whole} whole of {} numbers",
        numbers.len()
    );
    let expected = node.all();
    node.close();
    check(folder.path(), &expected, &options);
}
