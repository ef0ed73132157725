//! A medium in memory that fails as told and remembers what was done to it.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use datastore_engine::{BoxFuture, Engine, Result};
use datastore_redb::{RedbEngine, RedbOptions, StorageBackend};
use interface_datastore_tests::{
    Fault, FaultSubject,
    engine::{EngineCrashSubject, EngineSubject},
};

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

/// The file's bytes.
type Image = Vec<u8>;

#[derive(Debug, Default)]
struct Disk {
    image: Image,
    history: Vec<Change>,
    /// The image behind so many changes, the last of which was a sync.
    synced: BTreeMap<usize, Image>,
    armed: Option<(Fault, u64)>,
    struck: bool,
    reads: u64,
}

/// A medium that outlives the engines on it. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Medium(Arc<Mutex<Disk>>);

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

fn apply(image: &mut Image, change: &Change) {
    match change {
        Change::Write(offset, bytes) => {
            let end = place(*offset) + bytes.len();
            if image.len() < end {
                image.resize(end, 0);
            }
            image[place(*offset)..end].copy_from_slice(bytes);
        }
        Change::SetLen(len) => image.resize(place(*len), 0),
        Change::Sync => {}
    }
}

impl Disk {
    fn fails(&mut self, faults: &[Fault]) -> io::Result<()> {
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
            io::Error::other("the medium fails")
        })
    }

    fn done(&mut self, change: Change) {
        apply(&mut self.image, &change);
        self.history.push(change);
        if matches!(self.history.last(), Some(Change::Sync)) {
            self.synced.insert(self.history.len(), self.image.clone());
        }
    }

    /// What a power cut behind the first changes may leave: all that was synced, and any of the others, also in part.
    fn cut(&self, moment: usize, seed: u64) -> Image {
        let mut random = fastrand::Rng::with_seed(seed);
        let (from, mut image) = match self.synced.range(..=moment).next_back() {
            Some((from, image)) => (*from, image.clone()),
            None => (0, Image::new()),
        };
        for change in &self.history[from..moment] {
            match (seed, change) {
                (0, _) => {}
                (1, change) => apply(&mut image, change),
                (_, Change::Write(offset, bytes)) if random.u8(0..4) == 0 => {
                    let torn = random.usize(0..=bytes.len() / 512) * 512;
                    apply(&mut image, &Change::Write(*offset, bytes[..torn].to_vec()));
                }
                (_, change) if random.bool() => apply(&mut image, change),
                _ => {}
            }
        }
        image
    }
}

impl Medium {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    /// What a process that is killed now leaves.
    pub(crate) fn killed(&self) -> Self {
        let image = self.disk().image.clone();
        Self(Arc::new(Mutex::new(Disk {
            image,
            ..Disk::default()
        })))
    }

    /// How often it was read.
    pub(crate) fn reads(&self) -> u64 {
        self.disk().reads
    }

    pub(crate) async fn open(self) -> Result<RedbEngine> {
        RedbOptions::new()
            .cache_bytes(1 << 20)
            .open_with_backend("medium", self)
            .await
    }

    /// A fresh engine on this medium, with all means.
    pub(crate) async fn subject(self) -> EngineSubject {
        let again = self.clone();
        EngineSubject::new(self.clone().open().await.unwrap())
            .with_reopen(move || again.clone().open())
            .with_faults(self.clone())
            .with_power_loss(self)
    }
}

impl StorageBackend for Medium {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk().image.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut disk = self.disk();
        disk.reads += 1;
        disk.fails(&[Fault::ReadError])?;
        let held = disk.image.get(place(offset)..place(offset) + out.len());
        out.copy_from_slice(held.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.disk();
        disk.fails(&[Fault::WriteNoSpace, Fault::WriteError])?;
        disk.done(Change::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.disk();
        disk.fails(&[Fault::SyncError])?;
        disk.done(Change::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.disk();
        disk.fails(&[Fault::WriteNoSpace, Fault::WriteError])?;
        disk.done(Change::Write(offset, data.to_vec()));
        Ok(())
    }
}

impl FaultSubject for Medium {
    fn arm(&self, fault: Fault, nth: u64) -> bool {
        let mut disk = self.disk();
        (disk.armed, disk.struck) = (Some((fault, nth)), false);
        // redb's media take a write whole or not at all.
        fault != Fault::ShortWrite
    }

    fn disarm(&self) -> bool {
        let mut disk = self.disk();
        disk.armed = None;
        disk.struck
    }
}

impl EngineCrashSubject for Medium {
    fn moment(&self) -> u64 {
        self.disk().history.len() as u64
    }

    fn restart(&self, moment: u64, seed: u64) -> BoxFuture<'static, Result<Arc<dyn Engine>>> {
        let image = self.disk().cut(place(moment), seed);
        let left = Self(Arc::new(Mutex::new(Disk {
            image,
            ..Disk::default()
        })));
        Box::pin(async move { Ok(Arc::new(left.open().await?) as Arc<dyn Engine>) })
    }
}
