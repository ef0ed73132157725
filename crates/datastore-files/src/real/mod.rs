//! The operating system's file systems.

#[cfg(unix)]
mod beneath;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::RealFs;

#[cfg(target_os = "linux")]
mod nameless;
#[cfg(target_os = "linux")]
mod whole;

#[cfg(not(unix))]
mod portable;
#[cfg(not(unix))]
pub use portable::RealFs;

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path};

/// Checks that a path consists of plain names.
pub(crate) fn check_path(path: &Path) -> io::Result<()> {
    let text = path.as_os_str().as_encoded_bytes();
    // One look at all bytes; most paths have nothing to look at more closely.
    let suspicious = |pair: &[u8]| (pair[0] == b'/') & ((pair[1] == b'/') | (pair[1] == b'.'));
    let looks_plain = !matches!(text, [] | [b'/' | b'.', ..] | [.., b'/'])
        && !text
            .windows(2)
            .fold(false, |found, pair| found | suspicious(pair));
    let spelled_plainly = looks_plain
        || text
            .split(|b| *b == b'/')
            .all(|part| !matches!(part, b"" | b"." | b".."));
    // Elsewhere names have more meanings: drives, backslashes.
    let plain = || cfg!(unix) || path.components().all(|c| matches!(c, Component::Normal(_)));
    if spelled_plainly && plain() {
        Ok(())
    } else {
        Err(not_plain())
    }
}

/// Checks that a name is one plain component.
pub(crate) fn check_name(name: &OsStr) -> io::Result<()> {
    let text = name.as_encoded_bytes();
    let spelled_plainly = !matches!(text, b"" | b"." | b"..") && !text.contains(&b'/');
    // Elsewhere names have more meanings.
    match spelled_plainly {
        true if cfg!(unix) => Ok(()),
        true => check_path(Path::new(name)),
        false => Err(not_plain()),
    }
}

fn not_plain() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "not a relative path of plain names",
    )
}

/// Creates a folder and its missing parents by `create`, which makes one whose parent exists.
fn create_with_parents(path: &Path, create: &dyn Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut missing = Vec::new();
    for parent in path.ancestors().skip(1) {
        if parent.as_os_str().is_empty() || parent.exists() {
            break;
        }
        missing.push(parent);
    }
    for parent in missing.into_iter().rev() {
        match create(parent) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
    }
    create(path)
}
