//! Keys made of other keys.

use super::parse::trim_slashes;
use super::{Key, SEPARATOR};

impl Key {
    /// The key without its last namespace, cleaned; the root for a top-level key.
    ///
    /// As the result is cleaned, an empty namespace next to the one removed goes too: the parent of `/a//b` is `/a`, and
    /// that of `//a/b` is `/a`.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::new("/a/b").parent(), Key::new("/a"));
    /// assert_eq!(Key::new("/a").parent(), Key::root());
    /// ```
    pub fn parent(&self) -> Self {
        Self::new(self.parent_bytes())
    }

    /// The parent with the type of the last namespace: [`namespace_type`](Key::namespace_type) in place of the namespace.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::new("/a/Song:x").path(), Key::new("/a/Song"));
    /// assert_eq!(Key::new("/a/b").path(), Key::new("/a"));
    /// ```
    pub fn path(&self) -> Self {
        match (self.parent_bytes(), self.namespace_type()) {
            (parent, []) => Self::new(parent),
            (parent, namespace) => Self::joined([parent, &[SEPARATOR], namespace]),
        }
    }

    /// The key with `:` and `name` added, then cleaned: an instance of the type that this key names.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::new("/a/Song").instance("x"), Key::new("/a/Song:x"));
    /// ```
    pub fn instance(&self, name: impl AsRef<[u8]>) -> Self {
        Self::joined([self.as_bytes(), b":", trim_slashes(name.as_ref())])
    }

    /// `key` below this one: the bytes of both together, nothing cleaned. The root changes nothing on either side.
    /// [`strip_namespace`](Key::strip_namespace) is the way back.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// let (a, b) = (Key::new("/a"), Key::new("/b/c"));
    /// assert_eq!(a.child(&b), Key::new("/a/b/c"));
    /// assert_eq!(a.child(&Key::root()), a);
    /// ```
    #[inline]
    pub fn child(&self, key: &Self) -> Self {
        if self.is_root() {
            key.clone()
        } else if key.is_root() {
            self.clone()
        } else {
            Self::joined([self.as_bytes(), key.as_bytes()])
        }
    }

    /// As [`child`](Key::child), in the memory of `spare` if that is a key of the same length that nobody else holds: for
    /// wrappers that join keys for each call, and are done with them when it ends.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// let (a, b) = (Key::new("/a"), Key::new("/b/c"));
    /// assert_eq!(a.child_reusing(&b, Key::new("/a/b/x")), Key::new("/a/b/c"));
    /// ```
    #[inline]
    pub fn child_reusing(&self, key: &Self, spare: Self) -> Self {
        if self.is_root() || key.is_root() {
            return self.child(key);
        }
        Self::joined_reusing(spare, [self.as_bytes(), key.as_bytes()])
    }

    /// [`child`](Key::child) of the key that [`new`](Key::new) makes of `text`.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::new("/a").child_str("b"), Key::new("/a/b"));
    /// ```
    pub fn child_str(&self, text: impl AsRef<[u8]>) -> Self {
        let text = trim_slashes(text.as_ref());
        match text {
            _ if self.is_root() => Self::new(text),
            [] => self.clone(),
            [SEPARATOR, ..] => Self::joined([self.as_bytes(), text]),
            _ => Self::joined([self.as_bytes(), &[SEPARATOR], text]),
        }
    }

    /// The key whose [`child`](Key::child) under `namespace` is this one; `None` if there is none, that is if this key is
    /// neither `namespace` itself, which gives the root, nor below it.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// let a = Key::new("/a");
    /// assert_eq!(Key::new("/a/b").strip_namespace(&a), Some(Key::new("/b")));
    /// assert_eq!(a.strip_namespace(&a), Some(Key::root()));
    /// assert_eq!(Key::new("/ab").strip_namespace(&a), None);
    /// ```
    pub fn strip_namespace(&self, namespace: &Self) -> Option<Self> {
        if namespace.is_root() {
            return Some(self.clone());
        }
        match self.as_bytes().strip_prefix(namespace.as_bytes())? {
            [] => Some(Self::root()),
            // `/a/` is below `/a`, but the child of `/a` under the root is `/a` itself.
            [SEPARATOR] => None,
            rest @ [SEPARATOR, ..] => Some(Self::of_bytes(rest)),
            _ => None,
        }
    }

    /// The namespaces in opposite order, cleaned.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::new("/a/b").reverse(), Key::new("/b/a"));
    /// ```
    pub fn reverse(&self) -> Self {
        Self::from_namespaces(self.namespaces().rev())
    }

    /// The namespaces of this key and then of each of `keys`, cleaned. Unlike in [`child`](Key::child), the root counts as
    /// one empty namespace.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// let (a, b) = (Key::new("/a"), Key::new("/b"));
    /// assert_eq!(a.concat([&b, &a]), Key::new("/a/b/a"));
    /// assert_eq!(a.concat([&Key::root(), &b]), Key::new("/a//b"));
    /// ```
    pub fn concat<'a>(&self, keys: impl IntoIterator<Item = &'a Self>) -> Self {
        let others = keys.into_iter().flat_map(|key| key.namespaces());
        Self::from_namespaces(self.namespaces().chain(others))
    }

    /// The bytes of the parent.
    fn parent_bytes(&self) -> &[u8] {
        let above = self
            .as_bytes()
            .rsplitn(2, |&byte| byte == SEPARATOR)
            .nth(1)
            .unwrap_or_default();
        // Joining namespaces of which the first is empty, and cleaning, drops that namespace.
        match above {
            [_, rest @ ..] if rest.starts_with(&[SEPARATOR]) => trim_slashes(rest),
            _ => trim_slashes(above),
        }
    }
}
