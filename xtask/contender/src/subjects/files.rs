//! The limit of file stores: the bare calls on a file for each key.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;

use crate::subject::{Subject, Tasks};

/// What every file's name ends with.
const ENDING: &str = ".data";
/// Threads that a synced batch is written by, so that the file system commits many syncs at once.
const WRITERS: usize = 16;

/// Create, write, rename; open, read; stat; walk. No check of anything, one folder of files for one user.
#[derive(Clone)]
pub(crate) struct Files {
    root: Arc<str>,
    /// Whether each file and the folder that names it are synced.
    synced: bool,
    /// Whether files lie in folders named by the two characters before the last of their key, as flatfs has it.
    sharded: bool,
}

impl Files {
    /// In an existing folder.
    pub(crate) fn new(root: &Path, synced: bool) -> Result<Self> {
        let root = root.to_str().context("the folder's path is not UTF-8")?;
        Ok(Self {
            root: root.into(),
            synced,
            sharded: false,
        })
    }

    /// The same in folders as flatfs has them by default. Keys have one part.
    pub(crate) fn sharded(root: &Path, synced: bool) -> Result<Self> {
        let files = Self::new(root, synced)?;
        Ok(Self {
            sharded: true,
            ..files
        })
    }

    fn path(&self, key: &str) -> PathBuf {
        let parts: &[&str] = if self.sharded {
            &[
                &self.root,
                "/",
                &key[key.len() - 3..key.len() - 1],
                key,
                ENDING,
            ]
        } else {
            &[&self.root, key, ENDING]
        };
        parts.concat().into()
    }

    /// Writes the file beside the place where it will be, makes the folder if there is none, and gives the file's path.
    fn write_beside(&self, path: &Path, value: &[u8]) -> Result<PathBuf> {
        let mut name = path.as_os_str().to_owned();
        name.push(".tmp");
        let temporary = PathBuf::from(name);
        let mut file = match File::create(&temporary) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let folder = parent(path)?;
                fs::create_dir_all(folder)?;
                if self.synced {
                    sync_folder(parent(folder)?)?;
                }
                File::create(&temporary)?
            }
            created => created?,
        };
        file.write_all(value)?;
        if self.synced {
            file.sync_all()?;
        }
        Ok(temporary)
    }

    fn store(&self, key: &str, value: &[u8]) -> Result<PathBuf> {
        let path = self.path(key);
        fs::rename(self.write_beside(&path, value)?, &path)?;
        Ok(path)
    }

    /// Syncs every file before its rename, by several threads, and each folder once at the end.
    fn write_synced(&self, pairs: &[(String, Bytes)]) -> Result<()> {
        let store_chunk = |chunk: &[(String, Bytes)]| -> Result<BTreeSet<PathBuf>> {
            let mut folders = BTreeSet::new();
            for (key, value) in chunk {
                folders.insert(parent(&self.store(key, value)?)?.to_owned());
            }
            Ok(folders)
        };
        let size = pairs.len().div_ceil(WRITERS).max(1);
        let folders = std::thread::scope(|scope| {
            let writers: Vec<_> = pairs
                .chunks(size)
                .map(|chunk| scope.spawn(move || store_chunk(chunk)))
                .collect();
            let mut folders = BTreeSet::new();
            for writer in writers {
                folders.append(&mut writer.join().map_err(|_| anyhow!("a writer panicked"))??);
            }
            anyhow::Ok(folders)
        })?;
        folders.iter().try_for_each(|folder| sync_folder(folder))
    }

    /// Calls `found` with the path of every value under a folder.
    fn walk(&self, folder: &Path, found: &mut dyn FnMut(&Path) -> Result<()>) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                self.walk(&path, found)?;
            } else {
                found(&path)?;
            }
        }
        Ok(())
    }

    /// Walks the one folder that can hold keys with a prefix, which names a folder, or a part of a name at the top.
    fn walk_prefix(
        &self,
        prefix: &str,
        mut found: impl FnMut(String, &Path) -> Result<()>,
    ) -> Result<()> {
        let folder = PathBuf::from([&self.root, prefix].concat());
        let start = if self.sharded {
            Path::new(&*self.root)
        } else if folder.is_dir() {
            &folder
        } else {
            parent(&folder)?
        };
        self.walk(start, &mut |path| {
            let key = self.key_of(path)?;
            if key.starts_with(prefix) {
                found(key, path)?;
            }
            Ok(())
        })
    }

    fn key_of(&self, path: &Path) -> Result<String> {
        let text = path.to_str().context("a strange file name")?;
        let start = if self.sharded {
            text.rfind('/').unwrap_or_default()
        } else {
            self.root.len()
        };
        let key = text.get(start..).and_then(|key| key.strip_suffix(ENDING));
        Ok(key.context("a file that is no value")?.to_owned())
    }
}

fn parent(path: &Path) -> Result<&Path> {
    path.parent().context("a path without a folder")
}

fn sync_folder(path: &Path) -> Result<()> {
    Ok(File::open(path)?.sync_all()?)
}

impl Subject for Files {
    type Key = String;

    const TASKS: Tasks = Tasks::Threads;

    fn key(text: &str) -> String {
        text.to_owned()
    }

    async fn put(&self, key: &String, value: Bytes) -> Result<()> {
        let path = self.store(key, &value)?;
        if self.synced {
            sync_folder(parent(&path)?)?;
        }
        Ok(())
    }

    async fn put_again(&self, key: &String, value: Bytes) -> Result<()> {
        ensure!(fs::read(self.path(key))? == value, "another value");
        Ok(())
    }

    async fn write(&self, pairs: Vec<(String, Bytes)>) -> Result<()> {
        if self.synced {
            return self.write_synced(&pairs);
        }
        for (key, value) in &pairs {
            self.store(key, value)?;
        }
        Ok(())
    }

    async fn get(&self, key: &String) -> Result<Bytes> {
        Ok(fs::read(self.path(key))?.into())
    }

    async fn has(&self, key: &String) -> Result<bool> {
        Ok(self.path(key).exists())
    }

    async fn delete(&self, key: &String) -> Result<()> {
        let path = self.path(key);
        fs::remove_file(&path)?;
        if self.synced {
            sync_folder(parent(&path)?)?;
        }
        Ok(())
    }

    async fn query(&self, prefix: &str) -> Result<(usize, usize)> {
        let mut keys = Vec::new();
        let mut bytes = 0;
        self.walk_prefix(prefix, |key, path| {
            keys.push(key);
            bytes += fs::read(path)?.len();
            Ok(())
        })?;
        Ok((keys.len(), bytes))
    }

    async fn query_keys(&self, prefix: &str) -> Result<usize> {
        let mut keys = Vec::new();
        self.walk_prefix(prefix, |key, _| {
            keys.push(key);
            Ok(())
        })?;
        Ok(keys.len())
    }
}
