//! What a failed sync of the whole disk has lost, for those who ask file by file.

use std::collections::HashMap;
use std::io;

use super::change::{Change, Outcome, Synced};
use super::disk::Disk;
use super::tree::Ino;
use crate::sim::Errno;

/// Files and folders that lost something, with the length of the history at that time.
#[derive(Debug, Default)]
pub(super) struct Losses(HashMap<Ino, usize>);

impl Disk {
    /// Notes what is not synced as lost.
    pub(super) fn note_losses(&mut self) {
        let mut changed: HashMap<(Ino, bool), usize> = HashMap::new();
        for (number, change) in self.history.iter().enumerate() {
            match &**change {
                Change::Write { ino, .. } => drop(changed.insert((*ino, false), number)),
                Change::Create { dir, .. } | Change::Remove { dir, .. } => {
                    changed.insert((*dir, true), number);
                }
                Change::Rename { from, to, .. } => {
                    changed.insert((from.0, true), number);
                    changed.insert((to.0, true), number);
                }
                Change::Sync {
                    outcome: Outcome::Durable,
                    of,
                    ino: synced,
                    covers,
                } => changed.retain(|(ino, names), number| {
                    let meant = match of {
                        Synced::Everything => true,
                        Synced::Names => ino == synced && *names,
                        Synced::Contents(_) => ino == synced && !*names,
                    };
                    !meant || *number >= *covers
                }),
                Change::SetModified { .. } | Change::Sync { .. } => {}
            }
        }
        let now = self.history.len();
        let lost = changed.into_keys().map(|(ino, _)| (ino, now + 1));
        self.losses.0.extend(lost);
    }

    /// Fails if something of a file was lost since a handle was opened, or since that was told to it.
    pub(super) fn check_contents(&self, ino: Ino, told: &mut usize) -> io::Result<()> {
        let lost = self.losses.0.get(&ino).is_some_and(|lost| *lost > *told);
        *told = self.history.len();
        if lost {
            return Err(Errno::Io.into());
        }
        Ok(())
    }

    /// Fails if names of a folder were lost and nobody was told.
    pub(super) fn check_names(&mut self, dir: Ino) -> io::Result<()> {
        match self.losses.0.remove(&dir) {
            Some(_) => Err(Errno::Io.into()),
            None => Ok(()),
        }
    }
}
