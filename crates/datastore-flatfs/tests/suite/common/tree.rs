//! What lies in a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// All files below a folder with their contents, and all folders with nothing, by relative path. Links are not followed.
pub(crate) fn tree(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = std::fs::symlink_metadata(&path).unwrap().file_type();
            let relative = path.strip_prefix(root).unwrap().to_owned();
            if kind.is_dir() {
                found.insert(relative, None);
                pending.push(path);
            } else if kind.is_file() {
                found.insert(relative, Some(std::fs::read(&path).unwrap()));
            } else {
                found.insert(relative, Some(b"link".to_vec()));
            }
        }
    }
    found
}
