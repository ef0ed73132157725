//! Errors on their way through a translation.

use std::{error::Error as StdError, fmt};

use interface_datastore::{Error, ErrorKind, Key, Operation, Result};

use super::Mapping;

/// An error of the caller's own source or body, which names outer keys, wrapped for its way through the inner store.
#[derive(Debug)]
pub(super) struct Passing(Error);

impl Passing {
    pub(super) fn through(error: Error) -> Error {
        Error::new(error.kind(), error.operation()).with_source(Self(error))
    }
}

impl fmt::Display for Passing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Passing {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// The error as callers shall see it: with outer keys, or the caller's own error unwrapped.
pub(super) fn outward<M: Mapping>(mapping: &M, error: Error) -> Error {
    if let Some(Passing(own)) = error.source().and_then(|source| source.downcast_ref()) {
        return own.clone();
    }
    error.map_key(|inner| mapping.outward(inner))
}

/// The outer key of an inner key that the inner store gave back.
pub(super) fn own_key<M: Mapping>(mapping: &M, operation: Operation, inner: &Key) -> Result<Key> {
    mapping.outward(inner).ok_or_else(|| {
        Error::new(ErrorKind::Failed, operation)
            .with_detail("the inner store gave back a key that it was not given")
    })
}
