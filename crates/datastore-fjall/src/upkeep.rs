//! What may take long: flushing, compacting, checking, measuring.

use std::{
    fs::{self, OpenOptions},
    io,
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

use datastore_engine::{CheckReport, Error, ErrorKind, Result, implement::Handle};
use fjall::PersistMode;

use crate::{
    commit::persist,
    engine::Opened,
    error::{LOCK, translate},
    read::count,
    torn_log::newest_log,
};

/// How often is looked whether a flush has ended.
const PAUSE: Duration = Duration::from_millis(1);

/// Writes what is in memory as tables.
fn flush(handle: &Handle<Opened>, opened: &Opened) -> Result<()> {
    rotate(handle, opened)?;
    wait_until(handle, opened, || {
        opened.entries.sealed_memtable_count() == 0
    })
}

/// Waits until no more than `max` bytes are in memory that are in no table.
pub(crate) fn drain(handle: &Handle<Opened>, opened: &Opened, max: u64) -> Result<()> {
    // Nobody else asks for it while all who commit wait.
    rotate(handle, opened)?;
    wait_until(handle, opened, || {
        opened.database.write_buffer_size() <= max
    })
}

fn rotate(handle: &Handle<Opened>, opened: &Opened) -> Result<()> {
    let rotated = opened.entries.rotate_memtable();
    rotated
        .map(drop)
        .map_err(|error| translate(handle.path(), error))
}

fn wait_until(handle: &Handle<Opened>, opened: &Opened, done: impl Fn() -> bool) -> Result<()> {
    while !done() {
        // Fails once a thread of fjall's has failed, and then nobody would ever end this.
        let alive = opened.database.persist(PersistMode::Buffer);
        alive.map_err(|error| translate(handle.path(), error))?;
        thread::sleep(PAUSE);
    }
    Ok(())
}

pub(crate) fn compact(handle: &Handle<Opened>) -> Result<()> {
    handle.with(|opened| {
        flush(handle, opened)?;
        opened
            .entries
            .major_compact()
            .map_err(|error| translate(handle.path(), error))
    })
}

pub(crate) fn check(handle: &Arc<Handle<Opened>>) -> Result<CheckReport> {
    let (entries, error) = count(handle);
    let mut report = CheckReport::sound(entries);
    match error {
        Some(error) if error.kind() == ErrorKind::Damaged => report.damage.push(error.to_string()),
        Some(error) => return Err(error),
        None => {}
    }
    Ok(report)
}

/// What the files take, as the file system counts it: fjall reserves 64 MiB for a log without using them.
pub(crate) fn size(handle: &Handle<Opened>) -> Result<u64> {
    handle.with(|_| {
        size_of_folder(handle.path()).map_err(|error| Error::io(error).with_path(handle.path()))
    })
}

fn size_of_folder(folder: &Path) -> io::Result<u64> {
    let (mut sum, mut folders) = (0, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => sum += allocated(&metadata),
                // Compacted away meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(sum)
}

#[cfg(unix)]
fn allocated(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.blocks() * 512
}

#[cfg(not(unix))]
fn allocated(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}

pub(crate) fn close(handle: &Handle<Opened>) -> Result<()> {
    handle.close(|opened| {
        persist(handle, &opened, PersistMode::SyncAll)?;
        flush(handle, &opened)?;
        let alone = opened.database.keyspace_count() == 1;
        drop(opened);
        if alone {
            empty_log(handle.path()).map_err(|error| Error::io(error).with_path(handle.path()))?;
        }
        Ok(())
    })
}

/// Everything is in tables: what the log still holds would be read at the next opening, and left aside.
fn empty_log(folder: &Path) -> io::Result<()> {
    let lock = OpenOptions::new()
        .read(true)
        .write(true)
        .open(folder.join(LOCK))?;
    // Whoever took the lock meanwhile goes on with that log.
    if lock.try_lock().is_err() {
        return Ok(());
    }
    if let Some(log) = newest_log(folder)? {
        let log = OpenOptions::new().write(true).open(log)?;
        log.set_len(0)?;
        log.sync_all()?;
    }
    lock.unlock()
}
