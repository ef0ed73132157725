//! The keys of the store in which an engine keeps its entries and its own notes.

use data_encoding::{BASE32HEX_NOPAD, Encoding, Specification};
use datastore_engine::{Error, Result};
use interface_datastore::{Alphabet, Key, KeyRules};

/// The hex digits of a number.
const DIGITS: usize = 16;
/// The longest of our own names: that of a journal.
const LONGEST_OWN: usize = 3 + 1 + 2 * DIGITS;

/// Names for the keys of an engine, made of what the store takes: base32hex keeps the order of bytes, and each stretch of
/// bytes has one name.
#[derive(Debug, Clone)]
pub(super) struct Names {
    upper: bool,
    /// Keys have one namespace.
    flat: bool,
    base32: Encoding,
}

/// What the engine notes for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Note {
    /// The opening with this number has begun.
    Owner(u64),
    /// The opening with this number has applied all older journals.
    Ready(u64),
    /// A commit of an opening, both by number.
    Journal(u64, u64),
}

impl Names {
    /// Names that a store with these rules takes.
    ///
    /// # Errors
    /// `Unsupported` if there are none.
    pub(super) fn within(rules: &KeyRules) -> Result<Self> {
        let own = |upper, flat| Self {
            upper,
            flat,
            base32: if upper { BASE32HEX_NOPAD } else { lower_case() },
        };
        let flat = rules.max_namespaces == Some(1);
        let choice = [own(false, flat), own(true, flat)];
        let fits = |names: &Self| names.fit(rules);
        choice.into_iter().find(fits).ok_or_else(|| {
            Error::unsupported("the keys that the store takes cannot hold those of an engine")
                .with_remedy(format!(
                    "use a store whose keys may have {LONGEST_OWN} bytes, made of digits and the letters a to v or A to V"
                ))
        })
    }

    fn fit(&self, rules: &KeyRules) -> bool {
        let spelled = |letter: u8| {
            if self.upper {
                letter.to_ascii_uppercase()
            } else {
                letter
            }
        };
        let letters = (b'0'..=b'9').chain(b'a'..=b'v').map(spelled);
        let spells = match &rules.alphabet {
            Alphabet::Only(bytes) => letters.into_iter().all(|letter| bytes.contains(&letter)),
            _ => true,
        };
        spells
            && rules.max_len.is_none_or(|max| max >= LONGEST_OWN)
            && rules.max_namespaces != Some(0)
    }

    /// Bytes of the longest engine key whose name has at most `max_len` bytes.
    pub(super) fn longest_key(&self, max_len: usize) -> usize {
        let letters = max_len.saturating_sub(self.entries().len());
        letters / 8 * 5 + letters % 8 * 5 / 8
    }

    /// What all names of entries begin with.
    pub(super) fn entries(&self) -> &'static [u8] {
        match (self.flat, self.upper) {
            (false, false) => b"/k/",
            (false, true) => b"/K/",
            (true, false) => b"/k",
            (true, true) => b"/K",
        }
    }

    /// What all names of notes begin with.
    pub(super) fn notes(&self) -> &'static [u8] {
        match (self.flat, self.upper) {
            (false, false) => b"/j/",
            (false, true) => b"/J/",
            (true, false) => b"/j",
            (true, true) => b"/J",
        }
    }

    /// The key of the marker.
    pub(super) fn marker(&self) -> Key {
        Key::new(if self.upper { "/ENGINE" } else { "/engine" })
    }

    /// The name of an engine key.
    pub(super) fn entry(&self, key: &[u8]) -> Key {
        let mut name = String::with_capacity(3 + key.len().div_ceil(5) * 8);
        name.extend(self.entries().iter().map(|byte| char::from(*byte)));
        self.base32.encode_append(key, &mut name);
        Key::new(name)
    }

    /// The engine key of a name; none if it is not one of ours.
    pub(super) fn key_of(&self, name: &Key) -> Option<Vec<u8>> {
        let letters = name.as_bytes().strip_prefix(self.entries())?;
        let key = self.base32.decode(letters).ok()?;
        (!key.is_empty()).then_some(key)
    }

    pub(super) fn note(&self, note: Note) -> Key {
        let text = match note {
            Note::Owner(opening) => format!("o{opening:016x}"),
            Note::Ready(opening) => format!("r{opening:016x}"),
            Note::Journal(opening, number) => format!("c{opening:016x}{number:016x}"),
        };
        let text = if self.upper {
            text.to_ascii_uppercase()
        } else {
            text
        };
        Key::new([self.notes(), text.as_bytes()].concat())
    }

    /// The note of a name; none if it is not one of ours.
    pub(super) fn note_of(&self, name: &Key) -> Option<Note> {
        let text = name.as_bytes().strip_prefix(self.notes())?;
        let text = std::str::from_utf8(text).ok()?;
        let number = |from: usize| u64::from_str_radix(text.get(from..from + DIGITS)?, 16).ok();
        let note = match text.as_bytes().first()?.to_ascii_lowercase() {
            b'o' => Note::Owner(number(1)?),
            b'r' => Note::Ready(number(1)?),
            b'c' => Note::Journal(number(1)?, number(1 + DIGITS)?),
            _ => return None,
        };
        // Numbers can be spelled in other ways; we spell them in one.
        (self.note(note) == *name).then_some(note)
    }
}

fn lower_case() -> Encoding {
    let mut specification = Specification::new();
    specification
        .symbols
        .push_str("0123456789abcdefghijklmnopqrstuv");
    // A power of two of distinct symbols is an encoding.
    specification.encoding().unwrap_or(BASE32HEX_NOPAD)
}

#[cfg(test)]
mod tests {
    use super::{Names, Note};
    use interface_datastore::{Alphabet, Key, KeyRules};

    fn rules(change: impl FnOnce(&mut KeyRules)) -> KeyRules {
        let mut rules = KeyRules::any();
        change(&mut rules);
        rules
    }

    fn flat(rules: &mut KeyRules) {
        rules.max_namespaces = Some(1);
        rules.alphabet = Alphabet::Only(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ+-_=".to_vec());
        rules.max_len = Some(251);
    }

    #[test]
    fn names_are_those_of_the_format() {
        let tree = Names::within(&KeyRules::any()).unwrap();
        let flat = Names::within(&rules(flat)).unwrap();
        let rows: [(&[u8], &str, &str); 4] = [
            (b"", "/k", "/K"),
            (b"\0", "/k/00", "/K00"),
            (b"foobar", "/k/cpnmuoj1e8", "/KCPNMUOJ1E8"),
            (b"\xff\xff", "/k/vvvg", "/KVVVG"),
        ];
        for (key, in_tree, alone) in rows {
            assert_eq!(tree.entry(key), Key::new(in_tree));
            assert_eq!(flat.entry(key), Key::new(alone));
            for names in [&tree, &flat] {
                let back = names.key_of(&names.entry(key));
                assert_eq!(back.as_deref(), Some(key).filter(|key| !key.is_empty()));
            }
        }
        assert_eq!(tree.note(Note::Owner(10)), Key::new("/j/o000000000000000a"));
        let journal = Note::Journal(10, 255);
        assert_eq!(
            flat.note(journal),
            Key::new("/JC000000000000000A00000000000000FF")
        );
        for note in [
            Note::Owner(u64::MAX),
            Note::Ready(0),
            Note::Journal(3, u64::MAX),
        ] {
            for names in [&tree, &flat] {
                assert_eq!(names.note_of(&names.note(note)), Some(note));
            }
        }
    }

    #[test]
    fn what_is_not_ours_is_told_apart() {
        let names = Names::within(&KeyRules::any()).unwrap();
        for name in [
            "/k",
            "/k/0",
            "/k/01",
            "/k/CPNMUOJ1E8",
            "/k/zz",
            "/x/00",
            "/k/00/00",
        ] {
            assert_eq!(names.key_of(&Key::new(name)), None, "{name}");
        }
        for name in [
            "/j/o+00000000000000a",
            "/j/oA",
            "/j/x0000000000000000",
            "/j/c0000000000000000",
            "/j/o000000000000000A",
        ] {
            assert_eq!(names.note_of(&Key::new(name)), None, "{name}");
        }
    }

    /// Every pair of a set with all the awkward neighbours, prefixes included.
    #[test]
    fn order_is_kept() {
        let mut keys: Vec<Vec<u8>> = vec![Vec::new()];
        let bytes = [0, 1, b'/', b'0', b'a', 0x7F, 0x80, 0xFE, 0xFF];
        for _ in 0..3 {
            let longer = keys
                .iter()
                .flat_map(|key| bytes.map(|byte| [&key[..], &[byte]].concat()));
            keys = longer.chain(keys.iter().cloned()).collect();
        }
        keys.extend((0..40).map(|len| vec![0xFF; len]));
        keys.sort();
        keys.dedup();
        for names in [KeyRules::any(), rules(flat)].map(|rules| Names::within(&rules).unwrap()) {
            let made: Vec<Key> = keys.iter().map(|key| names.entry(key)).collect();
            assert!(made.is_sorted_by(|a, b| a < b));
        }
    }

    #[test]
    fn the_longest_key_fits_and_no_longer_one() {
        for max_len in 36..120 {
            for names in [rules(|_| ()), rules(flat)].map(|rules| Names::within(&rules).unwrap()) {
                let longest = names.longest_key(max_len);
                let len = |bytes| names.entry(&vec![0xAA; bytes]).as_bytes().len();
                assert!(
                    len(longest) <= max_len && len(longest + 1) > max_len,
                    "{max_len}"
                );
            }
        }
    }

    #[test]
    fn stores_that_take_no_such_names_are_refused() {
        for refused in [
            rules(|rules| rules.max_len = Some(35)),
            rules(|rules| rules.max_namespaces = Some(0)),
            rules(|rules| rules.alphabet = Alphabet::Only(b"0123456789abcdef".to_vec())),
        ] {
            let refusal = Names::within(&refused).unwrap_err();
            assert_eq!(refusal.kind(), datastore_engine::ErrorKind::Unsupported);
            assert!(refusal.remedy().is_some());
        }
    }
}
