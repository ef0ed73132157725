//! Which contents a file may have after the power went away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fastrand::Rng;

use super::change::{Change, Outcome, Synced};
use super::tree::{Body, Ino, Tree};
use crate::fs::SyncWhat;

/// What happened to the contents of one file before a power cut.
#[derive(Debug)]
pub(super) struct FileHistory {
    block_size: usize,
    base: Arc<Vec<u8>>,
    writes: Vec<Arc<Change>>,
    blocks: BTreeMap<usize, Versions>,
    /// The sizes, oldest first, and when they came to be.
    sizes: Vec<usize>,
    size: Versions,
    times: Vec<u64>,
    time: Versions,
}

/// The versions of a block, size or time: version 0 is the oldest, and one more came with each change.
#[derive(Debug, Default)]
struct Versions {
    changes: Vec<usize>,
    /// The oldest version that may be on the disk.
    durable: usize,
    /// Those up to here were taken for written by a sync that failed, and no sync writes them again.
    clean: usize,
}

impl Versions {
    fn newest(&self) -> usize {
        self.changes.len()
    }

    fn sync(&mut self, covers: usize, outcome: Outcome) {
        let covered = self.changes.partition_point(|&change| change < covers);
        match outcome {
            Outcome::Lost => self.clean = self.clean.max(covered),
            Outcome::Durable if covered > self.clean => self.durable = self.durable.max(covered),
            Outcome::Durable => {}
        }
    }

    fn is_open(&self) -> bool {
        self.durable < self.newest()
    }
}

/// One possibility.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    size: usize,
    /// Versions of blocks that are not the newest.
    old_blocks: BTreeMap<usize, usize>,
}

/// Possibilities that programs are most often not prepared for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Corner {
    /// Nothing unsynced arrived.
    Oldest,
    /// All arrived.
    Newest,
    /// The size arrived, and no block did.
    Hole,
    /// The first half of the blocks arrived.
    FirstHalf,
    /// The last block did not arrive.
    AllButLast,
    /// The first block did not arrive.
    AllButFirst,
}

pub(super) fn file_histories(
    base: &Tree,
    history: &[Arc<Change>],
    block_size: usize,
) -> BTreeMap<Ino, FileHistory> {
    let mut files = BTreeMap::new();
    for (number, change) in history.iter().enumerate() {
        match &**change {
            Change::Create {
                ino,
                body: Body::File(contents),
                time,
                ..
            } => {
                files.insert(
                    *ino,
                    FileHistory::new(Arc::clone(contents), *time, block_size),
                );
            }
            Change::Sync {
                of: Synced::Everything,
                ..
            } => files
                .values_mut()
                .for_each(|file| file.note(number, change)),
            Change::Write { ino, .. }
            | Change::SetModified { ino, .. }
            | Change::Sync { ino, .. } => {
                if !files.contains_key(ino) {
                    files.extend(FileHistory::of_base(base, *ino, block_size));
                }
                if let Some(file) = files.get_mut(ino) {
                    file.note(number, change);
                }
            }
            Change::Create { .. } | Change::Remove { .. } | Change::Rename { .. } => {}
        }
    }
    files
}

impl FileHistory {
    fn new(base: Arc<Vec<u8>>, modified: u64, block_size: usize) -> Self {
        Self {
            block_size,
            sizes: vec![base.len()],
            base,
            writes: Vec::new(),
            blocks: BTreeMap::new(),
            size: Versions::default(),
            times: vec![modified],
            time: Versions::default(),
        }
    }

    fn of_base(base: &Tree, ino: Ino, block_size: usize) -> Option<(Ino, Self)> {
        let contents = Arc::clone(base.contents(ino)?);
        let modified = base.get(ino)?.modified;
        Some((ino, Self::new(contents, modified, block_size)))
    }

    fn note(&mut self, number: usize, change: &Arc<Change>) {
        match &**change {
            Change::Write {
                offset,
                bytes,
                time,
                ..
            } => {
                let end = offset + bytes.len();
                for block in self.blocks_of(*offset, end) {
                    self.blocks.entry(block).or_default().changes.push(number);
                }
                if end > self.newest_size() {
                    self.sizes.push(end);
                    self.size.changes.push(number);
                }
                self.note_time(number, *time);
                self.writes.push(Arc::clone(change));
            }
            Change::SetModified { nanos, .. } => self.note_time(number, *nanos),
            Change::Sync {
                of: of @ (Synced::Contents(_) | Synced::Everything),
                covers,
                outcome,
                ..
            } => {
                for versions in self.blocks.values_mut() {
                    versions.sync(*covers, *outcome);
                }
                self.size.sync(*covers, *outcome);
                if *of != Synced::Contents(SyncWhat::Data) {
                    self.time.sync(*covers, *outcome);
                }
            }
            _ => {}
        }
    }

    fn note_time(&mut self, number: usize, time: u64) {
        self.times.push(time);
        self.time.changes.push(number);
    }

    fn blocks_of(&self, start: usize, end: usize) -> std::ops::Range<usize> {
        start / self.block_size..end.div_ceil(self.block_size)
    }

    fn newest_size(&self) -> usize {
        self.sizes.last().copied().unwrap_or_default()
    }

    fn oldest_size(&self) -> usize {
        self.sizes
            .get(self.size.durable)
            .copied()
            .unwrap_or_default()
    }

    /// Whether its contents may be any of several.
    pub(super) fn is_open(&self) -> bool {
        self.size.is_open() || self.blocks.values().any(Versions::is_open)
    }

    pub(super) fn newest(&self) -> Choice {
        Choice {
            size: self.newest_size(),
            old_blocks: BTreeMap::new(),
        }
    }

    /// Blocks of which an older version may be on the disk.
    fn open_blocks(&self) -> impl Iterator<Item = (usize, &Versions)> {
        self.blocks
            .iter()
            .map(|(block, versions)| (*block, versions))
            .filter(|(_, versions)| versions.is_open())
    }

    fn with_old_blocks(&self, size: usize, is_old: impl Fn(usize) -> bool) -> Choice {
        let old = self.open_blocks().filter(|(block, _)| is_old(*block));
        let old_blocks = old
            .map(|(block, versions)| (block, versions.durable))
            .collect();
        Choice { size, old_blocks }
    }

    pub(super) fn corner(&self, corner: Corner) -> Choice {
        let newest = self.newest_size();
        let last = self.open_blocks().last().map(|(block, _)| block);
        let first = self.open_blocks().next().map(|(block, _)| block);
        match corner {
            Corner::Newest => self.newest(),
            Corner::Oldest => self.with_old_blocks(self.oldest_size(), |_| true),
            Corner::Hole => self.with_old_blocks(newest, |_| true),
            Corner::FirstHalf => {
                let middle = self.oldest_size().midpoint(newest) / self.block_size;
                self.with_old_blocks(
                    (middle * self.block_size).max(self.oldest_size()),
                    |block| block >= middle,
                )
            }
            Corner::AllButLast => self.with_old_blocks(newest, |block| Some(block) == last),
            Corner::AllButFirst => self.with_old_blocks(newest, |block| Some(block) == first),
        }
    }

    pub(super) fn random(&self, rng: &mut Rng) -> Choice {
        let sizes = self.possible_sizes();
        let size = rng.choice(&sizes).copied().unwrap_or_default();
        let mut old_blocks = BTreeMap::new();
        for (block, versions) in self.open_blocks() {
            let version = rng.usize(versions.durable..=versions.newest());
            if version < versions.newest() {
                old_blocks.insert(block, version);
            }
        }
        Choice { size, old_blocks }
    }

    /// Sizes grow by whole writes or by blocks of them.
    fn possible_sizes(&self) -> Vec<usize> {
        let (oldest, newest) = (self.oldest_size(), self.newest_size());
        let written = self
            .sizes
            .get(self.size.durable..)
            .unwrap_or_default()
            .iter()
            .copied();
        let blocks = self
            .blocks_of(oldest, newest)
            .map(|block| block * self.block_size);
        let sizes: BTreeSet<usize> = blocks
            .filter(|size| (oldest..newest).contains(size))
            .chain(written)
            .collect();
        sizes.into_iter().collect()
    }

    /// All possibilities; none if that is more than `limit`.
    pub(super) fn all(&self, limit: usize) -> Option<Vec<Choice>> {
        let mut all = Vec::new();
        for size in self.possible_sizes() {
            let mut found = vec![Choice {
                size,
                old_blocks: BTreeMap::new(),
            }];
            for (block, versions) in self
                .open_blocks()
                .filter(|(block, _)| block * self.block_size < size)
            {
                let newest = found.clone();
                for version in versions.durable..versions.newest() {
                    found.extend(newest.iter().cloned().map(|mut choice| {
                        choice.old_blocks.insert(block, version);
                        choice
                    }));
                    if found.len() + all.len() > limit {
                        return None;
                    }
                }
            }
            all.append(&mut found);
        }
        (all.len() <= limit).then_some(all)
    }

    /// Any of the times that it may have.
    pub(super) fn modified(&self, rng: &mut Rng) -> u64 {
        let version = rng.usize(self.time.durable..=self.time.newest());
        self.times.get(version).copied().unwrap_or_default()
    }

    pub(super) fn render(&self, choice: &Choice) -> Arc<Vec<u8>> {
        if self.writes.is_empty() {
            return Arc::clone(&self.base);
        }
        let mut contents = self.base.to_vec();
        contents.resize(self.newest_size(), 0);
        let mut reached: BTreeMap<usize, usize> = BTreeMap::new();
        for write in &self.writes {
            if let Change::Write { offset, bytes, .. } = &**write {
                self.render_write(choice, &mut reached, (*offset, bytes), &mut contents);
            }
        }
        contents.truncate(choice.size);
        Arc::new(contents)
    }

    /// Does a write to those blocks that are to have it. `reached` has the versions of the blocks so far.
    fn render_write(
        &self,
        choice: &Choice,
        reached: &mut BTreeMap<usize, usize>,
        (offset, bytes): (usize, &[u8]),
        contents: &mut [u8],
    ) {
        let end = offset + bytes.len();
        let mut put = |from: usize, to: usize| {
            if let (Some(place), Some(bytes)) = (
                contents.get_mut(from..to),
                bytes.get(from - offset..to - offset),
            ) {
                place.copy_from_slice(bytes);
            }
        };
        if choice.old_blocks.is_empty() {
            return put(offset, end);
        }
        for block in self.blocks_of(offset, end) {
            let version = reached.entry(block).or_default();
            *version += 1;
            if choice
                .old_blocks
                .get(&block)
                .is_none_or(|chosen| *version <= *chosen)
            {
                put(
                    (block * self.block_size).max(offset),
                    ((block + 1) * self.block_size).min(end),
                );
            }
        }
    }

    /// What is not as it was, in words; none if all is.
    pub(super) fn loss(&self, choice: &Choice) -> Option<String> {
        let in_size = choice
            .old_blocks
            .keys()
            .filter(|block| *block * self.block_size < choice.size);
        let old = in_size.count();
        let newest = self.newest_size();
        (old > 0 || choice.size < newest)
            .then(|| format!("{} of {newest} bytes, old blocks: {old}", choice.size))
    }
}
