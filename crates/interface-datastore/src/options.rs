//! One options struct for each method of the trait, so that it can grow without breaking a store.

use std::ops::{Bound, Range, RangeBounds};

use crate::{
    AbortSignal, Durability, Error, ErrorKind, Key, Operation, Result, Timestamp, Version,
};

/// What must hold of a key before a write takes effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// Nothing.
    #[default]
    None,
    /// The key holds no value.
    IfAbsent,
    /// The key holds the value of this version.
    IfMatch(Version),
}

impl Condition {
    /// Whether this asks for nothing.
    #[inline]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether a key whose value has the version `current` (none: no value) meets this.
    pub fn holds(&self, current: Option<&Version>) -> bool {
        match self {
            Self::None => true,
            Self::IfAbsent => current.is_none(),
            Self::IfMatch(wanted) => current == Some(wanted),
        }
    }
}

/// A part of a value, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ByteRange {
    /// From the first number up to but without the second.
    Bounded(u64, u64),
    /// From this offset to the end.
    From(u64),
    /// The last so many bytes; the whole value if it is shorter.
    Last(u64),
}

impl ByteRange {
    /// The range of a value of `size` bytes: cut at its end.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it ends before it starts or starts beyond the value's end.
    pub fn resolve(self, size: u64) -> Result<Range<u64>> {
        let (start, end) = match self {
            Self::Bounded(start, end) => (start, end.min(size.max(start))),
            Self::From(start) => (start, size.max(start)),
            Self::Last(count) => (size.saturating_sub(count), size),
        };
        if start > end || start > size {
            let detail = format!("the range {self:?} does not fit a value of {size} bytes");
            return Err(Error::new(ErrorKind::InvalidArgument, Operation::Get).with_detail(detail));
        }
        Ok(start..end.min(size))
    }

    /// As [`resolve`](Self::resolve), for a value in memory: always valid to index a slice of `len` bytes with.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub fn resolve_in(self, len: usize) -> Result<Range<usize>> {
        let range = self.resolve(len as u64)?;
        // Both ends are at most `len`, so neither conversion can fail.
        Ok(usize::try_from(range.start).unwrap_or(len)..usize::try_from(range.end).unwrap_or(len))
    }

    /// The range that a Rust range of offsets means.
    pub fn of(range: impl RangeBounds<u64>) -> Self {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        match range.end_bound() {
            Bound::Included(last) => Self::Bounded(start, last.saturating_add(1)),
            Bound::Excluded(end) => Self::Bounded(start, *end),
            Bound::Unbounded => Self::From(start),
        }
    }
}

/// What a `get` wants to know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Want {
    /// The whole value.
    #[default]
    Value,
    /// A part of the value.
    Range(ByteRange),
    /// Size, version and expiry, without reading the value.
    Metadata,
    /// Only whether the key is there: everything else may be left out.
    Exists,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $set:ident: $field:ident: $type:ty;)*) => {
        $($(#[$doc])* #[must_use] pub fn $set(mut self, $field: impl Into<$type>) -> Self {
            self.$field = $field.into();
            self
        })*
    };
}

/// Options of [`put_opts`](crate::Datastore::put_opts) and [`put_stream_opts`](crate::Datastore::put_stream_opts).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PutOptions {
    /// What must hold of the key.
    pub condition: Condition,
    /// The least durability; none: the store's default.
    pub durability: Option<Durability>,
    /// When the entry ceases to be; none: never.
    pub expires: Option<Timestamp>,
    /// Cancels the call.
    pub abort: Option<AbortSignal>,
}

impl PutOptions {
    setters! {
        /// Asks for a condition.
        with_condition: condition: Condition;
        /// Asks for a durability.
        with_durability: durability: Option<Durability>;
        /// Lets the entry expire.
        with_expires: expires: Option<Timestamp>;
        /// Lets a signal cancel the call.
        with_abort: abort: Option<AbortSignal>;
    }

    /// Only if the key holds no value.
    pub fn if_absent() -> Self {
        Self {
            condition: Condition::IfAbsent,
            ..Self::default()
        }
    }

    /// Only if the key holds the value of this version.
    pub fn if_match(version: Version) -> Self {
        Self {
            condition: Condition::IfMatch(version),
            ..Self::default()
        }
    }
}

/// Options of [`get_opts`](crate::Datastore::get_opts) and [`get_stream_opts`](crate::Datastore::get_stream_opts).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct GetOptions {
    /// What to read; a stream takes [`Want::Value`] and [`Want::Range`] only.
    pub want: Want,
    /// Fail with [`ErrorKind::PreconditionFailed`] if the value has another version.
    pub if_version: Option<Version>,
    /// The caller has no use for [`Entry::key`](crate::Entry::key): a store may leave it the root, which spares counting
    /// the key's users up and down. A store that ignores this gives the key as ever; a wrapper that needs the key of an
    /// inner store's entry clears it.
    pub omit_key: bool,
    /// Cancels the call.
    pub abort: Option<AbortSignal>,
}

impl GetOptions {
    setters! {
        /// Asks for something else than the whole value.
        with_want: want: Want;
        /// Asks for this version only.
        with_if_version: if_version: Option<Version>;
        /// Lets a signal cancel the call.
        with_abort: abort: Option<AbortSignal>;
    }

    /// Only a part of the value.
    pub fn range(range: ByteRange) -> Self {
        Self {
            want: Want::Range(range),
            ..Self::default()
        }
    }

    /// Only size, version and expiry.
    pub fn metadata() -> Self {
        Self {
            want: Want::Metadata,
            ..Self::default()
        }
    }

    /// Only whether the key is there.
    pub fn exists() -> Self {
        Self {
            want: Want::Exists,
            ..Self::default()
        }
    }

    /// The same with or without the key in the entry.
    #[inline]
    #[must_use]
    pub fn with_omit_key(mut self, omit_key: bool) -> Self {
        self.omit_key = omit_key;
        self
    }

    /// The key that the entry of `key` shall bear.
    #[inline]
    pub fn key_of_entry(&self, key: &Key) -> Key {
        if self.omit_key {
            Key::root()
        } else {
            key.clone()
        }
    }

    /// The operation that errors shall name.
    #[inline]
    pub fn operation(&self) -> Operation {
        if self.want == Want::Exists {
            Operation::Has
        } else {
            Operation::Get
        }
    }
}

/// Options of [`delete_opts`](crate::Datastore::delete_opts).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DeleteOptions {
    /// What must hold of the key; [`Condition::IfAbsent`] makes no sense here and is an invalid argument.
    pub condition: Condition,
    /// The least durability; none: the store's default.
    pub durability: Option<Durability>,
    /// Cancels the call.
    pub abort: Option<AbortSignal>,
}

impl DeleteOptions {
    setters! {
        /// Asks for a condition.
        with_condition: condition: Condition;
        /// Asks for a durability.
        with_durability: durability: Option<Durability>;
        /// Lets a signal cancel the call.
        with_abort: abort: Option<AbortSignal>;
    }

    /// Only if the key holds the value of this version.
    pub fn if_match(version: Version) -> Self {
        Self {
            condition: Condition::IfMatch(version),
            ..Self::default()
        }
    }
}

/// How many items of a stream may be worked on at once, unless told otherwise.
pub const DEFAULT_CONCURRENCY: usize = 32;

macro_rules! many_options {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty, $set:ident;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub struct $name {
            /// How many items may be worked on at once; 0 counts as 1. Results come in source order all the same.
            pub concurrency: usize,
            $($(#[$field_doc])* pub $field: $type,)*
            /// Cancels the stream.
            pub abort: Option<AbortSignal>,
        }

        impl Default for $name {
            fn default() -> Self {
                Self { concurrency: DEFAULT_CONCURRENCY, $($field: Default::default(),)* abort: None }
            }
        }

        impl $name {
            setters! {
                /// Allows so many items to be worked on at once.
                with_concurrency: concurrency: usize;
                $($(#[$field_doc])* $set: $field: $type;)*
                /// Lets a signal cancel the stream.
                with_abort: abort: Option<AbortSignal>;
            }
        }
    };
}

many_options! {
    /// Options of [`put_many_opts`](crate::Datastore::put_many_opts).
    PutManyOptions {
        /// The least durability of each write; none: the store's default.
        durability: Option<Durability>, with_durability;
        /// When the entries cease to be; none: never.
        expires: Option<Timestamp>, with_expires;
    }
}

many_options! {
    /// Options of [`get_many_opts`](crate::Datastore::get_many_opts).
    GetManyOptions {}
}

many_options! {
    /// Options of [`delete_many_opts`](crate::Datastore::delete_many_opts).
    DeleteManyOptions {
        /// The least durability of each deletion; none: the store's default.
        durability: Option<Durability>, with_durability;
    }
}

/// Options of [`write_opts`](crate::Datastore::write_opts).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct WriteOptions {
    /// The least durability of the batch; none: the store's default.
    pub durability: Option<Durability>,
    /// Refuse the batch if it cannot be applied as a whole or not at all.
    pub atomic: bool,
    /// Cancels the call.
    pub abort: Option<AbortSignal>,
}

impl WriteOptions {
    setters! {
        /// Asks for a durability.
        with_durability: durability: Option<Durability>;
        /// Insists on atomicity.
        with_atomic: atomic: bool;
        /// Lets a signal cancel the call.
        with_abort: abort: Option<AbortSignal>;
    }
}

macro_rules! plain_options {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Default)]
            #[non_exhaustive]
            pub struct $name {
                /// Cancels the call.
                pub abort: Option<AbortSignal>,
            }

            impl $name {
                setters! {
                    /// Lets a signal cancel the call.
                    with_abort: abort: Option<AbortSignal>;
                }
            }
        )*
    };
}

plain_options! {
    /// Options of [`query_opts`](crate::Datastore::query_opts).
    QueryOptions;
    /// Options of [`sync_opts`](crate::Datastore::sync_opts).
    SyncOptions;
    /// Options of [`disk_usage_opts`](crate::Datastore::disk_usage_opts).
    DiskUsageOptions;
    /// Options of [`maintain_opts`](crate::Datastore::maintain_opts).
    MaintainOptions;
    /// Options of [`close_opts`](crate::Datastore::close_opts).
    CloseOptions;
}

/// Options of [`watch_opts`](crate::Datastore::watch_opts).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WatchOptions {
    /// How many events wait for a slow watcher before it is told that it lagged; 0 counts as 1.
    pub capacity: usize,
    /// Ends the stream.
    pub abort: Option<AbortSignal>,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            capacity: 1024,
            abort: None,
        }
    }
}

impl WatchOptions {
    setters! {
        /// Lets so many events wait.
        with_capacity: capacity: usize;
        /// Lets a signal end the stream.
        with_abort: abort: Option<AbortSignal>;
    }
}
