#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod black_hole;
mod claims;
#[cfg(feature = "encrypt")]
pub mod encrypt;
pub mod fault;
mod lock;
mod measure;
pub mod memory;
mod pass_on;
mod read_only;
mod retry;
mod timer;
pub mod verify;
mod whole_values;

#[cfg(feature = "encrypt")]
pub use self::encrypt::EncryptDatastore;
#[cfg(feature = "tokio")]
pub use self::timer::TokioTimer;
pub use self::{
    black_hole::BlackHoleDatastore,
    fault::FaultDatastore,
    measure::{MeasureDatastore, OperationStats},
    memory::MemoryDatastore,
    read_only::ReadOnlyDatastore,
    retry::{RetryDatastore, RetryPolicy},
    timer::Timer,
    verify::VerifyDatastore,
};
