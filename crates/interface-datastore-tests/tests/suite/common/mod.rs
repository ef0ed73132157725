//! Stores that the harness is tested on.

#![allow(unreachable_pub, reason = "nobody uses this crate")]

pub mod broken;
pub mod disk_store;
pub mod log_store;
pub mod wrappers;
