//! A file in memory that fails as told and loses power, for engines that take their medium as one file.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Fault, FaultSubject};

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    SetLen(usize),
    Sync,
}

/// The file's bytes.
type Image = Vec<u8>;

#[derive(Debug, Default)]
struct State {
    image: Image,
    history: Vec<Change>,
    /// The image behind so many changes, the last of which was a sync.
    synced: BTreeMap<usize, Image>,
    armed: Option<(Fault, u64)>,
    struck: bool,
    reads: u64,
}

/// A file in memory that fails as [`FaultSubject`] tells it, and remembers what was done to it, so that its power can be cut. It
/// outlives the engines on it; clones share it.
#[derive(Debug, Clone, Default)]
pub struct SimulatedFile(Arc<Mutex<State>>);

/// No simulated file is longer than memory.
fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn apply(image: &mut Image, change: &Change) {
    match change {
        Change::Write(start, bytes) => {
            let end = start + bytes.len();
            if image.len() < end {
                image.resize(end, 0);
            }
            if let Some(room) = image.get_mut(*start..end) {
                room.copy_from_slice(bytes);
            }
        }
        Change::SetLen(len) => image.resize(*len, 0),
        Change::Sync => {}
    }
}

impl State {
    fn strike(&mut self, faults: &[Fault]) -> io::Result<()> {
        let Some((fault, left)) = self
            .armed
            .as_mut()
            .filter(|(fault, _)| faults.contains(fault))
        else {
            return Ok(());
        };
        *left -= 1;
        if *left > 0 {
            return Ok(());
        }
        let no_space = *fault == Fault::WriteNoSpace;
        (self.armed, self.struck) = (None, true);
        Err(if no_space {
            io::ErrorKind::StorageFull.into()
        } else {
            io::Error::other("the simulated file fails")
        })
    }

    fn done(&mut self, change: Change) {
        apply(&mut self.image, &change);
        self.history.push(change);
        if matches!(self.history.last(), Some(Change::Sync)) {
            self.synced.insert(self.history.len(), self.image.clone());
        }
    }

    fn cut(&self, moment: usize, seed: u64) -> Image {
        let mut random = fastrand::Rng::with_seed(seed);
        let (from, mut image) = match self.synced.range(..=moment).next_back() {
            Some((from, image)) => (*from, image.clone()),
            None => (0, Image::new()),
        };
        let unsynced = self.history.get(from..moment).unwrap_or_default();
        for change in unsynced {
            match (seed, change) {
                (0, _) => {}
                (1, change) => apply(&mut image, change),
                (_, Change::Write(offset, bytes)) if random.u8(0..4) == 0 => {
                    let torn = random.usize(0..=bytes.len() / 512) * 512;
                    let kept = bytes.get(..torn).unwrap_or_default();
                    apply(&mut image, &Change::Write(*offset, kept.to_vec()));
                }
                (_, change) if random.bool() => apply(&mut image, change),
                _ => {}
            }
        }
        image
    }
}

impl SimulatedFile {
    /// An empty file.
    pub fn new() -> Self {
        Self::default()
    }

    fn holding(image: Image) -> Self {
        Self(Arc::new(Mutex::new(State {
            image,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file as a process leaves it that is killed now: another one, without a past.
    #[must_use]
    pub fn killed(&self) -> Self {
        Self::holding(self.state().image.clone())
    }

    /// The file as a power cut behind the first `moment` changes may leave it, chosen by `seed` as
    /// [`CrashSubject`](crate::CrashSubject) tells: all that was synced, and any of the other changes, also in part. Another one,
    /// without a past.
    #[must_use]
    pub fn cut(&self, moment: u64, seed: u64) -> Self {
        let state = self.state();
        let moment = usize::try_from(moment).unwrap_or(usize::MAX);
        Self::holding(state.cut(moment.min(state.history.len()), seed))
    }

    /// How many changes there were.
    pub fn moment(&self) -> u64 {
        self.state().history.len() as u64
    }

    /// How often it was read.
    pub fn reads(&self) -> u64 {
        self.state().reads
    }

    /// Its length in bytes.
    pub fn byte_len(&self) -> u64 {
        self.state().image.len() as u64
    }

    /// Fills `out` with the bytes from `offset` on.
    ///
    /// # Errors
    /// The fault that was armed; `UnexpectedEof` beyond the end.
    pub fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        state.reads += 1;
        state.strike(&[Fault::ReadError])?;
        let start = place(offset)?;
        let held = state
            .image
            .get(start..)
            .and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(held.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    /// Cuts it, or fills it up with zeros.
    ///
    /// # Errors
    /// The fault that was armed.
    pub fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.strike(&[Fault::WriteNoSpace, Fault::WriteError])?;
        state.done(Change::SetLen(place(len)?));
        Ok(())
    }

    /// Writes bytes at `offset`, all or none.
    ///
    /// # Errors
    /// The fault that was armed.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.strike(&[Fault::WriteNoSpace, Fault::WriteError])?;
        state.done(Change::Write(place(offset)?, bytes.to_vec()));
        Ok(())
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    /// The fault that was armed.
    pub fn sync(&self) -> io::Result<()> {
        let mut state = self.state();
        state.strike(&[Fault::SyncError])?;
        state.done(Change::Sync);
        Ok(())
    }
}

/// It takes a write whole or not at all, and has no names: it knows faults of writing, syncing and reading.
impl FaultSubject for SimulatedFile {
    fn arm(&self, fault: Fault, nth: u64) -> bool {
        let mut state = self.state();
        (state.armed, state.struck) = (Some((fault, nth)), false);
        matches!(
            fault,
            Fault::WriteNoSpace | Fault::WriteError | Fault::SyncError | Fault::ReadError
        )
    }

    fn disarm(&self) -> bool {
        let mut state = self.state();
        state.armed = None;
        state.struck
    }
}
