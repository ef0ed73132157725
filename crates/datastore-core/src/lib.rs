#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod auto_batch;
mod black_hole;
#[cfg(feature = "cache")]
mod cache;
mod claims;
mod coded;
#[cfg(feature = "encrypt")]
pub mod encrypt;
pub mod fault;
mod key_gates;
pub mod key_transform;
mod lock;
mod measure;
pub mod memory;
pub mod mount;
mod namespace;
mod pass_on;
mod read_only;
mod retry;
pub mod sharding;
mod tiered;
mod timer;
mod translate;
pub mod verify;
mod whole_values;

#[cfg(feature = "cache")]
pub use self::cache::{CacheDatastore, CacheStats};
#[cfg(feature = "encrypt")]
pub use self::encrypt::EncryptDatastore;
#[cfg(feature = "tokio")]
pub use self::timer::TokioTimer;
pub use self::{
    auto_batch::AutoBatchDatastore,
    black_hole::BlackHoleDatastore,
    fault::FaultDatastore,
    key_transform::KeyTransformDatastore,
    measure::{MeasureDatastore, OperationStats},
    memory::MemoryDatastore,
    mount::MountDatastore,
    namespace::NamespaceDatastore,
    read_only::ReadOnlyDatastore,
    retry::{RetryDatastore, RetryPolicy},
    sharding::ShardingDatastore,
    tiered::{TieredDatastore, WritePolicy},
    timer::Timer,
    verify::VerifyDatastore,
};
