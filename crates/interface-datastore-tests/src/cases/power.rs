//! The power goes at every moment of a work: what is found afterwards is what was promised.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::TryStreamExt;
use interface_datastore::{
    Batch, Claim, CloseOptions, Datastore, DatastoreExt, DeleteOptions, Durability, Key,
    Maintenance, MaintenanceEvent, PutOptions, Query, Severity, SyncOptions, WriteOptions,
};

use super::values::noise;
use crate::{
    Failure, Outcome, Subject,
    effort::runs,
    failure::{ensure, ensure_eq},
};

/// A state that a key was given: from which moment of the medium on it may be found, and from which on it must not be
/// older.
struct Given {
    value: Option<Bytes>,
    begun: u64,
    /// When it was acknowledged as safe from power loss; none: never.
    safe: Option<u64>,
}

/// All states of all keys, in the order in which they were given.
#[derive(Default)]
struct Work {
    states: BTreeMap<Key, Vec<Given>>,
}

impl Work {
    fn begin(&mut self, key: &Key, value: Option<Bytes>, begun: u64) {
        let nothing = || {
            vec![Given {
                value: None,
                begun: 0,
                safe: Some(0),
            }]
        };
        self.states
            .entry(key.clone())
            .or_insert_with(nothing)
            .push(Given {
                value,
                begun,
                safe: None,
            });
    }

    /// All that was given so far is safe from this moment on.
    fn make_safe(&mut self, keys: Option<&[Key]>, moment: u64) {
        for (_, states) in self
            .states
            .iter_mut()
            .filter(|(key, _)| keys.is_none_or(|keys| keys.contains(key)))
        {
            if let Some(last) = states.last_mut() {
                last.safe.get_or_insert(moment);
            }
        }
    }

    /// Whether a key may hold this value after a cut at the moment.
    fn allows(&self, key: &Key, found: Option<&Bytes>, moment: u64) -> bool {
        let Some(states) = self.states.get(key) else {
            return found.is_none();
        };
        let oldest = states
            .iter()
            .rposition(|state| state.safe.is_some_and(|safe| safe <= moment))
            .unwrap_or(0);
        let mut possible = states
            .iter()
            .skip(oldest)
            .filter(|state| state.begun <= moment);
        possible.any(|state| state.value.as_ref() == found)
    }
}

/// Puts, overwrites, deletes and batches at a durability, with syncs between.
async fn work(subject: &Subject, level: Durability) -> Outcome<Work> {
    let power = subject
        .power()
        .ok_or_else(|| Failure::new("the subject offers no power loss"))?;
    let (store, mut work) = (subject.store(), Work::default());
    let keys = (0..4)
        .map(|i| subject.key(format!("/power/{}/{i}", i % 2)))
        .collect::<Outcome<Vec<_>>>()?;
    let lasting = level == Durability::Power;
    for step in 0..24_usize {
        let key = keys.get(step * 3 % keys.len()).cloned().unwrap_or_default();
        let value = noise(100 + step * 517 % 9000, step as u64);
        let begun = power.moment();
        let mut touched = vec![key.clone()];
        match step % 6 {
            5 => {
                work.begin(&key, None, begun);
                store
                    .delete_opts(&key, DeleteOptions::default().with_durability(level))
                    .await?;
            }
            3 => {
                touched = keys.iter().take(3).cloned().collect();
                let mut batch = Batch::new();
                for key in &touched {
                    work.begin(key, Some(value.clone()), begun);
                    batch.put(key.clone(), value.clone());
                }
                store
                    .write_opts(batch, WriteOptions::default().with_durability(level))
                    .await?;
            }
            _ => {
                work.begin(&key, Some(value.clone()), begun);
                store
                    .put_opts(&key, value, PutOptions::default().with_durability(level))
                    .await?;
            }
        }
        if lasting {
            work.make_safe(Some(&touched), power.moment());
        }
        if step % 10 == 9 {
            let held = store
                .sync_opts(&Key::root(), SyncOptions::default())
                .await?;
            if held == Durability::Power {
                work.make_safe(None, power.moment());
            }
        }
    }
    Ok(work)
}

/// Cuts the power at every moment of the work and looks at what each of several choices leaves.
async fn survives(subject: &Subject, level: Durability) -> Outcome {
    let power = subject
        .power()
        .ok_or_else(|| Failure::new("the subject offers no power loss"))?;
    let start = power.moment();
    let work = work(subject, level).await?;
    for moment in start..=power.moment() {
        for seed in 0..2 + runs(60) {
            let during = |failure: Failure| {
                failure.during(format_args!("{level}, cut at moment {moment}, seed {seed}"))
            };
            let store = power
                .restart(moment, seed)
                .await
                .map_err(|error| during(error.into()))?;
            check(&*store, &work, moment).await.map_err(during)?;
        }
    }
    Ok(())
}

/// Every key holds what it may hold whole, the listing agrees, and the store goes on.
async fn check(store: &dyn Datastore, work: &Work, moment: u64) -> Outcome {
    let mut there = Vec::new();
    for key in work.states.keys() {
        let found = store.try_get(key).await?;
        let known = work
            .states
            .get(key)
            .is_some_and(|states| states.iter().any(|state| state.value == found));
        ensure!(
            known,
            "{key} holds a value that nobody stored, of {:?} bytes",
            found.map(|value| value.len())
        );
        ensure!(
            work.allows(key, found.as_ref(), moment),
            "{key} holds a value older than the last that was safe, or none"
        );
        there.extend(found.is_some().then(|| key.clone()));
    }
    let mut listed: Vec<Key> = store.query_keys(Query::all()).try_collect().await?;
    listed.sort();
    ensure_eq!(listed, there, "keys listed after a power cut");
    let root = Key::root();
    if store.capabilities(&root).maintenance.check == Claim::Yes {
        for event in store
            .maintain(Maintenance::Check)
            .try_collect::<Vec<_>>()
            .await?
        {
            let grave = matches!(&event, MaintenanceEvent::Finding(finding) if finding.severity == Severity::Error);
            ensure!(!grave, "a check after a power cut finds {event:?}");
        }
    }
    for key in work.states.keys() {
        store.put(key, "after").await?;
        ensure_eq!(
            store.get(key).await?,
            "after",
            "value put after a power cut"
        );
    }
    store.close_opts(CloseOptions::default()).await?;
    Ok(())
}

/// `Ordered`: after a cut a key holds its old or its new value whole.
pub(crate) async fn ordered(subject: &Subject) -> Outcome {
    survives(subject, Durability::Ordered).await
}

/// `Power`: after a cut a key holds its last acknowledged value or a newer one.
pub(crate) async fn power(subject: &Subject) -> Outcome {
    survives(subject, Durability::Power).await
}
