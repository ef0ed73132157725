//! What a run of workloads is told on its command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The contract of the harness: one backend, some workloads, one folder, sizes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// What to measure: `memory`, `fs`, `fs-inline`, `limit-fs` … (an unknown one lists them all).
    #[arg(long, default_value = "")]
    pub(crate) backend: String,
    /// The name in the printed lines; the backend's unless given.
    #[arg(long, default_value = "")]
    pub(crate) contender: String,
    /// Workloads, in the order in which they run.
    #[arg(long, value_delimiter = ',')]
    pub(crate) workloads: Vec<String>,
    /// An empty folder on the disk to be measured. What is written there stays.
    #[arg(long, default_value = ".")]
    pub(crate) dir: PathBuf,
    /// How many small values.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) n_small: usize,
    /// How many blocks.
    #[arg(long, default_value_t = 200)]
    pub(crate) n_large: usize,
    /// Bytes of a small value.
    #[arg(long, default_value_t = 256)]
    pub(crate) size_small: usize,
    /// Bytes of a block.
    #[arg(long, default_value_t = 256 * 1024)]
    pub(crate) size_large: usize,
    /// Tasks at once in `mixed` and the `-c` workloads.
    #[arg(long, default_value_t = 16)]
    pub(crate) concurrency: usize,
    /// Fixes the order of random reads.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u32,
    /// How keys are laid out.
    #[arg(long, default_value = "nested")]
    pub(crate) layout: Layout,
}

/// How keys are laid out.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `/KIND/DIGIT/HASH`: ten folders.
    Nested,
    /// `/HASH`: no folders.
    Flat,
}

impl Layout {
    /// The name in the printed lines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nested => "nested",
            Self::Flat => "flat",
        }
    }

    /// A raw prefix that about a tenth (nested) or a 32nd (flat) of the small keys have.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Nested => "/small/3",
            Self::Flat => "/A",
        }
    }
}

impl Options {
    /// The name in the printed lines.
    pub(crate) fn name(&self) -> &str {
        if self.contender.is_empty() {
            &self.backend
        } else {
            &self.contender
        }
    }

    /// The number that the random order of a workload starts from.
    pub(crate) fn seed_of(&self, offset: usize) -> u32 {
        // Offsets are task numbers; what exceeds u32 may wrap.
        self.seed.wrapping_add(offset as u32)
    }
}
