//! Large stores: what it takes to fill them, to open them behind a kill and behind a close, and to hold them.
//!
//! Each step is a process of its own, so that its peak resident size is told by the system. What fills is killed; the first that
//! opens finds what was acknowledged and closes, the second finds it closed.

mod shape;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use self::shape::Lasting;
pub(crate) use self::shape::Shape;
use crate::memory::peak_of;
use crate::subjects::engines::{Committing, Kind};
use crate::subjects::ours::Ours;
use crate::subjects::raw_fjall::RawFjall;

/// What is filled.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    FjallAsItComes,
    Fjall,
    Redb,
    RedbRelaxed,
    Sled,
    KvFjall,
    KvRedb,
}

impl Store {
    /// How the table names it.
    fn title(self) -> &'static str {
        match self {
            Self::FjallAsItComes => "fjall as it comes, not ours",
            Self::Fjall => "fjall, `Process`",
            Self::Redb => "redb, `Power`",
            Self::RedbRelaxed => "redb, `Volatile`, a sync each 100 batches",
            Self::Sled => "sled, `Process`",
            Self::KvFjall => "`KvDatastore` over fjall, `Process`",
            Self::KvRedb => "`KvDatastore` over redb, `Power`",
        }
    }

    /// So many blocks or keys, one table row for each.
    fn counts(self, shape: Shape) -> &'static [usize] {
        match (shape, self) {
            // Two syncs for each of a million batches would take most of the time of the whole measurement.
            (Shape::Log, Self::Redb) => &[10_000, 100_000],
            (Shape::Log, _) => &[10_000, 1_000_000],
            (Shape::Keys, _) => &[100_000, 1_000_000, 10_000_000],
        }
    }

    /// So many batches until one must be synced; none: each commit is as durable as it shall be.
    fn sync_each(self) -> Option<usize> {
        (self == Self::RedbRelaxed).then_some(100)
    }
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Fills the store, says so, and waits to be killed.
    Fill,
    /// Opens it, reads, and closes it.
    Read,
}

/// One step, in a process of its own.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    #[arg(long)]
    store: Store,
    #[arg(long)]
    shape: Shape,
    #[arg(long)]
    step: Step,
    /// Blocks or keys.
    #[arg(long)]
    count: usize,
    /// The store's folder.
    #[arg(long)]
    dir: PathBuf,
}

/// What a process prints of its step. Times are in seconds.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
struct Outcome {
    opened: f64,
    filled: f64,
    /// For one random get.
    get: f64,
    /// For one entry of a scan.
    scan: f64,
    closed: f64,
    /// The peak resident size in units of 1000² bytes.
    peak: f64,
}

/// Runs one step.
pub(crate) async fn step(args: &Args) -> Result<()> {
    let dir = args.dir.as_path();
    match args.store {
        Store::FjallAsItComes => run_step(args, async || RawFjall::open_as_it_comes(dir)).await,
        Store::Fjall => {
            run_step(args, async || {
                Committing::open(Kind::Fjall, dir, false).await
            })
            .await
        }
        Store::Redb => run_step(args, async || Committing::open(Kind::Redb, dir, true).await).await,
        Store::RedbRelaxed => {
            run_step(args, async || {
                Committing::open(Kind::Redb, dir, false).await
            })
            .await
        }
        Store::Sled => {
            run_step(args, async || {
                Committing::open(Kind::Sled, dir, false).await
            })
            .await
        }
        Store::KvFjall => run_step(args, async || Ours::open("kv-fjall", dir).await).await,
        Store::KvRedb => run_step(args, async || Ours::open("kv-redb-fsync", dir).await).await,
    }
}

async fn run_step<S: Lasting>(args: &Args, open: impl AsyncFn() -> Result<S>) -> Result<()> {
    let mut outcome = Outcome::default();
    let start = Instant::now();
    let store = open().await?;
    outcome.opened = start.elapsed().as_secs_f64();
    match args.step {
        Step::Fill => {
            let start = Instant::now();
            shape::fill(args.shape, &store, args.count, args.store.sync_each()).await?;
            outcome.filled = start.elapsed().as_secs_f64();
        }
        Step::Read => {
            shape::check_last(args.shape, &store, args.count).await?;
            outcome.get = shape::gets(args.shape, &store, args.count).await?;
            outcome.scan = shape::scan(args.shape, &store, args.count).await?;
            let start = Instant::now();
            store.close().await?;
            outcome.closed = start.elapsed().as_secs_f64();
        }
    }
    outcome.peak = peak_of(std::process::id()).unwrap_or(f64::NAN);
    println!("{}", serde_json::to_string(&outcome)?);
    if args.step == Step::Fill {
        // Until the kill.
        std::io::stdin().read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

/// Measures all stores of a shape and prints a table.
pub(crate) fn run(work: &Path, shape: Shape, scale: f64) -> Result<()> {
    let folder = work.join(format!("large-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = table(&folder, shape, scale);
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn table(folder: &Path, shape: Shape, scale: f64) -> Result<()> {
    let stores: &[Store] = match shape {
        Shape::Log => &[
            Store::FjallAsItComes,
            Store::Fjall,
            Store::Redb,
            Store::RedbRelaxed,
            Store::Sled,
        ],
        Shape::Keys => &[Store::KvFjall],
    };
    println!(
        "| store | {} | µs for each | peak MB, filling | open behind a kill, ms | open behind a close, ms | get, µs | \
         scan, µs an entry | peak MB, reading | close, ms | MB on disk |",
        shape.unit()
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for store in stores {
        for count in store.counts(shape) {
            let count = ((*count as f64 * scale) as usize).max(1000);
            row(
                &folder.join(format!("{store:?}-{count}")),
                *store,
                shape,
                count,
            )?;
        }
    }
    Ok(())
}

fn row(dir: &Path, store: Store, shape: Shape, count: usize) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let step = |step| outcome_of(dir, store, shape, step, count);
    let filled = step(Step::Fill)?;
    let killed = step(Step::Read)?;
    let closed = step(Step::Read)?;
    println!(
        "| {} | {count} | {:.2} | {:.0} | {:.1} | {:.1} | {:.2} | {:.2} | {:.0} | {:.1} | {:.0} |",
        store.title(),
        filled.filled * 1e6 / count as f64,
        filled.peak,
        killed.opened * 1e3,
        closed.opened * 1e3,
        closed.get * 1e6,
        closed.scan * 1e6,
        closed.peak,
        killed.closed * 1e3,
        size_of(dir)? as f64 / 1e6,
    );
    // One large store at a time is enough for the disk.
    Ok(std::fs::remove_dir_all(dir)?)
}

/// Runs a step and reads what it prints; it is killed then, if it has not ended.
fn outcome_of(dir: &Path, store: Store, shape: Shape, step: Step, count: usize) -> Result<Outcome> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("large");
    for (flag, value) in [
        ("--store", store.to_possible_value()),
        ("--shape", shape.to_possible_value()),
        ("--step", step.to_possible_value()),
    ] {
        let value = value.context("a value without a name")?;
        command.args([flag, value.get_name()]);
    }
    command.args(["--count", &count.to_string()]);
    command.arg("--dir").arg(dir);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let printed = child.stdout.take().context("a child without output")?;
    let mut line = String::new();
    BufReader::new(printed).read_line(&mut line)?;
    if step == Step::Fill {
        child.kill()?;
    }
    let status = child.wait()?;
    ensure!(
        step == Step::Fill || status.success(),
        "{command:?} ended with {status}"
    );
    serde_json::from_str(&line).with_context(|| format!("{command:?} printed `{line}`"))
}

/// What all files in a folder take.
fn size_of(folder: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        size += match entry.file_type()?.is_dir() {
            true => size_of(&entry.path())?,
            false => allocated(&entry.metadata()?),
        };
    }
    Ok(size)
}

/// fjall reserves room for its log without using it.
#[cfg(unix)]
fn allocated(metadata: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.blocks() * 512
}

#[cfg(not(unix))]
fn allocated(metadata: &std::fs::Metadata) -> u64 {
    metadata.len()
}
