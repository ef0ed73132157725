//! The store and the memory engine by the public suites, over each engine; and what is the store's own.

mod conformance;
mod expiry;
mod format;
mod runtime;
mod writes;
