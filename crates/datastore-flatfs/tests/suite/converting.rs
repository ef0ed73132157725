//! Conversions that are cut short: no program takes the half for the whole, and running on does the rest.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use datastore_files::Fs;
use datastore_files::sim::PowerLossFs;
use datastore_flatfs::{Blocking, FlatfsDatastore, FlatfsOptions, ShardFunction, convert};
use futures::TryStreamExt;
use interface_datastore::{DatastoreExt, Durability, ErrorKind, Key, Query};
use interface_datastore_tests::runs;

const ROOT: &str = "/store";

fn options(fs: impl Fs) -> FlatfsOptions {
    FlatfsOptions::new()
        .with_blocking(Blocking::Inline)
        .with_fs(Arc::new(fs))
}

fn go_on(_: convert::Event<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

async fn contents(store: &FlatfsDatastore) -> BTreeMap<String, Vec<u8>> {
    let entries: Vec<_> = store.query(Query::all()).try_collect().await.unwrap();
    entries
        .into_iter()
        .map(|entry| (entry.key.to_string(), entry.into_value().to_vec()))
        .collect()
}

/// A store with values that are durable.
async fn filled(fs: &PowerLossFs) -> BTreeMap<String, Vec<u8>> {
    let store = FlatfsDatastore::open(ROOT, options(fs.clone()).with_durability(Durability::Power));
    let store = store.await.unwrap();
    for at in 0..12_u8 {
        let key = Key::new(format!(
            "/KEY{at}{}X",
            if at % 2 == 0 { "AB" } else { "CD" }
        ));
        store
            .put(&key, vec![at; 100 * usize::from(at)])
            .await
            .unwrap();
    }
    let held = contents(&store).await;
    assert_eq!(held.len(), 12);
    store.close().await.unwrap();
    held
}

/// Opens what a cut left, having finished what was begun, if anything was.
async fn opened_after(fs: PowerLossFs, place: &str) -> FlatfsDatastore {
    match FlatfsDatastore::open(ROOT, options(fs.clone())).await {
        Ok(store) => store,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Foreign, "{place}: {error}");
            assert!(
                error.remedy().is_some_and(|text| text.contains("resume")),
                "{place}: {error}"
            );
            convert::resume(Path::new(ROOT), &options(fs.clone()), &mut go_on)
                .unwrap_or_else(|error| panic!("{place}: {error}"));
            let opened = FlatfsDatastore::open(ROOT, options(fs)).await;
            opened.unwrap_or_else(|error| panic!("{place}: {error}"))
        }
    }
}

#[tokio::test]
async fn re_sharding_cut_at_every_moment() {
    let fs = PowerLossFs::new();
    let held = filled(&fs).await;
    let from = ShardFunction::default();
    let to = ShardFunction::prefix(4).unwrap();
    let start = fs.history_len();
    let done = convert::reshard(Path::new(ROOT), to, &options(fs.clone()), &mut go_on).unwrap();
    assert_eq!(done.values, 12);
    let (mut before, mut after) = (0, 0);
    for cut in start..=fs.history_len() {
        let power = fs.power_cut(cut);
        let mut left = vec![PowerLossFs::from_image(&power.survivor())];
        let states = power.states(cut as u64, usize::try_from(runs(40)).unwrap());
        left.extend(states.into_iter().map(|state| state.mount()));
        for (at, left) in left.into_iter().enumerate() {
            let place = format!("cut {cut}, state {at}");
            let store = opened_after(left, &place).await;
            let found = contents(&store).await;
            assert!(found == held, "{place}: {:?}", found.keys());
            assert!(
                [from, to].contains(&store.shard()),
                "{place}: {}",
                store.shard()
            );
            before += usize::from(store.shard() == from);
            after += usize::from(store.shard() == to);
            for (key, value) in &held {
                assert_eq!(
                    store.get(&Key::new(key)).await.unwrap(),
                    *value,
                    "{place}: {key}"
                );
            }
        }
    }
    assert!(
        before > 0 && after > 20,
        "{before} before it began, {after} finished"
    );
}

/// Stopped by its caller after each value, it goes on from there.
#[tokio::test]
async fn re_sharding_stopped_again_and_again() {
    let fs = PowerLossFs::new();
    let held = filled(&fs).await;
    let to = ShardFunction::suffix(1).unwrap();
    let one_more = || {
        let mut seen = 0;
        move |event: convert::Event<'_>| match event {
            convert::Event::Progress {
                phase: convert::Phase::Moving,
                done,
                ..
            } if done > 0 => {
                seen += 1;
                if seen > 1 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            }
            _ => ControlFlow::Continue(()),
        }
    };
    let path = Path::new(ROOT);
    let mut outcome = convert::reshard(path, to, &options(fs.clone()), &mut one_more());
    let mut stops = 0;
    while let Err(error) = outcome {
        assert_eq!(error.kind(), ErrorKind::Aborted, "{error}");
        stops += 1;
        assert!(stops < 50, "no end");
        outcome = convert::resume(path, &options(fs.clone()), &mut one_more());
    }
    assert!(stops > 3, "{stops}");
    let store = FlatfsDatastore::open(ROOT, options(fs)).await.unwrap();
    assert_eq!(store.shard(), to);
    assert_eq!(contents(&store).await, held);
}
