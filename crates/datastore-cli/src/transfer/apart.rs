//! Two folders that must not lie in each other: a copy would read what it writes, or spoil a store.

use std::path::{Path, PathBuf};

use datastore_open::StoreUrl;

use crate::failure::{Failure, Outcome};

/// The folder of a store that has one.
pub(crate) fn folder_of(url: &StoreUrl) -> Option<PathBuf> {
    url.file_path().ok()
}

/// Refuses two folders of which one is or holds the other.
pub(crate) fn check_apart(source: &Path, target: &Path) -> Outcome<()> {
    let (a, b) = (real(source), real(target));
    if a.starts_with(&b) || b.starts_with(&a) {
        let (source, target) = (source.display(), target.display());
        return Err(Failure::usage(format!(
            "{source} and {target} are one folder, or one lies in the other; choose folders that are apart"
        )));
    }
    Ok(())
}

/// The path without links and dots, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in absolute.ancestors() {
        if let Ok(found) = ancestor.canonicalize() {
            let rest = absolute.strip_prefix(ancestor).unwrap_or(Path::new(""));
            return found.join(rest);
        }
    }
    absolute
}
