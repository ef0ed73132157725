#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod claims;
mod error;
mod expiry;
mod gates;
mod memory;
mod numbers;
mod open;
mod over;
mod query;
mod read;
mod record;
mod settle;
mod spare;
mod store;
mod sweeper;
mod transaction;
mod upkeep;
mod write;

#[cfg(feature = "fjall")]
pub use datastore_fjall as fjall;
#[cfg(feature = "redb")]
pub use datastore_redb as redb;
#[cfg(feature = "sled")]
pub use datastore_sled as sled;

pub use self::{
    error::open_error,
    memory::MemoryEngine,
    open::KvOptions,
    over::{DatastoreEngine, DatastoreEngineOptions},
    store::KvDatastore,
    transaction::{Transaction, TransactionOptions},
};
