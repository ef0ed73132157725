//! The marker file: which version of the format a folder has, and in which mode.

use std::path::Path;

use bytes::Bytes;
use datastore_files::{Change, Contents, Kind, Reason, Replace, Safety, Tree, Wait};
use interface_datastore::{Error, ErrorKind, Operation};

use crate::failure::file_error;
use crate::layout::{MARKER, Names, RESERVED};

const VERSION: &str = "1";
/// A marker is four short lines; anything larger is something else.
const MAX_LEN: u64 = 4096;

/// What a marker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) names: Names,
    pub(crate) extension: String,
}

impl Marker {
    /// The marker of a folder; none if it has none, as folders written by the JavaScript store.
    pub(crate) fn read(tree: &Tree) -> Result<Option<Self>, Error> {
        let failed = |error| file_error(error, Operation::Open, None);
        let reserved = tree
            .metadata(Path::new(RESERVED), Wait::Yes)
            .map_err(failed)?;
        match reserved.map(|metadata| metadata.kind) {
            None => return Ok(None),
            Some(Kind::Dir) => {}
            Some(_) => return Err(foreign(tree, RESERVED, "it is not a folder")),
        }
        let Some(file) = tree
            .open_file(Path::new(MARKER), Wait::Yes)
            .map_err(failed)?
        else {
            return Ok(None);
        };
        let bytes = file.read(0..MAX_LEN, Wait::Yes).map_err(failed)?;
        Self::parse(&bytes)
            .map(Some)
            .map_err(|complaint| foreign(tree, MARKER, complaint))
    }

    /// Writes the marker of a folder that has none. If somebody else does so at the same time, theirs stands and is given.
    pub(crate) fn write(&self, tree: &Tree) -> Result<Self, Error> {
        let change = Change::Write {
            path: MARKER.into(),
            contents: Contents::Bytes(Bytes::from(self.to_text())),
            replace: Replace::No,
            obsolete: None,
        };
        match tree.apply(vec![change], Safety::Power).pop() {
            Some(Err(error)) if error.reason() == Reason::AlreadyExists => {
                let theirs = Self::read(tree)?;
                theirs.ok_or_else(|| file_error(error, Operation::Open, None))
            }
            Some(Err(error)) => Err(file_error(error, Operation::Open, None)),
            _ => Ok(self.clone()),
        }
    }

    fn to_text(&self) -> String {
        format!(
            "datastore-fs {VERSION}\nnames {}\nextension {}\n",
            self.names.as_str(),
            self.extension
        )
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let strange = || "it is not a marker of this store".to_owned();
        let text = std::str::from_utf8(bytes).map_err(|_| strange())?;
        let mut lines = text.split('\n');
        let version = lines
            .next()
            .and_then(|line| line.strip_prefix("datastore-fs "))
            .ok_or_else(strange)?;
        if version != VERSION {
            return Err(format!(
                "it has format version {version:?}; this release knows version {VERSION}"
            ));
        }
        let names = lines
            .next()
            .and_then(|line| line.strip_prefix("names "))
            .ok_or_else(strange)?;
        let names = Names::parse(names).ok_or_else(|| format!("names {names:?} are not known"))?;
        let extension = lines
            .next()
            .and_then(|line| line.strip_prefix("extension "))
            .ok_or_else(strange)?;
        if !lines.eq([""]) {
            return Err(strange());
        }
        Ok(Self {
            names,
            extension: extension.to_owned(),
        })
    }
}

fn foreign(tree: &Tree, path: &str, complaint: impl Into<String>) -> Error {
    Error::new(ErrorKind::Foreign, Operation::Open)
        .with_path(tree.full(Path::new(path)))
        .with_detail(complaint.into())
        .with_remedy("use the release that wrote it, or choose another folder")
}
