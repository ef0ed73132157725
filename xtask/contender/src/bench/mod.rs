//! All contenders in one interleaved measurement, and one table of it.

mod disk;
mod plan;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use self::disk::Disk;
use self::plan::{Contender, Group, Program, groups};
use crate::large::{self, Shape};
use crate::line::Line;
use crate::memory;

/// What `cargo xtask bench` takes.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// A folder on the disk to be measured; made if missing. What is written there is removed at the end.
    #[arg(long, default_value = "target/bench")]
    work: PathBuf,
    /// How often every contender runs; ratios are taken inside a repetition.
    #[arg(long, default_value_t = 5)]
    repetitions: usize,
    /// A factor on the number of operations, for a quick look.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Only the groups of these names, or whose names begin with such a word: `kv` is `kv fjall` and all others.
    #[arg(long, value_delimiter = ',')]
    groups: Vec<String>,
    /// Fixes the order of the contenders.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Start at once instead of waiting until the disk has forgotten earlier deletions.
    #[arg(long)]
    no_settle: bool,
    /// The program of `peers/js`, put where its packages are installed, to measure it as well.
    #[arg(long)]
    js: Option<PathBuf>,
    /// A program with the same command line that measures go-ds-flatfs, to measure it as well.
    #[arg(long)]
    go: Option<PathBuf>,
    /// Write every line to this file, too.
    #[arg(long)]
    lines: Option<PathBuf>,
    /// Measure peak memory instead of time.
    #[arg(long)]
    memory: bool,
    /// Measure engines that are filled as logs fill them, up to a million blocks.
    #[arg(long)]
    log: bool,
    /// Measure the default engine with up to ten million keys.
    #[arg(long)]
    keys: bool,
}

/// One line with where it was measured.
#[derive(serde::Serialize)]
pub(crate) struct Row {
    group: &'static str,
    repetition: usize,
    #[serde(flatten)]
    line: Line,
}

/// Measures and prints the table.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.memory {
        return memory::run(&args.work, args.scale);
    }
    if args.log {
        return large::run(&args.work, Shape::Log, args.scale);
    }
    if args.keys {
        return large::run(&args.work, Shape::Keys, args.scale);
    }
    for name in &args.groups {
        let known = groups().any(|group| is_named(group, name));
        ensure!(known, "no group `{name}`");
    }
    let mut measurement = Measurement {
        args,
        disk: Disk::new(&args.work)?,
        rows: Vec::new(),
    };
    let before = machine_load();
    if !args.no_settle {
        measurement.disk.settle()?;
    }
    let random = &mut fastrand::Rng::with_seed(args.seed);
    for group in measurement.groups() {
        for repetition in 0..args.repetitions {
            measurement.repetition(group, repetition, group.workloads, random)?;
        }
    }
    // Last of all: deletions slow later creations on some file systems.
    for group in measurement.groups().filter(|group| group.deletes) {
        for repetition in 0..args.repetitions {
            measurement.repetition(group, repetition, &["delete"], random)?;
        }
    }
    if let Some(path) = &args.lines {
        write_lines(path, &measurement.rows)?;
    }
    table::print(&measurement.rows);
    let has_go = |group: &Group| {
        group
            .contenders
            .iter()
            .any(|one| one.program == Program::Go)
    };
    if args.go.is_none() && measurement.groups().any(has_go) {
        println!("\nnot measured: go-ds-flatfs, for want of --go PROGRAM");
    }
    println!("\nload {before} before and {} after", machine_load());
    measurement.disk.report();
    measurement.disk.remove()
}

struct Measurement<'a> {
    args: &'a Args,
    disk: Disk,
    rows: Vec<Row>,
}

impl Measurement<'_> {
    fn groups(&self) -> impl Iterator<Item = &'static Group> + use<> {
        let chosen = self.args.groups.clone();
        groups().filter(move |group| {
            chosen.is_empty() || chosen.iter().any(|name| is_named(group, name))
        })
    }

    /// Every contender of a group once, in random order.
    fn repetition(
        &mut self,
        group: &'static Group,
        repetition: usize,
        workloads: &[&str],
        random: &mut fastrand::Rng,
    ) -> Result<()> {
        let runs = |contender: &&Contender| match contender.program {
            Program::Own => true,
            Program::JavaScript => self.args.js.is_some(),
            Program::Go => self.args.go.is_some(),
            Program::WithOurs => false,
        };
        let mut contenders: Vec<_> = group.contenders.iter().filter(runs).collect();
        random.shuffle(&mut contenders);
        self.disk.check()?;
        for contender in contenders {
            let skipped = |workload: &&&str| !contender.skips.contains(*workload);
            let workloads: Vec<&str> = workloads.iter().filter(skipped).copied().collect();
            let folder = self.disk.folder()?;
            let mut command = self.command(contender)?;
            command.args(["--backend", contender.backend]);
            command.args(["--contender", contender.name]);
            command.args(["--workloads", &workloads.join(",")]);
            command.args(["--layout", group.layout]);
            command.args(["--n-small", &self.scaled(group.small)]);
            command.args(["--n-large", &self.scaled(group.blocks)]);
            command.arg("--dir").arg(folder);
            let lines = lines_of(&mut command)?;
            eprintln!(
                "{} {repetition}: {}, {} lines",
                group.name,
                contender.name,
                lines.len()
            );
            self.rows.extend(lines.into_iter().map(|line| Row {
                group: group.name,
                repetition,
                line,
            }));
        }
        Ok(())
    }

    fn scaled(&self, count: usize) -> String {
        let scaled = (count as f64 * self.args.scale) as usize;
        scaled.max(16).to_string()
    }

    fn command(&self, contender: &Contender) -> Result<Command> {
        Ok(match (contender.program, &self.args.js, &self.args.go) {
            (Program::JavaScript, Some(program), _) => {
                let mut node = Command::new("node");
                node.arg(program);
                node
            }
            (Program::Go, _, Some(program)) => Command::new(program),
            _ => Command::new(std::env::current_exe()?),
        })
    }
}

/// Whether a group has this name, or one that begins with it as a word.
fn is_named(group: &Group, name: &str) -> bool {
    let rest = group.name.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Runs a contender and reads its lines.
fn lines_of(command: &mut Command) -> Result<Vec<Line>> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} ended with {}:\n{words}", output.status);
    }
    let text = String::from_utf8(output.stdout)?;
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).with_context(|| format!("no line: {line}")))
        .collect()
}

fn write_lines(path: &Path, rows: &[Row]) -> Result<()> {
    let mut text = String::new();
    for row in rows {
        text.push_str(&serde_json::to_string(row)?);
        text.push('\n');
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// How busy the machine is, where the system tells.
fn machine_load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}
