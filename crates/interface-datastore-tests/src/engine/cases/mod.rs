//! The cases, by what they are about. Each is a rule; its name is the name of its test.

pub(crate) mod batches;
pub(crate) mod faults;
pub(crate) mod model;
pub(crate) mod power;
pub(crate) mod reads;
pub(crate) mod scans;
pub(crate) mod snapshots;
pub(in crate::engine) mod support;
pub(crate) mod threads;
pub(crate) mod upkeep;
