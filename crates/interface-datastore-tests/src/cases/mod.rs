//! The cases, by what they are about. Each is a rule; its name is the name of its test.

pub(crate) mod batch;
pub(crate) mod batch_rules;
pub(crate) mod cancellation;
pub(crate) mod conditions;
pub(crate) mod delete;
pub(crate) mod delete_many;
pub(crate) mod expiry;
pub(crate) mod faults;
pub(crate) mod get;
pub(crate) mod get_many;
pub(crate) mod go;
pub(crate) mod histories;
pub(crate) mod keys;
pub(crate) mod listing;
pub(crate) mod many;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod model;
pub(crate) mod power;
pub(crate) mod put;
pub(crate) mod put_many;
pub(crate) mod query;
pub(crate) mod query_keys;
pub(crate) mod support;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod threads;
pub(crate) mod upkeep;
pub(crate) mod values;
pub(crate) mod watch;
#[cfg(target_family = "wasm")]
mod without_threads;

#[cfg(target_family = "wasm")]
pub(crate) use without_threads::{model, threads};
