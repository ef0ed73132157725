//! What the tests of several wrappers use.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use datastore_core::{
    FaultDatastore, MemoryDatastore, Timer,
    fault::{Fault, Rule},
};
use futures::{TryStreamExt, stream};
use interface_datastore::{
    AbortSignal, Batch, BoxFuture, BoxStream, Bytes, CloseOptions, Datastore, DeleteManyOptions,
    DeleteOptions, DiskUsageOptions, Entry, ErrorKind, GetManyOptions, GetOptions, Key,
    MaintainOptions, Maintenance, Operation, PutManyOptions, PutOptions, Query, QueryOptions,
    Result, SyncOptions, WatchOptions, WriteOptions,
};

pub(crate) fn key(text: &str) -> Key {
    Key::new(text)
}

/// The kind of the error that a call must end with.
pub(crate) fn kind<T: std::fmt::Debug>(outcome: Result<T>) -> ErrorKind {
    outcome.expect_err("the call must fail").kind()
}

pub(crate) async fn all<T>(stream: BoxStream<'static, Result<T>>) -> Result<Vec<T>> {
    stream.try_collect().await
}

/// A query's keys with their values.
pub(crate) async fn listed(store: &dyn Datastore, query: Query) -> Result<Vec<(String, Bytes)>> {
    let entries = all(store.query_opts(query, QueryOptions::default())).await?;
    let pair = |entry: Entry| (entry.key.to_string(), entry.into_value());
    Ok(entries.into_iter().map(pair).collect())
}

pub(crate) fn pieces(pieces: &[&'static str]) -> BoxStream<'static, Result<Bytes>> {
    let pieces: Vec<_> = pieces
        .iter()
        .map(|piece| Ok(Bytes::from_static(piece.as_bytes())))
        .collect();
    Box::pin(stream::iter(pieces))
}

/// A memory store with faults.
pub(crate) fn faulty(rules: Vec<Rule>) -> (MemoryDatastore, FaultDatastore) {
    let memory = MemoryDatastore::new();
    let faulty = FaultDatastore::new(&memory, rules);
    (memory, faulty)
}

/// One call of `operation` fails.
pub(crate) fn failing(operation: Operation, kind: ErrorKind) -> Rule {
    Rule::new(operation, Fault::fail(kind)).times(1)
}

/// Does not sleep, but remembers for how long it was asked to.
#[derive(Debug, Default)]
pub(crate) struct Naps(Mutex<Vec<Duration>>);

impl Naps {
    pub(crate) fn taken(&self) -> Vec<Duration> {
        self.0.lock().unwrap().clone()
    }
}

impl Timer for Naps {
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.0.lock().unwrap().push(span);
        Box::pin(std::future::ready(()))
    }
}

/// Makes every call of the interface once and gives the kind of error of each that failed.
pub(crate) async fn every_call(
    store: &dyn Datastore,
    abort: Option<AbortSignal>,
) -> Vec<(&'static str, Option<ErrorKind>)> {
    let (a, a_value) = (key("/a"), Bytes::from_static(b"1"));
    let mut batch = Batch::new();
    batch.put(a.clone(), a_value.clone());
    let pairs = Box::pin(stream::iter([Ok((a.clone(), a_value.clone()))]));
    let keys = || Box::pin(stream::iter([Ok(a.clone())]));
    let aborted = abort.clone();
    let maintain = |task| {
        let options = MaintainOptions::default().with_abort(aborted.clone());
        ended(store.maintain_opts(task, &a, options))
    };
    macro_rules! with {
        ($options:ident) => {
            $options::default().with_abort(abort.clone())
        };
    }
    vec![
        (
            "put",
            failed(store.put_opts(&a, a_value, with!(PutOptions))).await,
        ),
        ("get", failed(store.get_opts(&a, with!(GetOptions))).await),
        (
            "has",
            failed(store.get_opts(&a, GetOptions::exists().with_abort(abort.clone()))).await,
        ),
        (
            "put_stream",
            failed(store.put_stream_opts(&a, pieces(&["1"]), with!(PutOptions))).await,
        ),
        (
            "get_stream",
            failed(store.get_stream_opts(&a, with!(GetOptions))).await,
        ),
        (
            "put_many",
            ended(store.put_many_opts(pairs, with!(PutManyOptions))).await,
        ),
        (
            "get_many",
            ended(store.get_many_opts(keys(), with!(GetManyOptions))).await,
        ),
        (
            "query",
            ended(store.query_opts(Query::all(), with!(QueryOptions))).await,
        ),
        (
            "write",
            failed(store.write_opts(batch, with!(WriteOptions))).await,
        ),
        (
            "watch",
            failed(store.watch_opts(&a, with!(WatchOptions))).await,
        ),
        (
            "sync",
            failed(store.sync_opts(&a, with!(SyncOptions))).await,
        ),
        (
            "disk_usage",
            failed(store.disk_usage_opts(&a, with!(DiskUsageOptions))).await,
        ),
        ("check", maintain(Maintenance::Check).await),
        ("scrub", maintain(Maintenance::Scrub).await),
        ("repair", maintain(Maintenance::Repair).await),
        ("gc", maintain(Maintenance::Gc).await),
        ("compact", maintain(Maintenance::Compact).await),
        (
            "delete_many",
            ended(store.delete_many_opts(keys(), with!(DeleteManyOptions))).await,
        ),
        (
            "delete",
            failed(store.delete_opts(&a, with!(DeleteOptions))).await,
        ),
        ("close", failed(store.close_opts(with!(CloseOptions))).await),
    ]
}

async fn failed<T>(call: impl Future<Output = Result<T>>) -> Option<ErrorKind> {
    call.await.err().map(|error| error.kind())
}

async fn ended<T>(stream: BoxStream<'static, Result<T>>) -> Option<ErrorKind> {
    all(stream).await.err().map(|error| error.kind())
}

pub(crate) fn tiers<const N: usize>(stores: [&dyn Datastore; N]) -> Vec<Arc<dyn Datastore>> {
    stores.iter().map(|store| store.handle()).collect()
}
