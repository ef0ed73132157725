//! What changes while a directory is being counted.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};

/// Sorts changes by whether the count sees them by itself. Folders are those of the root; the empty name is the root's files.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// What changed before the count knew which folders there are.
    early: HashMap<OsString, i64>,
    /// Folders that the count has yet to come to: it will see what changed there. None before it knows.
    ahead: Option<HashSet<OsString>>,
    /// Where it is, and whether something changed there since: it may have seen that or not.
    current: Option<(OsString, bool)>,
    /// Changes that it does not see.
    correction: i64,
}

impl Tally {
    /// The count will come to these folders; others it has looked past, or they are new.
    pub(super) fn begin(&mut self, folders: impl Iterator<Item = OsString>) {
        let mut ahead: HashSet<OsString> = folders.collect();
        ahead.insert(OsString::new());
        self.ahead = Some(ahead);
        for (folder, by) in std::mem::take(&mut self.early) {
            self.changed(&folder, by);
        }
    }

    pub(super) fn changed(&mut self, folder: &OsStr, by: i64) {
        let Some(ahead) = &self.ahead else {
            let early = self.early.entry(folder.to_owned()).or_default();
            *early = early.saturating_add(by);
            return;
        };
        match &mut self.current {
            Some((current, changed)) if current == folder => *changed = true,
            _ if ahead.contains(folder) => {}
            _ => self.correction = self.correction.saturating_add(by),
        }
    }

    pub(super) fn folder_begins(&mut self, folder: &OsStr) {
        if let Some(ahead) = &mut self.ahead {
            ahead.remove(folder);
        }
        self.current = Some((folder.to_owned(), false));
    }

    /// Whether nothing changed in the folder since it began. If so, later changes are not seen by the count.
    pub(super) fn folder_ends(&mut self) -> bool {
        let changed = self.current.as_ref().is_some_and(|(_, changed)| *changed);
        if !changed {
            self.current = None;
        }
        !changed
    }

    pub(super) fn folder_given_up(&mut self) {
        self.current = None;
    }

    pub(super) fn correction(&self) -> i64 {
        self.correction
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::{OsStr, OsString};

    use super::Tally;

    #[test]
    fn corrects_for_what_the_count_does_not_see() {
        let mut tally = Tally::default();
        tally.changed(OsStr::new("AA"), 1);
        tally.changed(OsStr::new("NEW"), 2);
        tally.begin(["AA", "BB"].map(OsString::from).into_iter());
        assert_eq!(tally.correction(), 2, "the new folder is not counted");
        tally.folder_begins(OsStr::new("AA"));
        tally.changed(OsStr::new("BB"), 10);
        assert_eq!(tally.correction(), 2, "the count comes to it");
        tally.changed(OsStr::new("AA"), 100);
        assert!(!tally.folder_ends(), "it changed, so it is counted again");
        tally.folder_begins(OsStr::new("AA"));
        assert!(tally.folder_ends());
        tally.changed(OsStr::new("AA"), 1000);
        tally.changed(OsStr::new("NEW"), 10_000);
        assert_eq!(tally.correction(), 11_002);
    }
}
