//! Folders of npm `ShardingDatastore` over `datastore-fs`: recognised, imported, adopted, and shared.
//!
//! `cargo xtask peers` runs these tests; anywhere else they are listed as ignored.
#![allow(
    clippy::print_stderr,
    reason = "a test program's notes go to its terminal"
)]

#[path = "suite/common/hex.rs"]
mod hex;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use datastore_flatfs::{FlatfsDatastore, FlatfsOptions, ShardFunction, convert};
use futures::TryStreamExt;
use interface_datastore::{DatastoreExt, ErrorKind, Key, Query};
use libtest_mimic::{Arguments, Trial};
use pollster::block_on;
use serde_json::{Value, json};

use crate::hex::{hex, unhex};

type Contents = BTreeMap<String, Vec<u8>>;

const FUNCTIONS: &[&str] = &[
    "/repo/flatfs/shard/v1/next-to-last/2",
    "/repo/flatfs/shard/v1/suffix/3",
    "/repo/flatfs/shard/v1/prefix/2",
];

/// Has the JavaScript store write and delete; gives what it then holds.
fn javascript(folder: &Path, shard: &str, puts: &Contents, deletes: &[&str]) -> Contents {
    let modules = std::env::var_os("RS_STORES_PEERS_MODULES")
        .expect("RS_STORES_PEERS_MODULES names a folder node_modules");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/sharded.mjs");
    let puts: Vec<_> = puts
        .iter()
        .map(|(key, value)| json!([key, hex(value)]))
        .collect();
    let asked = json!({"folder": folder, "shard": shard, "puts": puts, "deletes": deletes});
    let output = Command::new("node")
        .args([script.as_os_str(), &modules])
        .arg(asked.to_string())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{shard}: node ended with {}",
        output.status
    );
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let pair = |pair: &Value| {
        let text = |at: usize| pair[at].as_str().unwrap().to_owned();
        (text(0), unhex(&text(1)))
    };
    told["pairs"].as_array().unwrap().iter().map(pair).collect()
}

/// Keys that flatfs takes: of a block, of ordinary length, and the shortest.
fn blocks(byte: u8) -> Contents {
    let keys = [
        "/CIQLSTJHXGJU2PQIUUXFFV62PWV7VREE57RXUU4A52IIR55M4LX432I",
        "/QUUX",
        "/AB-C_D=E+",
        "/ABC",
        "/AB",
        "/A",
    ];
    let pair = |(at, key): (usize, &&str)| ((*key).to_owned(), vec![byte; at]);
    let mut blocks: Contents = keys.iter().enumerate().map(pair).collect();
    // The key of the first is the hash of this.
    blocks.insert(keys[0].to_owned(), b"hello world".to_vec());
    blocks
}

fn open(folder: &Path) -> FlatfsDatastore {
    block_on(FlatfsDatastore::open(folder, FlatfsOptions::new())).unwrap()
}

fn contents(store: &FlatfsDatastore) -> Contents {
    let entries: Vec<_> = block_on(store.query(Query::all()).try_collect()).unwrap();
    let held: Contents = entries
        .into_iter()
        .map(|entry| (entry.key.to_string(), entry.into_value().to_vec()))
        .collect();
    for (key, value) in &held {
        assert_eq!(
            block_on(store.get(&Key::new(key))).unwrap(),
            *value,
            "{key}"
        );
    }
    held
}

/// Counts what is left out.
fn watch(left_out: &mut Vec<String>) -> impl FnMut(convert::Event<'_>) -> ControlFlow<()> {
    |event| {
        if let convert::Event::LeftOut { path, .. } = event {
            left_out.push(path.display().to_string());
        }
        ControlFlow::Continue(())
    }
}

fn recognised() {
    for shard in FUNCTIONS {
        let folder = tempfile::tempdir().unwrap();
        let held = javascript(folder.path(), shard, &blocks(1), &[]);
        let opened = block_on(FlatfsDatastore::open(folder.path(), FlatfsOptions::new()));
        let error = opened.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Foreign, "{error}");
        assert!(
            error.remedy().is_some_and(|text| text.contains("import")),
            "{error}"
        );
        // It still is theirs.
        assert_eq!(
            javascript(folder.path(), shard, &Contents::new(), &[]),
            held
        );
    }
}

fn imported() {
    for shard in FUNCTIONS {
        for wanted in [None, Some(ShardFunction::next_to_last(3).unwrap())] {
            let folder = tempfile::tempdir().unwrap();
            let (from, to) = (folder.path().join("js"), folder.path().join("flatfs"));
            let mut given = blocks(2);
            let strange = ["/lower", "/A/B", "/with space", "/.dot"];
            given.extend(strange.map(|key| (key.to_owned(), b"strange".to_vec())));
            let held = javascript(&from, shard, &given, &["/ABC"]);
            given.remove("/ABC");
            let mut options = FlatfsOptions::new();
            if let Some(wanted) = wanted {
                options = options.with_shard(wanted);
            }
            let mut left_out = Vec::new();
            let done = convert::import_javascript(&from, &to, &options, &mut watch(&mut left_out));
            let done = done.unwrap();
            let store = open(&to);
            let mut expected = given.clone();
            expected.retain(|key, _| !strange.contains(&key.as_str()));
            assert_eq!(contents(&store), expected, "{shard}");
            assert_eq!(done.values, expected.len() as u64, "{shard}: {left_out:?}");
            assert_eq!(done.left_out, left_out.len() as u64);
            assert!(
                left_out.iter().any(|path| path.contains("lower")),
                "{left_out:?}"
            );
            block_on(store.close()).unwrap();
            // Once more, nothing is left to do; the source is as it was.
            let again =
                convert::import_javascript(&from, &to, &options, &mut watch(&mut Vec::new()));
            let again = again.unwrap();
            assert_eq!(
                (again.values, again.unchanged),
                (0, expected.len() as u64),
                "{shard}"
            );
            assert_eq!(
                javascript(&from, shard, &Contents::new(), &[]),
                held,
                "{shard}"
            );
        }
    }
}

fn adopted() {
    for shard in FUNCTIONS {
        for wanted in [None, Some(ShardFunction::suffix(1).unwrap())] {
            let folder = tempfile::tempdir().unwrap();
            javascript(folder.path(), shard, &blocks(3), &["/A"]);
            let mut expected = blocks(3);
            expected.remove("/A");
            let mut options = FlatfsOptions::new();
            if let Some(wanted) = wanted {
                options = options.with_shard(wanted);
            }
            let adopted =
                convert::adopt_javascript(folder.path(), &options, &mut watch(&mut Vec::new()));
            adopted.unwrap();
            let store = open(folder.path());
            let function = wanted.unwrap_or_else(|| shard.parse().unwrap());
            assert_eq!(store.shard(), function);
            assert_eq!(contents(&store), expected, "{shard}");
            block_on(store.put(&Key::new("/NEWKEY"), "new")).unwrap();
            block_on(store.close()).unwrap();
        }
    }
}

/// A key that flatfs cannot hold keeps the folder theirs.
fn not_adopted() {
    let folder = tempfile::tempdir().unwrap();
    let mut given = blocks(4);
    given.insert("/lower/case".to_owned(), b"strange".to_vec());
    let held = javascript(folder.path(), FUNCTIONS[0], &given, &[]);
    let options = FlatfsOptions::new();
    let adopted = convert::adopt_javascript(folder.path(), &options, &mut watch(&mut Vec::new()));
    let error = adopted.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Foreign, "{error}");
    assert!(error.path().is_some(), "{error}");
    assert_eq!(
        javascript(folder.path(), FUNCTIONS[0], &Contents::new(), &[]),
        held
    );
}

/// JavaScript that is told the function of one of our directories finds and changes what is there, as we do.
fn shared() {
    // The functions of JavaScript see the slash of a key, too: those of long keys' ends give the same folders.
    let shard = FUNCTIONS[0];
    let folder = tempfile::tempdir().unwrap();
    let options = FlatfsOptions::new().with_shard(shard.parse().unwrap());
    let store = block_on(FlatfsDatastore::open(folder.path(), options)).unwrap();
    let mut held = blocks(5);
    held.retain(|key, _| key.len() > 3);
    for (key, value) in &held {
        block_on(store.put(&Key::new(key), value.clone())).unwrap();
    }
    block_on(store.close()).unwrap();
    let theirs = Contents::from([
        ("/QUUX".to_owned(), b"theirs".to_vec()),
        ("/NEWKEY".to_owned(), vec![9; 99]),
    ]);
    held.extend(theirs.clone());
    held.remove("/ABC");
    let found = javascript(folder.path(), shard, &theirs, &["/ABC"]);
    let of_blocks = |contents: &Contents| -> Contents {
        let plain = contents.iter().filter(|(key, _)| held.contains_key(*key));
        plain
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    assert_eq!(of_blocks(&found), held);
    assert_eq!(contents(&open(folder.path())), held);
}

const TESTS: &[(&str, fn())] = &[
    ("peers_folders_are_recognised", recognised),
    ("peers_folders_are_imported", imported),
    ("peers_folders_are_adopted", adopted),
    (
        "peers_folders_with_strange_keys_are_not_adopted",
        not_adopted,
    ),
    ("peers_folders_are_shared", shared),
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
