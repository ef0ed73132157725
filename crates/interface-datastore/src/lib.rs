#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod abort;
mod batch;
#[cfg(not(target_family = "wasm"))]
pub mod blocking;
mod capabilities;
mod durability;
mod entry;
mod error;
mod ext;
pub mod implement;
mod key;
mod maintenance;
mod maybe_send;
mod options;
pub mod query;
mod store;
mod timestamp;
mod version;
mod watch;

pub use bytes::Bytes;

#[cfg(feature = "encodings")]
pub use self::key::{Encoding, UnknownEncoding};
pub use self::{
    abort::{AbortController, AbortSignal, abortable, abortable_stream, check_aborted},
    batch::{Batch, BatchOp},
    capabilities::{
        Alphabet, Capabilities, Claim, ConditionScope, KeyRules, MaintenanceClaims, Pushdown,
    },
    durability::Durability,
    entry::{Entry, ValueStream, Written},
    error::{BatchReport, Error, ErrorKind, Operation, Result},
    ext::{DatastoreExt, StoreBatch},
    key::{InvalidKey, Key, Namespaces, RandomError, prefix_upper_bound},
    maintenance::{Action, DiskUsage, Finding, Maintenance, MaintenanceEvent, Severity},
    maybe_send::{BoxFuture, BoxStream, MaybeSend, MaybeSync},
    options::{
        ByteRange, CloseOptions, Condition, DEFAULT_CONCURRENCY, DeleteManyOptions, DeleteOptions,
        DiskUsageOptions, GetManyOptions, GetOptions, MaintainOptions, PutManyOptions, PutOptions,
        QueryOptions, SyncOptions, Want, WatchOptions, WriteOptions,
    },
    query::Query,
    store::Datastore,
    timestamp::Timestamp,
    version::Version,
    watch::WatchEvent,
};
