//! Whether the keys of a store are the hashes of its values.

use datastore_files::Tree;
use std::path::Path;

use super::suspect::{Hashed, hashed_at};
use crate::files::value_files;
use crate::multihash::Multihash;
use crate::sharding::Sharding;

/// So many values are looked at.
const SAMPLE: usize = 64;
/// So many values that are something else than their keys say, and none that is not, make a store of other things.
const ENOUGH: usize = 8;

/// Looks at some values. One that is right is enough; in doubt they are hashes.
pub(super) fn keys_are_hashes(tree: &Tree, sharding: &Sharding) -> bool {
    let (mut looked_at, mut wrong) = (0, 0);
    for file in value_files(tree, sharding) {
        let Ok(file) = file else { continue };
        let Some(hash) = Multihash::of(&file.key) else {
            continue;
        };
        match hashed_at(tree, Path::new(&file.path), &hash) {
            Ok(Some(Hashed::Right)) => return true,
            Ok(Some(Hashed::Wrong)) => wrong += 1,
            _ => {}
        }
        looked_at += 1;
        if looked_at >= SAMPLE {
            break;
        }
    }
    wrong < ENOUGH
}
