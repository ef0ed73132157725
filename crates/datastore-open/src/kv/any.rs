//! `kv:PATH`

use super::{BLOCKING, BLOCKING_HELP, CACHE, CACHE_HELP, Place};
use crate::{
    Opener,
    found::{Found, Kind},
};

/// The engine of new stores of `kv:`. The feature `kv` brings it.
const DEFAULT: Kind = Kind::Fjall;
/// The engines that `kv:` opens where it finds their files.
const ENGINES: &[Kind] = &[Kind::Fjall, Kind::Redb, Kind::Sled];

/// `kv:` has only the options that every engine has.
pub(crate) fn opener() -> Opener {
    Opener::new(
        "kv:PATH  an embedded database, the one to take unless you need another",
        |url, options| async move {
            let (place, found) = Place::look(url, options, ENGINES).await?;
            let kind = match found {
                Found::Store(kind) => kind,
                _ => DEFAULT,
            };
            place.open(kind).await
        },
    )
    .with_option(CACHE, CACHE_HELP)
    .with_option(BLOCKING, BLOCKING_HELP)
}
