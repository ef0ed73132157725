//! Space and maintenance.

use std::{future::ready, sync::Arc};

use datastore_engine::{self as engine, Engine};
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    Action, BoxStream, DiskUsage, Error, Finding, Key, Maintenance, MaintenanceEvent, Operation,
    Result, Severity,
};

use crate::{
    error::{translate, unreadable},
    expiry::{Swept, first_mark},
    open::Inner,
    query::{key_of, scans_within},
    record,
};

type Events = BoxStream<'static, Result<MaintenanceEvent>>;

impl<E: Engine> Inner<E> {
    /// The engine's entries at or under a key.
    fn records(&self, scope: &Key) -> BoxStream<'static, engine::Result<engine::Entry>> {
        let [own, under] = scans_within(scope);
        Box::pin(self.engine.scan(own).chain(self.engine.scan(under)))
    }

    /// What the engine takes of its medium, or the bytes of the keys and records of a part.
    pub(crate) async fn disk_usage(&self, scope: &Key) -> Result<DiskUsage> {
        let failed = |error| translate(Operation::DiskUsage, error);
        self.orphans.settle().await;
        let bytes = if scope.is_root() && self.engine.capabilities().size_on_disk {
            self.engine.size_on_disk().await
        } else {
            let size = |entry: engine::Entry| (entry.key.len() + entry.value.len()) as u64;
            let sum = |sum: u64, entry| async move { Ok(sum + size(entry)) };
            self.records(scope).try_fold(0, sum).await
        };
        bytes.map(DiskUsage::approximate).map_err(failed)
    }
}

/// Looks after what is at or under `scope`.
pub(crate) fn maintain<E: Engine>(store: Arc<Inner<E>>, task: Maintenance, scope: Key) -> Events {
    match task {
        Maintenance::Check => check(store, scope),
        Maintenance::Gc => collect(store, scope),
        Maintenance::Compact => Box::pin(stream::once(compact(store, scope))),
        task => Box::pin(stream::once(refuse(store, task, scope))),
    }
}

fn progress(done: u64, total: Option<u64>) -> MaintenanceEvent {
    MaintenanceEvent::Progress { done, total }
}

/// The engine's whole, whatever the scope.
async fn compact<E: Engine>(store: Arc<Inner<E>>, scope: Key) -> Result<MaintenanceEvent> {
    if !store.engine.capabilities().compact {
        return refuse(store, Maintenance::Compact, scope).await;
    }
    let compacted = store.engine.compact().await;
    compacted.map_err(|error| translate(Operation::Maintain, error))?;
    Ok(progress(1, Some(1)))
}

async fn refuse<E: Engine>(
    store: Arc<Inner<E>>,
    task: Maintenance,
    scope: Key,
) -> Result<MaintenanceEvent> {
    store.check_open(Operation::Maintain)?;
    let what = format!("maintenance of kind {task}");
    Err(Error::unsupported(Operation::Maintain, what).with_key(&scope))
}

/// The engine's own check, if all is to be checked, and then the records.
fn check<E: Engine>(store: Arc<Inner<E>>, scope: Key) -> Events {
    let engine = stream::once(check_engine(store.clone(), scope.clone()));
    let engine = engine.map_ok(|events| stream::iter(events.into_iter().map(Ok)));
    // The engine may want to be alone for its check: records are read behind it.
    let records = stream::once(async move { store.records(&scope) }).flatten();
    let events = records.enumerate().filter_map(|(at, found)| {
        ready(match found {
            Ok(entry) => checked(at as u64 + 1, entry).transpose(),
            Err(error) => Some(Err(translate(Operation::Maintain, error))),
        })
    });
    Box::pin(engine.try_flatten().chain(events))
}

async fn check_engine<E: Engine>(
    store: Arc<Inner<E>>,
    scope: Key,
) -> Result<Vec<MaintenanceEvent>> {
    if !scope.is_root() || !store.engine.capabilities().check {
        store.check_open(Operation::Maintain)?;
        return Ok(Vec::new());
    }
    store.orphans.settle().await;
    let report = store.engine.check().await;
    let report = report.map_err(|error| translate(Operation::Maintain, error))?;
    let finding = |detail| Finding::new(Severity::Error, "engine-damage", detail);
    let findings = report.damage.into_iter().map(finding);
    Ok(findings.map(MaintenanceEvent::Finding).collect())
}

/// So many records are read between two tellings of the progress.
const CHECKED_AT_ONCE: u64 = 1024;

fn checked(done: u64, entry: engine::Entry) -> Result<Option<MaintenanceEvent>> {
    let key = key_of(Operation::Maintain, &entry.key)?;
    if let Err(why) = record::parse(entry.value) {
        let detail = unreadable(Operation::Maintain, &key, why).to_string();
        let finding = Finding::new(Severity::Error, "unreadable-record", detail).with_key(key);
        return Ok(Some(MaintenanceEvent::Finding(finding)));
    }
    let tell = done.is_multiple_of(CHECKED_AT_ONCE);
    Ok(tell.then(|| progress(done, None)))
}

/// Removes expired entries, some at each step.
fn collect<E: Engine>(store: Arc<Inner<E>>, scope: Key) -> Events {
    let steps = stream::try_unfold((Some(first_mark()), 0), move |(from, done)| {
        let (store, scope) = (store.clone(), scope.clone());
        async move {
            let Some(from) = from else { return Ok(None) };
            let Swept { keys, rest } = store.sweep(from, &scope, store.clock.now()).await?;
            if rest.is_none() {
                store.find_soonest(Operation::Maintain).await?;
            }
            let done = done + keys.len() as u64;
            let events = keys.into_iter().map(expired).chain([progress(done, None)]);
            Ok(Some((stream::iter(events.map(Ok)), (rest, done))))
        }
    });
    Box::pin(steps.try_flatten())
}

fn expired(key: Key) -> MaintenanceEvent {
    let finding = Finding::new(Severity::Info, "expired-entry", "the entry had expired");
    MaintenanceEvent::Finding(finding.with_key(key).with_action(Action::Removed))
}
