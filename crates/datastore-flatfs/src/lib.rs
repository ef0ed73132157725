#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod background;
mod batch;
pub mod check;
pub mod convert;
mod failure;
mod files;
mod maintain;
mod many;
mod multihash;
mod names;
mod novelty;
mod open;
mod options;
mod query;
mod read;
mod shard;
mod sharding;
mod startup;
mod store;
mod stream;
mod unclean;
mod upkeep;
mod usage;
mod write;

pub use datastore_files::Blocking;

pub use self::names::Names;
pub use self::options::FlatfsOptions;
pub use self::shard::{ShardError, ShardFunction};
pub use self::store::FlatfsDatastore;
pub use self::usage::Accuracy;
