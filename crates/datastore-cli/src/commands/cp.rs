//! `datastore cp`

use std::ffi::OsString;

use datastore_open::{OpenOptions, StoreUrl};
use interface_datastore::Query;

use crate::{
    args::store_url,
    context::Context,
    failure::Outcome,
    output::Output,
    transfer::{Options, Transfer, check_apart, folder_of},
};

/// Copy entries from one store to another
///
/// Entries of SOURCE replace those of the same keys in TARGET; others in TARGET stay. After an interruption the same
/// command with --resume does the rest.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store to read
    #[arg(value_name = "SOURCE", value_parser = store_url())]
    from: StoreUrl,
    /// The store to write, made if it is not there
    #[arg(value_name = "TARGET", value_parser = store_url())]
    to: StoreUrl,
    /// Only keys that begin with these bytes
    #[arg(long)]
    prefix: Option<OsString>,
    #[command(flatten)]
    options: Options,
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let prefix = context.prefix(args.prefix.as_deref())?;
    if let (Some(from), Some(to)) = (folder_of(&args.from), folder_of(&args.to)) {
        check_apart(&from, &to)?;
    }
    let source = context.open(&args.from, OpenOptions::read_only()).await?;
    let target = context.open_target(&args.to, args.options.dry_run).await?;
    let transfer = Transfer {
        context,
        options: &args.options,
        source,
        target,
        query: Query::prefix(prefix),
        done: "copied",
    };
    transfer.run(out).await
}
