//! Files whose checksums are right and whose contents are not: what parsers get to see of a hostile database.

use std::fs;

use interface_datastore::Key;
use proptest::prelude::*;

use crate::reading::{Trust, read_every_way};
use crate::writer::{self, Change, TableFile};

/// Changes to bytes: where, and what to put there. Places wrap around the end.
type Edits = Vec<(u16, Vec<u8>)>;

fn edits() -> impl Strategy<Value = Edits> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..4),
        Just(vec![0xff; 4]),
        Just(vec![0xff, 0xff, 0xff, 0xff, 0x0f]),
        Just(vec![0; 4]),
        Just(vec![0x80; 10]),
    ];
    prop::collection::vec((any::<u16>(), bytes), 0..4)
}

fn apply(bytes: &mut Vec<u8>, edits: &Edits) {
    for (at, new) in edits {
        if bytes.is_empty() {
            return;
        }
        let at = usize::from(*at) % bytes.len();
        let end = (at + new.len()).min(bytes.len());
        bytes.splice(at..end, new.iter().copied());
    }
}

fn changes() -> Vec<Change> {
    let change = |number: u64| Change {
        key: format!("/k/{number:03}").into_bytes(),
        sequence: number + 1,
        value: (number % 5 != 0).then(|| vec![number as u8; number as usize]),
    };
    (0..40).map(change).collect()
}

/// A table of three blocks, each changed, with an index and a footer that are changed.
fn broken_table(
    changes: &[Change],
    snappy: bool,
    data: &Edits,
    index: &Edits,
    footer: &Edits,
) -> Vec<u8> {
    let mut table = TableFile::default();
    for part in changes.chunks(10) {
        let entry = |change: &Change| {
            (
                change.internal_key(),
                change.value.clone().unwrap_or_default(),
            )
        };
        let entries: Vec<_> = part.iter().map(entry).collect();
        let mut block = writer::block(&entries, 4);
        apply(&mut block, data);
        table.add_data(&entries[entries.len() - 1].0, &block, snappy);
    }
    let mut bytes = table.finish(|block| apply(block, index));
    let mut end = bytes.split_off(bytes.len() - 48);
    // The number at the end stays, or nothing before it would be looked at.
    let magic = end.split_off(40);
    apply(&mut end, footer);
    end.resize(40, 0);
    bytes.extend([end, magic].concat());
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn contents_with_right_checksums(
        data in edits(),
        index in edits(),
        manifest in edits(),
        batch in edits(),
        footer in edits(),
        snappy in any::<bool>(),
        salvage in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let changes = changes();
        let (in_table, in_log) = changes.split_at(30);
        let table = broken_table(in_table, snappy, &data, &index, &footer);
        writer::write_table(folder.path(), 10, &table);
        let mut record = writer::batch(in_log);
        apply(&mut record, &batch);
        fs::write(folder.path().join("000500.log"), writer::log(&[record])).unwrap();
        let field = writer::table_field(1, 10, table.len(), in_table);
        let mut record = writer::manifest_record(500, &[field]);
        apply(&mut record, &manifest);
        writer::write_manifest(folder.path(), record);

        let keys = changes.iter().map(|change| Key::raw(&change.key).unwrap());
        let keys: Vec<_> = keys.collect();
        read_every_way(folder.path(), salvage, &keys, Trust::Nothing);
    }

    #[test]
    fn any_bytes_at_all(
        current in any::<Vec<u8>>(),
        file in prop::collection::vec(any::<u8>(), 0..300),
        salvage in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["000500.log", "000010.ldb", "MANIFEST-000001"] {
            fs::write(folder.path().join(name), &file).unwrap();
        }
        for current in [&b"MANIFEST-000001\n"[..], &current] {
            fs::write(folder.path().join("CURRENT"), current).unwrap();
            read_every_way(folder.path(), salvage, &[Key::new("/k")], Trust::Nothing);
        }
    }
}
