//! Files that were changed behind the engine's back: errors, no panics, no entries that nobody stored.

use std::{
    fs,
    path::{Path, PathBuf},
};

use datastore_engine::{Batch, CommitOptions, Engine, Error, ErrorKind, RangeDelete, Result, Scan};
use fastrand::Rng;
use futures_util::TryStreamExt;

use super::{EnginePlace, below, files_below};
use crate::{
    Failure, Outcome, Verdict, effort::runs, engine::cases::support::PROVEN, failure::ensure,
};

const ROUNDS: u32 = 6;
const KEYS: u32 = 200;
const VALUE_LEN: usize = 300;
/// Longer files were made long in advance: of those what is used is kept.
const KEPT: usize = 8 << 20;

/// A database's files with their paths in it.
type Files = Vec<(PathBuf, Vec<u8>)>;

fn files_of(root: &Path) -> Outcome<Files> {
    let mut files = Vec::new();
    for name in files_below(root)? {
        let mut bytes = fs::read(below(root, &name))?;
        if bytes.len() > KEPT {
            let used = bytes.iter().rposition(|byte| *byte != 0);
            bytes.truncate(used.map_or(0, |at| at + 1));
        }
        files.push((name, bytes));
    }
    Ok(files)
}

/// A sound database as a kill leaves it, and as a close does.
async fn sound(place: &EnginePlace) -> Outcome<[Files; 2]> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("database");
    let engine = place.open(&path, true).await?;
    for round in 0..ROUNDS {
        let mut batch = Batch::new();
        for n in 0..KEYS {
            let value = [u8::try_from(round).unwrap_or_default(); VALUE_LEN];
            batch.put(&(n * 7 + round).to_be_bytes(), &value);
        }
        engine.commit(&batch, CommitOptions::default()).await?;
        if round == ROUNDS / 2 && engine.capabilities().compact {
            engine.compact().await?;
        }
    }
    let killed = files_of(&path)?;
    engine.close().await?;
    Ok([killed, files_of(&path)?])
}

/// Opens the database and uses it in every way; the first error of the engine, if any.
async fn first_error(place: &EnginePlace, files: &Files) -> Outcome<Option<Error>> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("database");
    for (name, bytes) in files {
        let path = below(&root, name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, bytes)?;
    }
    let engine = match place.open(&root, false).await {
        Ok(engine) => engine,
        Err(error) => return Ok(Some(error)),
    };
    let entries = engine.scan(Scan::all()).try_collect::<Vec<_>>().await;
    if let Ok(entries) = &entries {
        let stored = |entry: &datastore_engine::Entry| {
            entry.key.len() == 4
                && entry.value.len() == VALUE_LEN
                && entry.value.iter().all(|byte| u32::from(*byte) < ROUNDS)
        };
        ensure!(
            !place.checks_reads || entries.iter().all(stored),
            "an entry that nobody stored"
        );
        ensure!(
            entries.len() as u64 <= u64::from(ROUNDS * KEYS),
            "more entries than were stored"
        );
    }
    let used = match entries {
        Ok(_) => use_all(&*engine).await,
        Err(error) => Err(error),
    };
    let closed = engine.close().await;
    Ok(used.and(closed).err())
}

async fn use_all(engine: &dyn Engine) -> Result<()> {
    engine.get(&7_u32.to_be_bytes()).await?;
    let mut batch = Batch::new();
    batch.put(b"new", &[0; 5000]);
    if engine.capabilities().range_delete != RangeDelete::Refused {
        batch.delete_range(&100_u32.to_be_bytes(), Some(&200_u32.to_be_bytes()));
    }
    engine.commit(&batch, CommitOptions::default()).await?;
    if engine.capabilities().check {
        engine.check().await?;
    }
    Ok(())
}

/// Changes a file, or takes it away; says what was done.
fn damage(files: &mut Files, random: &mut Rng) -> String {
    let at = random.usize(0..files.len());
    let folder = files.len() > 1;
    let Some((name, bytes)) = files.get_mut(at) else {
        return String::new();
    };
    let name = name.display().to_string();
    match random.u8(0..5) {
        0 => bytes.truncate(random.usize(0..=bytes.len())),
        1 => {
            let start = random.usize(0..=bytes.len());
            let end = (start + 4096).min(bytes.len());
            if let Some(page) = bytes.get_mut(start..end) {
                page.fill(random.u8(..));
            }
        }
        2 if folder => drop(files.remove(at)),
        _ => {
            for _ in 0..random.usize(1..20) {
                let at = random.usize(0..bytes.len().max(1));
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.u8(0..8);
                }
            }
        }
    }
    name
}

pub(super) async fn damaged(place: &EnginePlace) -> Outcome<Verdict> {
    let sound = sound(place).await?;
    for files in &sound {
        if let Some(error) = first_error(place, files).await? {
            return Err(Failure::from(error).during("a copy that nobody changed"));
        }
    }
    let mut random = Rng::with_seed(5);
    for round in 0..runs(400) {
        let Some(mut files) = random.choice(&sound).cloned() else {
            break;
        };
        let name = damage(&mut files, &mut random);
        let during =
            |failure: Failure| failure.during(format_args!("round {round}, file {name:?}"));
        let Some(error) = first_error(place, &files).await.map_err(during)? else {
            continue;
        };
        let known = matches!(
            error.kind(),
            ErrorKind::Damaged | ErrorKind::Foreign | ErrorKind::SyncFailed | ErrorKind::Failed
        );
        ensure!(
            known && error.path().is_some() && error.remedy().is_some(),
            "round {round}, file {name:?}: the error has another kind, or lacks path or remedy: {error:?}"
        );
    }
    PROVEN
}
