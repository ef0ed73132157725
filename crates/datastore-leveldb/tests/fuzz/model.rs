//! Random histories, spread over logs and levels as LevelDB may, against a map.

use std::fs;
use std::ops::Bound;
use std::path::Path;

use interface_datastore::{DatastoreExt, Key, Query};
use pollster::block_on;
use proptest::prelude::*;

use crate::reading::{Contents, Trust, listed, open, read_every_way};
use crate::writer::{self, Change, Shape};

/// A history, and where it is cut: the oldest part lies deepest.
#[derive(Debug, Clone)]
struct History {
    changes: Vec<Change>,
    /// How many changes are in level 9, which goleveldb may have, in level 1, in each of three tables of level 0; the rest is in the log.
    parts: [usize; 5],
    /// How many changes make up a table of the deeper levels, and a batch of the log.
    run: usize,
    shape: Shape,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    let parts = vec![
        "",
        "a",
        "b",
        "ab",
        "long/common/beginning",
        "\u{e4}",
        "\u{ff}",
    ];
    let part = prop::sample::select(parts);
    (part, 0..12u8).prop_map(|(part, number)| format!("/{part}/{number}").into_bytes())
}

fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        1 => Just(None),
        3 => (any::<u8>(), 0..40usize).prop_map(|(byte, len)| Some(vec![byte; len])),
        1 => (any::<u8>(), 0..3000usize).prop_map(|(byte, len)| Some(vec![byte; len])),
    ]
}

prop_compose! {
    fn shape()(
        block_len in prop::sample::select(vec![1usize, 100, 1000, 100_000]),
        restart_interval in prop::sample::select(vec![1usize, 2, 16]),
        snappy in any::<bool>(),
    ) -> Shape {
        Shape { block_len, restart_interval, snappy }
    }
}

prop_compose! {
    fn history()(
        changes in prop::collection::vec((key(), value()), 1..120),
        parts in prop::array::uniform5(0..30usize),
        run in 1..20usize,
        shape in shape(),
    ) -> History {
        let change = |(at, (key, value)): (usize, _)| Change { key, value, sequence: at as u64 + 1 };
        let changes = changes.into_iter().enumerate().map(change).collect();
        History { changes, parts, run, shape }
    }
}

impl History {
    fn write(&self, folder: &Path) {
        let mut rest = &self.changes[..];
        let (mut fields, mut number) = (Vec::new(), 10);
        let mut add = |level: u64, changes: &[Change]| {
            if !changes.is_empty() {
                let bytes = writer::table(changes, self.shape);
                writer::write_table(folder, number, &bytes);
                fields.push(writer::table_field(level, number, bytes.len(), changes));
                number += 1;
            }
        };
        for (part, level) in self.parts.into_iter().zip([9, 1, 0, 0, 0]) {
            let (own, after) = rest.split_at(part.min(rest.len()));
            rest = after;
            match level {
                0 => add(0, own),
                // A sorted level is cut anywhere, between the entries of one key too.
                _ => writer::sorted(own)
                    .chunks(self.run)
                    .for_each(|own| add(level, own)),
            }
        }
        let records: Vec<_> = rest.chunks(self.run).map(writer::batch).collect();
        fs::write(folder.join("000500.log"), writer::log(&records)).unwrap();
        // A log that is in tables already: not read again.
        let stale = Change {
            key: b"/stale".to_vec(),
            sequence: 1,
            value: Some(Vec::new()),
        };
        let stale = writer::log(&[writer::batch(&[stale])]);
        fs::write(folder.join("000400.log"), stale).unwrap();
        writer::write_manifest(folder, writer::manifest_record(500, &fields));
    }

    fn contents(&self) -> Contents {
        let mut contents = Contents::new();
        for change in &self.changes {
            match &change.value {
                Some(value) => drop(contents.insert(change.key.clone(), value.clone())),
                None => drop(contents.remove(&change.key)),
            }
        }
        contents
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_database_is_read_as_a_map(history in history(), low in key(), high in key(), prefix in key()) {
        let folder = tempfile::tempdir().unwrap();
        history.write(folder.path());
        let contents = history.contents();
        let keys = history.changes.iter().map(|change| Key::raw(&change.key).unwrap());
        let keys: Vec<_> = keys.collect();
        let read = read_every_way(folder.path(), false, &keys, Trust::Checksums);
        prop_assert_eq!(read, Some(contents.clone()));

        let store = open(folder.path(), false).unwrap();
        for key in &keys {
            let found = block_on(store.try_get(key)).unwrap();
            prop_assert_eq!(found.as_deref(), contents.get(key.as_bytes()).map(|value| &value[..]));
        }
        let mut range = Query::all().with_start(Key::raw(&low).unwrap());
        range.end = Some(Bound::Included(Key::raw(&high).unwrap()));
        for query in [range, Query::prefix(&prefix[..prefix.len() - 1])] {
            let covered = |key: &[u8]| query.covers(&Key::raw(key).unwrap());
            let wanted: Vec<_> = contents.clone().into_iter().filter(|(key, _)| covered(key)).collect();
            prop_assert_eq!(&listed(&store, query.clone()).unwrap(), &wanted);
            let mut down = listed(&store, query.reversed()).unwrap();
            down.reverse();
            prop_assert_eq!(&down, &wanted);
        }
    }

    #[test]
    fn without_its_manifest_everything_is_found_by_salvage(history in history()) {
        let folder = tempfile::tempdir().unwrap();
        history.write(folder.path());
        fs::remove_file(folder.path().join("CURRENT")).unwrap();
        fs::remove_file(folder.path().join("000400.log")).unwrap();
        prop_assert!(open(folder.path(), false).is_err());
        let read = read_every_way(folder.path(), true, &[], Trust::Checksums);
        prop_assert_eq!(read, Some(history.contents()));
    }
}
