//! Opaque versions of values.

use std::{fmt, sync::Arc};

const INLINE: usize = 38;

/// Names one state of one key's value; opaque, compared for equality only.
///
/// Two different values that were ever stored under one key have different versions within the scope that the store
/// declares in [`Capabilities::if_match`](crate::Capabilities::if_match). Bytes may be kept and handed back later by
/// [`from_bytes`](Self::from_bytes).
#[derive(Clone)]
pub struct Version(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE] },
    Shared(Arc<[u8]>),
}

impl Version {
    /// A version with these bytes, as given by a store's [`as_bytes`](Self::as_bytes).
    #[inline]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut inline = [0; INLINE];
        match (u8::try_from(bytes.len()), inline.get_mut(..bytes.len())) {
            (Ok(len), Some(room)) => {
                room.copy_from_slice(bytes);
                Self(Repr::Inline { len, bytes: inline })
            }
            _ => Self(Repr::Shared(bytes.into())),
        }
    }

    /// The bytes, to be kept by the caller.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl From<u64> for Version {
    #[inline]
    fn from(counter: u64) -> Self {
        Self::from_bytes(&counter.to_be_bytes())
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Version {}

impl std::hash::Hash for Version {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({self})")
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde::Serialize::serialize(self.as_bytes(), serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <Vec<u8> as serde::Deserialize>::deserialize(deserializer)?;
        Ok(Self::from_bytes(&bytes))
    }
}
