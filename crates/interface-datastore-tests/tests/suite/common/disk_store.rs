//! A store on a simulated disk that fails and loses power as told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use interface_datastore::{
    BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Condition, Datastore, DeleteOptions,
    Durability, Entry, Error, ErrorKind, GetOptions, Key, Operation, PutOptions, Query,
    QueryOptions, Result, SyncOptions, Want, Written, query::evaluate,
};
use interface_datastore_tests::{CrashSubject, Fault, FaultSubject, Subject};

/// What the store does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DiskFlaw {
    None,
    /// `Ordered` publishes before the bytes are synced.
    PublishesUnsynced,
    /// `Power` does not sync the name.
    NameUnsynced,
    /// Errors of the disk are not told.
    SwallowsErrors,
    /// A file is written in place.
    WritesInPlace,
    /// What a short write left out is not written.
    TrustsLengths,
    /// A read that fails is told as "not found".
    ErrorsAreAbsence,
    /// A second sync after a failed one succeeds.
    ForgetsFailedSyncs,
    /// After an error the store answers no more.
    DiesOnErrors,
}

impl DiskFlaw {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::None,
        Self::PublishesUnsynced,
        Self::NameUnsynced,
        Self::SwallowsErrors,
        Self::WritesInPlace,
        Self::TrustsLengths,
        Self::ErrorsAreAbsence,
        Self::ForgetsFailedSyncs,
        Self::DiesOnErrors,
    ];
}

type File = u64;

/// What was done to the disk.
#[derive(Debug, Clone)]
enum Change {
    Write(File, Bytes),
    SyncFile(File),
    Link(Key, File),
    Unlink(Key),
    SyncNames,
}

#[derive(Debug, Default)]
struct Disk {
    names: BTreeMap<Key, File>,
    files: BTreeMap<File, Bytes>,
    history: Vec<Change>,
    last_file: File,
    armed: Option<(Fault, u64)>,
    struck: bool,
    /// Files whose sync has failed since they were written.
    lost: Vec<File>,
    dead: bool,
}

impl Disk {
    /// Whether this call of the disk fails.
    fn fails(&mut self, faults: &[Fault]) -> Option<Fault> {
        let (fault, left) = self
            .armed
            .as_mut()
            .filter(|(fault, _)| faults.contains(fault))?;
        *left -= 1;
        if *left > 0 {
            return None;
        }
        let fault = *fault;
        self.armed = None;
        self.struck = true;
        Some(fault)
    }

    fn done(&mut self, change: Change) {
        match &change {
            Change::Write(file, bytes) => drop(self.files.insert(*file, bytes.clone())),
            Change::Link(key, file) => drop(self.names.insert(key.clone(), *file)),
            Change::Unlink(key) => drop(self.names.remove(key)),
            Change::SyncFile(_) | Change::SyncNames => {}
        }
        self.history.push(change);
    }

    /// The disk as a power cut after the first changes may leave it.
    fn cut(&self, moment: usize, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut survives = || match seed {
            0 => false,
            1 => true,
            _ => random.bool(),
        };
        let history = &self.history[..moment];
        let mut left = Self::default();
        let mut waiting: Vec<&Change> = Vec::new();
        for (at, change) in history.iter().enumerate() {
            match change {
                Change::Write(file, bytes) => {
                    let synced = history[at..]
                        .iter()
                        .any(|later| matches!(later, Change::SyncFile(same) if same == file));
                    let whole = synced || survives();
                    left.files.insert(
                        *file,
                        if whole {
                            bytes.clone()
                        } else {
                            bytes.slice(..bytes.len() / 2)
                        },
                    );
                }
                Change::SyncFile(_) => {}
                Change::Link(..) | Change::Unlink(_) => waiting.push(change),
                Change::SyncNames => waiting.drain(..).for_each(|change| left.rename(change)),
            }
        }
        waiting
            .into_iter()
            .filter(|_| survives())
            .for_each(|change| left.rename(change));
        left.last_file = self.last_file;
        left
    }

    fn rename(&mut self, change: &Change) {
        match change {
            Change::Link(key, file) => drop(self.names.insert(key.clone(), *file)),
            Change::Unlink(key) => drop(self.names.remove(key)),
            _ => {}
        }
    }
}

#[derive(Debug, Clone)]
pub struct DiskStore {
    disk: Arc<Mutex<Disk>>,
    flaw: DiskFlaw,
}

fn failed(kind: ErrorKind, operation: Operation, key: Option<&Key>) -> Error {
    Error::new(kind, operation)
        .with_key_opt(key)
        .with_detail("the simulated disk fails")
}

impl DiskStore {
    pub fn subject(flaw: DiskFlaw) -> Subject {
        let store = Self {
            disk: Arc::default(),
            flaw,
        };
        let again = store.clone();
        Subject::new(store.clone())
            .with_reopen(move || {
                let again = again.clone();
                async move { Ok(again) }
            })
            .with_faults(store.clone())
            .with_power_loss(store)
    }

    fn disk(&self) -> Result<MutexGuard<'_, Disk>> {
        let disk = self.disk.lock().unwrap();
        if disk.dead {
            return Err(failed(ErrorKind::Failed, Operation::Get, None));
        }
        Ok(disk)
    }

    /// An error of the disk as this store tells it.
    fn fail(&self, disk: &mut Disk, error: Error) -> Result<()> {
        match self.flaw {
            DiskFlaw::SwallowsErrors => Ok(()),
            DiskFlaw::DiesOnErrors => {
                disk.dead = true;
                Err(error)
            }
            _ => Err(error),
        }
    }

    fn write(&self, key: &Key, value: Bytes, level: Durability) -> Result<()> {
        let mut disk = self.disk()?;
        let disk = &mut *disk;
        let error = |kind| failed(kind, Operation::Put, Some(key));
        if disk.fails(&[Fault::OpenLimit]).is_some() {
            return self.fail(disk, error(ErrorKind::Failed));
        }
        let in_place = disk
            .names
            .get(key)
            .copied()
            .filter(|_| self.flaw == DiskFlaw::WritesInPlace);
        disk.last_file += 1;
        let file = in_place.unwrap_or(disk.last_file);
        let mut written = BytesMut::new();
        for piece in value.chunks(16_384) {
            match disk.fails(&[Fault::WriteError, Fault::WriteNoSpace, Fault::ShortWrite]) {
                None => written.extend_from_slice(piece),
                Some(Fault::ShortWrite) if self.flaw != DiskFlaw::TrustsLengths => {
                    written.extend_from_slice(piece);
                }
                Some(Fault::ShortWrite) => written.extend_from_slice(&piece[..piece.len() / 2]),
                Some(fault) => {
                    if in_place.is_some() {
                        disk.done(Change::Write(file, written.clone().freeze()));
                    }
                    let full = fault == Fault::WriteNoSpace;
                    return self.fail(
                        disk,
                        error(if full {
                            ErrorKind::NoSpace
                        } else {
                            ErrorKind::Failed
                        }),
                    );
                }
            }
        }
        disk.done(Change::Write(file, written.freeze()));
        if level >= Durability::Ordered && self.flaw != DiskFlaw::PublishesUnsynced {
            self.sync_file(disk, file, key)?;
        }
        if disk.fails(&[Fault::PublishError]).is_some() {
            return self.fail(disk, error(ErrorKind::Failed));
        }
        disk.done(Change::Link(key.clone(), file));
        if level >= Durability::Power && self.flaw != DiskFlaw::NameUnsynced {
            self.sync_names(disk, Operation::Put)?;
        }
        Ok(())
    }

    fn sync_file(&self, disk: &mut Disk, file: File, key: &Key) -> Result<()> {
        if disk.fails(&[Fault::SyncError]).is_some() {
            disk.lost.push(file);
            let error = failed(ErrorKind::SyncFailed, Operation::Put, Some(key));
            return self.fail(disk, error);
        }
        disk.done(Change::SyncFile(file));
        Ok(())
    }

    fn sync_names(&self, disk: &mut Disk, operation: Operation) -> Result<()> {
        if disk.fails(&[Fault::SyncError]).is_some() {
            let all: Vec<File> = disk.names.values().copied().collect();
            disk.lost.extend(all);
            return self.fail(disk, failed(ErrorKind::SyncFailed, operation, None));
        }
        disk.done(Change::SyncNames);
        Ok(())
    }

    fn read(&self, key: &Key, operation: Operation) -> Result<Bytes> {
        let mut disk = self.disk()?;
        let disk = &mut *disk;
        let Some(file) = disk.names.get(key).copied() else {
            return Err(Error::not_found(operation, key));
        };
        if disk.fails(&[Fault::ReadError, Fault::OpenLimit]).is_some() {
            let kind = match self.flaw {
                DiskFlaw::ErrorsAreAbsence => ErrorKind::NotFound,
                _ => ErrorKind::Failed,
            };
            let _ = self.fail(disk, failed(kind, operation, Some(key)));
            return Err(failed(kind, operation, Some(key)));
        }
        Ok(disk.files.get(&file).cloned().unwrap_or_default())
    }

    fn remove(&self, key: &Key, level: Durability) -> Result<()> {
        let mut disk = self.disk()?;
        let disk = &mut *disk;
        if !disk.names.contains_key(key) {
            return Ok(());
        }
        if disk.fails(&[Fault::RemoveError]).is_some() {
            return self.fail(
                disk,
                failed(ErrorKind::Failed, Operation::Delete, Some(key)),
            );
        }
        disk.done(Change::Unlink(key.clone()));
        if level >= Durability::Power && self.flaw != DiskFlaw::NameUnsynced {
            self.sync_names(disk, Operation::Delete)?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<Durability> {
        let mut disk = self.disk()?;
        let disk = &mut *disk;
        let held: Vec<(Key, File)> = disk
            .names
            .iter()
            .map(|(key, file)| (key.clone(), *file))
            .collect();
        let lost = held.iter().any(|(_, file)| disk.lost.contains(file));
        if lost && self.flaw != DiskFlaw::ForgetsFailedSyncs {
            return Err(failed(ErrorKind::SyncFailed, Operation::Sync, None));
        }
        for (key, file) in held {
            self.sync_file(disk, file, &key)?;
        }
        self.sync_names(disk, Operation::Sync)?;
        Ok(Durability::Power)
    }
}

impl FaultSubject for DiskStore {
    fn arm(&self, fault: Fault, nth: u64) -> bool {
        let mut disk = self.disk.lock().unwrap();
        (disk.armed, disk.struck) = (Some((fault, nth)), false);
        true
    }

    fn disarm(&self) -> bool {
        let mut disk = self.disk.lock().unwrap();
        disk.armed = None;
        disk.struck
    }
}

impl CrashSubject for DiskStore {
    fn moment(&self) -> u64 {
        self.disk.lock().unwrap().history.len() as u64
    }

    fn restart(&self, moment: u64, seed: u64) -> BoxFuture<'static, Result<Arc<dyn Datastore>>> {
        let disk = self.disk.lock().unwrap().cut(moment as usize, seed);
        let store = Self {
            disk: Arc::new(Mutex::new(disk)),
            flaw: self.flaw,
        };
        Box::pin(async { Ok(Arc::new(store) as Arc<dyn Datastore>) })
    }
}

impl Datastore for DiskStore {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, _prefix: &Key) -> Capabilities {
        let mut can = Capabilities::none();
        (can.writable, can.retains, can.persistent) = (Claim::Yes, Claim::Yes, Claim::Yes);
        (can.linearizable, can.dropped_writes_settle, can.key_order) =
            (Claim::Yes, Claim::Yes, Claim::Yes);
        can.default_durability = Durability::Process;
        can.max_durability = Durability::Power;
        can
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            assert_eq!(options.condition, Condition::None);
            let level = self
                .capabilities(key)
                .durability(Operation::Put, options.durability)?;
            self.write(key, value, level)?;
            Ok(Written::default())
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            let value = self.read(key, options.operation())?;
            Ok(match options.want {
                Want::Value => Entry::of_value(key.clone(), value),
                _ => Entry::of_size(key.clone(), value.len() as u64),
            })
        })
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let level = self
                .capabilities(key)
                .durability(Operation::Delete, options.durability)?;
            self.remove(key, level)
        })
    }

    fn query_opts(
        &self,
        query: Query,
        _options: QueryOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        let keys: Vec<Key> = self.disk.lock().unwrap().names.keys().cloned().collect();
        let entries = keys.into_iter().map(|key| {
            let value = self.read(&key, Operation::Query)?;
            Ok(Entry::of_value(key, value))
        });
        evaluate(Box::pin(stream::iter(entries.collect::<Vec<_>>())), query)
    }

    fn sync_opts<'a>(
        &'a self,
        _scope: &'a Key,
        _options: SyncOptions,
    ) -> BoxFuture<'a, Result<Durability>> {
        Box::pin(async { self.sync() })
    }

    fn close_opts(&self, _options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
