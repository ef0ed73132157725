//! What survives when the process or the power goes, at every moment of a script over all ways to write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datastore_files::Fs;
use datastore_files::sim::PowerLossFs;
use datastore_flatfs::{Blocking, FlatfsDatastore, FlatfsOptions};
use futures::TryStreamExt;
use interface_datastore::{
    Batch, Datastore, DatastoreExt, DeleteOptions, Durability, Key, Maintenance, MaintenanceEvent,
    PutManyOptions, PutOptions, Query, Result, Severity, WriteOptions,
};
use interface_datastore_tests::runs;

use crate::common::block;

const ROOT: &str = "/store";

pub(crate) async fn open_on(fs: impl Fs) -> Result<FlatfsDatastore> {
    // Inline, so that the order of calls is that of the script.
    let options = FlatfsOptions::new().with_blocking(Blocking::Inline);
    FlatfsDatastore::open(ROOT, options.with_fs(Arc::new(fs))).await
}

type Contents = BTreeMap<String, Vec<u8>>;

async fn contents(store: &FlatfsDatastore) -> Contents {
    let entries: Vec<_> = store.query(Query::all()).try_collect().await.unwrap();
    entries
        .into_iter()
        .map(|entry| (entry.key.to_string(), entry.into_value().to_vec()))
        .collect()
}

use Durability::{Ordered, Power, Process};

/// One step: some keys get a value, or none.
#[derive(Debug, Clone)]
struct Step {
    how: How,
    durability: Durability,
    changes: Vec<(Key, Option<Vec<u8>>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Put,
    Delete,
    Batch,
    PutMany,
    Sync,
    /// Closed, and opened by the next user.
    Reopen,
}

/// Keys of one shard and of several, some the hash of their value; new shards, identical and other values, all durabilities.
fn script() -> Vec<Step> {
    let text = |key: &str, value: &str| (Key::new(key), Some(value.as_bytes().to_vec()));
    let gone = |key: &str| (Key::new(key), None);
    let long = |key: &str, byte: u8| (Key::new(key), Some(vec![byte; 9000]));
    let hashed = |value: &str| (block(value.as_bytes()), Some(value.as_bytes().to_vec()));
    let step = |how, durability, changes: &[(Key, Option<Vec<u8>>)]| Step {
        how,
        durability,
        changes: changes.to_vec(),
    };
    vec![
        step(How::Put, Process, &[text("/AAX", "first")]),
        step(How::Put, Power, &[text("/AAX", "second, which is longer")]),
        step(How::Put, Power, &[text("/AAX", "second, which is longer")]),
        step(How::Put, Ordered, &[long("/BBX", 1)]),
        step(How::Put, Ordered, &[long("/BBX", 2)]),
        step(How::Put, Process, &[hashed("a block")]),
        step(How::Put, Process, &[hashed("a block")]),
        step(How::Put, Power, &[hashed("a block")]),
        step(
            How::Batch,
            Process,
            &[
                text("/AAX", "by a batch"),
                text("/CCX", "new"),
                hashed("in a batch"),
            ],
        ),
        step(
            How::Batch,
            Ordered,
            &[text("/AAX", "in order"), gone("/CCX"), long("/DDX", 3)],
        ),
        step(
            How::Batch,
            Power,
            &[text("/AAX", "for good"), text("/CCX", "back"), gone("/BBX")],
        ),
        step(How::Delete, Process, &[gone("/AAX")]),
        step(How::Put, Process, &[text("/AAX", "once more")]),
        step(How::Sync, Power, &[]),
        step(How::Put, Process, &[hashed("before it is closed")]),
        step(How::Put, Process, &[text("/FFX", "before it is closed")]),
        step(How::Reopen, Process, &[]),
        step(How::Put, Process, &[hashed("by the next user")]),
        step(How::Reopen, Process, &[]),
        step(How::Reopen, Process, &[]),
        step(How::Sync, Power, &[]),
        step(How::Delete, Power, &[gone("/AAX")]),
        step(How::Put, Ordered, &[text("/AAX", "third")]),
        step(
            How::PutMany,
            Power,
            &[
                text("/EEX", "many"),
                text("/AAX", "many, too"),
                long("/DDX", 4),
            ],
        ),
        step(
            How::PutMany,
            Process,
            &[hashed("many blocks"), hashed("one more")],
        ),
        step(How::Delete, Ordered, &[gone("/DDX")]),
    ]
}

async fn apply(fs: &PowerLossFs, store: &mut FlatfsDatastore, step: &Step) -> Result<()> {
    let durability = step.durability;
    match step.how {
        How::Put => {
            for (key, value) in &step.changes {
                let value = value.clone().unwrap().into();
                let options = PutOptions::default().with_durability(durability);
                store.put_opts(key, value, options).await?;
            }
        }
        How::Delete => {
            for (key, _) in &step.changes {
                let options = DeleteOptions::default().with_durability(durability);
                store.delete_opts(key, options).await?;
            }
        }
        How::Batch => {
            let mut batch = Batch::new();
            for (key, value) in &step.changes {
                match value {
                    Some(value) => batch.put(key.clone(), value.clone()),
                    None => batch.delete(key.clone()),
                };
            }
            let options = WriteOptions::default().with_durability(durability);
            store.write_opts(batch, options).await?;
        }
        How::PutMany => {
            let pair = |(key, value): (Key, Option<Vec<u8>>)| Ok((key, value.unwrap().into()));
            let pairs = futures::stream::iter(step.changes.clone().into_iter().map(pair));
            let options = PutManyOptions::default().with_durability(durability);
            let stored = store.put_many_opts(Box::pin(pairs), options);
            let _: Vec<Key> = stored.try_collect().await?;
        }
        How::Sync => assert_eq!(store.sync(&Key::root()).await?, Power),
        How::Reopen => {
            store.close().await?;
            *store = open_on(fs.clone()).await?;
        }
    }
    Ok(())
}

/// What a key may hold: what it had at the last step that made it durable, and all that came since.
#[derive(Debug, Default, PartialEq, Eq)]
struct Allowed {
    values: BTreeSet<Option<Vec<u8>>>,
    /// Whether the value may be incomplete: one at `Process`, under a key that does not tell.
    torn: bool,
}

fn allowed(key: &Key, script: &[Step], acknowledged: usize, begun: usize) -> Allowed {
    let mut allowed = Allowed::default();
    allowed.values.insert(None);
    for (at, step) in script[..begun].iter().enumerate() {
        let change = step.changes.iter().find(|(of, _)| of == key);
        let lasts = at < acknowledged && step.durability == Power;
        if step.how == How::Sync && lasts {
            let last = last_value(key, &script[..at]);
            allowed.values = BTreeSet::from([last]);
            allowed.torn = false;
        }
        let Some((_, value)) = change else {
            continue;
        };
        if lasts {
            allowed = Allowed::default();
        }
        allowed.values.insert(value.clone());
        let told_by_hash = value.as_deref().is_some_and(|value| *key == block(value));
        allowed.torn |= step.durability == Process && value.is_some() && !told_by_hash;
    }
    allowed
}

fn last_value(key: &Key, steps: &[Step]) -> Option<Vec<u8>> {
    let mut changes = steps.iter().rev().flat_map(|step| &step.changes);
    changes
        .find(|(of, _)| of == key)
        .and_then(|(_, value)| value.clone())
}

fn keys(script: &[Step]) -> BTreeSet<Key> {
    let changes = script.iter().flat_map(|step| &step.changes);
    changes.map(|(key, _)| key.clone()).collect()
}

/// Everything that a store shows agrees, nothing is grave, and it goes on: also with values as short as torn ones.
async fn sound(store: &FlatfsDatastore, script: &[Step], place: &str) -> Contents {
    let found = contents(store).await;
    for (name, value) in &found {
        let got = store.get(&Key::new(name)).await;
        assert_eq!(got.unwrap(), *value, "{place}: {name}");
    }
    // What the power cut tore is moved aside behind the scenes, and not shown before.
    assert!(store.looked_over().await, "{place}");
    let events: Vec<_> = store
        .maintain(Maintenance::Check)
        .try_collect()
        .await
        .unwrap();
    for event in events {
        let grave = matches!(&event, MaintenanceEvent::Finding(finding) if finding.severity == Severity::Error);
        assert!(!grave, "{place}: {event:?}");
    }
    for key in keys(script) {
        store.put(&key, "").await.unwrap();
        let got = store.get(&key).await;
        let got = got.unwrap_or_else(|error| panic!("{place}: an empty value put now: {error}"));
        assert!(got.is_empty(), "{place}: {key}");
    }
    assert_eq!(contents(store).await.len(), keys(script).len(), "{place}");
    found
}

async fn check_power(fs: PowerLossFs, script: &[Step], done: (usize, usize), place: &str) {
    let store = open_on(fs).await;
    let store = store.unwrap_or_else(|error| panic!("{place}: {error}"));
    let found = sound(&store, script, place).await;
    let keys = keys(script);
    for name in found.keys() {
        assert!(
            keys.contains(&Key::new(name)),
            "{place}: a key out of nowhere: {name}"
        );
    }
    for key in keys {
        let value = found.get(&key.to_string());
        let allowed = allowed(&key, script, done.0, done.1);
        let fits = allowed.values.contains(&value.cloned());
        // One that was cut to nothing counts as not there.
        let torn = allowed.torn && value.is_none_or(|value| !value.is_empty());
        assert!(
            fits || torn,
            "{place}: {key} holds {:?} bytes, which is none of {:?}",
            value.map(Vec::len),
            allowed
                .values
                .iter()
                .map(|value| value.as_ref().map(Vec::len))
                .collect::<Vec<_>>()
        );
    }
}

/// The process is killed: all that was acknowledged is there, and a batch that was begun wholly or not at all.
async fn check_kill(fs: PowerLossFs, script: &[Step], done: (usize, usize), place: &str) {
    let store = open_on(fs).await;
    let store = store.unwrap_or_else(|error| panic!("{place}: {error}"));
    let found = sound(&store, script, place).await;
    let state = |steps: &[Step]| -> Contents {
        let with_value = |key: Key| Some((key.to_string(), last_value(&key, steps)?));
        keys(script).into_iter().filter_map(with_value).collect()
    };
    let (before, after) = (state(&script[..done.0]), state(&script[..done.1]));
    let whole = found == before || found == after;
    let of_many = script
        .get(done.0)
        .is_some_and(|step| step.how == How::PutMany);
    let in_part = found
        .iter()
        .all(|pair| before.iter().chain(&after).any(|known| known == pair))
        && before.keys().all(|key| found.contains_key(key));
    assert!(
        whole || of_many && in_part,
        "{place}: {:?}, neither {:?} nor {:?}",
        lens(&found),
        lens(&before),
        lens(&after)
    );
}

fn lens(contents: &Contents) -> Vec<(&str, usize)> {
    contents
        .iter()
        .map(|(key, value)| (key.as_str(), value.len()))
        .collect()
}

#[tokio::test]
async fn cuts_at_every_moment() {
    let script = script();
    let fs = PowerLossFs::new();
    let mut store = open_on(fs.clone()).await.unwrap();
    let mut acknowledged_at = vec![fs.history_len()];
    for step in &script {
        apply(&fs, &mut store, step).await.unwrap();
        acknowledged_at.push(fs.history_len());
    }
    let mut checked = 0;
    for cut in acknowledged_at[0]..=fs.history_len() {
        let acknowledged = acknowledged_at.iter().rposition(|at| *at <= cut).unwrap();
        let begun = acknowledged + usize::from(acknowledged_at[acknowledged] < cut);
        let done = (acknowledged, begun.min(script.len()));
        let states = usize::try_from(runs(60)).unwrap();
        let states = fs.power_cut(cut).states(cut as u64, states);
        for (at, state) in states.into_iter().enumerate() {
            let place = format!("cut {cut}, state {at}, after {acknowledged} steps");
            check_power(state.mount(), &script, done, &place).await;
            checked += 1;
        }
        let survivor = PowerLossFs::from_image(&fs.power_cut(cut).survivor());
        let place = format!("killed at {cut}, after {acknowledged} steps");
        check_kill(survivor, &script, done, &place).await;
    }
    assert!(checked > 500, "only {checked} states");
}
