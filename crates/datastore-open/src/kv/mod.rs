//! `kv:PATH` and the schemes of its engines: embedded databases.

#[cfg(feature = "fjall")]
pub(crate) mod fjall;
#[cfg(feature = "redb")]
pub(crate) mod redb;
#[cfg(feature = "sled")]
pub(crate) mod sled;

use std::{ops::RangeInclusive, path::PathBuf, sync::Arc};

use datastore_core::ReadOnlyDatastore;
use datastore_engine::Engine;
use datastore_files::Blocking;
use datastore_kv::KvOptions;
use interface_datastore::{Datastore, Durability, Error, ErrorKind, Operation, Result};

use crate::{
    Create, OpenOptions, Opener, StoreUrl,
    found::{self, Found, Kind},
};

/// The engine of new stores of `kv:`. The feature `kv` brings it.
#[cfg(feature = "kv")]
const DEFAULT: Kind = Kind::Fjall;
/// The engines that `kv:` opens where it finds their files.
#[cfg(feature = "kv")]
const ENGINES: &[Kind] = &[Kind::Fjall, Kind::Redb, Kind::Sled];

const CACHE: &str = "cache";
const CACHE_HELP: &str = "how much is kept in memory for reading, such as 64MiB; 32MiB of fjall, 64MiB of others if not given";
const ANY_SIZE: RangeInclusive<u64> = 0..=u64::MAX;
const BLOCKING: &str = "blocking";
const BLOCKING_HELP: &str = "never or inline: whether disk calls may run on the thread that polls";

/// `kv:` has only the options that every engine has.
#[cfg(feature = "kv")]
pub(crate) fn opener() -> Opener {
    Opener::new(
        "kv:PATH  an embedded database, the one to take unless you need another",
        |url, options| async move {
            let place = Place::look(url, options, ENGINES).await?;
            let kind = match place.found {
                Found::Store(kind) => kind,
                _ => DEFAULT,
            };
            place.open(kind).await
        },
    )
    .with_option(CACHE, CACHE_HELP)
    .with_option(BLOCKING, BLOCKING_HELP)
}

/// What does not fit is as good as endless.
fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Where an engine is opened, and how.
struct Place {
    url: StoreUrl,
    path: PathBuf,
    found: Found,
    blocking: Blocking,
    create: bool,
    read_only: bool,
    durability: Option<Durability>,
}

impl Place {
    /// Refuses what is no store of these engines.
    async fn look(url: StoreUrl, options: OpenOptions, own: &'static [Kind]) -> Result<Self> {
        let ways = [("never", Blocking::Never), ("inline", Blocking::Inline)];
        let blocking = url.choice(BLOCKING, &ways)?.unwrap_or_default();
        let path = url.file_path()?;
        let found = found::look(&url, blocking, own).await?;
        if options.create == Create::New && found != Found::Nothing {
            return Err(Error::new(ErrorKind::AlreadyExists, Operation::Open)
                .with_path(path)
                .with_remedy("choose another place, or open without create=new"));
        }
        Ok(Self {
            path,
            found,
            blocking,
            create: options.create != Create::Never,
            read_only: options.read_only,
            durability: options.durability,
            url,
        })
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
