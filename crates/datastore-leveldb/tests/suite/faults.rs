//! A disk that fails: each call fails once in each usual way. What is read is right or an error, and afterwards all is well.

use std::path::Path;
use std::sync::Arc;

use datastore_files::RealFs;
use datastore_files::sim::{ColdCache, Errno, FailAll, FailNth, Fault, FaultyFs, NoFaults, OpKind};
use datastore_leveldb::{LevelDatastore, LevelOptions, Lock};
use futures::TryStreamExt;
use interface_datastore::{
    Datastore, DatastoreExt, Entry, ErrorKind, Key, MaintainOptions, Maintenance, Query, Result,
};
use pollster::block_on;

use crate::common::{Contents, expected, fixture};

fn failing() -> Arc<FaultyFs> {
    Arc::new(FaultyFs::new(Arc::new(RealFs::new()), NoFaults))
}

fn options(fs: &Arc<FaultyFs>) -> LevelOptions {
    LevelOptions::new()
        .with_lock(Lock::Ignore)
        .with_block_cache(0)
        .with_open_tables(1)
        .with_fs(Arc::clone(fs) as _)
}

fn same(entries: Vec<Entry>, expected: &Contents, reverse: bool) {
    let mut found: Vec<_> = entries
        .into_iter()
        .map(|entry| (entry.key.as_bytes().to_vec(), entry.into_value().to_vec()))
        .collect();
    if reverse {
        found.reverse();
    }
    assert!(found.into_iter().eq(expected.clone()));
}

/// Reads in every way; gives the errors. What is read must be right.
async fn read_all(store: &LevelDatastore, expected: &Contents) -> Vec<interface_datastore::Error> {
    let mut errors = Vec::new();
    let mut note = |outcome: Result<()>| errors.extend(outcome.err());
    for (key, value) in expected.iter().step_by(11) {
        let key = Key::raw(key).unwrap();
        let got = store.get(&key).await;
        note(got.map(|got| assert_eq!(got, value[..], "{key}")));
    }
    for reverse in [false, true] {
        let query = if reverse {
            Query::all().reversed()
        } else {
            Query::all()
        };
        let listed: Result<Vec<_>> = store.query(query).try_collect().await;
        note(listed.map(|entries| same(entries, expected, reverse)));
    }
    let events = store.maintain_opts(Maintenance::Check, &Key::root(), MaintainOptions::default());
    note(events.try_collect::<Vec<_>>().await.map(drop));
    note(store.disk_usage().await.map(drop));
    errors
}

#[test]
fn each_call_fails_once() {
    // One in so many, by numbers that meet every place in the code.
    let full = std::env::var("RS_STORES_RUNS").is_ok_and(|runs| runs == "full");
    let step = if full { 1 } else { 37 };
    for name in ["tables_snappy", "killed"] {
        let expected = expected(name);
        let fs = failing();
        let work = || {
            block_on(async {
                let store = LevelDatastore::open(fixture(name), options(&fs)).await?;
                Ok::<_, interface_datastore::Error>(read_all(&store, &expected).await)
            })
        };
        assert!(work().unwrap().is_empty());
        let counts = fs.counts();
        assert!(counts.get(OpKind::Read) > 20, "{name}: {counts:?}");
        for hook in FailNth::matrix(&counts).step_by(step) {
            let about = format!("{name}: {hook:?}");
            fs.set_hook(hook);
            let errors = work().unwrap_or_else(|error| vec![error]);
            for error in errors {
                let kind = error.kind();
                assert!(
                    kind != ErrorKind::NotFound || error.key().is_none(),
                    "{about}: {error:?}"
                );
            }
            fs.set_hook(NoFaults);
            assert!(work().unwrap().is_empty(), "{about}");
        }
    }
}

#[test]
fn an_open_store_survives_a_time_of_failures() {
    let expected = expected("tables_snappy");
    let fs = failing();
    let folder: &Path = &fixture("tables_snappy");
    block_on(async {
        let store = LevelDatastore::open(folder, options(&fs)).await.unwrap();
        for (kind, errno) in [
            (OpKind::Read, Errno::Io),
            (OpKind::OpenFile, Errno::TooManyFiles),
        ] {
            fs.set_hook(FailAll::new(&[kind], Fault::Fail(errno)));
            assert!(!read_all(&store, &expected).await.is_empty(), "{kind:?}");
            fs.set_hook(NoFaults);
            assert!(read_all(&store, &expected).await.is_empty(), "{kind:?}");
        }
    });
}

#[test]
fn short_reads_and_cold_caches_change_nothing() {
    let expected = expected("tables_snappy");
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let fs = failing();
    let read = || {
        runtime.block_on(async {
            let store = LevelDatastore::open(fixture("tables_snappy"), options(&fs))
                .await
                .unwrap();
            read_all(&store, &expected).await
        })
    };
    fs.set_hook(ColdCache);
    assert!(read().is_empty());
    fs.set_hook(FailAll::new(&[OpKind::Read], Fault::Short(100)));
    assert!(read().is_empty());
}

#[test]
fn salvage_passes_over_what_the_disk_cannot_read() {
    let expected = expected("tables_snappy");
    let fs = failing();
    block_on(async {
        let options = options(&fs).with_salvage(true);
        let store = LevelDatastore::open(fixture("tables_snappy"), options)
            .await
            .unwrap();
        let table = FailNth::new(OpKind::Read, 0, Fault::Fail(Errno::Io));
        fs.set_hook(table.and_onwards());
        // Nothing but the log is left, which is in memory.
        let listed: Vec<Entry> = store.query(Query::all()).try_collect().await.unwrap();
        assert!(
            !listed.is_empty() && listed.len() < expected.len(),
            "{}",
            listed.len()
        );
    });
}
