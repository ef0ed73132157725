//! Where the value of a key lies, and which key a file is of.
//!
//! Plain keys lie as npm `datastore-fs` lays them. All others lie under the reserved folder, encoded. The byte by byte
//! description is `docs/formats/datastore-fs.md`.

mod encoded;
mod plain;
mod scope;

use std::path::{Path, PathBuf};

use interface_datastore::Key;

use self::plain::Fitness;
pub(crate) use self::scope::{Scope, is_internal};

/// The folder that is ours. The JavaScript store does not list names that start with a dot.
pub(crate) const RESERVED: &str = ".datastore";
/// Where temporary files lie.
pub(crate) const TEMP: &str = ".datastore/tmp";
/// Where keys lie that are not plain.
pub(crate) const ENCODED: &str = ".datastore/keys";
/// The marker file.
pub(crate) const MARKER: &str = ".datastore/format";

/// Longest key in bytes.
pub(crate) const MAX_KEY: usize = 4096;

/// Which keys are plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Names {
    /// Every key that the JavaScript store keeps safely on Unix. Two keys may differ in nothing but case.
    JavaScript,
    /// Only keys whose names are the same on every system: lower-case ASCII without the characters that Windows forbids.
    /// All others are encoded. For file systems that ignore case, and folders that move between systems.
    Portable,
}

impl Names {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::JavaScript => "js",
            Self::Portable => "portable",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::JavaScript, Self::Portable]
            .into_iter()
            .find(|names| names.as_str() == text)
    }
}

/// How keys are mapped to files.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) extension: String,
    pub(crate) names: Names,
}

/// Where the value of a key lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where it is written, and looked for first.
    pub(crate) path: PathBuf,
    /// Where another program may have put it instead. Who writes `path` removes this.
    pub(crate) other: Option<PathBuf>,
}

impl Layout {
    /// Where the value of a key lies.
    pub(crate) fn place(&self, key: &Key) -> Place {
        match self.fitness(key.as_bytes()) {
            Fitness::Plain => Place {
                path: self.plain_path(key),
                other: None,
            },
            Fitness::Demoted => Place {
                path: encoded::path_of(key),
                other: Some(self.plain_path(key)),
            },
            Fitness::Unfit => Place {
                path: encoded::path_of(key),
                other: None,
            },
        }
    }

    /// The key of a file by its path; none for files that are of no key.
    pub(crate) fn key_of(&self, path: &Path) -> Option<Found> {
        match path.strip_prefix(ENCODED) {
            Ok(rest) => {
                let key = encoded::key_of(rest)?;
                let ours = self.fitness(key.as_bytes()) != Fitness::Plain;
                ours.then_some(Found {
                    key,
                    hidden_by: None,
                })
            }
            Err(_) => {
                // A file that is called like the extension is rather foreign than the root key's: not listed, only found when asked for.
                let key = self.plain_key(path).filter(|key| !key.is_root())?;
                let hidden_by = match self.fitness(key.as_bytes()) {
                    Fitness::Plain => None,
                    Fitness::Demoted => Some(encoded::path_of(&key)),
                    Fitness::Unfit => return None,
                };
                Some(Found { key, hidden_by })
            }
        }
    }
}

/// The key that a file is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) key: Key,
    /// The place where the key's value is written; a file there makes this one obsolete.
    pub(crate) hidden_by: Option<PathBuf>,
}
