//! Keys laid out as npm `datastore-fs` does it.

use std::path::{Path, PathBuf};

use interface_datastore::Key;

use super::{Layout, Names, RESERVED};

/// Longest name of a folder.
const MAX_FOLDER_NAME: usize = 255;
/// Longest name of a file: the JavaScript store puts five characters around it while it writes.
const MAX_FILE_NAME: usize = 250;
/// Longest plain key, which leaves the JavaScript store room for the path of the root.
const MAX_PLAIN_KEY: usize = 3000;

/// How the names of temporary files of the JavaScript store end.
const TEMPORARY: &[u8] = b".tmp";

/// Names that mean devices on Windows, with any extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
/// The length of the longest of them.
const MAX_DEVICE: usize = 7;
/// These mean devices with a digit behind them.
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];

/// Whether a key can lie in the plain layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fitness {
    /// It does.
    Plain,
    /// We do not put it there, but the JavaScript store may have.
    Demoted,
    /// It never does.
    Unfit,
}

impl Layout {
    /// Whether a key can lie in the plain layout.
    pub(super) fn fitness(&self, key: &[u8]) -> Fitness {
        if key.len() > MAX_PLAIN_KEY {
            return Fitness::Unfit;
        }
        // As a string it is taken apart much faster.
        let Ok(key) = std::str::from_utf8(key) else {
            return Fitness::Unfit;
        };
        if self.is_apart(key) {
            return Fitness::Unfit;
        }
        let mut fitness = Fitness::Plain;
        let mut names = key.split('/').skip(1).peekable();
        while let Some(name) = names.next() {
            let folder = names.peek().is_some();
            fitness = fitness.max(self.name_fitness(name.as_bytes(), folder));
        }
        if key == "/" {
            // The one empty name that the JavaScript store has a file for.
            return Fitness::Demoted;
        }
        fitness
    }

    /// Whether the plain path of a key would lie in the reserved folder, be the folder of another key, or look like a
    /// temporary file of the JavaScript store.
    fn is_apart(&self, key: &str) -> bool {
        let path = key.get(1..).unwrap_or_default();
        let mut names = path.split('/');
        let stem = names.next_back().unwrap_or_default().as_bytes();
        let top = names.next().map(str::as_bytes);
        let first = stem.first().or(self.extension.as_bytes().first());
        if first.is_some_and(|first| *first != b'.') {
            // No name of a file that is apart starts so.
            return top.is_some_and(is_reserved);
        }
        let file = || stem.iter().chain(self.extension.as_bytes());
        let reserved = match top {
            Some(top) => is_reserved(top),
            None => file().map(u8::to_ascii_lowercase).eq(RESERVED.bytes()),
        };
        let temporary = file().next() == Some(&b'.')
            && file()
                .rev()
                .take(TEMPORARY.len())
                .eq(TEMPORARY.iter().rev());
        let no_file = [&b""[..], b".", b".."].iter().any(|odd| file().eq(*odd));
        reserved || temporary || no_file
    }

    /// Whether a namespace can be the name of a folder, or with the extension that of a file.
    pub(super) fn name_fitness(&self, name: &[u8], folder: bool) -> Fitness {
        let too_long = if folder {
            name.len() > MAX_FOLDER_NAME
        } else {
            name.len() + self.extension.len() > MAX_FILE_NAME
        };
        let no_folder = matches!(name, b"." | b"..");
        // To the end, so that many bytes are looked at at a time.
        let has = |odd: u8| {
            name.iter()
                .fold(false, |found, byte| found | (*byte == odd))
        };
        if too_long || name.is_empty() || (folder && no_folder) || has(0) {
            return Fitness::Unfit;
        }
        if self.names == Names::Portable && !is_portable(name, folder) {
            // On a file system that ignores case, looking for it there would find another key.
            return Fitness::Unfit;
        }
        if has(b'\\') {
            // On Windows this divides folders; elsewhere the JavaScript store keeps it but lists it wrongly.
            return if cfg!(windows) {
                Fitness::Unfit
            } else {
                Fitness::Demoted
            };
        }
        // A folder that is called like the file of a value would stand in its way.
        let clashes = folder && name.ends_with(self.extension.as_bytes());
        // The JavaScript store keeps names that start with a dot, but does not list them.
        if clashes || is_device(name) || name.starts_with(b".") {
            Fitness::Demoted
        } else {
            Fitness::Plain
        }
    }

    /// The plain path of a key that is not [unfit](Fitness::Unfit).
    pub(super) fn plain_path(&self, key: &Key) -> PathBuf {
        let key = key.as_bytes().get(1..).unwrap_or_default();
        let mut path = Vec::with_capacity(key.len() + self.extension.len());
        path.extend_from_slice(key);
        path.extend_from_slice(self.extension.as_bytes());
        path_from(path)
    }

    /// The key that a plain path is of, if it has the extension.
    pub(super) fn plain_key(&self, path: &Path) -> Option<Key> {
        let text = path.to_str()?.strip_suffix(&self.extension)?;
        let text = if cfg!(windows) {
            text.replace('\\', "/")
        } else {
            text.to_owned()
        };
        // A key made of this path must lead back to it, so nothing may be cleaned away.
        Key::raw(format!("/{text}")).ok()
    }
}

#[cfg(unix)]
pub(super) fn path_from(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
pub(super) fn path_from(bytes: Vec<u8>) -> PathBuf {
    // Only keys that are UTF-8 get here.
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a name at the top is that of our own folder, on a file system that ignores case as well.
pub(super) fn is_reserved(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(RESERVED.as_bytes())
}

fn is_device(name: &[u8]) -> bool {
    // What these start with; most names are told by it.
    if !matches!(
        name.first().map(u8::to_ascii_lowercase),
        Some(b'a' | b'c' | b'l' | b'n' | b'p')
    ) {
        return false;
    }
    let stem = name.split(|byte| *byte == b'.').next().unwrap_or_default();
    let stem = stem.trim_ascii_end();
    if stem.len() > MAX_DEVICE {
        return false;
    }
    let is = |device: &str| stem.eq_ignore_ascii_case(device.as_bytes());
    if DEVICES.into_iter().any(is) {
        return true;
    }
    let Some((digit, rest)) = stem.split_last() else {
        return false;
    };
    let numbered = |device: &str| rest.eq_ignore_ascii_case(device.as_bytes());
    digit.is_ascii_digit() && NUMBERED_DEVICES.into_iter().any(numbered)
}

fn is_portable(name: &[u8], folder: bool) -> bool {
    let allowed = |byte: &u8| matches!(byte, b'!'..=b'~') || *byte == b' ';
    let forbidden = |byte: &u8| byte.is_ascii_uppercase() || b"<>:\"|?*\\/".contains(byte);
    let ends_badly = folder && (name.ends_with(b".") || name.ends_with(b" "));
    name.iter().all(allowed) && !name.iter().any(forbidden) && !ends_badly
}
