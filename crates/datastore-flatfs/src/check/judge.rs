//! What a file is, and what is wrong with it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use datastore_files::{DirEntry, Folder, Kind as FileKind, Metadata, Wait};
use interface_datastore::Key;

use super::finding::Kind;
use super::fix::Fix;
use super::round::Round;
use crate::failure::Failure;
use crate::multihash::Multihash;
use crate::names::EXTENSION;
use crate::sharding;
use crate::unclean::{Hashed, hashed_at};
use crate::usage::cache;

/// What a store has in its root besides folders.
const ROOT_FILES: [&str; 3] = [sharding::FILE, sharding::README, cache::FILE];
/// What temporary files of old releases are called, a number following.
const OLD_TEMP: &str = "put-";

impl Round {
    /// Looks at an entry of a folder that may hold values, or of the root.
    pub(super) fn look_at(&mut self, folder: &Folder, entry: &DirEntry) -> Result<(), Failure> {
        let in_root = folder.path().as_os_str().is_empty();
        let path = folder.path().join(&entry.name);
        let name = entry.name.to_string_lossy();
        let known = in_root && (name.starts_with('.') || ROOT_FILES.contains(&name.as_ref()));
        if known {
            return Ok(());
        }
        match entry.kind {
            FileKind::File => self.look_at_file(folder, &entry.name, path),
            FileKind::Dir if in_root => {
                self.look_at_shard(&name, &path);
                Ok(())
            }
            FileKind::Dir => {
                self.found(Kind::ForeignFolder.at(self.full(&path)));
                Ok(())
            }
            FileKind::Link if in_root && self.store.tree.leads_to_folder(&path) => Ok(()),
            FileKind::Link | FileKind::Other => {
                self.found(Kind::Link.at(self.full(&path)));
                Ok(())
            }
        }
    }

    /// Looks at the value of one key.
    pub(super) fn look_at_key(&mut self, key: &Key) -> Result<(), Failure> {
        let Some(place) = self.store.sharding.place(key) else {
            return Ok(());
        };
        match self.store.tree.metadata(&place.path, Wait::Yes)? {
            Some(found) if found.kind == FileKind::File => {
                self.look_at_value(key.clone(), place.path, &found)
            }
            _ => Ok(()),
        }
    }

    fn look_at_shard(&mut self, name: &str, path: &Path) {
        // Folders of the right length are looked into, and tell then.
        if name.len() as u64 != self.store.sharding.shard.length() {
            self.found(Kind::ForeignFolder.at(self.full(path)));
        }
    }

    fn look_at_file(
        &mut self,
        folder: &Folder,
        name: &OsStr,
        path: PathBuf,
    ) -> Result<(), Failure> {
        let sharding = self.store.sharding;
        if let Some(key) = sharding.key_of(folder.path().as_os_str(), name) {
            return match folder.metadata(name)? {
                Some(found) => self.look_at_value(key, path, &found),
                None => Ok(()),
            };
        }
        let text = name.to_string_lossy();
        if is_old_temp(&text) {
            return self.old_temp(path);
        }
        let full = self.full(&path);
        if !text.ends_with(EXTENSION) || text.starts_with('.') {
            self.found(Kind::ForeignFile.at(full));
            return Ok(());
        }
        match sharding.key_named(name) {
            Some(key) => {
                let finding = Kind::MisplacedValue.at(full).with_key(key.clone());
                self.fault(Fix::Move { key, from: path }, finding);
            }
            None => self.found(Kind::BadName.at(full)),
        }
        Ok(())
    }

    fn look_at_value(&mut self, key: Key, path: PathBuf, found: &Metadata) -> Result<(), Failure> {
        if self.is_torn(&key, &path, found)? {
            let finding = Kind::TornValue.at(self.full(&path)).with_key(key.clone());
            self.fault(Fix::SetAside { key, path }, finding);
            return Ok(());
        }
        let hash = Multihash::of(&key);
        let damaged = match hash {
            None if found.len == 0 && !found.was_synced_before_named() => {
                self.found(Kind::ZeroLength.at(self.full(&path)).with_key(key));
                return Ok(());
            }
            Some(hash) if found.len == 0 => !hash.is_of(b""),
            Some(hash) if self.options.hashes => {
                self.progress.bytes += found.len;
                let hashed = hashed_at(&self.store.tree, &path, &hash)?;
                hashed.is_some_and(|hashed| hashed != Hashed::Right)
            }
            _ => false,
        };
        if damaged {
            let finding = Kind::DamagedValue
                .at(self.full(&path))
                .with_key(key.clone());
            self.fault(Fix::SetAside { key, path }, finding);
        }
        Ok(())
    }

    fn is_torn(&self, key: &Key, path: &Path, found: &Metadata) -> Result<bool, Failure> {
        let store = &self.store;
        if !store.unclean.is_active() {
            return Ok(false);
        }
        let torn = store
            .unclean
            .is_torn(&store.tree, path, key, found, Wait::Yes);
        Ok(torn?)
    }
}

fn is_old_temp(name: &str) -> bool {
    name.strip_prefix(OLD_TEMP).is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}
