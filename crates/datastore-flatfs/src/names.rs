//! Which file a key's value lies in, and which key a file is of.

use std::path::PathBuf;

use data_encoding::BASE32HEX_NOPAD;
use interface_datastore::{Alphabet, Key, KeyRules};

use crate::sharding::Sharding;

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
    fn stem(self, key: &Key) -> Option<String> {
        let text = key.as_bytes().get(1..)?;
        match self {
            Self::Flatfs => {
                let fits = !text.is_empty()
                    && text.len() <= MAX_STEM
                    && text.iter().all(|byte| is_plain(*byte));
                fits.then(|| text.iter().copied().map(char::from).collect())
            }
            Self::Escaped if text.is_empty() => Some(ESCAPED_ROOT.to_owned()),
            Self::Escaped => {
                let stem = BASE32HEX_NOPAD.encode(text);
                (stem.len() <= MAX_STEM).then_some(stem)
            }
        }
    }

    /// The key with this name; none if no key has it.
    fn key(self, stem: &str) -> Option<Key> {
        match self {
            Self::Flatfs => {
                let fits = !stem.is_empty() && stem.bytes().all(is_plain);
                fits.then(|| Key::new(stem))
            }
            Self::Escaped if stem == ESCAPED_ROOT => Some(Key::root()),
            Self::Escaped => {
                let mut bytes = vec![b'/'];
                bytes.extend(BASE32HEX_NOPAD.decode(stem.as_bytes()).ok()?);
                // Two names of one key would make two values of it.
                Key::raw(bytes).ok().filter(|key| !key.is_root())
            }
        }
    }
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'+' | b'-' | b'_' | b'=')
}

/// Where the value of a key lies, relative to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
}

impl Sharding {
    /// Where the value of a key lies; none for keys that the store does not take.
    pub(crate) fn place(&self, key: &Key) -> Option<Place> {
        let stem = self.names.stem(key)?;
        let mut path = self.shard.dir(&stem);
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(&stem);
        path.push_str(EXTENSION);
        Some(Place { path: path.into() })
    }

    /// The key of the file `name` in the folder `folder`; none if it is not where a key's file belongs.
    pub(crate) fn key_of(&self, folder: &str, name: &str) -> Option<Key> {
        let stem = name.strip_suffix(EXTENSION)?;
        let key = self.names.key(stem)?;
        (self.shard.dir(stem) == folder).then_some(key)
    }
}
