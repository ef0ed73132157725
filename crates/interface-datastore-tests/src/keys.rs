//! The harness' own keys, turned into keys that a store takes.

use interface_datastore::{Alphabet, Key, KeyRules};

use crate::{Failure, Outcome};

/// Namespaces of the deepest key that the harness uses.
const DEPTH: usize = 4;
/// Bytes of its longest key, special ones aside.
const LEN: usize = 64;

/// A one-to-one way from the harness' keys into those that a store takes.
///
/// It keeps prefixes: whatever a key starts with, the mapped key starts with the mapped prefix. Namespaces are kept if the
/// store takes enough of them. The order of keys need not be kept, so expectations are worked out on mapped keys.
#[derive(Debug, Clone)]
pub(crate) enum KeyMap {
    Identity,
    Encoded {
        /// The bytes that mapped namespaces are made of.
        digits: Vec<u8>,
        /// How many of them stand for one byte.
        width: usize,
        /// Whether `/` stays a separator.
        namespaces: bool,
    },
}

impl KeyMap {
    /// The map for a store with these rules.
    pub(crate) fn new(rules: &KeyRules) -> Outcome<Self> {
        let namespaces = rules.max_namespaces.is_none_or(|max| max >= DEPTH);
        let digits = match &rules.alphabet {
            Alphabet::Only(bytes) => bytes.clone(),
            _ if namespaces => Vec::new(),
            _ => b"0123456789ABCDEF".to_vec(),
        };
        if digits.is_empty() && !matches!(rules.alphabet, Alphabet::Only(_)) {
            return Ok(Self::Identity).and_then(|map| map.checked(rules));
        }
        let mut digits: Vec<u8> = digits.into_iter().filter(|byte| *byte != b'/').collect();
        digits.sort_unstable();
        digits.dedup();
        let width = match digits.len() {
            0 | 1 => return Err(Failure::new("the store's key rules leave room for no keys")),
            2 => 8,
            3 => 6,
            4..=6 => 4,
            7..=15 => 3,
            16..=255 => 2,
            _ => 1,
        };
        let map = Self::Encoded {
            digits,
            width,
            namespaces,
        };
        map.checked(rules)
    }

    fn checked(self, rules: &KeyRules) -> Outcome<Self> {
        let longest = self.key(&Key::new(vec![b'x'; LEN - 1]));
        if rules
            .max_len
            .is_some_and(|max| longest.as_bytes().len() > max)
        {
            return Err(Failure::new(format!(
                "the harness needs keys of {} bytes, the store takes {:?}",
                longest.as_bytes().len(),
                rules.max_len
            )));
        }
        Ok(self)
    }

    /// The mapped key.
    pub(crate) fn key(&self, logical: &Key) -> Key {
        Key::new(self.prefix(logical.as_bytes()))
    }

    /// What mapped keys start with whose logical keys start with `prefix`.
    pub(crate) fn prefix(&self, prefix: &[u8]) -> Vec<u8> {
        match (self, prefix) {
            (Self::Encoded { .. }, [b'/', rest @ ..]) => {
                let mut mapped = vec![b'/'];
                mapped.extend(self.part(rest));
                mapped
            }
            _ => prefix.to_vec(),
        }
    }

    /// What stands for these bytes inside of mapped keys.
    pub(crate) fn part(&self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Identity => bytes.to_vec(),
            Self::Encoded {
                digits,
                width,
                namespaces,
            } => bytes
                .iter()
                .flat_map(|&byte| {
                    if byte == b'/' && *namespaces {
                        vec![byte]
                    } else {
                        encode(byte, digits, *width)
                    }
                })
                .collect(),
        }
    }
}

/// One byte as `width` digits, the most significant first.
fn encode(byte: u8, digits: &[u8], width: usize) -> Vec<u8> {
    let base = digits.len();
    let mut rest = usize::from(byte);
    let mut encoded = vec![0; width];
    for place in encoded.iter_mut().rev() {
        // The remainder is below the number of digits.
        *place = digits.get(rest % base).copied().unwrap_or_default();
        rest /= base;
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(alphabet: Alphabet, max_namespaces: Option<usize>) -> KeyRules {
        let mut rules = KeyRules::any();
        rules.alphabet = alphabet;
        rules.max_namespaces = max_namespaces;
        rules
    }

    #[test]
    fn mapped_keys_are_allowed_differ_and_keep_prefixes() {
        let sets: [&[u8]; 4] = [
            b"01",
            b"abc",
            b"ABCDEFGH",
            b"+-0123456789=ABCDEFGHIJKLMNOPQRSTUVWXYZ_",
        ];
        for (set, max) in sets.iter().flat_map(|set| [(set, None), (set, Some(1))]) {
            let rules = rules(Alphabet::Only(set.to_vec()), max);
            let map = KeyMap::new(&rules).unwrap();
            let mut seen = std::collections::HashSet::new();
            for byte in 0..=255_u8 {
                let key = map.key(&Key::new([b'/', b'a', byte, b'z']));
                assert!(rules.allows(&key), "{key:?} breaks {rules:?}");
                assert!(seen.insert(key.clone()), "{key:?} stands for two keys");
                assert!(key.has_prefix(map.prefix(&[b'/', b'a', byte])));
            }
        }
    }

    #[test]
    fn plain_rules_change_nothing() {
        let key = Key::new("/dht/provider/third/bafy");
        for alphabet in [Alphabet::Any, Alphabet::Utf8] {
            assert_eq!(KeyMap::new(&rules(alphabet, None)).unwrap().key(&key), key);
        }
    }

    #[test]
    fn rules_without_room_are_an_error() {
        assert!(KeyMap::new(&rules(Alphabet::Only(b"a".to_vec()), None)).is_err());
        let mut short = KeyRules::any();
        short.max_len = Some(10);
        assert!(KeyMap::new(&short).is_err());
    }
}
