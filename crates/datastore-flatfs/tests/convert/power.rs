//! Conversions cut short by a loss of power at every moment: what the disk may hold then is gone on with.

use std::path::Path;
use std::sync::Arc;

use datastore_files::sim::PowerLossFs;
use datastore_files::{Change, Contents, Fs, Replace, Safety, Tree};
use datastore_flatfs::{FlatfsDatastore, FlatfsOptions, convert};
use interface_datastore::{DatastoreExt, Durability, Error, ErrorKind, Key};
use interface_datastore_tests::runs;
use pollster::block_on;

use crate::directory::{function, go_on, keys, options};

fn on(fs: &PowerLossFs) -> FlatfsOptions {
    options()
        .with_fs(Arc::new(fs.clone()))
        .with_durability(Durability::Power)
}

/// A store at `path` with these keys, whose values are the keys.
fn store(fs: &PowerLossFs, path: &str, shard: &str, keys: &[String]) {
    block_on(async {
        let options = on(fs).with_shard(function(shard));
        let store = FlatfsDatastore::open(path, options).await.unwrap();
        for key in keys {
            store.put(&Key::new(key), key.clone()).await.unwrap();
        }
        store.close().await.unwrap();
    });
}

/// A folder as the JavaScript store leaves it.
fn javascript(fs: &PowerLossFs, path: &str, keys: &[String]) {
    fs.create_root(Path::new(path)).unwrap();
    let tree = Tree::open(
        Arc::new(fs.clone()),
        Path::new(path),
        Path::new(".datastore/tmp"),
    )
    .unwrap();
    let marker = (
        "SHARDING.data".to_owned(),
        "/repo/flatfs/shard/v1/prefix/5\n".to_owned(),
    );
    let values = keys
        .iter()
        .map(|key| (format!("{}/{key}.data", &key[..4]), key.clone()));
    let changes = values.chain([marker]).map(|(path, text)| Change::Write {
        path: path.into(),
        contents: Contents::Bytes(text.into()),
        replace: Replace::Yes,
        obsolete: None,
    });
    for outcome in tree.apply(changes.collect(), Safety::Power) {
        outcome.unwrap();
    }
}

/// Runs a conversion, and hands every state that a cut may leave to `after`.
fn at_every_moment(
    fs: &PowerLossFs,
    run: impl Fn(&PowerLossFs) -> Result<(), Error>,
    after: impl Fn(&PowerLossFs, &str),
) {
    let start = fs.history_len();
    run(fs).unwrap();
    let moments = start..=fs.history_len();
    assert!(moments.clone().count() > 20);
    let most = usize::try_from(runs(40)).unwrap();
    for cut in moments {
        let power = fs.power_cut(cut);
        let mut left = vec![PowerLossFs::from_image(&power.survivor())];
        left.extend(
            power
                .states(cut as u64, most)
                .into_iter()
                .map(|state| state.mount()),
        );
        for (at, left) in left.iter().enumerate() {
            after(left, &format!("cut {cut}, state {at}"));
        }
    }
}

fn check(fs: &PowerLossFs, path: &str, keys: &[String], place: &str) {
    block_on(async {
        let options = on(fs).with_create_if_missing(false);
        let store = FlatfsDatastore::open(path, options).await;
        let store = store.unwrap_or_else(|error| panic!("{place}: {error}"));
        for key in keys {
            let value = store.get(&Key::new(key)).await;
            let value = value.unwrap_or_else(|error| panic!("{place}: {key}: {error}"));
            assert_eq!(value, key, "{place}");
        }
        store.close().await.unwrap();
    });
}

#[test]
fn moves() {
    let keys = keys(8);
    let fs = PowerLossFs::new();
    store(&fs, "/a", "prefix/3", &keys);
    store(&fs, "/b", "next-to-last/2", &[]);
    let run = |fs: &PowerLossFs| {
        convert::move_store(Path::new("/a"), Path::new("/b"), &on(fs), &mut go_on).map(|_| ())
    };
    at_every_moment(&fs, run, |fs, place| {
        match run(fs) {
            Ok(()) => {}
            // It had come to its end.
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{place}: {error}"),
        }
        check(fs, "/b", &keys, place);
    });
}

#[test]
fn adopting() {
    let keys = keys(8);
    let fs = PowerLossFs::new();
    javascript(&fs, "/s", &keys);
    let run = |fs: &PowerLossFs| {
        convert::adopt_javascript(Path::new("/s"), &on(fs), &mut go_on).map(|_| ())
    };
    at_every_moment(&fs, run, |fs, place| {
        match run(fs) {
            Ok(()) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{place}: {error}"),
        }
        check(fs, "/s", &keys, place);
    });
}

#[test]
fn imports() {
    let keys = keys(8);
    let fs = PowerLossFs::new();
    javascript(&fs, "/js", &keys);
    let run = |fs: &PowerLossFs| {
        convert::import_javascript(Path::new("/js"), Path::new("/s"), &on(fs), &mut go_on)
            .map(|_| ())
    };
    at_every_moment(&fs, run, |fs, place| {
        run(fs).unwrap_or_else(|error| panic!("{place}: {error}"));
        check(fs, "/s", &keys, place);
    });
    // What it said it had done is done.
    for left in fs.crash_states(1, 20) {
        check(&left.mount(), "/s", &keys, "afterwards");
    }
}

/// So many that they are not synced one by one.
#[test]
fn many_folders() {
    let keys = keys(300);
    let fs = PowerLossFs::new();
    store(&fs, "/s", "prefix/1", &keys);
    let to = function("prefix/8");
    let done = convert::reshard(Path::new("/s"), to, &on(&fs), &mut go_on).unwrap();
    assert_eq!(done.values, 300);
    for (at, left) in fs.crash_states(1, 20).iter().enumerate() {
        check(&left.mount(), "/s", &keys, &format!("state {at}"));
    }
}
