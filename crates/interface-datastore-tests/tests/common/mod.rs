//! Stores that the harness is tested on.

#![allow(dead_code, unreachable_pub)]

pub mod log_store;
