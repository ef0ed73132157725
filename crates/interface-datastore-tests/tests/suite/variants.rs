//! Stores that do less, take fewer keys, or want a runtime pass too: what they lack they refuse.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures_util::{TryStreamExt, future::ready};
use interface_datastore::{
    Alphabet, Batch, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Condition, Datastore,
    DatastoreExt, DeleteOptions, Entry, Error, GetOptions, Key, KeyRules, Operation, PutOptions,
    Query, QueryOptions, Result, Written, check_aborted,
};
use interface_datastore_tests::{ReferenceDatastore, Subject, block_on, conformance, run_test};

/// The six methods, and as few claims as can be.
#[derive(Debug, Clone)]
struct Plain {
    map: ReferenceDatastore,
    keys: KeyRules,
    retains: bool,
}

impl Plain {
    fn new(keys: KeyRules) -> Self {
        Self {
            map: ReferenceDatastore::new(),
            keys,
            retains: true,
        }
    }

    fn black_hole() -> Self {
        Self {
            retains: false,
            ..Self::new(KeyRules::any())
        }
    }
}

fn lacks<T>(operation: Operation) -> Result<T> {
    Err(Error::unsupported(operation, "more than plain calls"))
}

impl Datastore for Plain {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, _prefix: &Key) -> Capabilities {
        let mut can = Capabilities::none();
        can.writable = Claim::Yes;
        can.retains = self.retains.into();
        can.keys = self.keys.clone();
        can
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Put, Some(key))?;
            self.keys.check(Operation::Put, key)?;
            self.capabilities(key)
                .durability(Operation::Put, options.durability)?;
            if !options.condition.is_none() || options.expires.is_some() {
                return lacks(Operation::Put);
            }
            self.map
                .put(key, if self.retains { value } else { Bytes::new() })
                .await?;
            Ok(Written::default())
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), options.operation(), Some(key))?;
            if options.if_version.is_some() {
                return lacks(Operation::Get);
            }
            let operation = options.operation();
            let entry = self.map.get_opts(key, options).await?;
            if !self.retains {
                return Err(Error::not_found(operation, key));
            }
            Ok(entry.with_version(None))
        })
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Delete, Some(key))?;
            self.capabilities(key)
                .durability(Operation::Delete, options.durability)?;
            match options.condition {
                Condition::None => self.map.delete(key).await,
                Condition::IfAbsent => self.map.delete_opts(key, options).await,
                _ => lacks(Operation::Delete),
            }
        })
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let retains = self.retains;
        Box::pin(
            self.map
                .query_opts(query, options)
                .try_filter(move |_| ready(retains)),
        )
    }

    fn sync_opts<'a>(
        &'a self,
        scope: &'a Key,
        options: interface_datastore::SyncOptions,
    ) -> BoxFuture<'a, Result<interface_datastore::Durability>> {
        self.map.sync_opts(scope, options)
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: interface_datastore::WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            self.capabilities(&Key::root())
                .durability(Operation::Write, options.durability)?;
            if batch.ops().iter().any(|op| !self.keys.allows(op.key())) {
                return Err(Error::new(
                    interface_datastore::ErrorKind::InvalidKey,
                    Operation::Write,
                ));
            }
            interface_datastore::implement::write_each(self, batch, options).await
        })
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        self.map.close_opts(options)
    }
}

/// One namespace of the bytes that flatfs takes.
fn flat_keys() -> KeyRules {
    let mut keys = text_keys();
    keys.max_namespaces = Some(1);
    keys.alphabet = Alphabet::Only(b"+-0123456789=ABCDEFGHIJKLMNOPQRSTUVWXYZ_".to_vec());
    keys
}

fn text_keys() -> KeyRules {
    let mut keys = KeyRules::any();
    keys.max_len = Some(255);
    keys.empty_namespaces = false;
    keys.alphabet = Alphabet::Utf8;
    keys
}

static RUNTIME_CALLS: AtomicUsize = AtomicUsize::new(0);

/// Stands for a runtime.
fn counting_runtime(future: BoxFuture<'static, ()>) {
    RUNTIME_CALLS.fetch_add(1, Ordering::SeqCst);
    block_on(future);
}

conformance!(plain, || async { Plain::new(KeyRules::any()) });
conformance!(plain_with_text_keys, || async { Plain::new(text_keys()) });
conformance!(plain_with_flat_keys, || async { Plain::new(flat_keys()) });
conformance!(black_hole, || async { Plain::black_hole() });
conformance!(
    on_a_runtime,
    || async { Plain::new(KeyRules::any()) },
    block_on = counting_runtime
);

#[test]
fn the_runtime_is_used_for_everything() {
    let before = RUNTIME_CALLS.load(Ordering::SeqCst);
    run_test(
        "model",
        "operations",
        || async { Plain::new(KeyRules::any()) },
        counting_runtime,
    );
    assert!(RUNTIME_CALLS.load(Ordering::SeqCst) > before + 10);
}

#[test]
fn what_is_kept_is_dropped_after_the_store() {
    struct Guard(ReferenceDatastore);
    impl Drop for Guard {
        fn drop(&mut self) {
            let closed = pollster::block_on(self.0.put(&Key::new("/late"), "value"));
            assert!(closed.is_err(), "the store is closed before its guard goes");
        }
    }
    let make = || async {
        let store = ReferenceDatastore::new();
        Subject::new(store.clone()).keeping(Guard(store))
    };
    run_test("put", "simple", make, block_on);
}

#[test]
#[should_panic(expected = "there is no such case")]
fn unknown_cases_are_told() {
    run_test(
        "put",
        "nonsense",
        || async { ReferenceDatastore::new() },
        block_on,
    );
}
