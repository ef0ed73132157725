//! `datastore stat`

use std::ffi::OsString;

use interface_datastore::{Datastore, DatastoreExt, GetOptions, Timestamp};
use serde_json::json;

use crate::{
    context::Context,
    failure::{Exit, Outcome},
    output::Output,
};

/// Tell the size, version and expiry of a value; exit 1 if there is none
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The key
    key: OsString,
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let key = context.key(&args.key)?;
    let store = context.open_to_read().await?;
    let options = GetOptions::metadata().with_abort(context.abort.clone());
    let entry = store.get_opts(&key, options).await?;
    store.close().await?;
    let version = entry.version.map(|version| version.to_string());
    let expires = entry.expires.map(Timestamp::as_millis);
    let text = |out: &Output| {
        let mut lines = vec![format!("key      {}", out.key(&key))];
        lines.extend(entry.size.map(|size| format!("size     {size}")));
        lines.extend(version.iter().map(|version| format!("version  {version}")));
        lines.extend(expires.map(|expires| format!("expires  {expires} ms since 1970")));
        lines.join("\n")
    };
    let json = json!({ "key": key, "size": entry.size, "version": version, "expires": expires });
    out.line(text, &json)?;
    Ok(Exit::Success)
}
