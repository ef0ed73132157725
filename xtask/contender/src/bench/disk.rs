//! Keeps the disk from falsifying the measurement.
//!
//! ext4 takes up to minutes to reuse what was deleted and slows the creation of files meanwhile, in the block groups
//! concerned. So nothing is deleted before the end, every run gets a folder in a block group of its own, and a *canary*
//! (bare puts, on the disk and in memory) tells whether a place is fit to be measured in.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::lines_of;

/// A canary on the disk that takes so many times what it takes in memory sings no more.
const UNFIT: f64 = 3.5;
/// Bare puts in memory faster than this are no measure for a disk.
const FLOOR_MICROS: f64 = 8.0;
/// A file system in memory.
const IN_MEMORY: &str = "/dev/shm";
const CANARY: usize = 2000;
/// Puts that try out the folder of a run.
const TRIAL: usize = 300;
/// Folders tried for one run.
const FOLDERS: usize = 25;
/// Canaries in a row that must be well before the first run.
const WELL: usize = 4;
const PATIENCE: Duration = Duration::from_secs(330);

pub(crate) struct Disk {
    folder: PathBuf,
    /// Whether the folders of runs lie in block groups of their own.
    spread: bool,
    made: usize,
    passed_over: usize,
    /// On the disk and in memory, one pair for each check.
    canaries: Vec<(f64, f64)>,
}

impl Disk {
    pub(crate) fn new(work: &Path) -> Result<Self> {
        let folder = work.join(format!("runs-{}", std::process::id()));
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        let spread = Command::new("chattr").arg("+T").arg(&folder).output();
        Ok(Self {
            spread: spread.is_ok_and(|output| output.status.success()),
            folder,
            made: 0,
            passed_over: 0,
            canaries: Vec::new(),
        })
    }

    /// Waits until canaries are well, or patience ends.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let start = self.canaries.len();
            for _ in 0..WELL {
                self.check()?;
            }
            let tried = self.canaries.split_off(start);
            let unfit = tried.iter().filter(|pair| is_unfit(pair)).count();
            if unfit == 0 || Instant::now() > end {
                return Ok(());
            }
            eprintln!("waiting for the disk: {unfit} of {WELL} canaries are slow");
            std::thread::sleep(Duration::from_secs(20));
        }
    }

    /// Sends a canary ahead of a repetition.
    pub(crate) fn check(&mut self) -> Result<()> {
        let folder = self.next_folder()?;
        let on_disk = bare_puts(&folder, CANARY)?;
        let in_memory = match Path::new(IN_MEMORY).is_dir() {
            true => {
                let folder = Path::new(IN_MEMORY).join(format!("canary-{}", std::process::id()));
                std::fs::create_dir_all(&folder)?;
                let micros = bare_puts(&folder, CANARY);
                std::fs::remove_dir_all(&folder)?;
                micros?
            }
            false => f64::NAN,
        };
        self.canaries.push((on_disk, in_memory));
        Ok(())
    }

    /// A fit folder for a run, with nothing left to be written from those before.
    pub(crate) fn folder(&mut self) -> Result<PathBuf> {
        let mut folder = self.next_folder()?;
        if let Some((_, in_memory)) = self.canaries.last().copied() {
            let limit = UNFIT * in_memory.max(FLOOR_MICROS);
            for _ in 1..FOLDERS {
                if bare_puts(&folder.join("trial"), TRIAL)? <= limit {
                    break;
                }
                self.passed_over += 1;
                folder = self.next_folder()?;
            }
        }
        rustix::fs::sync();
        let run = folder.join("run");
        std::fs::create_dir(&run)?;
        Ok(run)
    }

    fn next_folder(&mut self) -> Result<PathBuf> {
        self.made += 1;
        let folder = self.folder.join(format!("{:04}", self.made));
        std::fs::create_dir(&folder)?;
        Ok(folder)
    }

    /// Says what the reader of the table must know.
    pub(crate) fn report(&self) {
        let shown: Vec<String> = self
            .canaries
            .iter()
            .map(|(disk, memory)| format!("{disk:.0}/{memory:.0}"))
            .collect();
        println!(
            "canary, µs of a bare put on the disk/in memory: {}",
            shown.join(" ")
        );
        println!("folders passed over as slow: {}", self.passed_over);
        if !self.spread {
            println!("runs share block groups: `chattr +T` did not work here");
        }
        let unfit = self.canaries.iter().filter(|pair| is_unfit(pair)).count();
        if unfit > 0 {
            println!(
                "{unfit} of {} canaries were slow: do not trust figures of creations",
                shown.len()
            );
        }
    }

    /// Removes all that was written.
    pub(crate) fn remove(self) -> Result<()> {
        Ok(std::fs::remove_dir_all(self.folder)?)
    }
}

fn is_unfit((disk, memory): &(f64, f64)) -> bool {
    *disk > UNFIT * memory.max(FLOOR_MICROS)
}

/// Microseconds of a bare put, taken by a process of its own as all runs are.
fn bare_puts(folder: &Path, count: usize) -> Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--backend", "limit-fs", "--workloads", "put-small"]);
    command.args(["--n-small", &count.to_string()]);
    command.arg("--dir").arg(folder);
    let lines = lines_of(&mut command)?;
    let line = lines.first().context("the canary is silent")?;
    Ok(line.micros())
}
