//! One check, folder by folder, in hops of a few files.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datastore_files::{DirEntry, Entries, Folder};
use interface_datastore::{Finding, Key, Operation, Result};

use super::fix::Fix;
use super::{CheckEvent, CheckOptions, Progress};
use crate::failure::Failure;
use crate::files::shards;
use crate::store::Inner;

/// Files looked at in one hop.
const FILES: usize = 1024;
/// Bytes hashed in one hop.
const BYTES: u64 = 16 << 20;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    Everything,
    /// The value of one key.
    Key(Key),
    /// No key of the store.
    Nothing,
}

/// See the module.
pub(super) struct Round {
    pub(super) store: Arc<Inner>,
    pub(super) options: CheckOptions,
    pub(super) scope: Scope,
    /// Folders still to come, last first; none before the root was looked at.
    todo: Option<Vec<String>>,
    open: Option<Open>,
    pub(super) progress: Progress,
    /// Faults that are to be mended, one at a time, each under the gate of its key.
    pub(super) fixes: VecDeque<(Fix, Finding)>,
    pub(super) events: VecDeque<Result<CheckEvent>>,
}

/// A folder that is being looked at.
struct Open {
    name: String,
    folder: Folder,
    entries: Entries,
    empty: bool,
}

impl Round {
    pub(super) fn new(store: Arc<Inner>, options: CheckOptions, scope: Scope) -> Self {
        Self {
            store,
            options,
            scope,
            todo: None,
            open: None,
            progress: Progress::default(),
            fixes: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// The next event, and the round if it goes on.
    pub(super) async fn next_event(mut self) -> Option<(Result<CheckEvent>, Option<Self>)> {
        loop {
            if let Some(event) = self.events.pop_front() {
                let rest = event.is_ok().then_some(self);
                return Some((event, rest));
            }
            if let Err(error) = self.store.check_open(Operation::Maintain) {
                return Some((Err(error), None));
            }
            self = match self.fixes.pop_front() {
                Some((fix, finding)) => self.mend(fix, finding).await,
                None => match self.advance().await {
                    Ok(round) => round?,
                    Err(error) => return Some((Err(error), None)),
                },
            };
        }
    }

    /// Looks at some more files in one hop; none when all have been looked at.
    async fn advance(self) -> Result<Option<Self>> {
        let store = Arc::clone(&self.store);
        let step = move || {
            let mut round = self;
            let more = round.advance_now();
            (round, more)
        };
        let (mut round, more) = store.hop(Operation::Maintain, step).await?;
        match more {
            Ok(more) => {
                let goes_on = more || !round.events.is_empty() || !round.fixes.is_empty();
                Ok(goes_on.then_some(round))
            }
            Err(failure) => {
                let error = failure.during(Operation::Maintain, None);
                round.events.push_back(Err(error));
                Ok(Some(round))
            }
        }
    }

    fn advance_now(&mut self) -> Result<bool, Failure> {
        let Some(todo) = &mut self.todo else {
            self.begin()?;
            return Ok(true);
        };
        let Some(open) = self.open.take() else {
            let Some(name) = todo.pop() else {
                return Ok(false);
            };
            self.open(name)?;
            return Ok(true);
        };
        self.look_into(open)?;
        Ok(true)
    }

    /// Looks at what belongs to no folder, and which folders there are.
    fn begin(&mut self) -> Result<(), Failure> {
        let todo = match &self.scope {
            Scope::Everything => {
                let mut names = shards(&self.store.tree)?;
                names.sort_unstable_by(|a, b| b.cmp(a));
                names
            }
            Scope::Key(key) => {
                let key = key.clone();
                self.look_at_key(&key)?;
                Vec::new()
            }
            Scope::Nothing => Vec::new(),
        };
        self.progress.of = todo.len() as u64;
        let start_after = self.options.start_after.clone();
        match &start_after {
            None if self.scope == Scope::Everything => self.look_at_leftovers()?,
            _ => {}
        }
        let (todo, done): (Vec<_>, Vec<_>) = todo
            .into_iter()
            .partition(|name| start_after.as_ref().is_none_or(|after| name > after));
        self.progress.folders = done.len() as u64;
        self.progress.folder = start_after;
        self.todo = Some(todo);
        Ok(())
    }

    fn open(&mut self, name: String) -> Result<(), Failure> {
        let Some(folder) = self.store.tree.folder(Path::new(&name))? else {
            return Ok(());
        };
        let entries = folder.entries()?;
        self.open = Some(Open {
            name,
            folder,
            entries,
            empty: true,
        });
        Ok(())
    }

    fn look_into(&mut self, mut open: Open) -> Result<(), Failure> {
        let hashed = self.progress.bytes;
        for _ in 0..FILES {
            let Some(entry) = open.entries.next() else {
                self.done_with(open)?;
                self.tell_progress();
                return Ok(());
            };
            let entry: DirEntry = entry.map_err(|error| open.folder.listing_failed(error))?;
            open.empty = false;
            self.progress.files += 1;
            self.look_at(&open.folder, &entry)?;
            if self.progress.bytes - hashed >= BYTES {
                break;
            }
        }
        self.open = Some(open);
        self.tell_progress();
        Ok(())
    }

    fn done_with(&mut self, open: Open) -> Result<(), Failure> {
        if open.empty && !open.name.is_empty() {
            self.empty_folder(&open.name)?;
        }
        self.progress.folders += 1;
        self.progress.folder = Some(open.name);
        Ok(())
    }

    fn tell_progress(&mut self) {
        let progress = CheckEvent::Progress(self.progress.clone());
        self.events.push_back(Ok(progress));
    }

    pub(super) fn found(&mut self, finding: Finding) {
        self.events.push_back(Ok(CheckEvent::Finding(finding)));
    }

    /// A fault that is mended if that is asked for.
    pub(super) fn fault(&mut self, fix: Fix, finding: Finding) {
        if self.options.repair {
            self.fixes.push_back((fix, finding));
        } else {
            self.found(finding);
        }
    }

    pub(super) fn full(&self, path: &Path) -> PathBuf {
        self.store.tree.full(path)
    }
}
