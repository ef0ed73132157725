//! How tables lie over each other.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::format::edit::TableEntry;
use crate::format::internal_key::{compare, user_key};
use crate::range::KeyRange;

/// What is known of a table without opening it.
#[derive(Debug)]
pub(crate) struct TableMeta {
    pub(crate) number: u64,
    /// The file's name in the folder.
    pub(crate) name: PathBuf,
    /// Bytes of the file; none if only the file itself tells.
    pub(crate) len: Option<u64>,
    /// First and last internal key; none if only the table itself tells.
    pub(crate) keys: Option<(Bytes, Bytes)>,
    /// Whether the manifest lists it, but the file was not there.
    pub(crate) is_missing: bool,
}

impl TableMeta {
    /// A table as the manifest tells of it, and the name of its file if that is there.
    pub(crate) fn listed(entry: TableEntry, name: Option<&OsString>) -> Self {
        let usual = || PathBuf::from(format!("{:06}.ldb", entry.number));
        Self {
            number: entry.number,
            name: name.map_or_else(usual, PathBuf::from),
            len: Some(entry.len),
            keys: Some((entry.smallest, entry.largest)),
            is_missing: name.is_none(),
        }
    }

    /// A table of which nothing is known but its file.
    pub(crate) fn found(number: u64, name: &OsString) -> Self {
        Self {
            number,
            name: PathBuf::from(name),
            len: None,
            keys: None,
            is_missing: false,
        }
    }

    /// Whether it may hold keys of the range.
    pub(crate) fn overlaps(&self, range: &KeyRange) -> bool {
        let keys = self.keys.as_ref();
        keys.is_none_or(|(first, last)| range.overlaps(user_key(first), user_key(last)))
    }

    /// Whether it may hold a key.
    pub(crate) fn may_hold(&self, user: &[u8]) -> bool {
        let keys = self.keys.as_ref();
        keys.is_none_or(|(first, last)| (user_key(first)..=user_key(last)).contains(&user))
    }
}

/// Tables one after the other, of which no two hold keys of one range.
pub(crate) type Run = Arc<Vec<Arc<TableMeta>>>;

/// All tables.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    /// Tables that may hold any keys.
    pub(crate) loose: Vec<Arc<TableMeta>>,
    /// Sorted levels, those with newer entries first.
    pub(crate) runs: Vec<Run>,
    /// Whether an entry hides all of its key in later levels, so that the first one found is the newest.
    pub(crate) are_ordered: bool,
}

impl Levels {
    /// Tables in levels. Those of level 0 lie over each other in any way; a deeper level in which some do is damaged,
    /// and counts as loose: its number is given besides.
    pub(crate) fn of(tables: Vec<(u64, TableMeta)>) -> (Self, Vec<u64>) {
        let mut by_level: BTreeMap<u64, Vec<Arc<TableMeta>>> = BTreeMap::new();
        for (level, table) in tables {
            by_level.entry(level).or_default().push(Arc::new(table));
        }
        let mut levels = Self {
            are_ordered: true,
            ..Self::default()
        };
        let mut damaged = Vec::new();
        for (level, mut tables) in by_level {
            if level == 0 {
                levels.loose = tables;
                continue;
            }
            tables.sort_by(|a, b| compare(first(a), first(b)));
            let apart = tables.is_sorted_by(|a, b| compare(last(a), first(b)).is_lt());
            if apart {
                levels.runs.push(Arc::new(tables));
            } else {
                damaged.push(level);
                levels.are_ordered = false;
                levels.loose.append(&mut tables);
            }
        }
        (levels, damaged)
    }

    /// Tables of which nothing is known.
    pub(crate) fn unknown(tables: impl Iterator<Item = TableMeta>) -> Self {
        Self {
            loose: tables.map(Arc::new).collect(),
            ..Self::default()
        }
    }

    /// Every table.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Arc<TableMeta>> {
        self.loose
            .iter()
            .chain(self.runs.iter().flat_map(|run| run.iter()))
    }
}

fn first(table: &TableMeta) -> &[u8] {
    table.keys.as_ref().map_or(&[], |(first, _)| first)
}

fn last(table: &TableMeta) -> &[u8] {
    table.keys.as_ref().map_or(&[], |(_, last)| last)
}

/// Those tables of a run that may hold keys of the range, as positions in it.
pub(crate) fn overlapping(run: &Run, range: &KeyRange) -> std::ops::Range<usize> {
    let start = run.partition_point(|table| user_key(last(table)) < &range.low[..]);
    let end = run.partition_point(|table| !range.is_behind(user_key(first(table))));
    start..end.max(start)
}
