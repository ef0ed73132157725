//! The store and the memory engine by the public suites, over each engine; and what is the store's own.

mod conformance;
mod engines;
mod expiry;
mod failing;
mod format;
mod histories;
mod space;
mod transactions;
mod writes;
