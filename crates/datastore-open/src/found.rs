//! What lies at a path: stores are known by their own files, so that one kind is never opened as another.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use datastore_files::Blocking;
use interface_datastore::{Error, ErrorKind, Operation, Result};

use crate::StoreUrl;

/// How files of redb begin.
const REDB: [u8; 9] = [b'r', b'e', b'd', b'b', 0x1A, 0x0A, 0xA9, 0x0D, 0x0A];
/// How the file `version` of fjall begins; the repositories of Kubo have a file of this name, too.
const FJALL: [u8; 3] = *b"FJL";

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Fs,
    /// A folder of npm `ShardingDatastore`.
    JavaScriptSharded,
    Flatfs,
    Leveldb,
    Kubo,
    Fjall,
    Redb,
    Sled,
    /// A database of LevelDB's family that is none of LevelDB: RocksDB or Pebble.
    RocksLike,
    Badger,
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, or an empty folder.
    Nothing,
    /// A store of this kind.
    Store(Kind),
    /// Files that are no store by their looks. Folders of npm `datastore-fs` bear no mark.
    Other,
}

impl Kind {
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Fs => "a folder of files of fs:",
            Self::JavaScriptSharded => "a folder of npm ShardingDatastore",
            Self::Flatfs => "a directory of go-ds-flatfs",
            Self::Leveldb => "a LevelDB database",
            Self::Kubo => "a Kubo repository",
            Self::Fjall => "a database of fjall",
            Self::Redb => "a database of redb",
            Self::Sled => "a database of sled",
            Self::RocksLike => "a database of RocksDB or Pebble",
            Self::Badger => "a Badger database",
        }
    }

    /// The URL that opens it; none if nothing here does.
    fn url(self, path: &[u8]) -> Option<StoreUrl> {
        let sharding: &[(&str, &str)] = &[("sharding", "marked")];
        let (scheme, options) = match self {
            Self::Fs => ("fs", &[][..]),
            Self::JavaScriptSharded => ("fs", sharding),
            Self::Flatfs => ("flatfs", &[][..]),
            Self::Leveldb => ("leveldb", &[][..]),
            Self::Kubo => ("kubo", &[][..]),
            Self::Fjall | Self::Redb | Self::Sled if cfg!(feature = "kv") => ("kv", &[][..]),
            Self::Fjall => ("fjall", &[][..]),
            Self::Redb => ("redb", &[][..]),
            Self::Sled => ("sled", &[][..]),
            Self::RocksLike | Self::Badger => return None,
        };
        Some(StoreUrl::of_parts(scheme, path, options))
    }

    pub(crate) fn refused(self, url: &StoreUrl) -> Error {
        let what = self.what();
        let error = Error::new(ErrorKind::Foreign, Operation::Open).with_path(url.to_string());
        let error = error.with_detail(format!("there is {what}"));
        error.with_remedy(match self.url(url.path()) {
            Some(its) => format!("open it as {its}, or choose another place"),
            None => "choose another place; no scheme here opens that".to_owned(),
        })
    }
}

/// Looks at the path of a URL, and refuses stores of other kinds than `own`.
pub(crate) async fn look(
    url: &StoreUrl,
    blocking: Blocking,
    own: &'static [Kind],
) -> Result<Found> {
    let path = url.file_path()?;
    let at = path.clone();
    let found = blocking.run(&at, move || at_path(&path)).await;
    let found = found.map_err(|error| {
        Error::new(ErrorKind::Failed, Operation::Open)
            .with_path(&at)
            .with_source(error)
    })?;
    match found {
        Found::Store(kind) if !own.contains(&kind) => Err(kind.refused(url)),
        found => Ok(found),
    }
}

/// What cannot be looked at is nothing known: opening it tells why.
fn at_path(path: &Path) -> Found {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => in_folder(path),
        Ok(_) if begins_with(path, &REDB) => Found::Store(Kind::Redb),
        Ok(_) => Found::Other,
        Err(_) => Found::Nothing,
    }
}

fn in_folder(folder: &Path) -> Found {
    let has = |name: &str| fs::symlink_metadata(folder.join(name)).is_ok();
    let marked: &[(Kind, &dyn Fn() -> bool)] = &[
        // Both may be there, and a key may be called so.
        (Kind::JavaScriptSharded, &|| {
            begins_with(&folder.join("SHARDING.data"), b"/repo/flatfs/shard/")
        }),
        (Kind::Fs, &|| has(".datastore/format")),
        (Kind::Flatfs, &|| has("SHARDING")),
        (Kind::Fjall, &|| {
            begins_with(&folder.join("version"), &FJALL)
        }),
        (Kind::Kubo, &|| {
            has("datastore_spec") || has("config") && has("version")
        }),
        (Kind::Sled, &|| {
            has("datastore-sled") || has("db") && has("conf")
        }),
        (Kind::Badger, &|| has("KEYREGISTRY")),
    ];
    if let Some((kind, _)) = marked.iter().find(|(_, is_it)| is_it()) {
        return Found::Store(*kind);
    }
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let (mut is_empty, mut manifest, mut options) = (true, false, false);
    for entry in names {
        let name = entry.file_name();
        let begins = |with: &str| name.as_encoded_bytes().starts_with(with.as_bytes());
        is_empty = false;
        manifest |= begins("MANIFEST-");
        options |= begins("OPTIONS-");
    }
    match (has("CURRENT") && manifest, options) {
        (true, true) => Found::Store(Kind::RocksLike),
        (true, false) => Found::Store(Kind::Leveldb),
        _ if is_empty => Found::Nothing,
        _ => Found::Other,
    }
}

fn begins_with(path: &Path, magic: &[u8]) -> bool {
    // Opening a pipe would wait for its other end.
    if !fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return false;
    }
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| {
        let mut file = file.take(magic.len() as u64);
        file.read_to_end(&mut start)
    });
    read.is_ok() && start == magic
}
