//! `datastore sync`

use std::ffi::OsString;

use interface_datastore::{Datastore, DatastoreExt, SyncOptions};
use serde_json::json;

use crate::{
    context::Context,
    failure::{Exit, Outcome},
    output::Output,
};

/// Make earlier writes as durable as the store can, and tell how durable that is
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only writes at or below this key
    key: Option<OsString>,
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let scope = context.key_or_root(args.key.as_deref())?;
    let store = context.open_to_change().await?;
    let options = SyncOptions::default().with_abort(context.abort.clone());
    let held = store.sync_opts(&scope, options).await?;
    store.close().await?;
    out.line(
        |_| held.to_string(),
        &json!({ "key": scope, "durability": held }),
    )?;
    Ok(Exit::Success)
}
