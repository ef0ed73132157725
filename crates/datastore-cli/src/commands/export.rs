//! `datastore export`

use std::{ffi::OsString, path::PathBuf, sync::Arc};

use interface_datastore::{Datastore, Query};

use crate::{
    context::Context,
    failure::Outcome,
    folder::{Folder, Odd},
    output::Output,
    transfer::{Options, Transfer, check_apart, folder_of},
};

/// Copy the store into a folder, one file for each key
///
/// The key is the path of the file below DIR. Names that no file can have ("..", empty ones, those with NUL) are escaped
/// with % so that import gives the same keys back. Nothing is ever written outside of DIR. Two keys of which one would be a
/// file and a folder at the same time cannot both be exported.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder, made if it is not there
    dir: PathBuf,
    /// Only keys that begin with these bytes
    #[arg(long)]
    prefix: Option<OsString>,
    /// Replace files that are there
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    options: Options,
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let prefix = context.prefix(args.prefix.as_deref())?;
    if let Some(store) = folder_of(&context.global.store) {
        check_apart(&store, &args.dir)?;
    }
    let source = context.open_to_read().await?;
    let target: Option<Arc<dyn Datastore>> = if !args.options.dry_run {
        Some(Arc::new(Folder::to_write(&args.dir, args.overwrite)?))
    } else if args.dir.exists() {
        Some(Arc::new(Folder::to_read(&args.dir, Odd::Refuse)?))
    } else {
        None
    };
    let transfer = Transfer {
        context,
        options: &args.options,
        source,
        target,
        query: Query::prefix(prefix),
        done: "exported",
    };
    let outcome = transfer.run(out).await;
    if !args.options.dry_run {
        Folder::remove_temp(&args.dir);
    }
    outcome
}
