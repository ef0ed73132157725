//! [`MemoryDatastore`]: everything in memory, in byte order of keys.

mod clock;
mod table;
mod walk;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use bytes::Bytes;
use interface_datastore::{
    Action, Batch, BatchOp, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Condition,
    ConditionScope, Datastore, DeleteManyOptions, DeleteOptions, DiskUsage, DiskUsageOptions,
    Durability, Entry, Error, ErrorKind, Finding, GetManyOptions, GetOptions, Key, KeyRules,
    MaintainOptions, Maintenance, MaintenanceClaims, MaintenanceEvent, Operation, PutManyOptions,
    PutOptions, Query, QueryOptions, Result, Severity, SyncOptions, Timestamp, ValueStream, Want,
    WatchEvent, WatchOptions, WriteOptions, Written, abortable_stream, check_aborted, implement,
    query::evaluate,
};

pub use self::clock::Clock;
use self::table::{Slot, Table};

/// How many expired entries a write removes on its way, and maintenance under one lock.
const SWEEP_ON_WRITE: usize = 2;
const SWEEP_AT_ONCE: usize = 256;

/// A datastore in memory: ordered, with snapshots, conditions, expiry, atomic batches and watching.
///
/// Clones are handles on one store. Every call is answered when its future is first polled; no lock is held while a
/// query streams. A query sees the store as it was when its stream was first polled; what is changed meanwhile is kept
/// beside the map for as long as that stream lives.
///
/// An expired entry is not found from its moment on. It is removed, and watchers are told, when it is next noticed: by
/// a read of it, by a write of anything, by a query or by [`Maintenance::Gc`].
///
/// ```
/// use datastore_core::MemoryDatastore;
/// use interface_datastore::{DatastoreExt, Key, blocking::Datastore};
///
/// let store = Datastore::new(MemoryDatastore::new());
/// store.put(&Key::new("/a"), "1")?;
/// assert_eq!(store.get(&Key::new("/a"))?, "1");
/// # Ok::<(), interface_datastore::Error>(())
/// ```
#[derive(Clone)]
pub struct MemoryDatastore(Arc<Shared>);

struct Shared {
    state: RwLock<State>,
    watchers: implement::Watchers,
    clock: Box<dyn Clock>,
}

#[derive(Default)]
struct State {
    table: Table,
    closed: bool,
}

impl MemoryDatastore {
    /// An empty store.
    pub fn new() -> Self {
        Self::with_clock(Timestamp::now)
    }

    /// An empty store whose entries expire by this clock, so that tests need not wait.
    pub fn with_clock(clock: impl Clock) -> Self {
        Self(Arc::new(Shared {
            state: RwLock::default(),
            watchers: implement::Watchers::new(),
            clock: Box::new(clock),
        }))
    }
}

impl Default for MemoryDatastore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDatastore")
            .field("bytes", &self.0.read().bytes())
            .finish_non_exhaustive()
    }
}
