//! What stays in memory while much data passes: the peak resident size of a process for each case. And how long it takes
//! to open a large store.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use clap::ValueEnum;
use datastore_flatfs::{Accuracy, FlatfsDatastore, FlatfsOptions};
use datastore_fs::{FsDatastore, FsOptions};
use futures::{StreamExt, TryStreamExt, future, stream};
use interface_datastore::{Datastore, DatastoreExt, Key, Query};

use crate::inputs::{self, Values};
use crate::options::Layout;

/// The most that a process may hold, in units of 1000² bytes.
const LIMIT: f64 = 100.0;
/// The same for a query of blocks in flatfs.
const FLAT_LIMIT: f64 = 64.0;
/// The most milliseconds that opening may take.
const OPEN_LIMIT: f64 = 50.0;
const SMALL: usize = 256;
const BLOCK: usize = 256 * 1024;
/// Bytes of a piece of the long value.
const PIECE: usize = 1 << 20;

/// What one process does.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// Stores many small values.
    FillSmall,
    /// Lists them with their values.
    Query,
    /// Stores one long value from a stream.
    PutLong,
    /// Reads it as a stream.
    GetLong,
    /// Stores many blocks.
    FillBlocks,
    /// Counts what `datastore cp` made of them.
    CountBlocks,
    /// Stores many small values in flatfs.
    FillFlat,
    /// Lists them with their values.
    QueryFlat,
    /// Opens that store without knowing its size, and prints the milliseconds.
    OpenFlat,
}

impl Case {
    fn layout(self) -> Layout {
        match self {
            Self::FillFlat | Self::QueryFlat | Self::OpenFlat => Layout::Flat,
            _ => Layout::Nested,
        }
    }
}

/// One case, in a process of its own.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    #[arg(long)]
    case: Case,
    /// The store's folder.
    #[arg(long)]
    dir: PathBuf,
    /// Values, or pieces of the long one.
    #[arg(long)]
    count: usize,
}

/// Runs one case.
pub(crate) async fn case(args: &Args) -> Result<()> {
    if args.case == Case::OpenFlat {
        return open_flat(&args.dir).await;
    }
    let store = match args.case.layout() {
        Layout::Nested => FsDatastore::open(&args.dir, FsOptions::new())
            .await?
            .handle(),
        Layout::Flat => FlatfsDatastore::open(&args.dir, FlatfsOptions::new())
            .await?
            .handle(),
    };
    let long = Key::new("/long");
    let values = Values::new(PIECE);
    match args.case {
        Case::FillSmall | Case::FillFlat => {
            fill(&store, args.case.layout(), "small", SMALL, args.count).await
        }
        Case::FillBlocks => fill(&store, args.case.layout(), "large", BLOCK, args.count).await,
        Case::Query | Case::QueryFlat => expect(&store, SMALL, args.count).await,
        Case::CountBlocks => expect(&store, BLOCK, args.count).await,
        Case::PutLong => {
            let pieces = (0..args.count).map(move |index| Ok(values.get(index, PIECE)));
            store
                .put_stream(&long, Box::pin(stream::iter(pieces)))
                .await?;
            Ok(())
        }
        Case::GetLong => {
            let body = store.get_stream(&long).await?.body;
            let pieces = (0..args.count).map(|index| values.get(index, PIECE));
            same(body.map_err(Into::into), pieces).await
        }
        Case::OpenFlat => unreachable!("done above"),
    }
}

async fn open_flat(dir: &Path) -> Result<()> {
    std::fs::remove_file(dir.join("diskUsage.cache"))?;
    let start = Instant::now();
    let store = FlatfsDatastore::open(dir, FlatfsOptions::new()).await?;
    let took = start.elapsed();
    ensure!(
        store.usage().1 != Accuracy::Exact,
        "the count had ended before the store was open"
    );
    println!("{}", took.as_secs_f64() * 1e3);
    store.close().await?;
    Ok(())
}

async fn fill(
    store: &Arc<dyn Datastore>,
    layout: Layout,
    kind: &'static str,
    size: usize,
    count: usize,
) -> Result<()> {
    let values = Values::new(size);
    let pairs = (0..count).map(move |index| {
        let key = inputs::key(layout, kind, index);
        (Key::new(key), values.get(index, size))
    });
    let stored = store.put_many(pairs);
    let stored = stored
        .try_fold(0, |stored, _| future::ok(stored + 1))
        .await?;
    ensure!(stored == count, "{stored} of {count} were stored");
    store.close().await?;
    Ok(())
}

async fn expect(store: &Arc<dyn Datastore>, size: usize, count: usize) -> Result<()> {
    let entries = store.query(Query::all());
    let add = |(count, bytes), entry: interface_datastore::Entry| {
        future::ok((count + 1, bytes + entry.into_value().len()))
    };
    let found = entries.try_fold((0, 0), add).await?;
    ensure!(found == (count, count * size), "{found:?} were found");
    Ok(())
}

/// Compares a stream with pieces that may be cut otherwise.
async fn same(
    body: impl futures::Stream<Item = Result<Bytes>>,
    mut wanted: impl Iterator<Item = Bytes>,
) -> Result<()> {
    let mut body = std::pin::pin!(body);
    let mut rest = Bytes::new();
    while let Some(mut piece) = body.next().await.transpose()? {
        while !piece.is_empty() {
            if rest.is_empty() {
                rest = wanted.next().context("the value is too long")?;
            }
            let length = piece.len().min(rest.len());
            let equal = piece.split_to(length) == rest.split_to(length);
            ensure!(equal, "the value is not what was put");
        }
    }
    ensure!(
        rest.is_empty() && wanted.next().is_none(),
        "the value is too short"
    );
    Ok(())
}

/// Runs all cases and prints what each held at most; fails if one held too much.
pub(crate) fn run(work: &Path, scale: f64) -> Result<()> {
    let folder = work.join(format!("memory-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = cases(&folder, scale);
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn cases(folder: &Path, scale: f64) -> Result<()> {
    let scaled = |count: usize| ((count as f64 * scale) as usize).max(1);
    let [small, blocks, copy, long, flat] =
        ["small", "blocks", "copy", "long", "flat"].map(|name| folder.join(name));
    let (keys, pieces, copied) = (scaled(1_000_000), scaled(1024), scaled(8192));
    println!("| what | seconds | peak resident, MB | at most |");
    println!("|---|---|---|---|");
    let mut over = false;
    let mut row = |what: String, command: Command, limit: f64| -> Result<()> {
        let (took, peak) = watch(command)?;
        println!(
            "| {what} | {:.1} | {peak:.1} | {limit} |",
            took.as_secs_f64()
        );
        over |= peak > limit;
        Ok(())
    };
    watch(own(Case::FillSmall, &small, keys)?)?;
    row(
        format!("query of {keys} values of {SMALL} B"),
        own(Case::Query, &small, keys)?,
        LIMIT,
    )?;
    for (what, case) in [("put", Case::PutLong), ("get", Case::GetLong)] {
        row(
            format!("{what} of one value of {pieces} MiB"),
            own(case, &long, pieces)?,
            LIMIT,
        )?;
    }
    match program()? {
        Some(program) => {
            watch(own(Case::FillBlocks, &blocks, copied)?)?;
            let mut command = Command::new(program);
            command.arg("cp");
            command.args([&blocks, &copy].map(|path| format!("fs:{}", path.display())));
            row(
                format!("`datastore cp` of {copied} blocks of {BLOCK} B"),
                command,
                LIMIT,
            )?;
            watch(own(Case::CountBlocks, &copy, copied)?)?;
        }
        None => println!(
            "| `datastore cp` | not measured: build datastore-cli beside this | – | {LIMIT} |"
        ),
    }
    watch(own(Case::FillFlat, &flat, keys)?)?;
    row(
        format!("query of {keys} values of {SMALL} B in flatfs"),
        own(Case::QueryFlat, &flat, keys)?,
        FLAT_LIMIT,
    )?;
    let opened = opening(own(Case::OpenFlat, &flat, keys)?)?;
    println!("\nopening flatfs with {keys} values, uncounted: {opened:.1} ms of {OPEN_LIMIT}");
    ensure!(!over, "a process held more than it may");
    ensure!(opened <= OPEN_LIMIT, "opening took {opened:.1} ms");
    Ok(())
}

/// The milliseconds that a process prints.
fn opening(mut command: Command) -> Result<f64> {
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{command:?} ended badly");
    let printed = String::from_utf8(output.stdout)?;
    printed.trim().parse().context("no number was printed")
}

fn own(case: Case, dir: &Path, count: usize) -> Result<Command> {
    let case = case.to_possible_value().context("a case without a name")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["memory", "--case", case.get_name()]);
    command.args(["--count", &count.to_string()]);
    command.arg("--dir").arg(dir);
    Ok(command)
}

/// The program `datastore`, if it was built where this program was.
fn program() -> Result<Option<PathBuf>> {
    let name = format!("datastore{}", std::env::consts::EXE_SUFFIX);
    Ok(Some(std::env::current_exe()?.with_file_name(name)).filter(|path| path.is_file()))
}

/// Runs a process to its end; gives its time and its peak resident size in MB.
fn watch(mut command: Command) -> Result<(Duration, f64)> {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn()?;
    let mut peak = None;
    let status = loop {
        peak = peak_of(child.id()).or(peak);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok((
        start.elapsed(),
        peak.context("this system does not tell the peak")?,
    ))
}

/// The highest resident size of a process so far, in units of 1000² bytes, as Linux tells it.
pub(crate) fn peak_of(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}
