#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod fault;
mod lock;
mod pass_on;
mod read_only;
mod timer;

#[cfg(feature = "tokio")]
pub use self::timer::TokioTimer;
pub use self::{fault::FaultDatastore, read_only::ReadOnlyDatastore, timer::Timer};
