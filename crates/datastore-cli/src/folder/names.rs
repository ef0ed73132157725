//! Keys as paths of files and back: one path for every key, one key for every path.
//!
//! A namespace is a name of a file as it is, unless no file can have it or it looks like one that was escaped. The
//! escaped form of a name writes some bytes as `%XX`; that of the empty name is `%`. As names that look escaped are
//! escaped once more, both directions lose nothing:
//!
//! | namespace | file name |
//! | --- | --- |
//! | `a`, `100%`, `%41` | the same |
//! | empty | `%` |
//! | `..` | `%2E%2E` |
//! | `a` NUL `%` | `a%00%25` |
//! | `%`, `%2E%2E` | `%25`, `%252E%252E` |

use std::{
    ffi::{OsStr, OsString},
    fmt::Write,
    path::{Component, Path, PathBuf},
};

use interface_datastore::Key;

use crate::key_text::pair;

/// The folder for unfinished files in the one that is exported to. No key is exported into it.
pub(super) const TEMP: &str = ".datastore-export";

const WINDOWS_FORBIDS: &[u8] = b"<>:\"\\|?*";
const WINDOWS_DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];

/// The path of a key's file, relative to the folder; none if the system takes no such name.
pub(super) fn path_of(key: &Key) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for namespace in key.namespaces() {
        path.push(os_name(encode(namespace))?);
    }
    Some(path)
}

/// The key of a file with this relative path; none if the path has parts that no file has.
pub(super) fn key_of(path: &Path) -> Option<Key> {
    let mut bytes = Vec::new();
    for component in path.components() {
        let Component::Normal(name) = component else {
            return None;
        };
        bytes.push(b'/');
        bytes.extend(decode(name_bytes(name)?));
    }
    Key::raw(bytes).ok()
}

fn encode(name: &[u8]) -> Vec<u8> {
    if needs_escape(name) {
        escape(name)
    } else {
        name.to_vec()
    }
}

fn decode(file: &[u8]) -> Vec<u8> {
    match unescape(file) {
        Some(name) if needs_escape(&name) && escape(&name) == file => name,
        _ => file.to_vec(),
    }
}

/// Whether no file can have this name, or one that has it stands for another.
fn needs_escape(name: &[u8]) -> bool {
    // Each step unescapes once more and at least one `%` less remains to be looked at.
    let mut name = name.to_vec();
    loop {
        if is_impossible(&name) {
            return true;
        }
        match unescape(&name) {
            Some(inner) if inner.len() < name.len() && escape(&inner) == name => name = inner,
            _ => return false,
        }
    }
}

fn is_impossible(name: &[u8]) -> bool {
    matches!(name, b"" | b"." | b"..")
        || name == TEMP.as_bytes()
        || name.contains(&0)
        || (cfg!(windows) && is_impossible_on_windows(name))
}

fn is_impossible_on_windows(name: &[u8]) -> bool {
    let stem = name.split(|byte| *byte == b'.').next().unwrap_or_default();
    let device = |stem: &[u8]| {
        let port = stem.len() == 4 && stem.last().is_some_and(u8::is_ascii_digit);
        let starts = |start: &str| {
            stem.get(..3)
                .is_some_and(|text| text.eq_ignore_ascii_case(start.as_bytes()))
        };
        WINDOWS_DEVICES
            .iter()
            .any(|device| stem.eq_ignore_ascii_case(device.as_bytes()))
            || (port && (starts("COM") || starts("LPT")))
    };
    name.iter()
        .any(|byte| *byte < b' ' || WINDOWS_FORBIDS.contains(byte))
        || matches!(name.last(), Some(b'.' | b' '))
        || device(stem)
        || std::str::from_utf8(name).is_err()
}

/// Whether the escaped form writes this byte of this name as `%XX`.
fn is_escaped(name: &[u8], byte: u8) -> bool {
    let dot = byte == b'.' && name.first() == Some(&b'.');
    matches!(byte, 0 | b'%') || dot || (cfg!(windows) && is_escaped_on_windows(name, byte))
}

fn is_escaped_on_windows(name: &[u8], byte: u8) -> bool {
    // The names of devices all begin with a letter.
    let first_letter = name.first() == Some(&byte) && byte.is_ascii_alphabetic();
    !(b'!'..0x80).contains(&byte) || byte == b'.' || first_letter || WINDOWS_FORBIDS.contains(&byte)
}

fn escape(name: &[u8]) -> Vec<u8> {
    if name.is_empty() {
        return b"%".to_vec();
    }
    let mut out = String::new();
    let mut bytes = Vec::with_capacity(name.len());
    for byte in name {
        if is_escaped(name, *byte) {
            out.clear();
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
            bytes.extend(out.as_bytes());
        } else {
            bytes.push(*byte);
        }
    }
    bytes
}

/// The name whose escaped form this could be; none if it is that of no name.
fn unescape(file: &[u8]) -> Option<Vec<u8>> {
    if file == b"%" {
        return Some(Vec::new());
    }
    let mut out = Vec::with_capacity(file.len());
    let mut rest = file;
    loop {
        rest = match rest {
            [] => return Some(out),
            [b'%', high, low, rest @ ..] => {
                out.push(pair(*high, *low)?);
                rest
            }
            [b'%', ..] => return None,
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
}

#[cfg(unix)]
fn os_name(bytes: Vec<u8>) -> Option<OsString> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}

#[cfg(not(unix))]
fn os_name(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().map(OsString::from)
}

#[cfg(unix)]
fn name_bytes(name: &OsStr) -> Option<&[u8]> {
    Some(std::os::unix::ffi::OsStrExt::as_bytes(name))
}

#[cfg(not(unix))]
fn name_bytes(name: &OsStr) -> Option<&[u8]> {
    name.to_str().map(str::as_bytes)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

    use interface_datastore::Key;

    use super::{decode, encode, key_of, path_of};

    #[test]
    fn names() {
        for (name, file) in [
            (b"a".as_slice(), b"a".as_slice()),
            (b"a b", b"a b"),
            (b"100%", b"100%"),
            (b"50%2E", b"50%2E"),
            (b"%41", b"%41"),
            (b"%2e%2e", b"%2e%2e"),
            (b"...", b"..."),
            (b".git", b".git"),
            (b"\xff\n", b"\xff\n"),
            (b"C:\\x", b"C:\\x"),
            (b"", b"%"),
            (b".", b"%2E"),
            (b"..", b"%2E%2E"),
            (b".datastore-export", b"%2Edatastore-export"),
            (b"a\0%", b"a%00%25"),
            (b"%", b"%25"),
            (b"%25", b"%2525"),
            (b"%2525", b"%252525"),
            (b"%2E", b"%252E"),
            (b"%2E%2E", b"%252E%252E"),
            (b"%00", b"%2500"),
            (b"a%00", b"a%2500"),
        ] {
            assert_eq!(encode(name), file, "{:?}", name.escape_ascii().to_string());
            assert_eq!(decode(file), name, "{:?}", file.escape_ascii().to_string());
        }
    }

    /// All short names over the bytes that matter: none collide, all come back, and every possible file has a name.
    #[test]
    fn nothing_is_lost() {
        let bytes = b"%02E5.a\0";
        let mut names: Vec<Vec<u8>> = vec![Vec::new()];
        let mut longest = names.clone();
        for _ in 0..5 {
            longest = longest
                .iter()
                .flat_map(|name| bytes.map(|byte| [name.as_slice(), &[byte]].concat()))
                .collect();
            names.extend(longest.iter().cloned());
        }
        for name in &names {
            let file = encode(name);
            assert!(
                !file.contains(&0) && !matches!(file.as_slice(), b"" | b"." | b".."),
                "{file:?}"
            );
            assert_eq!(decode(&file), *name);
            if !name.contains(&0) && !matches!(name.as_slice(), b"" | b"." | b"..") {
                assert_eq!(encode(&decode(name)), *name, "as a file");
            }
        }
    }

    #[test]
    fn keys_and_paths() {
        for (key, path) in [
            (b"/a/b".as_slice(), "a/b"),
            (b"/", "%"),
            (b"/a/", "a/%"),
            (b"//a", "%/a"),
            (b"/../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"),
            (b"/a/./b", "a/%2E/b"),
        ] {
            let key = Key::raw(key).unwrap();
            assert_eq!(path_of(&key).as_deref(), Some(Path::new(path)));
            assert_eq!(key_of(Path::new(path)), Some(key));
        }
        assert_eq!(
            key_of(Path::new(OsStr::from_bytes(b"\xff/x"))),
            Some(Key::raw(b"/\xff/x").unwrap())
        );
        assert_eq!(key_of(Path::new("../a")), None);
        assert_eq!(key_of(Path::new("/a")), None);
    }
}
