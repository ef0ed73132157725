//! [`KeyTransformDatastore`]: a store under other keys.

use std::fmt;

use interface_datastore::{Datastore, Key, MaybeSend, MaybeSync};

use crate::{
    pass_on::pass_on,
    translate::{Below, Mapping, Shape, Translated},
};

/// A one-to-one way between the keys that callers use ("outer") and those of the inner store.
///
/// A key for which `invert(convert(key))` is not the key itself has no place: it is refused on writes and not found on
/// reads. Inner keys without an outer key are hidden.
pub trait KeyTransform: MaybeSend + MaybeSync + 'static {
    /// The inner key of an outer key; none if it has none.
    fn convert(&self, outer: &Key) -> Option<Key>;

    /// The outer key of an inner key; none if it has none.
    fn invert(&self, inner: &Key) -> Option<Key>;

    /// The key below which all inner keys lie, if `convert` does no more than [`Key::child`] of it: then prefixes, ranges,
    /// orders and limits of queries are served by the inner store instead of by looking at all of its keys. It is asked
    /// once, and if it tells a key, `convert` and `invert` are not asked at all.
    fn prefix(&self) -> Option<&Key> {
        None
    }
}

/// Puts all keys below a key: the transform that JavaScript calls a prefix transform.
///
/// ```
/// use datastore_core::key_transform::{KeyTransform, PrefixTransform};
/// use interface_datastore::Key;
///
/// let transform = PrefixTransform::new(Key::new("/abc"));
/// assert_eq!(transform.convert(&Key::new("/x")), Some(Key::new("/abc/x")));
/// assert_eq!(transform.invert(&Key::new("/abc/x")), Some(Key::new("/x")));
/// assert_eq!(transform.invert(&Key::new("/abcx")), None);
/// ```
#[derive(Debug, Clone)]
pub struct PrefixTransform(Key);

impl PrefixTransform {
    /// Keys go below `prefix`.
    pub fn new(prefix: Key) -> Self {
        Self(prefix)
    }
}

impl KeyTransform for PrefixTransform {
    fn convert(&self, outer: &Key) -> Option<Key> {
        Some(self.0.child(outer))
    }

    fn invert(&self, inner: &Key) -> Option<Key> {
        inner.strip_namespace(&self.0)
    }

    fn prefix(&self) -> Option<&Key> {
        Some(&self.0)
    }
}

/// A transform made of two closures by [`from_fns`].
#[derive(Clone)]
pub struct FromFns<C, I> {
    convert: C,
    invert: I,
}

/// A transform of two functions: outer to inner key and back.
///
/// ```
/// use datastore_core::key_transform::{KeyTransform, from_fns};
/// use interface_datastore::Key;
///
/// let reversed = from_fns(|key: &Key| Some(key.reverse()), |key: &Key| Some(key.reverse()));
/// assert_eq!(reversed.convert(&Key::new("/a/b")), Some(Key::new("/b/a")));
/// ```
pub fn from_fns<C, I>(convert: C, invert: I) -> FromFns<C, I>
where
    C: Fn(&Key) -> Option<Key> + MaybeSend + MaybeSync + 'static,
    I: Fn(&Key) -> Option<Key> + MaybeSend + MaybeSync + 'static,
{
    FromFns { convert, invert }
}

impl<C, I> KeyTransform for FromFns<C, I>
where
    C: Fn(&Key) -> Option<Key> + MaybeSend + MaybeSync + 'static,
    I: Fn(&Key) -> Option<Key> + MaybeSend + MaybeSync + 'static,
{
    fn convert(&self, outer: &Key) -> Option<Key> {
        (self.convert)(outer)
    }

    fn invert(&self, inner: &Key) -> Option<Key> {
        (self.invert)(inner)
    }
}

impl<C, I> fmt::Debug for FromFns<C, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFns")
    }
}

/// A store whose keys are transformed on their way to another store.
///
/// Queries, watchers, batches with their conditions, maintenance findings and errors all speak of outer keys. Without a
/// known [prefix](KeyTransform::prefix) a query looks at every key of the inner store, and so does disk usage of a scope
/// other than the root, which is an estimate; maintenance of such a scope is refused. Closing it closes the inner store.
///
/// ```
/// use datastore_core::{KeyTransformDatastore, MemoryDatastore, key_transform::from_fns};
/// use interface_datastore::{DatastoreExt, Key};
///
/// # pollster::block_on(async {
/// let inner = MemoryDatastore::new();
/// let reverse = from_fns(|key: &Key| Some(key.reverse()), |key: &Key| Some(key.reverse()));
/// let store = KeyTransformDatastore::new(&inner, reverse);
/// store.put(&Key::new("/a/b"), "1").await?;
/// assert_eq!(inner.get(&Key::new("/b/a")).await?, "1");
/// # Ok::<(), interface_datastore::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct KeyTransformDatastore(Transformed);

/// The translated store, by what is known of its transform.
#[derive(Debug, Clone)]
enum Transformed {
    /// Adding a key in front always leads back, so nothing needs checking.
    Prefix(Translated<Below>),
    /// Any other is trusted only as far as it leads back.
    Checked(Translated<Checked>),
}

impl KeyTransformDatastore {
    /// `inner` under transformed keys.
    pub fn new(inner: &(impl Datastore + ?Sized), transform: impl KeyTransform) -> Self {
        let inner = inner.handle();
        Self(match transform.prefix() {
            Some(prefix) => Transformed::Prefix(Translated::new(inner, Below(prefix.clone()))),
            None => Transformed::Checked(Translated::new(inner, Checked(Box::new(transform)))),
        })
    }

    fn inner(&self) -> &dyn Datastore {
        match &self.0 {
            Transformed::Prefix(store) => store,
            Transformed::Checked(store) => store,
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for KeyTransformDatastore {
    pass_on! {
        handle capabilities put_opts get_opts delete_opts query_opts put_stream_opts get_stream_opts put_many_opts
        get_many_opts delete_many_opts write_opts watch_opts sync_opts disk_usage_opts maintain_opts close_opts
    }
}

struct Checked(Box<dyn KeyTransform>);

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyTransform").finish_non_exhaustive()
    }
}

impl Mapping for Checked {
    fn inward(&self, outer: &Key) -> Option<Key> {
        let inner = self.0.convert(outer)?;
        (self.0.invert(&inner).as_ref() == Some(outer)).then_some(inner)
    }

    fn outward(&self, inner: &Key) -> Option<Key> {
        let outer = self.0.invert(inner)?;
        (self.0.convert(&outer).as_ref() == Some(inner)).then_some(outer)
    }

    fn shape(&self) -> Shape<'_> {
        Shape::Opaque
    }

    fn complaint(&self) -> &'static str {
        "the key transform gives this key no inner key that leads back to it"
    }
}
