//! Reading the namespaces of a key.

use std::iter::FusedIterator;

use super::{Key, SEPARATOR};

/// The byte that divides the type of a namespace from its name.
const TYPE_END: u8 = b':';

impl Key {
    /// The namespaces from the first to the last, as bytes; from the other end with [`rev`](Iterator::rev).
    ///
    /// The root has one, which is empty. For text, map them with [`String::from_utf8_lossy`].
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert!(Key::new("/a//b").namespaces().eq([&b"a"[..], b"", b"b"]));
    /// assert!(Key::root().namespaces().eq([b""]));
    /// ```
    #[doc(alias = "list")]
    pub fn namespaces(&self) -> Namespaces<'_> {
        // A key starts with the separator, so there is always a rest.
        Namespaces {
            rest: self.as_bytes().get(1..),
        }
    }

    /// How many namespaces there are, at least one.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::new("/a/b").namespace_count(), 2);
    /// assert_eq!(Key::root().namespace_count(), 1);
    /// ```
    #[doc(alias = "depth")]
    pub fn namespace_count(&self) -> usize {
        self.as_bytes()
            .iter()
            .filter(|&&byte| byte == SEPARATOR)
            .count()
    }

    /// The first namespace; empty for the root.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::new("/a/b").root_namespace(), b"a");
    /// ```
    pub fn root_namespace(&self) -> &[u8] {
        self.namespaces().next().unwrap_or_default()
    }

    /// The last namespace; empty for the root.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::new("/a/b:c").base_namespace(), b"b:c");
    /// ```
    pub fn base_namespace(&self) -> &[u8] {
        self.namespaces().next_back().unwrap_or_default()
    }

    /// The type of the last namespace: all before its last `:`; empty if it has none.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::new("/x/Song:Lumberjack").namespace_type(), b"Song");
    /// assert_eq!(Key::new("/x/a:b:c").namespace_type(), b"a:b");
    /// assert_eq!(Key::new("/x/a").namespace_type(), b"");
    /// ```
    #[doc(alias = "type")]
    pub fn namespace_type(&self) -> &[u8] {
        self.base_namespace()
            .rsplitn(2, |&byte| byte == TYPE_END)
            .nth(1)
            .unwrap_or_default()
    }

    /// The name in the last namespace: all after its last `:`; the entire namespace if it has none.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::new("/x/Song:Lumberjack").name(), b"Lumberjack");
    /// assert_eq!(Key::new("/x/a").name(), b"a");
    /// ```
    pub fn name(&self) -> &[u8] {
        self.base_namespace()
            .rsplitn(2, |&byte| byte == TYPE_END)
            .next()
            .unwrap_or_default()
    }

    /// Whether there is exactly one namespace. The root is top level too.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert!(Key::new("/a").is_top_level());
    /// assert!(!Key::new("/a/b").is_top_level());
    /// ```
    pub fn is_top_level(&self) -> bool {
        self.namespace_count() == 1
    }
}

/// The namespaces of a key, made by [`Key::namespaces`].
#[derive(Clone, Debug)]
pub struct Namespaces<'a> {
    /// What was not yet given out, without the separators around it.
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Namespaces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut parts = self.rest?.splitn(2, |&byte| byte == SEPARATOR);
        let first = parts.next();
        self.rest = parts.next();
        first
    }
}

impl DoubleEndedIterator for Namespaces<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let mut parts = self.rest?.rsplitn(2, |&byte| byte == SEPARATOR);
        let last = parts.next();
        self.rest = parts.next();
        last
    }
}

impl FusedIterator for Namespaces<'_> {}
