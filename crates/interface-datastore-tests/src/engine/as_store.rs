//! An engine seen as the plainest store, so that what is written for stores tests engines too.

use std::{future::Future, path::PathBuf, sync::Arc};

use bytes::Bytes;
use datastore_engine::{CommitOptions, Engine, RangeDelete, Scan};
use futures_util::{StreamExt, TryFutureExt};
use interface_datastore::{
    Batch, BatchOp, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Datastore,
    DeleteOptions, Durability, Entry, Error, ErrorKind, GetOptions, Key, Operation, PutOptions,
    Query, QueryOptions, Result, WriteOptions, Written, query::evaluate,
};

use crate::{BlockOn, Outcome, Verdict};

/// Makes a `#[test]` that kills a writing process again and again and checks what the engine holds: as
/// [`crash_conformance!`](crate::crash_conformance), with a closure that opens or creates an engine in a folder.
#[macro_export]
macro_rules! engine_crash_conformance {
    ($name:ident, $open:expr $(,)?) => {
        $crate::engine_crash_conformance!($name, $open, block_on = $crate::block_on);
    };
    ($name:ident, $open:expr, block_on = $block_on:expr $(,)?) => {
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports, reason = "what is given may name all it needs in full")]
            use super::*;

            #[test]
            fn survives_kills() {
                let test = concat!(module_path!(), "::survives_kills");
                if let Err(failure) = $crate::engine::survives_kills(test, $open, $block_on) {
                    panic!("{failure}");
                }
            }
        }
    };
}

/// What [`engine_crash_conformance!`](crate::engine_crash_conformance) calls: `test` is the full path of the `#[test]` that
/// calls this, its crate included.
///
/// # Errors
/// The rule that the engine breaks. In the child process this returns only when writing fails.
pub fn survives_kills<E, Fut>(
    test: &str,
    open: impl Fn(PathBuf) -> Fut + Send + Sync + 'static,
    block_on: impl BlockOn,
) -> Outcome<Verdict>
where
    E: Engine,
    Fut: Future<Output = datastore_engine::Result<E>> + Send + 'static,
{
    let as_store = move |folder| {
        let opened = open(folder);
        async move {
            let engine = opened.await.map_err(|error| told(Operation::Open, error))?;
            Ok(EngineStore(Arc::new(engine)))
        }
    };
    crate::survives_kills(test, as_store, block_on)
}

/// Keys are the engine's keys, as they are.
#[derive(Debug, Clone)]
struct EngineStore(Arc<dyn Engine>);

fn told(operation: Operation, error: datastore_engine::Error) -> Error {
    let kind = match error.kind() {
        datastore_engine::ErrorKind::Unsupported => ErrorKind::Unsupported,
        datastore_engine::ErrorKind::Closed => ErrorKind::Closed,
        _ => ErrorKind::Failed,
    };
    let text = error.to_string();
    Error::new(kind, operation)
        .with_detail(text)
        .with_source(error)
}

fn level(durability: datastore_engine::Durability) -> Durability {
    match durability {
        datastore_engine::Durability::Volatile => Durability::Volatile,
        datastore_engine::Durability::Process => Durability::Process,
        datastore_engine::Durability::Ordered => Durability::Ordered,
        _ => Durability::Power,
    }
}

fn options(durability: Option<Durability>) -> CommitOptions {
    let wanted = durability.and_then(|wanted| {
        datastore_engine::Durability::ALL
            .into_iter()
            .find(|known| level(*known) == wanted)
    });
    wanted.map_or_else(CommitOptions::default, CommitOptions::at)
}

impl EngineStore {
    async fn commit(
        &self,
        operation: Operation,
        durability: Option<Durability>,
        batch: datastore_engine::Batch,
    ) -> Result<()> {
        let committed = self.0.commit(&batch, options(durability));
        committed.map_err(|error| told(operation, error)).await
    }
}

impl Datastore for EngineStore {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, _prefix: &Key) -> Capabilities {
        let (engine, mut can) = (self.0.capabilities(), Capabilities::none());
        (can.writable, can.retains, can.atomic_batch) = (Claim::Yes, Claim::Yes, Claim::Yes);
        can.default_durability = level(engine.default_durability);
        can.max_durability = level(engine.max_durability);
        can
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        let mut batch = datastore_engine::Batch::new();
        batch.put_shared(key.as_bytes(), value);
        let done = self.commit(Operation::Put, options.durability, batch);
        Box::pin(done.map_ok(|()| Written::default()))
    }

    fn get_opts<'a>(&'a self, key: &'a Key, _options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            let found = self.0.get(key.as_bytes()).await;
            let value = found.map_err(|error| told(Operation::Get, error))?;
            let value = value.ok_or_else(|| Error::not_found(Operation::Get, key))?;
            Ok(Entry::of_value(key.clone(), value))
        })
    }

    /// As a range delete where there are any, so that these are killed too.
    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        let (mut batch, key) = (datastore_engine::Batch::new(), key.as_bytes());
        if self.0.capabilities().range_delete == RangeDelete::Refused {
            batch.delete(key);
        } else {
            batch.delete_range(key, Some(&[key, &[0]].concat()));
        }
        Box::pin(self.commit(Operation::Delete, options.durability, batch))
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        let mut own = datastore_engine::Batch::new();
        for op in batch.ops() {
            match op {
                BatchOp::Put { key, value, .. } => own.put_shared(key.as_bytes(), value.clone()),
                op => own.delete(op.key().as_bytes()),
            };
        }
        let done = self.commit(Operation::Write, options.durability, own);
        Box::pin(done.map_ok(|()| Written::default()))
    }

    fn query_opts(
        &self,
        query: Query,
        _options: QueryOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        let entries = self.0.scan(Scan::all()).map(|entry| {
            let entry = entry.map_err(|error| told(Operation::Query, error))?;
            Ok(Entry::of_value(Key::new(entry.key), entry.value))
        });
        evaluate(Box::pin(entries), query)
    }

    fn close_opts(&self, _options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(
            self.0
                .close()
                .map_err(|error| told(Operation::Close, error)),
        )
    }
}
