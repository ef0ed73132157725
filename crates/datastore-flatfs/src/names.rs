//! Which file a key's value lies in, and which key a file is of.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use data_encoding::BASE32HEX_NOPAD;
use interface_datastore::{Alphabet, Key, KeyRules};

use crate::sharding::{self, Sharding};

/// The end of every value's file name.
pub(crate) const EXTENSION: &str = ".data";
/// A name may have 255 bytes, five of which are the extension's.
const MAX_STEM: usize = 250;
/// What the keys of go-ds-flatfs are made of.
const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ+-_=";
/// The name of the root key in an escaped store: before all others, as the key is.
const ESCAPED_ROOT: &str = "-";

/// Which keys a store takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Names {
    /// Those of go-ds-flatfs: one namespace of `0-9 A-Z + - _ =`, at most 250 of them. Each is the name of its file.
    #[default]
    Flatfs,
    /// Every key of at most 157 bytes. Names are written in the base32hex alphabet, which keeps the order of keys. The
    /// directory is marked so that go-ds-flatfs refuses it.
    Escaped,
}

impl Names {
    pub(crate) fn rules(self) -> KeyRules {
        let mut rules = KeyRules::any();
        match self {
            Self::Flatfs => {
                rules.max_len = Some(MAX_STEM + 1);
                rules.max_namespaces = Some(1);
                rules.empty_namespaces = false;
                rules.alphabet = Alphabet::Only(ALPHABET.to_vec());
            }
            // The leading slash is not written; five bytes make eight characters.
            Self::Escaped => rules.max_len = Some(1 + MAX_STEM * 5 / 8),
        }
        rules
    }

    /// The name of a key without the extension; none for keys that are not taken.
    fn stem(self, key: &Key) -> Option<Cow<'_, str>> {
        let text = key.as_bytes().get(1..)?;
        match self {
            Self::Flatfs => {
                let fits = !text.is_empty()
                    && text.len() <= MAX_STEM
                    && text.iter().all(|byte| is_plain(*byte));
                let text = std::str::from_utf8(text).ok().filter(|_| fits);
                text.map(Cow::Borrowed)
            }
            Self::Escaped if text.is_empty() => Some(ESCAPED_ROOT.into()),
            Self::Escaped => {
                let stem = BASE32HEX_NOPAD.encode(text);
                (stem.len() <= MAX_STEM).then_some(stem.into())
            }
        }
    }

    /// The key with this name; none if no key has it.
    fn key(self, stem: &str) -> Option<Key> {
        match self {
            Self::Flatfs => {
                let fits = !stem.is_empty() && stem.bytes().all(is_plain);
                if !fits {
                    return None;
                }
                let mut key = [b'/'; MAX_STEM + 1];
                let key = key.get_mut(..=stem.len())?;
                key.get_mut(1..)?.copy_from_slice(stem.as_bytes());
                Key::raw(key).ok()
            }
            Self::Escaped if stem == ESCAPED_ROOT => Some(Key::root()),
            Self::Escaped => {
                let mut bytes = vec![b'/'];
                bytes.extend(BASE32HEX_NOPAD.decode(stem.as_bytes()).ok()?);
                // The root has another name, and no key two.
                Key::raw(bytes).ok().filter(|key| !key.is_root())
            }
        }
    }
}

fn is_plain(byte: u8) -> bool {
    // An index below 256, so it is there.
    PLAIN[usize::from(byte)]
}

/// Whether a byte is one of the alphabet.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut at = 0;
    while at < ALPHABET.len() {
        plain[ALPHABET[at] as usize] = true;
        at += 1;
    }
    plain
};

/// Where the value of a key lies, relative to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
}

impl Sharding {
    /// Where the value of a key lies; none for keys that the store does not take.
    pub(crate) fn place(&self, key: &Key) -> Option<Place> {
        let stem = self.names.stem(key)?;
        let room = self.shard.longest_dir() + 1 + stem.len() + EXTENSION.len();
        let mut path = String::with_capacity(room);
        self.shard.push_dir(&stem, &mut path);
        // A folder cannot be called by the name of the file that says how the directory is laid out.
        if path == sharding::FILE {
            return None;
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(&stem);
        path.push_str(EXTENSION);
        Some(Place { path: path.into() })
    }

    /// The key of the file `name` in the folder `folder`; none if no key's value lies there.
    pub(crate) fn key_of(&self, folder: &OsStr, name: &OsStr) -> Option<Key> {
        let (folder, name) = (folder.to_str()?, name.to_str()?);
        let stem = name.strip_suffix(EXTENSION)?;
        if !self.shard.is_dir(folder, stem) {
            return None;
        }
        self.names.key(stem)
    }

    /// The key of a file by its name alone, in whatever folder it lies; none if no key has that name.
    pub(crate) fn key_named(&self, name: &OsStr) -> Option<Key> {
        self.names.key(name.to_str()?.strip_suffix(EXTENSION)?)
    }

    /// The key that go-ds-flatfs lists for a file in whatever folder, though no read may find it.
    pub(crate) fn key_by_name(&self, name: &OsStr) -> Option<Key> {
        let stem = name.to_str()?.strip_suffix(EXTENSION)?;
        if stem.starts_with('.') || name.to_str()?.starts_with('.') {
            return None;
        }
        Some(
            self.names
                .key(stem)
                .unwrap_or_else(|| Key::clean_path(stem)),
        )
    }

    /// Whether a folder may hold a key that starts with these bytes. Folders of others need not even be readable.
    pub(crate) fn may_hold(&self, folder: &OsStr, prefix: &[u8]) -> bool {
        if folder.len() as u64 != self.shard.length() {
            return false;
        }
        let known = prefix.get(1..).unwrap_or_default();
        if self.names != Names::Flatfs || !self.shard.is_prefix() {
            return true;
        }
        let folder = folder.as_encoded_bytes();
        let both = folder.len().min(known.len());
        folder.get(..both) == known.get(..both)
    }

    /// The key of a file by its path.
    pub(crate) fn key_at(&self, path: &Path) -> Option<Key> {
        self.key_of(path.parent()?.as_os_str(), path.file_name()?)
    }

    /// What keeps the store from taking some keys that its rules allow: those in a folder called like the file `SHARDING`.
    pub(crate) fn refuses_some(&self) -> bool {
        self.shard.length() == sharding::FILE.len() as u64
    }
}
