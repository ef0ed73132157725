//! The manifest: which tables and logs make up the database.

use std::collections::BTreeMap;
use std::path::Path;

use datastore_files::{Tree, Wait};
use interface_datastore::{Error, ErrorKind, Finding, Operation, Severity};

use super::files::{self, Listing};
use crate::failure::Failure;
use crate::format::edit::{self, BYTEWISE, Edit, TableEntry};
use crate::format::log::Item;
use crate::format::names::{CURRENT, manifest_named_by};

/// The file `CURRENT` holds a name and nothing else.
pub(crate) const MAX_CURRENT: u64 = 256;

/// What the manifest says, all its edits applied.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    /// By level and number.
    pub(crate) tables: BTreeMap<(u64, u64), TableEntry>,
    log_number: Option<u64>,
    previous_log_number: Option<u64>,
    next_file_number: Option<u64>,
    last_sequence: Option<u64>,
    pub(crate) findings: Vec<Finding>,
}

/// The number of the manifest in force.
pub(crate) fn current(tree: &Tree) -> Result<u64, Failure> {
    let name = Path::new(CURRENT);
    let damaged = |what| Failure::Damaged(files::damage(tree, name, None, what));
    let Some(file) = tree.open_file(name, Wait::Yes)? else {
        return Err(damaged("the file CURRENT is missing"));
    };
    let text = file.read(0..MAX_CURRENT, Wait::Yes)?;
    manifest_named_by(&text).ok_or_else(|| damaged("the file CURRENT does not name a manifest"))
}

/// Reads a manifest.
pub(crate) fn read(tree: &Tree, listing: &Listing, number: u64) -> Result<Manifest, Failure> {
    let Some(name) = listing.manifests.get(&number).map(Path::new) else {
        let what = "the manifest that CURRENT names is missing";
        let damage = files::damage(tree, Path::new(CURRENT), None, what);
        return Err(Failure::Damaged(damage));
    };
    let damaged = |offset, what| Failure::Damaged(files::damage(tree, name, offset, what));
    let mut manifest = Manifest::default();
    files::read_log(tree, name, |item| match item {
        Item::Record(record) => {
            let edit = edit::parse(&record).map_err(|what| damaged(None, what))?;
            refuse_other_orders(tree, name, &edit)?;
            manifest.apply(edit);
            Ok(())
        }
        Item::Damage { offset, what } => Err(damaged(Some(offset), what)),
        Item::Torn { offset } => {
            let what = "the manifest ends within a record, as after a crash; that record never took effect";
            let torn = files::damage(tree, name, Some(offset), what);
            manifest
                .findings
                .push(torn.finding(Severity::Info, "torn-manifest"));
            Ok(())
        }
    })?;
    if !manifest.is_complete() {
        return Err(damaged(None, "the manifest is not complete"));
    }
    Ok(manifest)
}

fn refuse_other_orders(tree: &Tree, name: &Path, edit: &Edit) -> Result<(), Failure> {
    match &edit.comparator {
        Some(order) if order != BYTEWISE => {
            let shown: String = String::from_utf8_lossy(order)
                .chars()
                .filter(|c| !c.is_control())
                .take(64)
                .collect();
            let error = Error::new(ErrorKind::Unsupported, Operation::Open)
                .with_path(tree.full(name))
                .with_detail(format!(
                    "the database keeps its keys in the order \"{shown}\", not in that of their bytes"
                ))
                .with_remedy("read it with the program that wrote it");
            Err(error.into())
        }
        _ => Ok(()),
    }
}

impl Manifest {
    fn apply(&mut self, edit: Edit) {
        self.log_number = edit.log_number.or(self.log_number);
        self.previous_log_number = edit.previous_log_number.or(self.previous_log_number);
        self.next_file_number = edit.next_file_number.or(self.next_file_number);
        self.last_sequence = edit.last_sequence.or(self.last_sequence);
        for place in &edit.removed {
            self.tables.remove(place);
        }
        for table in edit.added {
            self.tables.insert((table.level, table.number), table);
        }
    }

    /// Whether it tells all that LevelDB asks of a manifest.
    fn is_complete(&self) -> bool {
        self.log_number.is_some() && self.next_file_number.is_some() && self.last_sequence.is_some()
    }

    /// Whether a log holds entries that are not in tables yet.
    pub(crate) fn needs_log(&self, number: u64) -> bool {
        let from = self.log_number.unwrap_or(0);
        let previous = self.previous_log_number.filter(|previous| *previous > 0);
        number >= from || Some(number) == previous
    }
}
