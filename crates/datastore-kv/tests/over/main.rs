//! An engine over stores of all kinds: by the public suites, stopped at every step, and taken over.

mod conformance;
mod format;
mod steps;
mod store;
mod users;
