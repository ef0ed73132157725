//! The wrappers over the memory store, through their public faces.

mod aborted;
mod auto_batch;
#[cfg(feature = "cache")]
mod cache;
#[cfg(feature = "encrypt")]
mod encrypt;
mod fault;
mod measure;
mod read_only;
mod retry;
mod support;
mod tiered;
mod verify;
