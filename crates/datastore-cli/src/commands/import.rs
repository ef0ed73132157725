//! `datastore import`

use std::{path::PathBuf, sync::Arc};

use interface_datastore::Query;

use crate::{
    context::Context,
    failure::Outcome,
    folder::{Folder, Odd},
    output::Output,
    transfer::{Options, Transfer, check_apart, folder_of},
};

/// Copy the files of a folder into the store
///
/// The path of a file, below DIR, is its key. Links are not followed: they, and what else is no file, are left out with a notice.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder
    dir: PathBuf,
    /// Stop at links and other things that are no files
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    options: Options,
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    if let Some(store) = folder_of(&context.global.store) {
        check_apart(&args.dir, &store)?;
    }
    let screen = context.screen.clone();
    let odd = if args.strict {
        Odd::Refuse
    } else {
        Odd::Skip(Arc::new(move |path| {
            screen.notice(&format!("left out: {} is no file", path.display()));
        }))
    };
    let source = Folder::to_read(&args.dir, odd)?;
    let target = context
        .open_target(&context.global.store, args.options.dry_run)
        .await?;
    let transfer = Transfer {
        context,
        options: &args.options,
        source: Arc::new(source),
        target,
        query: Query::all(),
        done: "imported",
    };
    transfer.run(out).await
}
