//! The options that `cp`, `import` and `export` share.

use clap::ValueEnum;

use crate::args::Level;

/// How to tell that the target holds an entry already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compare {
    /// By comparing all bytes of the value
    Bytes,
    /// By the size of the value alone, which is faster and may be wrong
    Size,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Pass over entries that the target holds already, after an interruption say
    #[arg(long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "bytes")]
    pub(crate) resume: Option<Compare>,
    /// Read every value again from the target and compare it; exit 1 if one differs
    #[arg(long)]
    pub(crate) verify: bool,
    /// Change nothing, name the keys that would be copied
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Leave out entries whose key the target does not take, and exit 1 in the end, instead of stopping at the first
    #[arg(long)]
    pub(crate) skip_refused: bool,
    /// What each finished write must withstand
    #[arg(long, value_enum)]
    pub(crate) durability: Option<Level>,
    /// In the end make all of the target as durable as it can be
    #[arg(long)]
    pub(crate) sync: bool,
    /// How many small values are read or written at the same time
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) concurrency: u8,
}
