//! The file `SHARDING`, which says how a directory is laid out.

use std::path::Path;

use datastore_files::{Access, Change, Contents, FileError, Reason, Replace, Safety, Tree, Wait};
use interface_datastore::{Error, ErrorKind, Operation};

use crate::convert::Unfinished;
use crate::failure::file_error;
use crate::names::Names;
use crate::shard::{ShardError, ShardFunction};

/// The file's name.
pub(crate) const FILE: &str = "SHARDING";
/// A file for people, which directories with the usual shard function have.
pub(crate) const README: &str = "_README";
const README_TEXT: &str = include_str!("readme.txt");
/// An identifier is shorter by far; a longer file is something else.
pub(crate) const MAX_LEN: u64 = 4096;
/// What identifiers start with, and what those of escaped stores start with, which go-ds-flatfs refuses.
const PLAIN: &str = "/repo/flatfs/shard/";
const ESCAPED: &str = "/repo/flatfs/escaped/";

/// How a directory is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sharding {
    pub(crate) shard: ShardFunction,
    pub(crate) names: Names,
}

impl Sharding {
    /// The text of the file, without the line's end.
    pub(crate) fn identifier(&self) -> String {
        let plain = self.shard.to_string();
        match self.names {
            Names::Flatfs => plain,
            Names::Escaped => plain.replacen(PLAIN, ESCAPED, 1),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, ShardError> {
        let (text, names) = match text.trim().strip_prefix(ESCAPED) {
            Some(rest) => (format!("{PLAIN}{rest}"), Names::Escaped),
            None => (text.to_owned(), Names::Flatfs),
        };
        Ok(Self {
            shard: text.parse()?,
            names,
        })
    }

    /// What the file of a directory says; none if there is no such file.
    pub(crate) fn read(tree: &Tree) -> Result<Option<Self>, Error> {
        let failed = |error| file_error(error, Operation::Open, None);
        let path = Path::new(FILE);
        let Some(file) = tree.open_file(path, Wait::Yes).map_err(failed)? else {
            return Ok(None);
        };
        let bytes = file.read(0..MAX_LEN, Wait::Yes).map_err(failed)?;
        // Bytes that are no text are no identifier either, wherever they stand.
        let text = String::from_utf8_lossy(&bytes);
        if let Some(unfinished) = Unfinished::parse(&text) {
            return Err(unfinished.refusal(tree));
        }
        let sharding = Self::parse(&text);
        let refused = |error: ShardError| {
            let (kind, remedy) = match error {
                ShardError::Version(_) | ShardError::Name(_) => {
                    (ErrorKind::Foreign, "use a release that knows it")
                }
                _ => (
                    ErrorKind::Damaged,
                    "write the shard function into the file with which the directory was created, as in \"/repo/flatfs/shard/v1/next-to-last/2\"",
                ),
            };
            Error::new(kind, Operation::Open)
                .with_path(tree.full(path))
                .with_detail(error.to_string())
                .with_remedy(remedy)
                .with_source(error)
        };
        sharding.map(Some).map_err(refused)
    }

    /// Writes the file of a directory that has none. If somebody else does so at the same time, theirs stands and is given.
    pub(crate) fn write(&self, tree: &Tree) -> Result<Self, Error> {
        let text = format!("{}\n", self.identifier());
        match publish(tree, FILE, &text, Access::Usual) {
            Ok(()) => {}
            Err(error) if error.reason() == Reason::AlreadyExists => {
                let theirs = Self::read(tree)?;
                return theirs.ok_or_else(|| file_error(error, Operation::Open, None));
            }
            Err(error) => return Err(file_error(error, Operation::Open, None)),
        }
        self.write_readme(tree);
        Ok(*self)
    }

    /// Writes the file for people, if this function has one. Nothing reads it, so nothing is wrong without it.
    pub(crate) fn write_readme(&self, tree: &Tree) {
        if *self == Self::default() {
            let _ = publish(tree, README, README_TEXT, Access::ReadOnly);
        }
    }
}

/// Puts a file in its place that is to stay as it is: written aside, synced, and only if there is none.
pub(crate) fn publish(
    tree: &Tree,
    path: &str,
    text: &str,
    access: Access,
) -> Result<(), FileError> {
    let mut temp = tree.temp_file_for(access)?;
    temp.write_all(text.as_bytes())?;
    let change = Change::Write {
        path: path.into(),
        contents: Contents::Temp(temp),
        replace: Replace::No,
        obsolete: None,
    };
    match tree.apply(vec![change], Safety::Power).pop() {
        Some(Err(error)) => Err(error),
        _ => Ok(()),
    }
}
