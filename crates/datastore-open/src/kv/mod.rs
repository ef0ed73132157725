//! Embedded databases: `kv:PATH`, and the schemes of single engines.

#[cfg(feature = "kv")]
pub(crate) mod any;
#[cfg(feature = "fjall")]
pub(crate) mod fjall;
#[cfg(feature = "redb")]
pub(crate) mod redb;
#[cfg(feature = "sled")]
pub(crate) mod sled;

use std::{path::PathBuf, sync::Arc};

use datastore_core::ReadOnlyDatastore;
use datastore_engine::Engine;
use datastore_files::Blocking;
use datastore_kv::KvOptions;
use interface_datastore::{Datastore, Durability, Error, ErrorKind, Operation, Result};

use crate::{
    Create, OpenOptions, StoreUrl,
    found::{self, Found, Kind},
};

const CACHE: &str = "cache";
const CACHE_HELP: &str = "how much is kept in memory for reading, such as 64MiB; 32MiB of fjall, 64MiB of others if not given";
const BLOCKING: &str = "blocking";
const BLOCKING_HELP: &str = "never or inline: whether disk calls may run on the thread that polls";

/// What does not fit is as good as endless.
#[cfg(any(feature = "fjall", feature = "redb"))]
fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Where an engine is opened, and how.
struct Place {
    url: StoreUrl,
    path: PathBuf,
    blocking: Blocking,
    create: bool,
    read_only: bool,
    durability: Option<Durability>,
}

impl Place {
    /// Refuses what is no store of these engines.
    async fn look(
        url: StoreUrl,
        options: OpenOptions,
        own: &'static [Kind],
    ) -> Result<(Self, Found)> {
        let ways = [("never", Blocking::Never), ("inline", Blocking::Inline)];
        let blocking = url.choice(BLOCKING, &ways)?.unwrap_or_default();
        let path = url.file_path()?;
        let found = found::look(&url, blocking, own).await?;
        if options.create == Create::New && found != Found::Nothing {
            return Err(Error::new(ErrorKind::AlreadyExists, Operation::Open)
                .with_path(path)
                .with_remedy("choose another place, or open without create=new"));
        }
        let place = Self {
            path,
            blocking,
            create: options.create != Create::Never,
            read_only: options.read_only,
            durability: options.durability,
            url,
        };
        Ok((place, found))
    }

    async fn open(self, kind: Kind) -> Result<Arc<dyn Datastore>> {
        match kind {
            #[cfg(feature = "fjall")]
            Kind::Fjall => fjall::open(self).await,
            #[cfg(feature = "redb")]
            Kind::Redb => redb::open(self).await,
            #[cfg(feature = "sled")]
            Kind::Sled => sled::open(self).await,
            other => {
                let what = other.what();
                Err(
                    Error::unsupported(Operation::Open, format!("opening {what}"))
                        .with_path(self.path)
                        .with_remedy("use a program that was built with that engine"),
                )
            }
        }
    }

    /// The store in an engine that has been opened.
    async fn store<E: Engine>(
        self,
        engine: datastore_engine::Result<E>,
    ) -> Result<Arc<dyn Datastore>> {
        let engine = engine.map_err(datastore_kv::open_error)?;
        let mut options = KvOptions::new().path(self.path);
        if let Some(durability) = self.durability {
            options = options.durability(durability);
        }
        let store = options.open(engine).await?;
        Ok(match self.read_only {
            true => Arc::new(ReadOnlyDatastore::new(&store)),
            false => Arc::new(store),
        })
    }
}
