//! Keys that are hashes of their values, as those of blocks are.

#[cfg(feature = "multihash")]
use interface_datastore::Key;

/// A multihash of an algorithm that is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Multihash {
    algorithm: Algorithm,
    digest: Vec<u8>,
}

#[cfg(feature = "multihash")]
pub(crate) use self::hashing::Hasher;
#[cfg(feature = "multihash")]
use self::hashing::algorithm;

/// Shorter digests are no sign that a key is a hash.
#[cfg(feature = "multihash")]
const MIN_DIGEST: usize = 20;

#[cfg(feature = "multihash")]
impl Multihash {
    /// The multihash that the last namespace of a key is, in base32 of upper-case letters without padding.
    pub(crate) fn of(key: &Key) -> Option<Self> {
        let name = key.namespaces().next_back()?;
        let bytes = data_encoding::BASE32_NOPAD.decode(name).ok()?;
        let (code, rest) = varint(&bytes)?;
        let (len, digest) = varint(rest)?;
        let full = algorithm(code)?;
        let fits = usize::try_from(len) == Ok(digest.len())
            && (MIN_DIGEST..=full.digest_len()).contains(&digest.len());
        fits.then(|| Self {
            algorithm: full,
            digest: digest.to_vec(),
        })
    }

    /// Whether it is the hash of `value`.
    pub(crate) fn is_of(&self, value: &[u8]) -> bool {
        let mut hasher = self.hasher();
        hasher.update(value);
        self.is_result(hasher)
    }

    /// What computes the hash piece by piece.
    pub(crate) fn hasher(&self) -> Hasher {
        Hasher::new(self.algorithm)
    }

    /// Whether the hash came out as it should. A digest may be cut short.
    pub(crate) fn is_result(&self, hasher: Hasher) -> bool {
        hasher.finish().starts_with(&self.digest)
    }
}

/// An unsigned number of at most nine bytes in the encoding of multiformats, and what follows it.
#[cfg(feature = "multihash")]
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let is_shortest = index == 0 || *byte != 0;
            return is_shortest.then(|| (number, bytes.get(index + 1..).unwrap_or_default()));
        }
    }
    None
}

#[cfg(feature = "multihash")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Sha1,
    Sha256,
    DoubleSha256,
    Sha384,
    Sha512,
    Sha3_224,
    Sha3_256,
    Sha3_384,
    Sha3_512,
    /// Of so many bytes.
    Blake2b(usize),
    /// Of so many bytes.
    Blake2s(usize),
    Blake3,
}

#[cfg(feature = "multihash")]
mod hashing {
    use sha2::digest::DynDigest;
    use sha2::{Digest, Sha256};

    use super::Algorithm;

    /// The algorithm with a code of the multicodec table.
    pub(super) fn algorithm(code: u64) -> Option<Algorithm> {
        let bytes_from = |first: u64| usize::try_from(code - first).map_or(0, |n| n + 1);
        Some(match code {
            0x11 => Algorithm::Sha1,
            0x12 => Algorithm::Sha256,
            0x13 => Algorithm::Sha512,
            0x14 => Algorithm::Sha3_512,
            0x15 => Algorithm::Sha3_384,
            0x16 => Algorithm::Sha3_256,
            0x17 => Algorithm::Sha3_224,
            0x1e => Algorithm::Blake3,
            0x20 => Algorithm::Sha384,
            0x56 => Algorithm::DoubleSha256,
            0xb201..=0xb240 => Algorithm::Blake2b(bytes_from(0xb201)),
            0xb241..=0xb260 => Algorithm::Blake2s(bytes_from(0xb241)),
            _ => return None,
        })
    }

    impl Algorithm {
        /// Bytes of a whole digest; BLAKE3 has any number, of which these are usual at most.
        pub(super) fn digest_len(self) -> usize {
            match self {
                Self::Sha1 => 20,
                Self::Sha3_224 => 28,
                Self::Sha256 | Self::DoubleSha256 | Self::Sha3_256 | Self::Blake3 => 32,
                Self::Sha384 | Self::Sha3_384 => 48,
                Self::Sha512 | Self::Sha3_512 => 64,
                Self::Blake2b(len) | Self::Blake2s(len) => len,
            }
        }
    }

    /// A hash that is being computed.
    pub(crate) enum Hasher {
        Plain(Box<dyn DynDigest + Send>),
        Double(Sha256),
        Blake2b(Box<blake2b_simd::State>),
        Blake2s(Box<blake2s_simd::State>),
        Blake3(Box<blake3::Hasher>),
    }

    impl Hasher {
        pub(super) fn new(algorithm: Algorithm) -> Self {
            match algorithm {
                Algorithm::Sha1 => Self::Plain(Box::new(sha1::Sha1::default())),
                Algorithm::Sha256 => Self::Plain(Box::new(Sha256::default())),
                Algorithm::DoubleSha256 => Self::Double(Sha256::default()),
                Algorithm::Sha384 => Self::Plain(Box::new(sha2::Sha384::default())),
                Algorithm::Sha512 => Self::Plain(Box::new(sha2::Sha512::default())),
                Algorithm::Sha3_224 => Self::Plain(Box::new(sha3::Sha3_224::default())),
                Algorithm::Sha3_256 => Self::Plain(Box::new(sha3::Sha3_256::default())),
                Algorithm::Sha3_384 => Self::Plain(Box::new(sha3::Sha3_384::default())),
                Algorithm::Sha3_512 => Self::Plain(Box::new(sha3::Sha3_512::default())),
                // Lengths come from the table above: 1 to 64 bytes and 1 to 32, as the algorithms have them.
                Algorithm::Blake2b(len) => {
                    let params = blake2b_simd::Params::new().hash_length(len).to_state();
                    Self::Blake2b(Box::new(params))
                }
                Algorithm::Blake2s(len) => {
                    let params = blake2s_simd::Params::new().hash_length(len).to_state();
                    Self::Blake2s(Box::new(params))
                }
                Algorithm::Blake3 => Self::Blake3(Box::default()),
            }
        }

        pub(crate) fn update(&mut self, bytes: &[u8]) {
            match self {
                Self::Plain(hasher) => hasher.update(bytes),
                Self::Double(hasher) => Digest::update(hasher, bytes),
                Self::Blake2b(hasher) => {
                    hasher.update(bytes);
                }
                Self::Blake2s(hasher) => {
                    hasher.update(bytes);
                }
                Self::Blake3(hasher) => {
                    hasher.update(bytes);
                }
            }
        }

        pub(super) fn finish(self) -> Vec<u8> {
            match self {
                Self::Plain(hasher) => hasher.finalize().into_vec(),
                Self::Double(hasher) => Sha256::digest(hasher.finalize()).to_vec(),
                Self::Blake2b(hasher) => hasher.finalize().as_bytes().to_vec(),
                Self::Blake2s(hasher) => hasher.finalize().as_bytes().to_vec(),
                Self::Blake3(hasher) => hasher.finalize().as_bytes().to_vec(),
            }
        }
    }
}

#[cfg(not(feature = "multihash"))]
mod without {
    //! Without the feature, no key is known to be a hash.

    use interface_datastore::Key;

    use super::Multihash;

    /// There is none.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Algorithm {}

    /// Never made.
    pub(crate) struct Hasher(std::convert::Infallible);

    impl Hasher {
        pub(crate) fn update(&mut self, _: &[u8]) {
            match self.0 {}
        }
    }

    impl Multihash {
        pub(crate) fn of(_: &Key) -> Option<Self> {
            None
        }

        pub(crate) fn is_of(&self, _: &[u8]) -> bool {
            match self.algorithm {}
        }

        pub(crate) fn hasher(&self) -> Hasher {
            match self.algorithm {}
        }

        pub(crate) fn is_result(&self, hasher: Hasher) -> bool {
            match hasher.0 {}
        }
    }
}
#[cfg(not(feature = "multihash"))]
use self::without::Algorithm;
