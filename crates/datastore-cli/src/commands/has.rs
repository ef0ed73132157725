//! `datastore has`

use std::ffi::OsString;

use interface_datastore::{Datastore, DatastoreExt, GetOptions};
use serde_json::json;

use crate::{
    context::Context,
    failure::{Exit, Outcome},
    output::Output,
};

/// Tell by the exit code whether the key holds a value: 0 yes, 1 no
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The key
    key: OsString,
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let key = context.key(&args.key)?;
    let store = context.open_to_read().await?;
    let options = GetOptions::exists().with_abort(context.abort.clone());
    let there = match store.get_opts(&key, options).await {
        Ok(_) => true,
        Err(error) if error.is_not_found() => false,
        Err(error) => return Err(error.into()),
    };
    store.close().await?;
    if out.is_json() {
        out.line(|_| String::new(), &json!({ "key": key, "exists": there }))?;
    }
    Ok(if there { Exit::Success } else { Exit::No })
}
