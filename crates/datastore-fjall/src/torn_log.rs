//! A log whose end was torn by a power cut.
//!
//! What was not synced may reach the disk in any order. If a later part of a batch did and an earlier one did not, fjall finds
//! a batch with a wrong checksum, and refuses to open. Everything in front of that batch is sound, and nothing behind it was
//! ever acknowledged as safe: so the log is cut there, and what is cut off is kept in a file beside it.
//!
//! The format is that of fjall 3: `Start` (1, number of items u32, sequence u64), items (2, type u8, compression u8, keyspace
//! u64, key length u16, value length u32, stored length u32, key, value) or clears (4, keyspace u64), and `End` (3, XXH3 of the
//! items' bytes u64, trailer); little-endian.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use datastore_engine::{Error, Result};
use xxhash_rust::xxh3::Xxh3;

const TRAILER: [u8; 4] = *b"FJL\x03";
/// Type, compression, keyspace, length of the key, of the value, and of the value as stored.
const ITEM_HEADER: usize = 1 + 1 + 8 + 2 + 4 + 4;

/// Cuts the newest log of the database behind its last sound batch; whether anything was cut.
pub(crate) fn mend(folder: &Path) -> Result<bool> {
    let failed = |error: io::Error| Error::io(error).with_path(folder);
    let Some(log) = newest_log(folder).map_err(failed)? else {
        return Ok(false);
    };
    cut(&log).map_err(|error| Error::io(error).with_path(&log))
}

pub(crate) fn newest_log(folder: &Path) -> io::Result<Option<PathBuf>> {
    let mut newest: Option<(u64, PathBuf)> = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_log = path.extension().is_some_and(|is| is == "jnl");
        let number = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .and_then(|stem| stem.parse().ok());
        if let Some(number) = number.filter(|_| is_log) {
            newest = newest.max(Some((number, path)));
        }
    }
    Ok(newest.map(|(_, path)| path))
}

fn cut(log: &Path) -> io::Result<bool> {
    let mut file = OpenOptions::new().read(true).write(true).open(log)?;
    let sound = sound_len(&mut BufReader::new(&file))?;
    if sound >= file.metadata()?.len() {
        return Ok(false);
    }
    file.seek(SeekFrom::Start(sound))?;
    let mut kept = File::create(log.with_extension(format!("torn-at-{sound}")))?;
    io::copy(&mut file, &mut kept)?;
    kept.sync_all()?;
    file.set_len(sound)?;
    file.sync_all()?;
    Ok(true)
}

/// How many bytes at the beginning are whole batches with the right checksums.
fn sound_len(log: &mut impl Read) -> io::Result<u64> {
    let (mut sound, mut read) = (0, 0);
    loop {
        match batch_len(log) {
            Ok(Some(len)) => read += len,
            Ok(None) => return Ok(sound),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(sound),
            Err(error) => return Err(error),
        }
        sound = read;
    }
}

/// The length of the next batch; none if it is not sound.
fn batch_len(log: &mut impl Read) -> io::Result<Option<u64>> {
    let [1, rest @ ..] = array::<13>(log)? else {
        return Ok(None);
    };
    let [a, b, c, d, ..] = rest;
    let mut len = 13;
    let mut sum = Xxh3::new();
    for _ in 0..u32::from_le_bytes([a, b, c, d]) {
        match array::<1>(log)? {
            [2] => match item_len(log, &mut sum)? {
                Some(item) => len += 1 + item,
                None => return Ok(None),
            },
            [4] => {
                sum.update(&[4]);
                sum.update(&array::<8>(log)?);
                len += 9;
            }
            _ => return Ok(None),
        }
    }
    let (end, told, trailer) = (array::<1>(log)?, array::<8>(log)?, array::<4>(log)?);
    let sound = end == [3] && told == sum.digest().to_le_bytes() && trailer == TRAILER;
    Ok(sound.then_some(len + 13))
}

/// The length of an item behind its first byte; none if it is not of a kind that this crate writes.
fn item_len(log: &mut impl Read, sum: &mut Xxh3) -> io::Result<Option<u64>> {
    let header = array::<ITEM_HEADER>(log)?;
    let [
        _,
        compression,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        k0,
        k1,
        _,
        _,
        _,
        _,
        v0,
        v1,
        v2,
        v3,
    ] = header;
    if compression != 0 {
        return Ok(None);
    }
    sum.update(&[2]);
    sum.update(&header);
    let body =
        u64::from(u16::from_le_bytes([k0, k1])) + u64::from(u32::from_le_bytes([v0, v1, v2, v3]));
    let mut left = body;
    let mut buffer = [0; 4096];
    while left > 0 {
        let part = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(part) = buffer.get_mut(..part) else {
            break;
        };
        log.read_exact(part)?;
        sum.update(part);
        left -= part.len() as u64;
    }
    Ok(Some(ITEM_HEADER as u64 + body))
}

fn array<const N: usize>(log: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    log.read_exact(&mut bytes)?;
    Ok(bytes)
}
