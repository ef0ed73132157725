//! Which names a disk may have after the power went away.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::sync::Arc;

use fastrand::Rng;

use super::CrashModel;
use super::change::{Change, Outcome, Synced};
use super::tree::{Ino, NAMELESS, Tree};
use crate::fs::Replace;

/// The changes of names before a power cut.
#[derive(Debug)]
pub(super) struct NameChanges {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    change: Arc<Change>,
    number: usize,
    part: Part,
    /// A sync of its folder has made it so.
    durable: bool,
    /// A sync of its folder failed: no later one proves anything.
    lost: bool,
    /// The steps without which this one is not there either.
    after: Vec<usize>,
}

/// A file system that cannot rename onto free names only makes a second name and then removes the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    NewName,
    OldName,
}

/// For each step, whether it reached the disk.
pub(super) type Selection = Vec<bool>;

impl NameChanges {
    pub(super) fn new(history: &[Arc<Change>], model: CrashModel) -> Self {
        let mut names = Self { steps: Vec::new() };
        for (number, change) in history.iter().enumerate() {
            match &**change {
                Change::Sync {
                    of,
                    ino,
                    covers,
                    outcome,
                } => match of {
                    Synced::Names => names.sync(Some(*ino), *covers, *outcome),
                    Synced::Everything => names.sync(None, *covers, *outcome),
                    Synced::Contents(_) => {}
                },
                Change::Rename {
                    from: (from, _),
                    replace: Replace::No,
                    ..
                } if model == CrashModel::Chaos && *from != NAMELESS => {
                    names.push(change, number, Part::NewName);
                    names.push(change, number, Part::OldName);
                }
                Change::Create { .. } | Change::Remove { .. } | Change::Rename { .. } => {
                    names.push(change, number, Part::Whole);
                }
                Change::Write { .. } | Change::SetModified { .. } => {}
            }
        }
        names.order(model);
        names.settle_moot();
        names
    }

    fn push(&mut self, change: &Arc<Change>, number: usize, part: Part) {
        let change = Arc::clone(change);
        self.steps.push(Step {
            change,
            number,
            part,
            durable: false,
            lost: false,
            after: Vec::new(),
        });
    }

    /// A sync of one folder, or of all.
    fn sync(&mut self, dir: Option<Ino>, covers: usize, outcome: Outcome) {
        let concerned = |step: &&mut Step| {
            step.number < covers && !step.durable && (dir.is_none() || step.settled_by() == dir)
        };
        for step in self.steps.iter_mut().filter(concerned) {
            match outcome {
                Outcome::Durable => step.durable = !step.lost,
                Outcome::Lost => step.lost = true,
            }
        }
    }

    fn order(&mut self, model: CrashModel) {
        let mut earlier: HashMap<Ino, Vec<usize>> = HashMap::new();
        let mut new_name_durable = false;
        for (index, step) in self.steps.iter_mut().enumerate() {
            if step.part == Part::OldName {
                // The new name comes right before the old one goes, which is not for good while that may be lost.
                step.after.extend(index.checked_sub(1));
                step.durable &= new_name_durable;
            }
            new_name_durable = step.durable;
            if step.lost {
                continue;
            }
            // A folder goes only after all that was in it.
            let emptied = step.removed().and_then(|ino| earlier.get(&ino));
            step.after.extend(emptied.into_iter().flatten());
            for dir in step.dirs() {
                let in_dir = earlier.entry(dir).or_default();
                if model == CrashModel::Ordered {
                    step.after.extend(in_dir.last());
                }
                in_dir.push(index);
            }
        }
        // Every step comes after those it needs, so one pass from the end reaches all.
        for index in (0..self.steps.len()).rev() {
            let Some(step) = self.steps.get(index).filter(|step| step.durable) else {
                continue;
            };
            for needed in step.after.clone() {
                if let Some(needed) = self.steps.get_mut(needed) {
                    needed.durable = true;
                }
            }
        }
    }

    /// Takes files for created whose later rename is durable: it is the same whether the first name was ever there. Without
    /// this, each file that came out of a folder that nobody syncs would double the states.
    fn settle_moot(&mut self) {
        let renamed = |step: &&Step| step.durable && step.part != Part::NewName;
        let renamed: HashSet<Ino> = self
            .steps
            .iter()
            .filter(renamed)
            .filter_map(Step::renamed)
            .collect();
        // Where an earlier file may still have the name, the creation decides whether it has.
        let mut unsure: HashSet<(Ino, &OsStr)> = HashSet::new();
        let mut moot = Vec::new();
        for (index, step) in self
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| !step.durable)
        {
            match &*step.change {
                Change::Create { dir, name, ino, .. }
                    if renamed.contains(ino) && !unsure.contains(&(*dir, name.as_os_str())) =>
                {
                    moot.push(index);
                }
                Change::Create { dir, name, .. } | Change::Remove { dir, name, .. } => {
                    unsure.insert((*dir, name));
                }
                Change::Rename { from, to, .. } => {
                    unsure.extend([(from.0, from.1.as_os_str()), (to.0, to.1.as_os_str())]);
                }
                _ => {}
            }
        }
        for index in moot {
            if let Some(step) = self.steps.get_mut(index) {
                step.durable = true;
            }
        }
    }

    /// Does to the tree what is durable and comes before all that is open, and forgets it.
    pub(super) fn settle(&mut self, tree: &mut Tree) {
        let settled = self.steps.iter().take_while(|step| step.durable).count();
        for step in self.steps.drain(..settled) {
            step.apply(tree);
        }
        for step in &mut self.steps {
            step.after = step
                .after
                .iter()
                .filter_map(|needed| needed.checked_sub(settled))
                .collect();
        }
    }

    /// The files and folders that the changes are about.
    pub(super) fn inos(&self) -> impl Iterator<Item = Ino> {
        self.steps.iter().filter_map(|step| match &*step.change {
            Change::Create { ino, .. }
            | Change::Remove { ino, .. }
            | Change::Rename { ino, .. } => Some(*ino),
            _ => None,
        })
    }

    /// All that may have happened; none if that is more than `limit`.
    pub(super) fn all(&self, limit: usize) -> Option<Vec<Selection>> {
        let mut found: Vec<Selection> = vec![Vec::with_capacity(self.steps.len())];
        for step in &self.steps {
            for index in 0..found.len() {
                let Some(selection) = found.get_mut(index) else {
                    break;
                };
                if step.durable {
                    selection.push(true);
                    continue;
                }
                if step.possible(selection) {
                    let mut with = selection.clone();
                    with.push(true);
                    selection.push(false);
                    found.push(with);
                } else {
                    selection.push(false);
                }
            }
            if found.len() > limit {
                return None;
            }
        }
        Some(found)
    }

    /// Chooses step by step: `wanted` is asked of those that may or may not be there.
    pub(super) fn select(&self, mut wanted: impl FnMut(usize) -> bool) -> Selection {
        let mut selection = Vec::with_capacity(self.steps.len());
        for (index, step) in self.steps.iter().enumerate() {
            selection.push(step.durable || (step.possible(&selection) && wanted(index)));
        }
        selection
    }

    pub(super) fn random(&self, rng: &mut Rng) -> Selection {
        let sixteenths = rng.choice([1, 4, 8, 12, 15]).unwrap_or(8);
        self.select(|_| rng.u8(0..16) < sixteenths)
    }

    /// The steps that may or may not be there.
    pub(super) fn open(&self) -> impl Iterator<Item = usize> {
        self.steps
            .iter()
            .enumerate()
            .filter(|(_, step)| !step.durable)
            .map(|(index, _)| index)
    }

    /// A step and all that it needs.
    pub(super) fn only(&self, index: usize) -> Selection {
        let mut needed = vec![false; self.steps.len()];
        let mut waiting = vec![index];
        while let Some(index) = waiting.pop() {
            if let Some(needed) = needed.get_mut(index) {
                *needed = true;
            }
            waiting.extend(
                self.steps
                    .get(index)
                    .into_iter()
                    .flat_map(|step| &step.after),
            );
        }
        self.select(|index| needed.get(index) == Some(&true))
    }

    pub(super) fn apply(&self, selection: &[bool], tree: &mut Tree) {
        for (step, _) in self
            .steps
            .iter()
            .zip(selection)
            .filter(|(_, there)| **there)
        {
            step.apply(tree);
        }
    }

    pub(super) fn missing(&self, selection: &[bool]) -> Vec<(usize, Arc<Change>)> {
        let missing = self
            .steps
            .iter()
            .zip(selection)
            .filter(|(_, there)| !**there);
        missing
            .map(|(step, _)| (step.number, Arc::clone(&step.change)))
            .collect()
    }
}

impl Step {
    /// The folder whose sync makes it durable. For a rename that is the new name's: that of the old name's folder
    /// would do on some file systems, and a store must not count on it.
    fn settled_by(&self) -> Option<Ino> {
        match (&*self.change, self.part) {
            (Change::Create { dir, .. } | Change::Remove { dir, .. }, _) => Some(*dir),
            (Change::Rename { from, .. }, Part::OldName) => Some(from.0),
            (Change::Rename { to, .. }, _) => Some(to.0),
            _ => None,
        }
    }

    /// The folders in whose order of changes it has a place.
    fn dirs(&self) -> Vec<Ino> {
        match &*self.change {
            Change::Create { dir, .. } | Change::Remove { dir, .. } => vec![*dir],
            Change::Rename { from, to, .. } if from.0 == to.0 => vec![to.0],
            Change::Rename { from, to, .. } => vec![from.0, to.0],
            _ => Vec::new(),
        }
    }

    fn renamed(&self) -> Option<Ino> {
        match &*self.change {
            Change::Rename { ino, .. } => Some(*ino),
            _ => None,
        }
    }

    /// What it removes, itself or by putting something in its place.
    fn removed(&self) -> Option<Ino> {
        match &*self.change {
            Change::Remove { ino, .. } => Some(*ino),
            Change::Rename { replaced, .. } => *replaced,
            _ => None,
        }
    }

    fn possible(&self, before: &[bool]) -> bool {
        self.after
            .iter()
            .all(|&index| before.get(index) == Some(&true))
    }

    fn apply(&self, tree: &mut Tree) {
        match (&*self.change, self.part) {
            (Change::Create { dir, name, ino, .. }, _) if is_free(tree, *dir, name) => {
                tree.link(*dir, name, *ino);
            }
            (Change::Remove { dir, name, .. }, _) if is_free(tree, *dir, name) => {
                tree.unlink(*dir, name);
            }
            (Change::Rename { to, ino, .. }, Part::OldName)
                if tree.child(to.0, &to.1) == Some(*ino) =>
            {
                tree.unlink_all(*ino);
                tree.link(to.0, &to.1, *ino);
            }
            (_, Part::OldName) => {}
            (Change::Rename { to, ino, .. }, part) if is_free(tree, to.0, &to.1) => {
                if part == Part::Whole {
                    tree.unlink_all(*ino);
                }
                tree.link(to.0, &to.1, *ino);
            }
            _ => {}
        }
    }
}

/// What was moved out of a folder may still be in it, if that move got lost; then the folder stays, as otherwise the
/// file would be neither here nor there.
fn is_free(tree: &Tree, dir: Ino, name: &OsStr) -> bool {
    let entries = tree.child(dir, name).and_then(|ino| tree.entries(ino));
    entries.is_none_or(std::collections::BTreeMap::is_empty)
}
