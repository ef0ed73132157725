//! Every byte of small databases changed, and every file cut at every length.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use interface_datastore::Key;

use crate::reading::{Contents, Trust, read_every_way};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// A fixture copied to where it can be broken, and what was ever written to it.
struct Subject {
    folder: tempfile::TempDir,
    keys: Vec<Key>,
    expected: Contents,
    /// Values that were overwritten or deleted: damage in a log may bring them back.
    earlier: BTreeSet<(Vec<u8>, Vec<u8>)>,
}

impl Subject {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(Path::new(FOLDER).join(name)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        let expected = read_every_way(folder.path(), false, &[], Trust::Checksums).unwrap();
        let keys = expected.keys().map(|key| Key::raw(key).unwrap());
        let earlier = [("/a", "first"), ("/b", "gone soon")];
        Self {
            keys: keys.chain([Key::new("/b")]).collect(),
            folder,
            expected,
            earlier: earlier
                .map(|(key, value)| (key.into(), value.into()))
                .into(),
        }
    }

    /// Breaks each file in each way that `ways` gives for its bytes.
    fn break_files(&self, ways: impl Fn(&[u8]) -> Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let whole = fs::read(&path).unwrap();
            for (way, broken) in ways(&whole) {
                fs::write(&path, &broken).unwrap();
                let context = format!("{}: {way}", path.display());
                let is_table = path.extension().is_some_and(|is| is == "ldb");
                for salvage in [false, true] {
                    let folder = self.folder.path();
                    let read = read_every_way(folder, salvage, &self.keys, Trust::Checksums);
                    self.check(read, is_table && !salvage, &context);
                }
            }
            fs::write(&path, &whole).unwrap();
        }
    }

    /// What is read was written once; and all of it, if only everything will do.
    fn check(&self, read: Option<Contents>, everything: bool, context: &str) {
        let Some(read) = read else { return };
        if everything {
            assert_eq!(read, self.expected, "{context}");
        }
        for pair in read {
            let known = self.expected.get(&pair.0) == Some(&pair.1) || self.earlier.contains(&pair);
            assert!(known, "{context}: {}", pair.0.escape_ascii());
        }
    }
}

const SMALL: [&str; 3] = ["empty", "log", "foreign_keys"];

#[test]
fn every_byte_changed() {
    for name in SMALL {
        Subject::new(name).break_files(|whole| {
            let change = |at: usize, mask: u8| {
                let mut broken = whole.to_vec();
                broken[at] ^= mask;
                (format!("byte {at} xor {mask:02x}"), broken)
            };
            let places = (0..whole.len()).flat_map(|at| [(at, 0x01), (at, 0x80), (at, 0xff)]);
            places.map(|(at, mask)| change(at, mask)).collect()
        });
    }
}

#[test]
fn every_length() {
    for name in SMALL {
        Subject::new(name).break_files(|whole| {
            let cut = |len: usize| (format!("cut to {len}"), whole[..len].to_vec());
            let grown = |more: u8| {
                let bytes = [whole, &[more; 100]].concat();
                (format!("grown by 100 times {more:02x}"), bytes)
            };
            (0..whole.len())
                .map(cut)
                .chain([grown(0), grown(0xff)])
                .collect()
        });
    }
}
