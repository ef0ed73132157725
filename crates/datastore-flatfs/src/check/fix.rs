//! Mending one fault, under the gate of its key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datastore_files::{FileError, Kind as FileKind, Metadata, Reason, Replace, Wait};
use interface_datastore::{Action, Finding, Key, Operation};

use super::round::Round;
use crate::failure::file_error;
use crate::multihash::Multihash;
use crate::store::Inner;
use crate::unclean::{Hashed, hashed_at, quarantine};

/// How a fault is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fix {
    /// The value goes where its key's belongs; if one is there, it is moved aside.
    Move { key: Key, from: PathBuf },
    /// The file is moved aside, if it is still damaged.
    SetAside { key: Key, path: PathBuf },
}

impl Fix {
    fn key(&self) -> &Key {
        match self {
            Self::Move { key, .. } | Self::SetAside { key, .. } => key,
        }
    }

    fn apply(&self, store: &Inner) -> Result<Action, FileError> {
        match self {
            Self::Move { key, from } => move_home(store, key, from),
            Self::SetAside { key, path } => set_aside(store, key, path),
        }
    }
}

impl Round {
    pub(super) async fn mend(mut self, fix: Fix, finding: Finding) -> Self {
        let store = Arc::clone(&self.store);
        let pass = store.gates.pass(fix.key()).await;
        let shared = Arc::clone(&store);
        let step = move || {
            let done = fix.apply(&shared);
            drop(pass);
            done
        };
        let mended = match store.hop(Operation::Maintain, step).await {
            Ok(mended) => mended.map_err(|error| file_error(error, Operation::Maintain, None)),
            Err(error) => Err(error),
        };
        match mended {
            Ok(action) => self.found(finding.with_action(action)),
            Err(error) => {
                self.found(finding);
                self.events.push_back(Err(error));
            }
        }
        self
    }
}

fn move_home(store: &Inner, key: &Key, from: &Path) -> Result<Action, FileError> {
    let Some(place) = store.sharding.place(key) else {
        return Ok(Action::None);
    };
    let Some(found) = store.tree.metadata(from, Wait::Yes)? else {
        return Ok(Action::None);
    };
    match store.tree.relocate(from, &place.path, Replace::No) {
        Ok(()) => {
            store.count(from, 0, found.len);
            store.count(&place.path, found.len, 0);
            Ok(Action::Repaired)
        }
        // Reads see the other one, and this may be an older value.
        Err(error) if error.reason() == Reason::AlreadyExists => {
            quarantine(&store.tree, from)?;
            Ok(Action::Quarantined)
        }
        Err(error) => Err(error),
    }
}

fn set_aside(store: &Inner, key: &Key, path: &Path) -> Result<Action, FileError> {
    let found = store.tree.metadata(path, Wait::Yes)?;
    let Some(file) = found.filter(|found| found.kind == FileKind::File) else {
        return Ok(Action::None);
    };
    if !is_damaged(store, key, path, &file)? {
        return Ok(Action::None);
    }
    store.unclean.set_aside(&store.tree, path)?;
    Ok(Action::Quarantined)
}

fn is_damaged(store: &Inner, key: &Key, path: &Path, file: &Metadata) -> Result<bool, FileError> {
    let (tree, unclean) = (&store.tree, &store.unclean);
    if unclean.is_active() && unclean.is_torn(tree, path, key, file, Wait::Yes)? {
        return Ok(true);
    }
    let Some(hash) = Multihash::of(key) else {
        return Ok(false);
    };
    Ok(match hashed_at(tree, path, &hash)? {
        None | Some(Hashed::Right) => false,
        Some(Hashed::Zeros) => true,
        // A key that looks like a hash may be the name of something else.
        Some(Hashed::Wrong) => unclean.keys_are_hashes(tree),
    })
}
