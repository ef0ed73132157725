//! The authority's versions of the values in the tiers above it.

use std::{collections::HashMap, sync::Mutex};

use interface_datastore::{
    AbortSignal, Datastore, Entry, GetOptions, Key, Operation, Result, Version,
};

use super::{TieredDatastore, write::Stamp};
use crate::lock::lock;

/// How many versions are remembered; those forgotten are asked for again.
const REMEMBERED: usize = 1 << 16;

/// Versions of keys, each true as long as no write of its key has begun since it was learnt.
#[derive(Default)]
pub(super) struct Versions(Mutex<HashMap<Key, Version>>);

impl Versions {
    fn get(&self, key: &Key) -> Option<Version> {
        lock(&self.0).get(key).cloned()
    }

    /// Who learns or forgets a version holds the gate of the key.
    pub(super) fn learn(&self, key: &Key, version: Option<&Version>) {
        let Some(version) = version else {
            return;
        };
        let mut known = lock(&self.0);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key.clone(), version.clone());
    }

    pub(super) fn forget(&self, keys: &[Key]) {
        let mut known = lock(&self.0);
        keys.iter().for_each(|key| {
            known.remove(key);
        });
    }
}

impl TieredDatastore {
    /// An entry read from an upper tier, with the authority's version in place of the tier's own; none if a write came
    /// between or the authority does not have the key, so that it must be asked for the entry itself.
    pub(super) async fn with_authority_version(
        &self,
        entry: Entry,
        stamp: Stamp,
        abort: Option<&AbortSignal>,
    ) -> Result<Option<Entry>> {
        let entry = entry.with_version(None);
        if !self.versioned {
            return Ok(Some(entry));
        }
        let known = self.versions.get(&entry.key);
        let version = match known {
            Some(version) => Some(version),
            None => {
                let options = GetOptions::metadata().with_abort(abort.cloned());
                match self.authority.get_opts(&entry.key, options).await {
                    Ok(told) => told.version,
                    Err(error) if error.is_aborted() => return Err(error),
                    Err(error) if error.is_not_found() => return Ok(None),
                    Err(error) => {
                        let operation = Operation::Get.as_str();
                        tracing::warn!(
                            target: "datastore", operation, error = %error,
                            "the authority failed; a value from above is given without its version"
                        );
                        return Ok(Some(entry));
                    }
                }
            }
        };
        // No write is under way, and none has ended since before the tier was read: value and version belong together.
        let Some(_turn) = self.gates.try_enter(&entry.key) else {
            return Ok(None);
        };
        if self.stamps.read(&entry.key) != stamp {
            return Ok(None);
        }
        self.versions.learn(&entry.key, version.as_ref());
        Ok(Some(entry.with_version(version)))
    }
}
