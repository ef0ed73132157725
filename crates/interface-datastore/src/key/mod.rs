//! [`Key`]: the name of an entry, a byte string of namespaces divided by `/`.

mod derive;
mod namespaces;
mod order;
mod parse;
mod text;

#[cfg(feature = "encodings")]
mod encoding;
#[cfg(feature = "serde")]
mod serde;

#[cfg(feature = "encodings")]
pub use self::encoding::{Encoding, UnknownEncoding};
pub use self::namespaces::Namespaces;
pub use self::order::prefix_upper_bound;
pub use self::parse::{InvalidKey, RandomError};

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

use triomphe::Arc;

/// The byte that divides namespaces.
const SEPARATOR: u8 = b'/';

/// The name of an entry: a byte string that starts with `/` and names a path of *namespaces* divided by `/`.
///
/// Nothing else about the bytes is checked: control bytes, NUL, dots, empty inner namespaces and bytes that are not UTF-8
/// are all allowed, and have no meaning. Every method works on the bytes, so two different keys are never mixed up; text
/// ([`Display`](std::fmt::Display), [`to_string_lossy`](Key::to_string_lossy)) is for people.
///
/// A key is immutable and owns its bytes, shared between its clones: a clone copies no bytes. Equality, order and hash
/// are those of the bytes, so a map over keys can be searched with `&[u8]`. [`cmp_namespaces`](Key::cmp_namespaces) gives
/// the other order, namespace by namespace.
///
/// ```
/// use interface_datastore::Key;
///
/// let actor = Key::new("/Comedy/MontyPython/Actor:JohnCleese");
/// assert_eq!(actor.namespace_type(), b"Actor");
/// assert_eq!(actor.name(), b"JohnCleese");
/// assert_eq!(actor.parent(), Key::new("/Comedy/MontyPython"));
/// assert!(Key::new("/Comedy").is_ancestor_of(&actor));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(
    /// The bytes; none for the root, which is before all other keys as `/` starts them all.
    Option<Arc<[u8]>>,
);

impl Key {
    /// The bytes of the key. They start with `/`.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::new("a/b").as_bytes(), b"/a/b");
    /// ```
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Some(bytes) => bytes,
            None => &[SEPARATOR],
        }
    }

    /// Whether this is the root, `/`: the key without a name, above all others.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert!(Key::new("").is_root());
    /// assert!(!Key::new("/a").is_root());
    /// ```
    #[inline]
    pub fn is_root(&self) -> bool {
        self.0.is_none()
    }
}

/// The root key.
impl Default for Key {
    fn default() -> Self {
        Self::root()
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// As the bytes, so that a map over keys can be searched with `&[u8]`.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}
