//! Values that only the holder of a secret key can read or forge.

mod sealed;
mod secret;

use bytes::Bytes;
use interface_datastore::{Datastore, Key, Operation, Result};

use self::sealed::{OVERHEAD, Sealer, plain_len};
pub use self::secret::SecretKey;
use crate::{
    coded::{Codec, Coded},
    pass_on::pass_on,
};

/// Encrypts each value with XChaCha20-Poly1305 before the inner store sees it.
///
/// What is hidden and what is not:
/// * Values are secret and authentic. A value is bound to its key: one that was moved to another key, or changed, or
///   encrypted with another secret key, is [`Damaged`](interface_datastore::ErrorKind::Damaged). That one was put back
///   which the key held earlier cannot be noticed.
/// * Keys, the lengths of values, their number, times of access and expiry are **in the clear**.
///
/// Each value is one message with a random nonce, 41 bytes longer than the plain value; sizes are told as those of the
/// plain value. A value is held in memory whole to be encrypted or read, ranges and streams of it too, so its length is
/// limited (see [`with_max_value_len`](Self::with_max_value_len)). Filters and orders see plain values, which are
/// decrypted for it. `Scrub` decrypts every value and reports those that it cannot.
///
/// The form of stored values is described byte by byte in `docs/formats/datastore-encrypt.md`; its first byte is a
/// version, and other versions are refused as [`Foreign`](interface_datastore::ErrorKind::Foreign).
///
/// ```
/// use datastore_core::{EncryptDatastore, MemoryDatastore, encrypt::SecretKey};
/// use interface_datastore::{DatastoreExt, Key};
///
/// # pollster::block_on(async {
/// let memory = MemoryDatastore::new();
/// let store = EncryptDatastore::new(&memory, &SecretKey::generate()?);
/// let key = Key::new("/diary");
/// store.put(&key, "dear").await?;
/// assert_eq!(store.get(&key).await?, "dear");
/// assert_eq!(memory.get_size(&key).await?, 4 + 41);
/// # Ok::<(), interface_datastore::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct EncryptDatastore(Coded<Sealer>);

impl EncryptDatastore {
    /// The longest plain value taken, unless told otherwise: 256 MiB.
    pub const DEFAULT_MAX_VALUE_LEN: u64 = 256 << 20;

    /// Encrypts what goes into `inner` with `secret`.
    pub fn new(inner: &(impl Datastore + ?Sized), secret: &SecretKey) -> Self {
        let sealer = Sealer::new(secret);
        Self(Coded::new(inner, sealer, Self::DEFAULT_MAX_VALUE_LEN))
    }

    /// Takes plain values up to so many bytes.
    #[must_use]
    pub fn with_max_value_len(mut self, bytes: u64) -> Self {
        self.0.max_value_len = bytes;
        self
    }

    fn inner(&self) -> &Coded<Sealer> {
        &self.0
    }
}

impl Codec for Sealer {
    const FINDING: &'static str = "not-decryptable";
    const OVERHEAD: u64 = OVERHEAD;

    fn encode(&self, operation: Operation, key: &Key, value: Bytes) -> Result<Bytes> {
        self.seal(operation, key, &value)
    }

    fn decode(&self, operation: Operation, key: &Key, held: Bytes) -> Result<Bytes> {
        self.open(operation, key, &held)
    }

    fn decoded_len(&self, operation: Operation, key: &Key, held: u64) -> Result<u64> {
        plain_len(operation, key, held)
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for EncryptDatastore {
    pass_on! {
        capabilities put_opts get_opts delete_opts query_opts put_stream_opts get_stream_opts put_many_opts
        get_many_opts delete_many_opts write_opts watch_opts sync_opts disk_usage_opts maintain_opts close_opts handle
    }
}
