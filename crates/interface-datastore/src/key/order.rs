//! Comparing keys, and what is below what.

use std::cmp::Ordering;

use super::{Key, SEPARATOR};

impl Key {
    /// Compares namespace by namespace, each by its bytes; of two keys of which one continues the other, the shorter comes
    /// first. So a key is followed by all below it, which is not so in the order of the bytes: there `/a-b` comes
    /// before `/a/b`.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// use std::cmp::Ordering;
    ///
    /// let (below, beside) = (Key::new("/a/b"), Key::new("/a-b"));
    /// assert_eq!(below.cmp_namespaces(&beside), Ordering::Less);
    /// assert_eq!(below.cmp(&beside), Ordering::Greater);
    /// ```
    pub fn cmp_namespaces(&self, other: &Self) -> Ordering {
        self.namespaces().cmp(other.namespaces())
    }

    /// Whether this key comes before `other` by [`cmp_namespaces`](Key::cmp_namespaces).
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert!(Key::new("/a/b").less(&Key::new("/a-b")));
    /// ```
    pub fn less(&self, other: &Self) -> bool {
        self.cmp_namespaces(other).is_lt()
    }

    /// Whether the bytes of the key start with `prefix`. This knows nothing of namespaces: `/ab` has the prefix `/a`. For
    /// whole namespaces, see [`is_descendant_of`](Key::is_descendant_of).
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert!(Key::new("/ab").has_prefix("/a"));
    /// ```
    pub fn has_prefix(&self, prefix: impl AsRef<[u8]>) -> bool {
        self.as_bytes().starts_with(prefix.as_ref())
    }

    /// Whether `other` is below this key: whether it has all namespaces of this key, and more. The root is above all
    /// other keys; no key is above itself.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// let a = Key::new("/a");
    /// assert!(a.is_ancestor_of(&Key::new("/a/b")));
    /// assert!(!a.is_ancestor_of(&Key::new("/ab")));
    /// assert!(!a.is_ancestor_of(&a));
    /// ```
    pub fn is_ancestor_of(&self, other: &Self) -> bool {
        match other.as_bytes().strip_prefix(self.as_bytes()) {
            Some([]) | None => false,
            Some([first, ..]) => *first == SEPARATOR || self.is_root(),
        }
    }

    /// Whether this key is below `other`: [`is_ancestor_of`](Key::is_ancestor_of) the other way round.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert!(Key::new("/a/b").is_descendant_of(&Key::new("/a")));
    /// ```
    pub fn is_descendant_of(&self, other: &Self) -> bool {
        other.is_ancestor_of(self)
    }
}

/// The least byte string above all that start with `prefix`: with `prefix` it bounds the range of keys that a prefix query
/// reads. `None` if nothing is above, which is so for an empty prefix and one of bytes `0xff` only.
///
/// ```
/// # use interface_datastore::prefix_upper_bound;
/// assert_eq!(prefix_upper_bound(b"/a"), Some(b"/b".to_vec()));
/// assert_eq!(prefix_upper_bound(b"/a\xff"), Some(b"/b".to_vec()));
/// assert_eq!(prefix_upper_bound(b"\xff"), None);
/// ```
pub fn prefix_upper_bound(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != u8::MAX)?;
    let mut bound = prefix.get(..=last)?.to_vec();
    // Not at its maximum, so this cannot overflow.
    *bound.last_mut()? += 1;
    Some(bound)
}
