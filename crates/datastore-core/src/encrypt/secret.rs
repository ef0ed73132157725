//! The secret key.

use std::fmt;

use interface_datastore::{Error, ErrorKind, Operation, Result};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret of 32 bytes. Wiped from memory when dropped, and never shown by `Debug`.
///
/// It is a key, not a password: derive it from one with a function made for that (Argon2, say).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretKey([u8; Self::LEN]);

impl SecretKey {
    /// Its length in bytes.
    pub const LEN: usize = 32;

    /// The key of these bytes. The caller wipes its own copy.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// A new random key. Whoever loses it loses every value written with it.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`] if the system has no random bytes.
    pub fn generate() -> Result<Self> {
        let mut key = Self([0; Self::LEN]);
        fill_random(&mut key.0, Operation::Open)?;
        Ok(key)
    }

    /// The bytes, to be kept in a safe place.
    pub fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

pub(super) fn fill_random(bytes: &mut [u8], operation: Operation) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| {
        Error::new(ErrorKind::Failed, operation)
            .with_detail(format!("the system gave no random bytes: {error}"))
    })
}
