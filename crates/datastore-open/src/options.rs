//! How to open, whatever the kind of store.

use interface_datastore::Durability;
#[cfg(feature = "leveldb")]
use interface_datastore::{Error, Operation};

/// Whether opening may make a new store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Create {
    /// If there is none.
    #[default]
    IfMissing,
    /// No: that there is none is an error ([`NotFound`](interface_datastore::ErrorKind::NotFound)).
    Never,
    /// Always: that there is one is an error ([`AlreadyExists`](interface_datastore::ErrorKind::AlreadyExists)).
    New,
}

/// How to open a store. The options of a URL that have the same meaning (`read-only`, `create`, `durability`) win.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Write nothing, whatever is asked of the store; implies [`Create::Never`].
    pub read_only: bool,
    /// Whether to make a new store. A store in memory is always new.
    pub create: Create,
    /// Durability of writes that ask for none; none: the store's own default.
    pub durability: Option<Durability>,
}

impl OpenOptions {
    /// Read and write, created if missing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Read and never write.
    pub fn read_only() -> Self {
        Self {
            read_only: true,
            create: Create::Never,
            ..Self::default()
        }
    }

    /// The same with this rule for new stores.
    #[must_use]
    pub fn with_create(mut self, create: Create) -> Self {
        self.create = create;
        self
    }

    /// The same with this default durability.
    #[must_use]
    pub fn with_durability(mut self, durability: impl Into<Option<Durability>>) -> Self {
        self.durability = durability.into();
        self
    }

    /// What only reads opens without being asked to: all that is not said of writes here is refused when they come.
    #[cfg(feature = "leveldb")]
    pub(crate) fn refuse_writing(&self, instead: &'static str) -> interface_datastore::Result<()> {
        let refused = match self {
            Self {
                create: Create::New,
                ..
            } => "making a new store",
            Self {
                durability: Some(durability),
                ..
            } if *durability > Durability::Volatile => "writes of any durability",
            _ => return Ok(()),
        };
        let error = Error::unsupported(Operation::Open, refused);
        Err(error.with_remedy(instead))
    }
}
