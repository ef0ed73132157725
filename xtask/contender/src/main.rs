//! Measures our stores, their peers and the raw limit by the same workloads: `cargo xtask contender --help`.
//!
//! Without a subcommand it is a contender of the harness: one backend, some workloads, a JSON line for each.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program's output goes to its terminal"
)]

mod bench;
mod inputs;
mod large;
mod layers;
mod line;
mod memory;
mod options;
mod subject;
mod subjects;
mod workload;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;

use crate::options::Options;
use crate::subject::Subject;
use crate::subjects::engines::{self, Committing};
use crate::subjects::files::Files;
use crate::subjects::maps::Locked;
use crate::subjects::objects::Objects;
use crate::subjects::ours::{self, Ours};
use crate::subjects::raw_fjall::RawFjall;
use crate::subjects::raw_redb::RawRedb;
use crate::subjects::raw_sled::RawSled;
use crate::workload::Workloads;

#[derive(Parser)]
#[command(name = "contender", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    mode: Option<Mode>,
}

#[derive(clap::Subcommand)]
enum Mode {
    /// Measure all contenders in turns and print one Markdown table.
    Bench(bench::Args),
    /// Run one case of `bench --memory`.
    Memory(memory::Args),
    /// Run one step of `bench --log` or `bench --keys`.
    Large(large::Args),
}

/// The backends that are not ours.
const OTHERS: &[&str] = &[
    "layers",
    "layers-working",
    "limit-btreemap",
    "limit-hashmap",
    "limit-flatfs",
    "limit-flatfs-fsync",
    "limit-fs",
    "limit-fs-fsync",
    "object_store-mem",
    "object_store-fs",
    "object_store-fs-fsync",
    "raw-fjall",
    "raw-fjall-fsync",
    "raw-redb",
    "raw-redb-fsync",
    "raw-sled",
    "engine-ENGINE",
    "engine-ENGINE-fsync",
    "kv-ENGINE",
    "kv-ENGINE-fsync",
];

async fn contend(options: &Options) -> Result<()> {
    if let Some((kind, synced)) = engines::Kind::of(&options.backend, "engine-") {
        let open = async |folder: PathBuf| Committing::open(kind, &folder, synced).await;
        return over(options, open).await;
    }
    let synced = options.backend.ends_with("-fsync");
    match options.backend.as_str() {
        "layers" => layers::run(options, layers::Kind::Passing).await,
        "layers-working" => layers::run(options, layers::Kind::Working).await,
        "limit-btreemap" => over(options, async |_| Ok(Locked::<BTreeMap<_, _>>::default())).await,
        "limit-hashmap" => over(options, async |_| Ok(Locked::<HashMap<_, _>>::default())).await,
        "limit-fs" | "limit-fs-fsync" => {
            over(options, async |folder: PathBuf| Files::new(&folder, synced)).await
        }
        "limit-flatfs" | "limit-flatfs-fsync" => {
            over(options, async |folder: PathBuf| {
                Files::sharded(&folder, synced)
            })
            .await
        }
        "object_store-mem" => over(options, async |_| Ok(Objects::memory())).await,
        "object_store-fs" | "object_store-fs-fsync" => {
            over(options, async |folder: PathBuf| {
                Objects::local(&folder, synced)
            })
            .await
        }
        "raw-fjall" | "raw-fjall-fsync" => {
            over(options, async |folder: PathBuf| {
                RawFjall::open(&folder, synced)
            })
            .await
        }
        "raw-redb" | "raw-redb-fsync" => {
            over(options, async |folder: PathBuf| {
                RawRedb::open(&folder, synced)
            })
            .await
        }
        "raw-sled" => over(options, async |folder: PathBuf| RawSled::open(&folder)).await,
        backend if is_ours(backend) => {
            over(options, async |folder: PathBuf| {
                Ours::open(backend, &folder).await
            })
            .await
        }
        unknown => bail!(
            "no backend `{unknown}`; there are {}, {}",
            ours::BACKENDS.join(", "),
            OTHERS.join(", ")
        ),
    }
}

fn is_ours(backend: &str) -> bool {
    ours::BACKENDS.contains(&backend) || engines::Kind::of(backend, ours::KV).is_some()
}

async fn over<S: Subject>(
    options: &Options,
    open: impl AsyncFn(PathBuf) -> Result<S>,
) -> Result<()> {
    Workloads::new(options, open).run().await
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // On the last line alone, which is the one that the harness shows.
        Err(error) => {
            eprintln!("contender: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let cli = Cli::parse();
    let runtime = || tokio::runtime::Builder::new_multi_thread().build();
    match &cli.mode {
        None => runtime()?.block_on(contend(&cli.options)),
        Some(Mode::Bench(args)) => bench::run(args),
        Some(Mode::Memory(args)) => runtime()?.block_on(memory::case(args)),
        Some(Mode::Large(args)) => runtime()?.block_on(large::step(args)),
    }
}
