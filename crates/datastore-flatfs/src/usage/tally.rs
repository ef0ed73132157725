//! What changes while a directory is being counted.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};

/// Sorts changes by whether the count sees them by itself. Folders are those of the root; the empty name is the root's files.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// What changed in folders that the count does not come to, since there was nothing in them: all that they hold.
    unlisted: HashMap<OsString, i64>,
    /// Folders that the count comes to. None before it knows.
    listed: Option<HashSet<OsString>>,
    /// Those of them to which it has yet to come: it will see what changed there.
    ahead: HashSet<OsString>,
    /// Where it is, and whether something changed there since: it may have seen that or not.
    current: Option<(OsString, bool)>,
    /// Changes that it does not see in folders that it is done with.
    correction: i64,
}

impl Tally {
    /// The count will come to these folders; others were not there when it looked.
    pub(super) fn begin(&mut self, folders: impl Iterator<Item = OsString>) {
        let mut listed: HashSet<OsString> = folders.collect();
        listed.insert(OsString::new());
        self.unlisted.retain(|folder, _| !listed.contains(folder));
        self.ahead.clone_from(&listed);
        self.listed = Some(listed);
    }

    pub(super) fn changed(&mut self, folder: &OsStr, by: i64) {
        if !self.is_listed(folder) {
            let held = self.unlisted.entry(folder.to_owned()).or_default();
            *held = held.saturating_add(by);
            return;
        }
        match &mut self.current {
            Some((current, changed)) if current == folder => *changed = true,
            _ if self.ahead.contains(folder) => {}
            _ => self.correction = self.correction.saturating_add(by),
        }
    }

    /// An empty folder of this length is gone.
    pub(super) fn removed(&mut self, folder: &OsStr, len: i64) {
        if self.is_listed(folder) {
            self.changed(folder, len.saturating_neg());
        } else {
            // The count did not see it, whatever was in it before.
            self.unlisted.remove(folder);
        }
    }

    fn is_listed(&self, folder: &OsStr) -> bool {
        let listed = self.listed.as_ref();
        listed.is_some_and(|listed| listed.contains(folder))
    }

    pub(super) fn folder_begins(&mut self, folder: &OsStr) {
        self.ahead.remove(folder);
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
        let unlisted = self.unlisted.values();
        unlisted.fold(self.correction, |sum, by| sum.saturating_add(*by))
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

    /// What is done to a folder, from before the count knows which there are or after, and what it is corrected by.
    #[test]
    fn folders_that_go() {
        let (folder, len) = (OsStr::new("AA"), 4096);
        let emptied = |tally: &mut Tally| {
            tally.changed(folder, -5);
            tally.removed(folder, len);
        };
        let made = |tally: &mut Tally| {
            tally.changed(folder, len);
            tally.changed(folder, 7);
        };
        type Work<'a> = &'a dyn Fn(&mut Tally);
        let nothing: Work<'_> = &|_| {};
        let again: Work<'_> = &|tally| {
            emptied(tally);
            made(tally);
        };
        let listed = ["AA"].as_slice();
        let cases: [(&str, Work<'_>, &[&str], Work<'_>, i64); 7] = [
            ("before it is listed", &emptied, &[], nothing, 0),
            ("told after that", nothing, &[], &emptied, 0),
            ("and comes back", again, &[], nothing, len + 7),
            ("and comes back later", &emptied, &[], &made, len + 7),
            ("and comes back before", again, listed, nothing, 0),
            ("while it is ahead", nothing, listed, &emptied, 0),
            ("comes and goes", &made, &[], &emptied, 0),
        ];
        for (name, before, folders, after, correction) in cases {
            let mut tally = Tally::default();
            before(&mut tally);
            tally.begin(folders.iter().map(OsString::from));
            after(&mut tally);
            assert_eq!(tally.correction(), correction, "{name}");
        }
        let mut tally = Tally::default();
        tally.begin(listed.iter().map(OsString::from));
        tally.folder_begins(folder);
        assert!(tally.folder_ends());
        emptied(&mut tally);
        assert_eq!(tally.correction(), -5 - len, "after it was counted");
    }
}
