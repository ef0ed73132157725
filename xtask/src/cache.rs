//! The folder outside the clone where tools and JavaScript packages are kept between runs.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// `$RS_STORES_CACHE`, or `rs-stores` in the user's cache folder.
pub(crate) fn dir() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("RS_STORES_CACHE") {
        return Ok(PathBuf::from(dir));
    }
    env::var_os("XDG_CACHE_HOME")
        .or_else(|| env::var_os("LOCALAPPDATA"))
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .map(|caches| caches.join("rs-stores"))
        .context("no home folder is known: set RS_STORES_CACHE to a folder for tools")
}

/// Whether this is an unattended run, where a missing tool must not go unnoticed.
pub(crate) fn unattended() -> bool {
    env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}
