//! Making keys: from text and bytes, by cleaning or by checking, and at random.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

use triomphe::Arc;

use super::text::Escaped;
use super::{Key, SEPARATOR};

/// What keys of usual length are made of before their bytes are filled in, so that they take a single allocation.
static BLANK: [u8; 128] = [0; 128];

impl Key {
    /// Makes a key of any text or bytes, cleaning it: a leading `/` is added if missing, trailing ones are dropped, and
    /// empty input becomes the root.
    ///
    /// Inner double slashes, a leading double slash, `.`, `..` and spaces are kept; [`clean_path`](Key::clean_path)
    /// resolves them. [`raw`](Key::raw) changes nothing.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::new("a/b/").as_bytes(), b"/a/b");
    /// assert_eq!(Key::new("//a//b").as_bytes(), b"//a//b");
    /// assert_eq!(Key::new("///").as_bytes(), b"/");
    /// assert_eq!(Key::new([0xff]).as_bytes(), b"/\xff");
    /// ```
    pub fn new(input: impl AsRef<[u8]>) -> Self {
        match trim_slashes(input.as_ref()) {
            [] => Self::root(),
            path @ [SEPARATOR, ..] => Self::of_bytes(path),
            path => Self::joined([&[SEPARATOR], path]),
        }
    }

    /// Makes a key of exactly these bytes, which must start with `/`. Trailing slashes are kept, and mean empty
    /// namespaces.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] if the input does not start with `/`.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::raw("/a/")?.as_bytes(), b"/a/");
    /// assert!(Key::raw("a").is_err());
    /// # Ok::<(), interface_datastore::InvalidKey>(())
    /// ```
    pub fn raw(input: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        let bytes = input.as_ref();
        match bytes {
            [SEPARATOR] => Ok(Self::root()),
            [SEPARATOR, ..] => Ok(Self::of_bytes(bytes)),
            _ => Err(InvalidKey::new(bytes)),
        }
    }

    /// Makes a key as go-datastore's `NewKey` does: the input is cleaned as an absolute POSIX path. Repeated slashes
    /// become one, `.` is dropped, and `..` removes the namespace before it but never leads above the root.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::clean_path("x/../a//./b/"), Key::new("/a/b"));
    /// assert_eq!(Key::clean_path("../.."), Key::root());
    /// ```
    pub fn clean_path(input: impl AsRef<[u8]>) -> Self {
        let bytes = input.as_ref();
        let mut path = Vec::with_capacity(bytes.len().saturating_add(1));
        for namespace in bytes.split(|&byte| byte == SEPARATOR) {
            match namespace {
                b"" | b"." => {}
                b".." => {
                    let parent = path.iter().rposition(|&byte| byte == SEPARATOR);
                    path.truncate(parent.unwrap_or(0));
                }
                _ => {
                    path.push(SEPARATOR);
                    path.extend_from_slice(namespace);
                }
            }
        }
        Self::new(path)
    }

    /// Makes a key of namespaces joined by `/`, then cleaned as [`new`](Key::new) does. None at all give the root. They may
    /// hold slashes themselves.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::from_namespaces(["a", "b:c"]), Key::new("/a/b:c"));
    /// assert_eq!(Key::from_namespaces::<[&str; 0]>([]), Key::root());
    /// ```
    #[doc(alias = "with_namespaces")]
    pub fn from_namespaces<I>(namespaces: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let mut joined = Vec::new();
        for (position, namespace) in namespaces.into_iter().enumerate() {
            if position > 0 {
                joined.push(SEPARATOR);
            }
            joined.extend_from_slice(namespace.as_ref());
        }
        Self::new(joined)
    }

    /// The root, `/`. It takes no memory.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::root().as_bytes(), b"/");
    /// ```
    #[inline]
    pub const fn root() -> Self {
        Self(None)
    }

    /// A fresh top-level key of 128 bits from the system's random source, as 32 hexadecimal digits: as unlikely to meet
    /// another as a random UUID.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the system's random source fails, which most systems do only very early while they start.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// let key = Key::random()?;
    /// assert_eq!(key.name().len(), 32);
    /// assert_ne!(key, Key::random()?);
    /// # Ok::<(), interface_datastore::RandomError>(())
    /// ```
    pub fn random() -> Result<Self, RandomError> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).map_err(RandomError)?;
        Ok(Self::new(format!("/{:032x}", u128::from_be_bytes(bits))))
    }

    /// These bytes, unchanged. They must start with `/`, and be more than that.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self::sharing(Arc::from(bytes))
    }

    /// The parts one after the other, unchanged. Together they must start with `/`, and be more than that.
    pub(super) fn joined<const N: usize>(parts: [&[u8]; N]) -> Self {
        let length = parts.iter().map(|part| part.len()).sum();
        let Some(blank) = BLANK.get(..length) else {
            return Self::sharing(Arc::from(parts.concat()));
        };
        let mut shared = Arc::from(blank);
        // Nobody else holds it yet, so it can always be changed.
        if let Some(room) = Arc::get_mut(&mut shared) {
            fill(room, parts);
        }
        Self::sharing(shared)
    }

    /// As [`joined`](Self::joined), in the memory of `spare` if that is as long and nobody else holds it.
    #[inline]
    pub(super) fn joined_reusing<const N: usize>(spare: Self, parts: [&[u8]; N]) -> Self {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if let Some(mut shared) = spare.0
            && shared.len() == length
            && let Some(room) = Arc::get_mut(&mut shared)
        {
            fill(room, parts);
            return Self::sharing(shared);
        }
        Self::joined(parts)
    }

    #[inline]
    fn sharing(bytes: Arc<[u8]>) -> Self {
        debug_assert!(matches!(*bytes, [SEPARATOR, _, ..]));
        Self(Some(bytes))
    }
}

/// Copies the parts one after the other into `room`, which is as long as all of them.
#[inline]
fn fill<const N: usize>(mut room: &mut [u8], parts: [&[u8]; N]) {
    for part in parts {
        let (own, rest) = room.split_at_mut(part.len());
        own.copy_from_slice(part);
        room = rest;
    }
}

/// `bytes` without the slashes at their end.
pub(super) fn trim_slashes(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [before @ .., SEPARATOR] = rest {
        rest = before;
    }
    rest
}

/// Cleans, as [`Key::new`].
impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// Cleans, as [`Key::new`].
impl From<String> for Key {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// Cleans, as [`Key::new`].
impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

/// Cleans, as [`Key::new`].
impl<const N: usize> From<&[u8; N]> for Key {
    fn from(bytes: &[u8; N]) -> Self {
        Self::new(bytes)
    }
}

/// Cleans, as [`Key::new`].
impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

/// Shares the bytes.
impl From<&Key> for Key {
    fn from(key: &Key) -> Self {
        key.clone()
    }
}

/// Cleans, as [`Key::new`].
impl FromStr for Key {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

/// The bytes given to [`Key::raw`] do not start with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKey {
    /// As much of the input as a message should show.
    start: Box<[u8]>,
    /// The length of the input in bytes.
    length: usize,
}

impl InvalidKey {
    /// The most bytes of the input that a message shows.
    const SHOWN: usize = 64;

    fn new(input: &[u8]) -> Self {
        let start = input.iter().copied().take(Self::SHOWN).collect();
        Self {
            start,
            length: input.len(),
        }
    }
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid key \"{}\"", Escaped(&self.start))?;
        if self.length > self.start.len() {
            write!(f, "... ({} bytes)", self.length)?;
        }
        f.write_str(": it must start with \"/\"; make it with Key::new, which adds what is missing")
    }
}

impl Error for InvalidKey {}

/// The system's random source failed, so there is no [random key](Key::random).
#[derive(Clone, Debug)]
pub struct RandomError(getrandom::Error);

impl fmt::Display for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no random key: the system's random source failed; try again, or name the key yourself",
        )
    }
}

impl Error for RandomError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
