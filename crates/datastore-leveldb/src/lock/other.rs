//! Locks on Windows and others, where they keep everybody from opening or reading the file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::Taken;

/// Never held.
pub(super) type Held = File;

/// What Windows answers about a file that another program has open for itself, or has locked.
const KEPT_OUT: [i32; 2] = [32, 33];

/// Finds out whether somebody holds the lock.
pub(super) fn look(path: &Path) -> io::Result<Taken<Option<Held>>> {
    let read = File::open(path).and_then(|mut file| file.read(&mut [0]));
    match read {
        Ok(_) => Ok(Taken::Held(None)),
        Err(error) if super::is_absent(&error) => Ok(Taken::NoFile),
        Err(error)
            if error
                .raw_os_error()
                .is_some_and(|code| KEPT_OUT.contains(&code)) =>
        {
            Ok(Taken::By(None))
        }
        Err(error) => Err(error),
    }
}

/// Nothing is held here.
pub(super) fn hold(_: &Path) -> io::Result<Taken<Option<Held>>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The name of a process's program: not looked up.
pub(super) fn program_of(_: u32) -> Option<String> {
    None
}
