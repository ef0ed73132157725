//! Checking that values fit their keys.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use interface_datastore::{
    Datastore, Error, ErrorKind, Key, MaybeSend, MaybeSync, Operation, Result,
};

use crate::{
    coded::{Codec, Coded},
    pass_on::pass_on,
};

/// Why a value does not fit its key, in a few words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch(Cow<'static, str>);

impl Mismatch {
    /// A mismatch for this reason.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

/// Decides whether a value fits its key; any `Fn(&Key, &[u8]) -> Result<(), Mismatch>` is one.
pub trait Verifier: MaybeSend + MaybeSync + 'static {
    /// Checks a whole value.
    ///
    /// # Errors
    /// Why the value does not fit.
    fn verify(&self, key: &Key, value: &[u8]) -> Result<(), Mismatch>;
}

impl<F> Verifier for F
where
    F: Fn(&Key, &[u8]) -> Result<(), Mismatch> + MaybeSend + MaybeSync + 'static,
{
    fn verify(&self, key: &Key, value: &[u8]) -> Result<(), Mismatch> {
        self(key, value)
    }
}

/// Takes and gives only values that fit their keys: content whose key is its hash, say.
///
/// * A write of a value that does not fit fails with [`InvalidArgument`](ErrorKind::InvalidArgument), a batch with such
///   a put as a whole, before any effect.
/// * A read of one fails with [`Damaged`](ErrorKind::Damaged); in a listing that carries, filters on or sorts by values
///   it is the last item. Nothing of an unverified value is given: ranges and streams read the value whole first.
/// * Sizes, existence and listings of keys are not verified, as they read no value.
/// * `Scrub` reads every value and reports those that do not fit, after the inner store's own scrub if it has one.
///
/// ```
/// use datastore_core::{MemoryDatastore, VerifyDatastore, verify::Mismatch};
/// use interface_datastore::{DatastoreExt, ErrorKind, Key};
///
/// // The last namespace of a key must be the length of its value.
/// let length_is_name = |key: &Key, value: &[u8]| {
///     let fits = key.base_namespace() == value.len().to_string().as_bytes();
///     if fits { Ok(()) } else { Err(Mismatch::new("the key is not the value's length")) }
/// };
/// # pollster::block_on(async {
/// let store = VerifyDatastore::new(&MemoryDatastore::new(), length_is_name);
/// store.put(&Key::new("/5"), "hello").await?;
/// let refused = store.put(&Key::new("/6"), "hello").await.unwrap_err();
/// assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
/// # Ok::<(), interface_datastore::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct VerifyDatastore(Coded<Verified>);

impl VerifyDatastore {
    /// The longest value taken, unless told otherwise: 1 GiB.
    pub const DEFAULT_MAX_VALUE_LEN: u64 = 1 << 30;

    /// Checks what goes into and comes out of `inner`.
    pub fn new(inner: &(impl Datastore + ?Sized), verifier: impl Verifier) -> Self {
        let verified = Verified(Box::new(verifier));
        Self(Coded::new(inner, verified, Self::DEFAULT_MAX_VALUE_LEN))
    }

    /// Takes values up to so many bytes. Values are held in memory while they are verified, streamed ones too.
    #[must_use]
    pub fn with_max_value_len(mut self, bytes: u64) -> Self {
        self.0.max_value_len = bytes;
        self
    }

    fn inner(&self) -> &Coded<Verified> {
        &self.0
    }
}

/// Holds values as they are, if they fit.
struct Verified(Box<dyn Verifier>);

impl Verified {
    fn check(
        &self,
        misfit: ErrorKind,
        operation: Operation,
        key: &Key,
        value: Bytes,
    ) -> Result<Bytes> {
        match self.0.verify(key, &value) {
            Ok(()) => Ok(value),
            Err(mismatch) => Err(Error::new(misfit, operation)
                .with_key(key)
                .with_detail(format!("the value does not fit its key: {mismatch}"))
                .with_source(mismatch)),
        }
    }
}

impl Codec for Verified {
    const FINDING: &'static str = "value-mismatch";
    const OVERHEAD: u64 = 0;

    fn encode(&self, operation: Operation, key: &Key, value: Bytes) -> Result<Bytes> {
        self.check(ErrorKind::InvalidArgument, operation, key, value)
    }

    fn decode(&self, operation: Operation, key: &Key, held: Bytes) -> Result<Bytes> {
        self.check(ErrorKind::Damaged, operation, key, held)
    }

    fn decoded_len(&self, _: Operation, _: &Key, held: u64) -> Result<u64> {
        Ok(held)
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for VerifyDatastore {
    pass_on! {
        capabilities put_opts get_opts delete_opts query_opts put_stream_opts get_stream_opts put_many_opts
        get_many_opts delete_many_opts write_opts watch_opts sync_opts disk_usage_opts maintain_opts close_opts handle
    }
}
