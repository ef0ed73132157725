//! The store of the guide for store authors, line by line.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use interface_datastore::{
    AbortSignal, BoxFuture, BoxStream, Bytes, Capabilities, Claim, CloseOptions, Condition,
    Datastore, DeleteOptions, Entry, Error, ErrorKind, GetOptions, Key, Operation, PutOptions,
    Query, QueryOptions, Result, Want, Written, abortable_stream, check_aborted, query::evaluate,
};

/// A cheap handle: a clone is another handle on the same data.
#[derive(Debug, Clone, Default)]
pub struct MyStore(Arc<State>);

#[derive(Debug, Default)]
struct State {
    map: Mutex<BTreeMap<Key, Bytes>>,
    closed: AtomicBool,
}

impl MyStore {
    fn map(&self) -> MutexGuard<'_, BTreeMap<Key, Bytes>> {
        // A panic elsewhere must not make the store unusable for good.
        self.0.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before any effect: is the call aborted, or the store closed?
    fn check(
        &self,
        abort: Option<&AbortSignal>,
        operation: Operation,
        key: Option<&Key>,
    ) -> Result<()> {
        check_aborted(abort, operation, key)?;
        if self.0.closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Closed, operation).with_key_opt(key));
        }
        Ok(())
    }
}

impl Datastore for MyStore {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, _prefix: &Key) -> Capabilities {
        let mut can = Capabilities::none();
        can.writable = Claim::Yes;
        can.retains = Claim::Yes;
        can.linearizable = Claim::Yes;
        can.dropped_writes_settle = Claim::Yes;
        can
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            self.check(options.abort.as_ref(), Operation::Put, Some(key))?;
            if !options.condition.is_none() || options.expires.is_some() {
                return Err(
                    Error::unsupported(Operation::Put, "conditions and expiry").with_key(key)
                );
            }
            self.capabilities(key)
                .durability(Operation::Put, options.durability)?;
            self.map().insert(key.clone(), value);
            Ok(Written::default())
        })
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.check(options.abort.as_ref(), Operation::Delete, Some(key))?;
            match options.condition {
                Condition::None => {}
                // To delete what is not there makes no sense in any store.
                Condition::IfAbsent => {
                    return Err(
                        Error::new(ErrorKind::InvalidArgument, Operation::Delete).with_key(key)
                    );
                }
                _ => return Err(Error::unsupported(Operation::Delete, "conditions").with_key(key)),
            }
            self.capabilities(key)
                .durability(Operation::Delete, options.durability)?;
            self.map().remove(key);
            Ok(())
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            let operation = options.operation();
            self.check(options.abort.as_ref(), operation, Some(key))?;
            if options.if_version.is_some() {
                return Err(Error::unsupported(operation, "versions").with_key(key));
            }
            let value = self
                .map()
                .get(key)
                .cloned()
                .ok_or_else(|| Error::not_found(operation, key))?;
            let entry = Entry::of_size(key.clone(), value.len() as u64);
            Ok(match options.want {
                Want::Value => entry.with_value(value),
                Want::Range(range) => {
                    let range = range
                        .resolve_in(value.len())
                        .map_err(|error| error.with_key(key))?;
                    entry.with_value(value.slice(range))
                }
                _ => entry,
            })
        })
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let store = self.clone();
        let entries = async move {
            let entry =
                |(key, value): (&Key, &Bytes)| Ok(Entry::of_value(key.clone(), value.clone()));
            let entries: Vec<_> = match store.check(None, Operation::Query, None) {
                Ok(()) => store.map().iter().map(entry).collect(),
                Err(closed) => vec![Err(closed)],
            };
            futures::stream::iter(entries)
        };
        let found = evaluate(Box::pin(futures::FutureExt::flatten_stream(entries)), query);
        abortable_stream(options.abort, Operation::Query, found)
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Close, None)?;
            self.0.closed.store(true, Ordering::SeqCst);
            Ok(())
        })
    }
}
