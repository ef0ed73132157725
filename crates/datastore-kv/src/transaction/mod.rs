//! Interactive transactions: reads of one moment, writes that are held back, and a commit that takes effect only if nothing
//! that was read has changed.

mod options;
mod reads;
mod walk;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use datastore_engine::{Engine, EngineReader};
use interface_datastore::{
    BatchOp, BoxStream, Entry, Error, ErrorKind, Key, Operation, Query, Result, Timestamp, Written,
    abortable, abortable_stream,
};

pub use self::options::TransactionOptions;
use self::reads::Reads;
pub(crate) use self::reads::Walked;
use crate::{
    KvDatastore,
    error::{translate, unreadable},
    open::Inner,
    record,
};

/// Reads of one moment, and writes that take effect together, if nothing that was read has changed by then.
///
/// Transactions that commit are as if they had run one after the other: what one has read, the absence of keys and the ranges
/// that its queries walked included, is what its commit finds. Nothing is locked before, so that a transaction never
/// holds up others: who commits first wins, and the others are told ([`PreconditionFailed`](ErrorKind::PreconditionFailed)) and
/// run again. [`KvDatastore::transact`] does that.
///
/// Reads see the store as it was when the transaction began, with the transaction's own writes. Dropping all handles without a
/// commit rolls back; clones are handles on the same transaction, and fail with [`Closed`](ErrorKind::Closed) once it has ended.
///
/// Writes are in memory until the commit, and so are the keys that were read, with 8 bytes for each entry that a query walked.
/// An open transaction keeps the engine from freeing what it sees: it is for seconds, not for hours.
pub struct Transaction<E>(Arc<Shared<E>>);

struct Shared<E> {
    store: Arc<Inner<E>>,
    options: TransactionOptions,
    /// By this moment entries have expired or not.
    began: Timestamp,
    /// None once it has ended.
    state: Mutex<Option<State>>,
}

struct State {
    snapshot: Arc<dyn EngineReader>,
    writes: BTreeMap<Key, Write>,
    reads: Reads,
}

/// What is to become of a key.
#[derive(Clone)]
enum Write {
    Put(Bytes, Option<Timestamp>),
    Delete,
}

impl Write {
    /// What reads of the transaction find.
    fn value(&self, now: Timestamp) -> Option<&Bytes> {
        match self {
            Self::Put(value, expires) => Some(value).filter(|_| expires.is_none_or(|at| at > now)),
            Self::Delete => None,
        }
    }

    fn into_op(self, key: Key) -> BatchOp {
        match self {
            Self::Put(value, expires) => BatchOp::Put {
                key,
                value,
                expires,
            },
            Self::Delete => BatchOp::Delete { key },
        }
    }
}

impl<E: Engine> KvDatastore<E> {
    /// Begins a transaction on the present state. Dropping it rolls it back.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) over an engine without snapshots, and for a durability that the engine does not
    /// reach; [`Closed`](ErrorKind::Closed), [`Aborted`](ErrorKind::Aborted), or what the engine meets.
    pub async fn transaction(&self, options: TransactionOptions) -> Result<Transaction<E>> {
        let store = self.inner().clone();
        store.check_open(Operation::Write)?;
        store.can.durability(Operation::Write, options.durability)?;
        if !store.engine.capabilities().snapshots {
            let what = "a transaction over an engine without snapshots";
            return Err(Error::unsupported(Operation::Write, what)
                .with_remedy("write a batch with conditions, or choose another engine"));
        }
        let began = store.clock.now();
        let taken = async {
            store.orphans.settle().await;
            let taken = store.engine.snapshot().await;
            taken.map_err(|error| translate(Operation::Write, error))
        };
        let snapshot = abortable(options.abort.as_ref(), Operation::Write, None, taken).await?;
        let state = State {
            snapshot,
            writes: BTreeMap::new(),
            reads: Reads::default(),
        };
        Ok(Transaction(Arc::new(Shared {
            store,
            options,
            began,
            state: Mutex::new(Some(state)),
        })))
    }

    /// Runs `work` in a transaction and commits it, again from the start as often as something that it read has changed by then:
    /// [`TransactionOptions::attempts`] times at most. An error of `work` rolls back and is given at once; so does `work` that
    /// ends the transaction itself.
    ///
    /// Each time somebody else has committed, so that transactions as a whole go on; one that is long and meets many others may
    /// not be among them.
    ///
    /// ```
    /// # use datastore_kv::{KvDatastore, MemoryEngine, TransactionOptions};
    /// # use interface_datastore::{DatastoreExt, Key};
    /// # pollster::block_on(async {
    /// let store = KvDatastore::open(MemoryEngine::new()).await?;
    /// let visits = Key::new("/visits");
    /// let count = store.transact(TransactionOptions::default(), |transaction| {
    ///     let visits = visits.clone();
    ///     async move {
    ///         let before = transaction.try_get(&visits).await?.map_or(0, |value| value.len());
    ///         transaction.put(&visits, vec![b'|'; before + 1])?;
    ///         Ok(before + 1)
    ///     }
    /// }).await?;
    /// assert_eq!((count, store.get_size(&visits).await?), (1, 1));
    /// # Ok::<(), interface_datastore::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`PreconditionFailed`](ErrorKind::PreconditionFailed) after the last attempt; those of
    /// [`transaction`](Self::transaction), of [`commit`](Transaction::commit) and of `work`.
    pub async fn transact<T, F: Future<Output = Result<T>>>(
        &self,
        options: TransactionOptions,
        mut work: impl FnMut(Transaction<E>) -> F,
    ) -> Result<T> {
        let mut attempts_left = options.attempts.max(1);
        loop {
            attempts_left -= 1;
            let transaction = self.transaction(options.clone()).await?;
            let outcome = work(transaction.clone()).await;
            let ended = transaction.0.end();
            let (output, state) = match (outcome, ended) {
                (Err(error), _) => return Err(error),
                (Ok(output), None) => return Ok(output),
                (Ok(output), Some(state)) => (output, state),
            };
            match transaction.0.commit(state).await {
                Ok(_) => return Ok(output),
                Err(error) if is_conflict(&error) && attempts_left > 0 => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A commit has no other conditions than its reads.
fn is_conflict(error: &Error) -> bool {
    error.kind() == ErrorKind::PreconditionFailed
}

impl<E> Clone for Transaction<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E: Engine> Transaction<E> {
    /// The value under a key.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); those of [`try_get`](Self::try_get).
    pub async fn get(&self, key: &Key) -> Result<Bytes> {
        let value = self.try_get(key).await?;
        value.ok_or_else(|| Error::not_found(Operation::Get, key))
    }

    /// The value under a key, if there is one.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed) once the transaction or the store has ended, [`Damaged`](ErrorKind::Damaged),
    /// [`Aborted`](ErrorKind::Aborted), or what the engine meets.
    pub async fn try_get(&self, key: &Key) -> Result<Option<Bytes>> {
        let abort = self.0.options.abort.as_ref();
        abortable(abort, Operation::Get, Some(key), self.0.read(key)).await
    }

    /// Whether there is a value under a key.
    ///
    /// # Errors
    /// Those of [`try_get`](Self::try_get).
    pub async fn has(&self, key: &Key) -> Result<bool> {
        Ok(self.try_get(key).await?.is_some())
    }

    /// Entries, as of the store's queries, with the transaction's own writes as they are when the stream is first polled: those
    /// carry no version. Nothing is read before. The commit fails if what the stream walked has changed, up to where it was
    /// read; a query with orders walks all that it covers.
    pub fn query(&self, query: Query) -> BoxStream<'static, Result<Entry>> {
        let entries = walk::query(self.0.clone(), query);
        abortable_stream(self.0.options.abort.clone(), Operation::Query, entries)
    }

    /// Stores a value, with the commit.
    ///
    /// # Errors
    /// [`InvalidKey`](ErrorKind::InvalidKey), [`InvalidArgument`](ErrorKind::InvalidArgument) for what the engine does not
    /// take; [`Closed`](ErrorKind::Closed) once the transaction has ended.
    pub fn put(&self, key: &Key, value: impl Into<Bytes>) -> Result<()> {
        self.write(Operation::Put, key, Write::Put(value.into(), None))
    }

    /// Stores a value that expires, with the commit.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_expiring(
        &self,
        key: &Key,
        value: impl Into<Bytes>,
        expires: Timestamp,
    ) -> Result<()> {
        let write = Write::Put(value.into(), Some(expires));
        self.write(Operation::Put, key, write)
    }

    /// Removes a value, with the commit.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn delete(&self, key: &Key) -> Result<()> {
        self.write(Operation::Delete, key, Write::Delete)
    }

    fn write(&self, operation: Operation, key: &Key, write: Write) -> Result<()> {
        let op = write.clone().into_op(key.clone());
        self.0.store.check(operation, &op)?;
        self.0.with(operation, |state| {
            state.writes.insert(key.clone(), write);
        })
    }

    /// Makes the writes take effect together, if nothing that was read has changed. A transaction without writes has nothing
    /// to check: what it read was true when it began.
    ///
    /// Dropped half way it has taken effect when the next call looks, or never will. Writes of the keys concerned wait
    /// meanwhile; if a query was made all writes do, and what it walked is read once more.
    ///
    /// # Errors
    /// [`PreconditionFailed`](ErrorKind::PreconditionFailed) if something that was read has changed: nothing has been done.
    /// [`Closed`](ErrorKind::Closed) if the transaction has ended before; those of a batch.
    pub async fn commit(self) -> Result<Written> {
        let state = self.0.end().ok_or_else(|| ended(Operation::Write))?;
        self.0.commit(state).await
    }

    /// Forgets the writes, through whatever handle they came.
    pub fn rollback(self) {
        self.0.end();
    }
}

fn ended(operation: Operation) -> Error {
    Error::new(ErrorKind::Closed, operation)
        .with_detail("the transaction has ended")
        .with_remedy("begin another one")
}

impl<E> Shared<E> {
    /// Held for some steps in memory, none of which leaves the state half changed.
    fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, operation: Operation, work: impl FnOnce(&mut State) -> T) -> Result<T> {
        self.state()
            .as_mut()
            .map(work)
            .ok_or_else(|| ended(operation))
    }

    fn end(&self) -> Option<State> {
        self.state().take()
    }
}

impl<E: Engine> Shared<E> {
    async fn read(&self, key: &Key) -> Result<Option<Bytes>> {
        let (own, snapshot) = self.with(Operation::Get, |state| {
            let own = state
                .writes
                .get(key)
                .map(|write| write.value(self.began).cloned());
            (own, state.snapshot.clone())
        })?;
        if let Some(own) = own {
            return Ok(own);
        }
        if !self.store.can.keys.allows(key) {
            return Ok(None);
        }
        let record = snapshot.get(key.as_bytes()).await;
        let record = record.map_err(|error| translate(Operation::Get, error).with_key(key))?;
        let parsed = record.map(record::parse).transpose();
        let parsed = parsed.map_err(|why| unreadable(Operation::Get, key, why))?;
        let living = parsed.filter(|(head, _)| head.lives_at(self.began));
        let (number, value) = living.map(|(head, value)| (head.number, value)).unzip();
        self.with(Operation::Get, |state| state.reads.key(key, number))?;
        Ok(value)
    }

    async fn commit(&self, state: State) -> Result<Written> {
        if state.writes.is_empty() {
            self.store.check_open(Operation::Write)?;
            return Ok(Written::default());
        }
        let ops: Vec<BatchOp> = state
            .writes
            .into_iter()
            .map(|(key, write)| write.into_op(key))
            .collect();
        let (required, walked) = state.reads.into_requirements();
        // It keeps alive what is not needed any more.
        drop(state.snapshot);
        let written = self.store.write_if(
            Operation::Write,
            &ops,
            &required,
            &walked,
            self.options.durability,
        );
        let abort = self.options.abort.as_ref();
        let number = abortable(abort, Operation::Write, None, written).await;
        let number = number.map_err(|error| match is_conflict(&error) {
            true => error.with_remedy("run the transaction again"),
            false => error,
        })?;
        Ok(crate::write::written(&ops, number))
    }
}

impl<E: Engine> fmt::Debug for Transaction<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state();
        f.debug_struct("Transaction")
            .field("store", &self.0.store.engine)
            .field("writes", &state.as_ref().map(|state| state.writes.len()))
            .finish_non_exhaustive()
    }
}
