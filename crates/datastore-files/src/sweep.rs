//! Removing of temporary files whose owner is gone.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Action, Context, Result};
use crate::fs::{Dir, Fs, Kind, LockMode};
use crate::temp::LOCK_SUFFIX;

/// Whether a sweep removes what it finds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remove {
    Yes,
    No,
}

/// Finds temporary files whose owner is gone. Without removing, nothing is written, and so no lock is tried: the files
/// of owners without a lock file are all that can be told.
pub(crate) fn sweep(
    fs: &dyn Fs,
    dir: &Dir,
    path: &Path,
    own_id: Option<&str>,
    remove: Remove,
) -> Result<Vec<PathBuf>> {
    let mut owners: HashMap<String, Vec<OsString>> = HashMap::new();
    let mut locks: HashMap<String, OsString> = HashMap::new();
    for entry in fs.read_dir(dir).during(Action::List, path)? {
        let entry = entry.during(Action::List, path)?;
        let Some((id, rest)) = entry.name.to_str().and_then(|name| name.split_once('.')) else {
            continue;
        };
        if entry.kind != Kind::File || own_id == Some(id) {
            continue;
        }
        if rest == &LOCK_SUFFIX[1..] {
            locks.insert(id.to_owned(), entry.name);
        } else if rest.bytes().all(|b| b.is_ascii_digit()) {
            owners
                .entry(id.to_owned())
                .or_default()
                .push(entry.name.clone());
        }
    }
    for id in locks.keys() {
        owners.entry(id.clone()).or_default();
    }
    let mut gone = Vec::new();
    for (id, files) in owners {
        let lock = match (locks.get(&id), remove) {
            (Some(_), Remove::No) => continue,
            (Some(name), Remove::Yes) => match fs.lock(dir, name, LockMode::Exclusive) {
                Ok(lock) => Some((name, lock)),
                // Alive, or not ours to judge.
                Err(_) => continue,
            },
            (None, _) => None,
        };
        for name in files {
            let swept = remove == Remove::No || fs.remove_file(dir, &name).is_ok();
            if swept {
                gone.push(path.join(&name));
            }
        }
        if let Some((name, lock)) = lock {
            let _ = fs.remove_file(dir, name);
            drop(lock);
        }
    }
    gone.sort_unstable();
    Ok(gone)
}
