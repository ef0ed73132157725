//! The cases, by what they are about. Each is a rule; its name is the name of its test.

pub(crate) mod batch;
pub(crate) mod delete;
pub(crate) mod delete_many;
pub(crate) mod get;
pub(crate) mod get_many;
pub(crate) mod put;
pub(crate) mod put_many;
pub(crate) mod query;
pub(crate) mod query_keys;
mod support;
