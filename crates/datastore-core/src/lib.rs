#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod black_hole;
pub mod fault;
mod lock;
pub mod memory;
mod pass_on;
mod read_only;
mod timer;

#[cfg(feature = "tokio")]
pub use self::timer::TokioTimer;
pub use self::{black_hole::BlackHoleDatastore, fault::FaultDatastore, memory::MemoryDatastore, read_only::ReadOnlyDatastore, timer::Timer};
