//! Checking: what is damaged, what is missing, and what lies in the folder besides.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use datastore_files::Wait;
use futures_util::{StreamExt, stream};
use interface_datastore::implement::{fail_stream, refuse_stream};
use interface_datastore::{
    BoxStream, Error, ErrorKind, Finding, Key, Maintenance, MaintenanceEvent, Operation, Result,
    Severity,
};

use crate::database::levels::TableMeta;
use crate::database::{Database, Listing, Merge, Table};
use crate::failure::Failure;
use crate::format::Fault;
use crate::format::block::{Ascending, Block, Entry};
use crate::format::internal_key::{self, compare, user_key};
use crate::format::table::Handle;
use crate::range::{Direction, KeyRange};
use crate::store::Inner;

/// Entries that are looked at in one hop.
const STEPS: usize = 4096;

/// Looks at the part of a database at or under `scope`. Check and scrub are one: both read every block.
pub(crate) fn maintain(
    store: Arc<Inner>,
    task: Maintenance,
    scope: &Key,
) -> BoxStream<'static, Result<MaintenanceEvent>> {
    if let Err(error) = store.check_open(Operation::Maintain) {
        return fail_stream(error);
    }
    if !matches!(task, Maintenance::Check | Maintenance::Scrub) {
        let what = format!("maintenance of kind {task}");
        return refuse_stream(Operation::Maintain, Some(scope), what);
    }
    let round = Round::new(store, scope);
    stream::unfold(Some(round), |round| async {
        let mut round = round?;
        loop {
            if let Some(event) = round.events.pop_front() {
                let rest = event.is_ok().then_some(round);
                return Some((event, rest));
            }
            round = match round.advance().await {
                Ok(round) => round?,
                Err(error) => return Some((Err(error), None)),
            };
        }
    })
    .boxed()
}

/// A check in progress.
struct Round {
    store: Arc<Inner>,
    /// Whether the whole database is looked at, its folder too.
    everything: bool,
    tables: VecDeque<Arc<TableMeta>>,
    total: u64,
    done: u64,
    /// Walks over what no [`Key`] can name.
    foreign: VecDeque<Merge>,
    is_begun: bool,
    events: VecDeque<Result<MaintenanceEvent>>,
}

impl Round {
    fn new(store: Arc<Inner>, scope: &Key) -> Self {
        let range = KeyRange::under(scope);
        let holds_scope =
            |table: &TableMeta| table.overlaps(&range) || table.may_hold(scope.as_bytes());
        let tables = store.db.contents.levels.tables();
        let everything = scope.is_root();
        let tables: VecDeque<_> = tables
            .filter(|table| everything || holds_scope(table))
            .map(Arc::clone)
            .collect();
        let foreign = KeyRange::no_keys()
            .into_iter()
            .filter(|_| everything)
            .map(|range| Merge::new(&store.db, range, Direction::Ascending))
            .collect();
        Self {
            everything,
            total: tables.len() as u64,
            tables,
            done: 0,
            foreign,
            is_begun: false,
            events: VecDeque::new(),
            store,
        }
    }

    /// Looks at some more, in one hop; none when all has been looked at.
    async fn advance(mut self) -> Result<Option<Self>> {
        self.store.check_open(Operation::Maintain)?;
        let store = Arc::clone(&self.store);
        let step = move || {
            let more = self.advance_now();
            (self, more)
        };
        let (mut round, more) = store.hop(Operation::Maintain, step).await?;
        if let Err(failure) = more {
            round
                .events
                .push_back(Err(failure.during(Operation::Maintain, None)));
            return Ok(Some(round));
        }
        let more = more.unwrap_or(false);
        Ok((more || !round.events.is_empty()).then_some(round))
    }

    fn advance_now(&mut self) -> Result<bool, Failure> {
        let store = Arc::clone(&self.store);
        if !std::mem::replace(&mut self.is_begun, true) {
            if self.everything {
                self.folder(&store.db)?;
            }
            return Ok(true);
        }
        if let Some(meta) = self.tables.pop_front() {
            for finding in check_table(&store.db, &meta)? {
                self.found(finding);
            }
            self.done += 1;
            self.events.push_back(Ok(MaintenanceEvent::Progress {
                done: self.done,
                total: Some(self.total),
            }));
            return Ok(true);
        }
        self.foreign_keys(&store.db)
    }

    fn found(&mut self, finding: Finding) {
        self.events
            .push_back(Ok(MaintenanceEvent::Finding(finding)));
    }

    /// What was noticed while opening, and files that are no part of the database.
    fn folder(&mut self, db: &Database) -> Result<(), Failure> {
        for finding in &db.contents.findings {
            self.found(finding.clone());
        }
        let listing = Listing::read(&db.tree)?;
        let used: HashSet<u64> = db
            .contents
            .levels
            .tables()
            .map(|table| table.number)
            .collect();
        let unused = listing
            .tables
            .iter()
            .filter(|(number, _)| !used.contains(number));
        let unused = unused.map(|(_, name)| {
            let detail = "a table that is no part of the database any more; its writer removes it when it opens the database";
            (name, Finding::new(Severity::Info, "unused-table", detail))
        });
        let foreign = listing.foreign.iter().map(|name| {
            let detail = "a file of another program; it is left alone";
            (name, Finding::new(Severity::Info, "foreign-file", detail))
        });
        for (name, finding) in unused.chain(foreign) {
            self.found(finding.with_path(db.tree.full(name.as_ref())));
        }
        Ok(())
    }

    /// Keys that do not start with a slash: they are served by no call.
    fn foreign_keys(&mut self, db: &Database) -> Result<bool, Failure> {
        for _ in 0..STEPS {
            let Some(walk) = self.foreign.front_mut() else {
                return Ok(false);
            };
            match walk.next(db) {
                Ok(Some((key, version))) if version.value.is_some() => {
                    let detail = format!(
                        "the key {} is no key of a datastore, as it does not start with a slash; it is left out",
                        shown(&key)
                    );
                    let finding = Finding::new(Severity::Info, "foreign-key", detail);
                    self.found(finding.with_path(db.tree.path()));
                }
                Ok(Some(_)) => {}
                // The damage has been told with its table.
                Err(failure) if failure.is_loss() => drop(self.foreign.pop_front()),
                Err(failure) => return Err(failure),
                Ok(None) => drop(self.foreign.pop_front()),
            }
        }
        Ok(true)
    }
}

/// A byte string for people.
fn shown(key: &[u8]) -> String {
    format!("\"{}\"", key.escape_ascii())
}

/// Reads a table whole, past the caches.
fn check_table(db: &Database, meta: &TableMeta) -> Result<Vec<Finding>, Failure> {
    let mut check = TableCheck {
        meta,
        last: Vec::new(),
        findings: Vec::new(),
    };
    match db.open_table(meta, Wait::Yes) {
        Ok(table) => check.blocks(db, &table)?,
        Err(failure) if meta.is_missing => check.failed("missing-table", failure, None)?,
        Err(failure) => {
            check.failed("damaged-table", failure, None)?;
            if db.salvage {
                check.recovered(db)?;
            }
        }
    }
    Ok(check.findings)
}

struct TableCheck<'a> {
    meta: &'a TableMeta,
    /// The internal key before the one at hand.
    last: Vec<u8>,
    findings: Vec<Finding>,
}

impl TableCheck<'_> {
    /// Tells what salvage makes of a damaged table.
    fn recovered(&mut self, db: &Database) -> Result<(), Failure> {
        let table = match db.table(self.meta, Wait::Yes) {
            Ok(table) => table,
            Err(failure) if failure.is_loss() => return Ok(()),
            Err(failure) => return Err(failure),
        };
        let how_much = match table.loss {
            None => "; salvage has found all of its blocks".to_owned(),
            Some(_) => format!(
                "; salvage has found the blocks of its first {} bytes",
                table.entries_end
            ),
        };
        if let Some(finding) = self.findings.last_mut() {
            finding.detail.push_str(&how_much);
        }
        Ok(())
    }

    fn blocks(&mut self, db: &Database, table: &Table) -> Result<(), Failure> {
        let damaged = |what| Failure::Damaged(table.damage(Some(table.entries_end), what));
        let mut index = match Ascending::new(&table.index, None) {
            Ok(index) => index,
            Err(what) => return self.failed("damaged-table", damaged(what), None),
        };
        let mut before = Vec::new();
        loop {
            let entry = match index.next() {
                Ok(Some(entry)) => entry,
                Ok(None) => return Ok(()),
                Err(what) => return self.failed("damaged-table", damaged(what), None),
            };
            self.block(db, table, &entry, &before)?;
            before = entry.key;
        }
    }

    /// Reads one block; its keys come after `before` and not after that of its entry in the index.
    fn block(
        &mut self,
        db: &Database,
        table: &Table,
        entry: &Entry,
        before: &[u8],
    ) -> Result<(), Failure> {
        let keys = Some((user_key(before), user_key(&entry.key)));
        let handle = match Handle::parse(&entry.value) {
            Ok(handle) => handle,
            Err(what) => {
                let failure = Failure::Damaged(table.damage(Some(table.entries_end), what));
                return self.failed("damaged-block", failure, keys);
            }
        };
        let read = db.read_block(table, handle, Wait::Yes).and_then(|block| {
            let checked = self.entries(&block, &entry.key);
            checked.map_err(|what| Failure::Damaged(table.damage(Some(handle.offset), what)))
        });
        match read {
            Ok(()) => Ok(()),
            Err(failure) => self.failed("damaged-block", failure, keys),
        }
    }

    fn entries(&mut self, block: &Block, at_most: &[u8]) -> Result<(), Fault> {
        let mut walk = Ascending::new(block, None)?;
        while let Some(entry) = walk.next()? {
            internal_key::parse(&entry.key)?;
            if !self.last.is_empty() && compare(&self.last, &entry.key).is_ge() {
                return Err("the keys of a table are not in order");
            }
            if compare(&entry.key, at_most).is_gt() {
                return Err("a key is greater than the index says");
            }
            if !self.is_listed(&entry.key) {
                return Err("a key is outside of what the manifest says of the table");
            }
            self.last = entry.key;
        }
        Ok(())
    }

    fn is_listed(&self, key: &[u8]) -> bool {
        let within = |(first, last): &(Bytes, Bytes)| {
            compare(first, key).is_le() && compare(key, last).is_le()
        };
        self.meta.keys.as_ref().is_none_or(within)
    }

    /// Notes damage; other failures end the check.
    fn failed(
        &mut self,
        code: &str,
        failure: Failure,
        keys: Option<(&[u8], &[u8])>,
    ) -> Result<(), Failure> {
        if !failure.is_loss() {
            return Err(failure);
        }
        let error: Error = failure.during(Operation::Maintain, None);
        let code = match error.kind() {
            ErrorKind::Unsupported => "unsupported-block",
            _ => code,
        };
        let lost = match keys {
            Some((after, last)) => {
                format!(", for keys after {} up to {}", shown(after), shown(last))
            }
            None => ", for all keys of the table".to_owned(),
        };
        let mut finding = Finding::new(Severity::Error, code, format!("{error}{lost}"));
        finding.path = error.path().map(ToOwned::to_owned);
        self.findings.push(finding);
        Ok(())
    }
}
