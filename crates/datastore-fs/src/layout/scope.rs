//! Which folders can hold keys that start with given bytes.

use std::path::{Path, PathBuf};

use interface_datastore::{Key, Query};

use super::plain::Fitness;
use super::{ENCODED, Layout, RESERVED, encoded, plain};

/// The folders in which to look for keys that start with given bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Where the walk starts: in the plain layout and under the reserved folder.
    starts: Vec<Start>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Start {
    folder: PathBuf,
    /// How names in that folder must begin, as far as they go.
    begin: Vec<u8>,
    encoded: bool,
}

impl Scope {
    /// The folders for a query.
    pub(crate) fn of_query(layout: &Layout, query: &Query) -> Self {
        let mut prefix = query.prefix.to_vec();
        if let Some(within) = &query.within {
            let mut under = within.as_bytes().to_vec();
            if !within.is_root() {
                under.push(b'/');
            }
            if under.len() > prefix.len() {
                prefix = under;
            }
        }
        Self::of_prefix(layout, &prefix)
    }

    /// The folders for keys at or under a key by whole namespaces; what else they hold must be left out by key.
    pub(crate) fn of_key(layout: &Layout, key: &Key) -> Self {
        let prefix = if key.is_root() { b"" } else { key.as_bytes() };
        Self::of_prefix(layout, prefix)
    }

    fn of_prefix(layout: &Layout, prefix: &[u8]) -> Self {
        let Some(names) = prefix
            .strip_prefix(b"/")
            .or(prefix.is_empty().then_some(prefix))
        else {
            return Self { starts: Vec::new() };
        };
        let (folders, begin) = match names.iter().rposition(|byte| *byte == b'/') {
            // rposition gives an index below the length.
            Some(at) => (Some(&names[..at]), &names[at + 1..]),
            None => (None, names),
        };
        let split = |folders| <[u8]>::split(folders, |byte: &u8| *byte == b'/');
        let mut starts = Vec::with_capacity(2);
        let fits = |name| layout.name_fitness(name, true) != Fitness::Unfit;
        let ours = |folders| split(folders).next().is_some_and(plain::is_reserved);
        if folders.is_none_or(|folders| split(folders).all(fits) && !ours(folders)) {
            let folder = plain::path_from(folders.unwrap_or_default().to_vec());
            starts.push(Start {
                folder,
                begin: begin.to_vec(),
                encoded: false,
            });
        }
        let folder = encoded::folder_of(folders.into_iter().flat_map(split));
        starts.push(Start {
            folder,
            begin: encoded::encode(begin).into_bytes(),
            encoded: true,
        });
        Self { starts }
    }

    /// The folders at which to start, each with a test of the paths below that are worth entering.
    pub(crate) fn walks(
        self,
    ) -> impl Iterator<Item = (PathBuf, impl FnMut(&Path) -> bool + Send + 'static)> {
        self.starts
            .into_iter()
            .map(|start| (start.folder.clone(), move |path: &Path| start.enters(path)))
    }
}

impl Start {
    fn enters(&self, path: &Path) -> bool {
        let Some(name) = path.file_name().map(std::ffi::OsStr::as_encoded_bytes) else {
            return false;
        };
        let top = path
            .parent()
            .is_none_or(|parent| parent.as_os_str().is_empty());
        if !self.encoded && top && plain::is_reserved(name) {
            return false;
        }
        if path.parent() != Some(&self.folder) {
            return true;
        }
        if !self.encoded {
            return name.starts_with(&self.begin);
        }
        // A piece may be shorter or longer than what is known of the name.
        let piece = name.get(1..).unwrap_or_default();
        let known = self.begin.len().min(piece.len());
        let whole = name.first() != Some(&encoded::MORE);
        piece.get(..known) == self.begin.get(..known) && !(whole && piece.len() < self.begin.len())
    }
}

/// Whether a path lies in the reserved folder but is no value's.
pub(crate) fn is_internal(path: &Path) -> bool {
    path.starts_with(RESERVED) && !path.starts_with(ENCODED)
}
