//! Paths relative to a root, taken apart without looking at each of their components.

use std::ffi::OsStr;
use std::path::Path;

/// The folder of a path, empty for the root, and its name in it.
#[cfg(unix)]
pub(crate) fn split(path: &Path) -> (&Path, &OsStr) {
    use std::os::unix::ffi::OsStrExt;
    let bytes = path.as_os_str().as_bytes();
    match bytes.iter().rposition(|byte| *byte == b'/') {
        Some(at) => {
            let (folder, rest) = bytes.split_at(at);
            let name = rest.get(1..).unwrap_or_default();
            (
                Path::new(OsStr::from_bytes(folder)),
                OsStr::from_bytes(name),
            )
        }
        None => (Path::new(""), path.as_os_str()),
    }
}

/// The folder of a path, empty for the root, and its name in it.
#[cfg(not(unix))]
pub(crate) fn split(path: &Path) -> (&Path, &OsStr) {
    (
        path.parent().unwrap_or(Path::new("")),
        path.file_name().unwrap_or_default(),
    )
}

/// Whether a folder lies in the root itself.
pub(crate) fn is_in_root(folder: &Path) -> bool {
    let (above, name) = split(folder);
    above.as_os_str().is_empty() && !name.is_empty()
}
