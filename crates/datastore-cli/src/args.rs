//! The command line: what help, man page and completions are made of.

use std::{ffi::OsString, str::FromStr, time::Duration};

use clap::{
    CommandFactory, Parser, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser},
};
use datastore_open::{COMMON_OPTIONS, OptionHelp, Registry, StoreUrl};
use interface_datastore::{Durability, Error};

use crate::commands::Command;

/// The store of a command line that names none: in the current folder, where whoever uses it sees it.
const DEFAULT_STORE: &str = "kv:datastore.kv";

/// Put, get, list, copy and verify data in any datastore.
#[derive(Debug, Parser)]
#[command(
    name = "datastore",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// The store: a URL or a path
    #[arg(long, short, global = true, env = "DATASTORE_URL", value_name = "URL", default_value = DEFAULT_STORE)]
    #[arg(value_parser = store_url())]
    pub(crate) store: StoreUrl,
    /// Write one JSON object a line, errors too
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Read and write keys in hexadecimal
    #[arg(long, global = true)]
    pub(crate) hex_keys: bool,
    /// Seconds to wait for a store that another program has open
    #[arg(long, global = true, value_name = "SECONDS", default_value = "2")]
    pub(crate) wait: Seconds,
    /// Write no progress and no notices
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// A time in seconds, up to a day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seconds(f64);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = text.parse().ok();
        let seconds = seconds.filter(|seconds| (0.0..=86_400.0).contains(seconds));
        seconds
            .map(Self)
            .ok_or("a number of seconds up to 86400 is needed")
    }
}

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Self::from_secs_f64(seconds.0)
    }
}

/// What a finished write withstands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Nothing
    Volatile,
    /// The end of the process
    Process,
    /// As process; after a power cut a key holds its old or its new value whole
    Ordered,
    /// A power cut
    Power,
}

impl From<Level> for Durability {
    fn from(level: Level) -> Self {
        match level {
            Level::Volatile => Self::Volatile,
            Level::Process => Self::Process,
            Level::Ordered => Self::Ordered,
            Level::Power => Self::Power,
        }
    }
}

/// Reads a store URL; what is not Unicode can only be a path.
pub(crate) fn store_url() -> impl TypedValueParser<Value = StoreUrl> {
    OsStringValueParser::new().try_map(|text: OsString| -> Result<StoreUrl, Error> {
        match text.to_str() {
            Some(text) => StoreUrl::parse(text),
            None => StoreUrl::of_path(text),
        }
    })
}

/// The command line of a program that knows these schemes.
pub(crate) fn command(registry: &Registry) -> clap::Command {
    Cli::command().after_long_help(after_help(registry))
}

fn after_help(registry: &Registry) -> String {
    let mut lines = vec![
        "Stores (with --store, or directly behind the command: `datastore ls kubo:PATH`):"
            .to_owned(),
    ];
    let list = |lines: &mut Vec<String>, options: &[OptionHelp]| {
        lines.extend(
            options
                .iter()
                .map(|option| format!("      ?{}=  {}", option.name, option.help)),
        );
    };
    for (_, opener) in registry.schemes() {
        lines.push(format!("  {}", opener.about()));
        list(&mut lines, opener.options());
    }
    lines.push("  any of them".to_owned());
    list(&mut lines, COMMON_OPTIONS);
    lines.push(NOTES.to_owned());
    lines.join("\n")
}

const NOTES: &str = r#"
Keys:
  A key that begins with a slash is taken as it is. Others get one in front and lose those at their end.
  A backslash begins an escape: \xNN is a byte, \\ a backslash. Keys are shown in the same form, so that what
  one command writes the next one reads; control characters and bytes that are not UTF-8 are shown as \xNN.
  In JSON a key is a string, or {"bytes": "HEX"} if it is not UTF-8.

Exit codes:
  0  done
  1  no: the key is not there, the condition does not hold, faults were found, something was left out
  2  the command line makes no sense
  3  the store, a file or the system failed
  130, 143  interrupted by Ctrl-C, terminated
"#;
