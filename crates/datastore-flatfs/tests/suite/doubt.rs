//! What a loss of power tore is never served, and what it cannot have torn never doubted.

use std::path::Path;
use std::sync::Arc;

use datastore_files::sim::PowerLossFs;
use datastore_flatfs::{Blocking, FlatfsDatastore, FlatfsOptions};
use futures::TryStreamExt;
use interface_datastore::Durability::{Ordered, Power, Process};
use interface_datastore::{Datastore, DatastoreExt, Durability, Key, PutOptions, Query};

use crate::common::{block, finish, open_with};

fn options() -> FlatfsOptions {
    FlatfsOptions::new().with_blocking(Blocking::Inline)
}

async fn put(store: &FlatfsDatastore, key: &Key, value: &[u8], durability: Durability) {
    let options = PutOptions::default().with_durability(Some(durability));
    let put = store.put_opts(key, value.to_vec().into(), options);
    put.await.unwrap();
}

fn blocks() -> Vec<(Key, Vec<u8>)> {
    let values = [1, 40, 511, 512, 3000].map(|len| vec![b'v'; len]);
    values.map(|value| (block(&value), value)).into()
}

async fn keys(store: &FlatfsDatastore, query: Query) -> Vec<Key> {
    let entries: Vec<_> = store.query(query).try_collect().await.unwrap();
    let mut keys: Vec<Key> = entries.into_iter().map(|entry| entry.key).collect();
    keys.sort();
    keys
}

/// Every way to ask agrees that a key holds its value, or none.
async fn check(store: &FlatfsDatastore, blocks: &[(Key, Vec<u8>)], when: &str) -> usize {
    let mut there = Vec::new();
    for (key, value) in blocks {
        let got = store.try_get(key).await.unwrap();
        let size = store.metadata(key).await.ok().and_then(|entry| entry.size);
        match &got {
            Some(got) => {
                assert_eq!(got, value, "{when}: {key}");
                assert_eq!(size, Some(value.len() as u64), "{when}: {key}");
                there.push(key.clone());
            }
            None => assert_eq!(size, None, "{when}: {key}"),
        }
        assert_eq!(
            store.has(key).await.unwrap(),
            got.is_some(),
            "{when}: {key}"
        );
    }
    there.sort();
    for query in [
        Query::all(),
        Query::all().keys_only(),
        Query::all().sizes_only(),
    ] {
        assert_eq!(keys(store, query).await, there, "{when}");
    }
    there.len()
}

#[tokio::test]
async fn torn_blocks_are_not_served() {
    let disk = PowerLossFs::new();
    let on = |fs: PowerLossFs| options().with_fs(Arc::new(fs));
    let store = open_with(Path::new("/store"), on(disk.clone())).await;
    for (key, value) in blocks() {
        put(&store, &key, &value, Process).await;
    }
    let (mut torn, mut whole) = (0, 0);
    let cut = disk.power_cut(disk.history_len());
    for (number, state) in cut.states(3, 150).iter().enumerate() {
        let when = format!("state {number}");
        let read_only = on(state.mount()).with_read_only(true);
        if let Ok(store) = FlatfsDatastore::open("/store", read_only).await {
            check(&store, &blocks(), &when).await;
        }
        let store = open_with(Path::new("/store"), on(state.mount())).await;
        check(&store, &blocks(), &when).await;
        assert!(store.looked_over().await, "{when}");
        whole += check(&store, &blocks(), &when).await;
        torn += store.set_aside();
        for (key, value) in blocks() {
            let options = PutOptions::if_absent();
            let there = store.has(&key).await.unwrap();
            let put = store.put_opts(&key, value.into(), options).await;
            assert_eq!(put.is_err(), there, "{when}: {key}");
        }
        assert_eq!(check(&store, &blocks(), &when).await, blocks().len());
    }
    assert!(torn > 20 && whole > 20, "{torn} torn, {whole} whole");
}

#[tokio::test]
async fn a_condition_sees_a_torn_value_as_none() {
    let disk = PowerLossFs::new();
    let on = |fs: PowerLossFs| options().with_fs(Arc::new(fs));
    let store = open_with(Path::new("/store"), on(disk.clone())).await;
    let (key, value) = (block(b"value"), b"value");
    put(&store, &key, value, Process).await;
    for state in disk.power_cut(disk.history_len()).states(3, 50) {
        let store = open_with(Path::new("/store"), on(state.mount())).await;
        // The pass in the background may or may not have come by.
        let there = store.has(&key).await.unwrap();
        let absent = PutOptions::if_absent();
        let put = store.put_opts(&key, value.to_vec().into(), absent).await;
        assert_eq!(put.is_err(), there);
        assert_eq!(store.get(&key).await.unwrap(), &value[..]);
    }
}

/// Values of every kind that were on the disk before they got their names: they stay, whenever the power goes afterwards.
#[tokio::test]
async fn what_was_synced_never_vanishes() {
    let hash_like = block(b"something else");
    let values: [(Key, &[u8]); 5] = [
        (Key::new("/EMPTY"), b""),
        (Key::new("/ZEROS"), &[0; 700]),
        (hash_like, b"named by a hash of something else"),
        (block(b""), b""),
        (block(b"block"), b"block"),
    ];
    for durability in [Ordered, Power] {
        let disk = PowerLossFs::new();
        let on = |fs: PowerLossFs| options().with_fs(Arc::new(fs));
        let store = open_with(Path::new("/store"), on(disk.clone())).await;
        put(&store, &block(b"first"), b"first", Power).await;
        for (key, value) in &values {
            put(&store, key, value, durability).await;
        }
        store.sync(&Key::root()).await.unwrap();
        for state in disk.power_cut(disk.history_len()).states(9, 60) {
            let store = open_with(Path::new("/store"), on(state.mount())).await;
            for looked_over in [false, true] {
                if looked_over {
                    assert!(store.looked_over().await);
                }
                for (key, value) in &values {
                    let got = store.try_get(key).await.unwrap();
                    assert_eq!(
                        got.as_deref(),
                        Some(*value),
                        "{durability}, {looked_over}: {key}"
                    );
                }
            }
        }
    }
}

/// Keys may look like hashes and be names: a store of such is believed.
#[tokio::test]
async fn names_that_look_like_hashes() {
    let disk = PowerLossFs::new();
    let on = |fs: PowerLossFs| options().with_fs(Arc::new(fs));
    let store = open_with(Path::new("/store"), on(disk.clone())).await;
    let records: Vec<_> = (0..20)
        .map(|number| (block(&[number]), format!("record {number}").into_bytes()))
        .collect();
    for (key, value) in &records {
        put(&store, key, value, Power).await;
    }
    for state in disk.power_cut(disk.history_len()).states(1, 5) {
        let store = open_with(Path::new("/store"), on(state.mount())).await;
        assert_eq!(check(&store, &records, "before").await, records.len());
        assert!(store.looked_over().await);
        assert_eq!(check(&store, &records, "after").await, records.len());
        assert_eq!(store.set_aside(), 0);
    }
}

/// While the system runs on, nothing is in doubt, however the process ended.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_killed_process_raises_no_doubt() {
    let home = tempfile::tempdir().unwrap();
    let store = open_with(home.path(), options()).await;
    for (key, value) in blocks() {
        put(&store, &key, &value, Process).await;
    }
    drop(store);
    let store = open_with(home.path(), options()).await;
    assert!(!store.in_doubt());
    assert_eq!(check(&store, &blocks(), "reopened").await, blocks().len());
}

/// Directories of other programs: a block that is empty and should not be counts as not there, and nothing else is doubted.
#[tokio::test]
async fn an_adopted_directory() {
    let home = tempfile::tempdir().unwrap();
    finish(open_with(home.path(), options()).await).await;
    std::fs::remove_file(home.path().join(".flatfs-state")).unwrap();
    let file = |key: &Key, value: &[u8]| {
        let text = key.to_string();
        let name = text.trim_start_matches('/');
        let shard = &name[name.len() - 3..name.len() - 1];
        std::fs::create_dir_all(home.path().join(shard)).unwrap();
        let path = home.path().join(shard).join(format!("{name}.data"));
        std::fs::write(&path, value).unwrap();
        path
    };
    let (torn, wrong, empty) = (block(b"lost"), block(b"edited"), Key::new("/EMPTY"));
    let torn_file = file(&torn, b"");
    file(&wrong, b"other");
    file(&empty, b"");
    file(&block(b""), b"");
    let store = open_with(home.path(), options()).await;
    for _ in 0..2 {
        assert!(store.get(&torn).await.unwrap_err().is_not_found());
        assert_eq!(store.get(&wrong).await.unwrap(), "other");
        assert_eq!(store.get(&empty).await.unwrap(), "");
        assert_eq!(store.get(&block(b"")).await.unwrap(), "");
        assert!(store.looked_over().await);
    }
    assert_eq!(store.set_aside(), 1);
    assert!(!torn_file.exists());
    let aside = torn_file.strip_prefix(home.path()).unwrap();
    assert!(home.path().join(".flatfs-quarantine").join(aside).exists());
    finish(store).await;
    assert!(!open_with(home.path(), options()).await.in_doubt());
}

/// What an earlier user left unsynced is on the disk after a sync, too; what was closed when all was, is not synced again.
#[tokio::test]
async fn a_sync_covers_earlier_users() {
    for close in [true, false] {
        let disk = PowerLossFs::new();
        let on = |fs: PowerLossFs| options().with_fs(Arc::new(fs));
        let store = open_with(Path::new("/store"), on(disk.clone())).await;
        let values = [(Key::new("/NAME"), b"value".to_vec()), blocks().remove(4)];
        for (key, value) in &values {
            put(&store, key, value, Process).await;
        }
        if close {
            finish(store).await;
        } else {
            drop(store);
        }
        let disk = disk.kill();
        let store = open_with(Path::new("/store"), on(disk.clone())).await;
        assert_eq!(store.sync(&Key::root()).await.unwrap(), Power);
        for state in disk.power_cut(disk.history_len()).states(2, 40) {
            let store = open_with(Path::new("/store"), on(state.mount())).await;
            assert!(store.looked_over().await);
            assert_eq!(
                check(&store, &values, "synced").await,
                values.len(),
                "{close}"
            );
        }
        finish(store).await;
        let note = disk.image().read("/store/.flatfs-state").unwrap();
        let note = String::from_utf8(note).unwrap();
        assert!(note.contains("\nsettled\n"), "{note}");
    }
}
