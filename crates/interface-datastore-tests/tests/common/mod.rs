//! Stores that the harness is tested on.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod broken;
pub mod disk_store;
pub mod log_store;
pub mod wrappers;
