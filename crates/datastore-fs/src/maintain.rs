//! Maintenance: what a folder holds besides the values, and what can be done about it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datastore_files::{Change, Safety, Step, Walk};
use futures_util::StreamExt;
use futures_util::stream;
use interface_datastore::implement::{fail_stream, refuse_stream};
use interface_datastore::{
    Action, BoxStream, Finding, Key, Maintenance, MaintenanceEvent, Operation, Result, Severity,
};

use crate::failure::Failure;
use crate::layout::{MARKER, TEMP, is_internal};
use crate::store::Inner;
use crate::upkeep::is_in;

/// Files and folders looked at in one hop.
const STEPS: u64 = 1024;

/// Looks after the part of a store at or under `scope`.
pub(crate) fn maintain(
    store: Arc<Inner>,
    task: Maintenance,
    scope: &Key,
) -> BoxStream<'static, Result<MaintenanceEvent>> {
    let changes = match task {
        Maintenance::Check => false,
        Maintenance::Repair | Maintenance::Gc => true,
        _ => {
            let what = format!("maintenance of kind {task}");
            return refuse_stream(Operation::Maintain, Some(scope), what);
        }
    };
    if changes {
        if let Err(error) = store.check_write(Operation::Maintain, None, false) {
            return fail_stream(error);
        }
    }
    let round = Round {
        walk: None,
        store,
        task,
        scope: scope.clone(),
        folders: Vec::new(),
        done: 0,
        events: VecDeque::new(),
    };
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

struct Round {
    store: Arc<Inner>,
    task: Maintenance,
    scope: Key,
    /// None before the first hop.
    walk: Option<Walk>,
    /// Folders met, to be looked at once their contents have been.
    folders: Vec<PathBuf>,
    done: u64,
    events: VecDeque<Result<MaintenanceEvent>>,
}

impl Round {
    /// Looks at some more files in one hop; none when all have been looked at.
    async fn advance(mut self) -> Result<Option<Self>> {
        self.store.check_open(Operation::Maintain)?;
        let store = Arc::clone(&self.store);
        let step = move || {
            let more = self.advance_now();
            (self, more)
        };
        let (mut round, more) = store.hop(Operation::Maintain, step).await?;
        match more {
            Ok(more) => Ok((more || !round.events.is_empty()).then_some(round)),
            Err(failure) => {
                round
                    .events
                    .push_back(Err(failure.during(Operation::Maintain, None)));
                Ok(Some(round))
            }
        }
    }

    fn advance_now(&mut self) -> Result<bool, Failure> {
        let store = Arc::clone(&self.store);
        let mut walk = match self.walk.take() {
            Some(walk) => walk,
            None => {
                self.stale_files()?;
                store.tree.walk(Path::new(""), |_| true)
            }
        };
        for _ in 0..STEPS {
            let Some(step) = walk.next(&store.tree) else {
                self.empty_folders()?;
                let ended = std::mem::take(&mut self.done) == 0;
                self.walk = Some(walk);
                return Ok(!ended);
            };
            self.done += 1;
            match step? {
                Step::File(path) => self.look_at_file(&path)?,
                Step::Folder(path) => self.folders.push(path),
                Step::Other(path) => self.look_at_other(&path),
            }
        }
        self.walk = Some(walk);
        self.events.push_back(Ok(MaintenanceEvent::Progress {
            done: self.done,
            total: None,
        }));
        Ok(true)
    }

    fn everything(&self) -> bool {
        self.scope.is_root()
    }

    fn changes(&self) -> bool {
        self.task != Maintenance::Check
    }

    fn found(&mut self, finding: Finding, path: &Path) {
        let finding = finding.with_path(self.store.tree.full(path));
        self.events
            .push_back(Ok(MaintenanceEvent::Finding(finding)));
    }

    /// Temporary files belong to no key, so they are looked at with the whole store only.
    fn stale_files(&mut self) -> Result<(), Failure> {
        if !self.everything() {
            return Ok(());
        }
        let (stale, action) = if self.changes() {
            (self.store.tree.sweep()?, Action::Removed)
        } else {
            (self.store.tree.stale_temp_files()?, Action::None)
        };
        for path in stale {
            let detail = "a temporary file whose writer is gone; gc removes it";
            let finding = Finding::new(Severity::Warning, "stale-temporary-file", detail);
            self.found(finding.with_action(action), &path);
        }
        Ok(())
    }

    fn look_at_file(&mut self, path: &Path) -> Result<(), Failure> {
        if path == Path::new(MARKER) || path.starts_with(TEMP) {
            return Ok(());
        }
        let Some(found) = self
            .store
            .layout
            .key_of(path)
            .filter(|_| !is_internal(path))
        else {
            if self.everything() {
                let detail =
                    "a file of another program, or of another mode of this store; it is left alone";
                self.found(Finding::new(Severity::Info, "foreign-file", detail), path);
            }
            return Ok(());
        };
        if !is_in(&self.store.layout, &self.scope, path) {
            return Ok(());
        }
        let hidden = match &found.hidden_by {
            Some(first) => self.store.is_value(first)?,
            None => false,
        };
        if hidden {
            let removed = self.changes() && self.remove_hidden(path)?;
            let detail =
                "an older value of a key that has a newer one elsewhere; repair removes it";
            let finding =
                Finding::new(Severity::Warning, "hidden-value", detail).with_key(found.key);
            self.found(
                finding.with_action(if removed {
                    Action::Removed
                } else {
                    Action::None
                }),
                path,
            );
        }
        Ok(())
    }

    fn remove_hidden(&self, path: &Path) -> Result<bool, Failure> {
        let change = Change::Remove {
            path: path.to_owned(),
            first: None,
        };
        match self.store.tree.apply(vec![change], Safety::Process).pop() {
            Some(Err(error)) => Err(error.into()),
            _ => Ok(true),
        }
    }

    fn look_at_other(&mut self, path: &Path) {
        if self.everything() {
            let detail = "a symbolic link or device, which is never followed; remove it if values should be there";
            self.found(Finding::new(Severity::Warning, "link", detail), path);
        }
    }

    /// Folders that hold nothing, those deepest first. Writers remove them as they go, so they are of killed processes or others.
    fn empty_folders(&mut self) -> Result<(), Failure> {
        if !self.everything() {
            return Ok(());
        }
        for path in std::mem::take(&mut self.folders).into_iter().rev() {
            if path == Path::new(TEMP) {
                continue;
            }
            let empty = match self.store.tree.entries(&path)? {
                Some(mut entries) => entries.next().is_none(),
                None => false,
            };
            if !empty {
                continue;
            }
            let removed =
                self.task == Maintenance::Gc && self.store.tree.remove_empty_dir(&path)?;
            let finding = Finding::new(
                Severity::Info,
                "empty-folder",
                "a folder that holds nothing; gc removes it",
            );
            self.found(
                finding.with_action(if removed {
                    Action::Removed
                } else {
                    Action::None
                }),
                &path,
            );
        }
        Ok(())
    }
}
