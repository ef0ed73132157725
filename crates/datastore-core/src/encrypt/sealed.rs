//! The stored form of a value: `docs/formats/datastore-encrypt.md`.

use bytes::Bytes;
use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use interface_datastore::{Error, ErrorKind, Key, Operation, Result};

use super::secret::{SecretKey, fill_random};

const VERSION: u8 = 1;
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
const HEADER_LEN: usize = 1 + NONCE_LEN;

/// By how many bytes a stored value is longer than the plain one.
pub(super) const OVERHEAD: u64 = (HEADER_LEN + TAG_LEN) as u64;

/// Seals and opens values with one secret key, which it wipes when dropped.
pub(super) struct Sealer(XChaCha20Poly1305);

impl Sealer {
    pub(super) fn new(secret: &SecretKey) -> Self {
        Self(XChaCha20Poly1305::new(secret.expose().into()))
    }

    /// The stored form of `value` under `key`.
    pub(super) fn seal(&self, operation: Operation, key: &Key, value: &[u8]) -> Result<Bytes> {
        let mut nonce = [0; NONCE_LEN];
        fill_random(&mut nonce, operation).map_err(|error| error.with_key(key))?;
        let mut stored = Vec::with_capacity(HEADER_LEN + value.len() + TAG_LEN);
        stored.push(VERSION);
        stored.extend_from_slice(&nonce);
        stored.extend_from_slice(value);
        let plain = stored.get_mut(HEADER_LEN..).unwrap_or_default();
        let tag = self
            .0
            .encrypt_inout_detached(&XNonce::from(nonce), &associated(key), plain.into())
            .map_err(|_| {
                Error::new(ErrorKind::InvalidArgument, operation)
                    .with_key(key)
                    .with_detail("the value is too long for one encryption")
            })?;
        stored.extend_from_slice(&tag);
        Ok(stored.into())
    }

    /// The value whose stored form under `key` is `stored`.
    pub(super) fn open(&self, operation: Operation, key: &Key, stored: &[u8]) -> Result<Bytes> {
        check_version(operation, key, stored)?;
        let too_short = || {
            damaged(
                operation,
                key,
                "it is shorter than an empty encrypted value",
            )
        };
        let (header, rest) = stored
            .split_first_chunk::<HEADER_LEN>()
            .ok_or_else(too_short)?;
        let (sealed, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or_else(too_short)?;
        let [_, nonce @ ..] = header;
        let mut plain = sealed.to_vec();
        self.0
            .decrypt_inout_detached(
                &XNonce::from(*nonce),
                &associated(key),
                plain.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| {
                damaged(
                    operation,
                    key,
                    "the secret key is another one, the bytes were changed, or the value was stored under another key",
                )
            })?;
        Ok(plain.into())
    }
}

/// The length of the value whose stored form has `stored` bytes.
pub(super) fn plain_len(operation: Operation, key: &Key, stored: u64) -> Result<u64> {
    stored.checked_sub(OVERHEAD).ok_or_else(|| {
        damaged(
            operation,
            key,
            "it is shorter than an empty encrypted value",
        )
    })
}

/// What is authenticated along with the value: the format's version and the key it is stored under.
fn associated(key: &Key) -> Vec<u8> {
    [&[VERSION], key.as_bytes()].concat()
}

fn check_version(operation: Operation, key: &Key, stored: &[u8]) -> Result<()> {
    match stored.first() {
        Some(&VERSION) | None => Ok(()),
        Some(version) => Err(Error::new(ErrorKind::Foreign, operation)
            .with_key(key)
            .with_detail(format!(
                "the stored value is not encrypted in a form that is known here (first byte {version}, known is {VERSION})"
            ))
            .with_remedy("use a newer release, or check that the store holds encrypted values")),
    }
}

fn damaged(operation: Operation, key: &Key, why: &'static str) -> Error {
    Error::new(ErrorKind::Damaged, operation)
        .with_key(key)
        .with_detail(format!("the stored value cannot be decrypted: {why}"))
        .with_remedy("check the secret key first")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The draft's test vector (draft-irtf-cfrg-xchacha-03, A.3.1) checks the cipher; this pins how we put it together.
    #[test]
    fn stored_form_is_as_documented() {
        let secret = SecretKey::from_bytes([7; 32]);
        let key = Key::new("/a");
        let stored = Sealer::new(&secret)
            .seal(Operation::Put, &key, b"plain")
            .unwrap();
        let (nonce, rest) = (&stored[1..25], &stored[25..]);
        let cipher = XChaCha20Poly1305::new(&[7; 32].into());
        let payload = chacha20poly1305::aead::Payload {
            msg: rest,
            aad: b"\x01/a",
        };
        let nonce = XNonce::try_from(nonce).unwrap();
        let plain = chacha20poly1305::aead::Aead::decrypt(&cipher, &nonce, payload).unwrap();
        assert_eq!((stored[0], plain.as_slice()), (1, &b"plain"[..]));
        assert_eq!(stored.len() as u64, 5 + OVERHEAD);
    }
}
