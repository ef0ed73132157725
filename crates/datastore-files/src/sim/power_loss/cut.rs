//! The moment of a power cut, and the images it may leave.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use fastrand::Rng;

use super::change::Change;
use super::contents::{Choice, Corner, FileHistory, file_histories};
use super::image::Image;
use super::names::{NameChanges, Selection};
use super::tree::{Ino, NAMELESS, Tree};
use super::{CrashModel, PowerLossFs};

const SECTOR: usize = 512;

/// A moment in the history of a [`PowerLossFs`]: [`PowerLossFs::power_cut`] gives it.
#[derive(Clone)]
pub struct PowerCut {
    base: Tree,
    history: Vec<Arc<Change>>,
    model: CrashModel,
    block_size: usize,
}

/// What a disk may hold after a power cut, and what is missing.
#[derive(Clone)]
pub struct CrashState {
    image: Image,
    missing: Vec<(usize, Arc<Change>)>,
    damaged: Vec<(Ino, String)>,
}

impl PowerCut {
    pub(super) fn new(base: Tree, history: Vec<Arc<Change>>) -> Self {
        Self {
            base,
            history,
            model: CrashModel::Ordered,
            block_size: SECTOR,
        }
    }

    /// Sets what the file system promises; [`CrashModel::Ordered`] at first.
    #[must_use]
    pub fn model(mut self, model: CrashModel) -> Self {
        self.model = model;
        self
    }

    /// Sets the number of bytes that a disk writes wholly or not at all; 512 at first, and 0 is taken for 1.
    #[must_use]
    pub fn block_size(mut self, bytes: usize) -> Self {
        self.block_size = bytes.max(1);
        self
    }

    /// What is there if the power stays on and only the process dies.
    #[must_use]
    pub fn survivor(&self) -> Image {
        let mut tree = self.base.clone();
        for change in &self.history {
            change.apply(&mut tree);
        }
        tree.prune();
        Image { tree }
    }

    /// What the disk may hold: all possibilities if they are at most `max`, each once, times aside. Else `max` of them, those that
    /// programs most often forget first, and then some drawn by `seed`.
    #[must_use]
    pub fn states(&self, seed: u64, max: usize) -> Vec<CrashState> {
        let mut possible = Possible::new(self, seed);
        possible.all(max).unwrap_or_else(|| possible.some(max))
    }
}

/// The possibilities of one cut.
struct Possible {
    names: NameChanges,
    /// The tree without the names that are open, and with the contents of files that are not.
    bare: Tree,
    /// The files whose contents are open, and those of which only the time may be.
    open_files: BTreeMap<Ino, FileHistory>,
    settled_files: BTreeMap<Ino, FileHistory>,
    rng: Rng,
}

/// Distinct states.
struct Found {
    max: usize,
    seen: HashSet<Identity>,
    states: Vec<CrashState>,
}

/// What tells the states of one cut apart: the names, and the contents of the open files that have one.
type Identity = (Vec<(Ino, OsString, Ino)>, Vec<Arc<Vec<u8>>>);

impl Found {
    fn new(max: usize) -> Self {
        Self {
            max,
            seen: HashSet::new(),
            states: Vec::new(),
        }
    }

    fn add(&mut self, state: CrashState, open_files: &BTreeMap<Ino, FileHistory>) {
        let tree = &state.image.tree;
        let contents = open_files
            .keys()
            .filter_map(|ino| tree.contents(*ino).cloned())
            .collect();
        if !self.is_full() && self.seen.insert((tree.names(), contents)) {
            self.states.push(state);
        }
    }

    fn is_full(&self) -> bool {
        self.states.len() >= self.max
    }
}

impl Possible {
    fn new(cut: &PowerCut, seed: u64) -> Self {
        let mut names = NameChanges::new(&cut.history, cut.model);
        let mut bare = cut.base.clone();
        for change in &cut.history {
            if let Change::Create {
                ino, body, time, ..
            } = &**change
            {
                bare.insert(*ino, body.clone(), *time);
            }
        }
        names.settle(&mut bare);
        bare.prune_except(names.inos().chain([NAMELESS]));
        let mut files = file_histories(&cut.base, &cut.history, cut.block_size);
        files.retain(|ino, _| bare.get(*ino).is_some());
        let (open_files, settled_files): (BTreeMap<_, _>, BTreeMap<_, _>) =
            files.into_iter().partition(|(_, file)| file.is_open());
        for (ino, file) in &settled_files {
            bare.set_contents(*ino, file.render(&file.newest()));
        }
        Self {
            names,
            bare,
            open_files,
            settled_files,
            rng: Rng::with_seed(seed),
        }
    }

    /// Every possibility; none if there are more than `max`.
    fn all(&mut self, max: usize) -> Option<Vec<CrashState>> {
        // Different ways may lead to the same state, so there are more ways to look at than states to find.
        let limit = max.saturating_mul(4);
        let mut choices: BTreeMap<Ino, Vec<Choice>> = BTreeMap::new();
        let mut looked_at = 0;
        let mut found = Found::new(max.saturating_add(1));
        for selection in self.names.all(limit)? {
            let tree = self.with_names(&selection);
            let files = self.open_files_in(&tree);
            for ino in &files {
                let Some(file) = self.open_files.get(ino) else {
                    continue;
                };
                if !choices.contains_key(ino) {
                    choices.insert(*ino, file.all(limit)?);
                }
            }
            for combination in combinations(&files, &choices, limit.saturating_sub(looked_at))? {
                looked_at += 1;
                let state = self.finish(tree.clone(), &selection, combination);
                found.add(state, &self.open_files);
            }
        }
        (found.states.len() <= max).then_some(found.states)
    }

    fn some(&mut self, max: usize) -> Vec<CrashState> {
        let mut found = Found::new(max);
        self.add_corners(&mut found);
        for _ in 0..max.saturating_mul(4) {
            if found.is_full() {
                break;
            }
            let selection = self.names.random(&mut self.rng);
            self.add(&mut found, selection, random_contents);
        }
        found.states
    }

    fn add_corners(&mut self, found: &mut Found) {
        let least = self.names.select(|_| false);
        let most = self.names.select(|_| true);
        let corners = [
            (&least, Corner::Oldest),
            (&most, Corner::Oldest),
            (&most, Corner::Newest),
            (&least, Corner::Newest),
            (&most, Corner::Hole),
            (&most, Corner::FirstHalf),
            (&most, Corner::AllButLast),
            (&most, Corner::AllButFirst),
        ];
        for (selection, corner) in corners {
            self.add_corner(found, selection.clone(), corner);
        }
        let open: Vec<usize> = self.names.open().collect();
        for step in open {
            if found.is_full() {
                break;
            }
            self.add_corner(
                found,
                self.names.select(|other| other != step),
                Corner::Newest,
            );
            self.add_corner(found, self.names.only(step), Corner::Oldest);
        }
    }

    fn add_corner(&mut self, found: &mut Found, selection: Selection, corner: Corner) {
        self.add(found, selection, |file, _| file.corner(corner));
    }

    fn add(
        &mut self,
        found: &mut Found,
        selection: Selection,
        choose: impl FnMut(&FileHistory, &mut Rng) -> Choice,
    ) {
        let tree = self.with_names(&selection);
        let contents = self.choose(&tree, choose);
        let state = self.finish(tree, &selection, contents);
        found.add(state, &self.open_files);
    }

    fn with_names(&self, selection: &[bool]) -> Tree {
        let mut tree = self.bare.clone();
        self.names.apply(selection, &mut tree);
        tree.prune();
        tree
    }

    fn open_files_in(&self, tree: &Tree) -> Vec<Ino> {
        self.open_files
            .keys()
            .copied()
            .filter(|ino| tree.get(*ino).is_some())
            .collect()
    }

    fn choose(
        &mut self,
        tree: &Tree,
        mut choice: impl FnMut(&FileHistory, &mut Rng) -> Choice,
    ) -> Vec<(Ino, Choice)> {
        let there = self
            .open_files
            .iter()
            .filter(|(ino, _)| tree.get(**ino).is_some());
        there
            .map(|(ino, file)| (*ino, choice(file, &mut self.rng)))
            .collect()
    }

    fn finish(
        &mut self,
        mut tree: Tree,
        selection: &[bool],
        contents: Vec<(Ino, Choice)>,
    ) -> CrashState {
        let mut damaged = Vec::new();
        for (ino, choice) in contents {
            if let Some(file) = self.open_files.get(&ino) {
                tree.set_contents(ino, file.render(&choice));
                damaged.extend(file.loss(&choice).map(|loss| (ino, loss)));
            }
        }
        for (ino, file) in self.open_files.iter().chain(&self.settled_files) {
            tree.set_modified(*ino, file.modified(&mut self.rng));
        }
        CrashState {
            image: Image { tree },
            missing: self.names.missing(selection),
            damaged,
        }
    }
}

fn random_contents(file: &FileHistory, rng: &mut Rng) -> Choice {
    match rng.u8(0..4) {
        0 => file.corner(Corner::Oldest),
        1 => file.newest(),
        _ => file.random(rng),
    }
}

/// One choice for each file, in all ways; none if there are more than `limit`.
fn combinations(
    files: &[Ino],
    choices: &BTreeMap<Ino, Vec<Choice>>,
    limit: usize,
) -> Option<Vec<Vec<(Ino, Choice)>>> {
    let mut found = vec![Vec::new()];
    for ino in files {
        let of_file = choices.get(ino).map(Vec::as_slice).unwrap_or_default();
        if found
            .len()
            .checked_mul(of_file.len())
            .is_none_or(|count| count > limit)
        {
            return None;
        }
        let extended = |before: &Vec<(Ino, Choice)>| {
            let before = before.clone();
            of_file
                .iter()
                .map(move |choice| [before.as_slice(), &[(*ino, choice.clone())]].concat())
        };
        found = found.iter().flat_map(extended).collect();
    }
    (found.len() <= limit).then_some(found)
}

impl CrashState {
    /// What is on the disk.
    #[must_use]
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The disk, mounted again.
    #[must_use]
    pub fn mount(&self) -> PowerLossFs {
        PowerLossFs::from_image(&self.image)
    }
}

impl fmt::Display for CrashState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.missing.is_empty() && self.damaged.is_empty() {
            return f.write_str("nothing missing");
        }
        for (number, change) in &self.missing {
            writeln!(f, "missing change {number}: {change}")?;
        }
        for (ino, loss) in &self.damaged {
            writeln!(f, "file {ino}: {loss}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for CrashState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}\n{:#?}", self.image)
    }
}

/// The history up to the cut, a line for each change.
impl fmt::Display for PowerCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, change) in self.history.iter().enumerate() {
            writeln!(f, "{number}: {change}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PowerCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
