//! `datastore du`

use std::ffi::OsString;

use futures_util::TryStreamExt;
use interface_datastore::{Claim, Datastore, DatastoreExt, DiskUsage, DiskUsageOptions, Key};
use serde_json::json;

use super::entries_within;
use crate::{
    context::Context,
    failure::{Exit, Outcome},
    output::Output,
};

/// Tell the space that entries take, in bytes
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only entries at or below this key
    key: Option<OsString>,
    /// Add up the sizes of the values instead
    #[arg(long)]
    apparent: bool,
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let scope = context.key_or_root(args.key.as_deref())?;
    let store = context.open_to_read().await?;
    let told = store.capabilities(&scope).disk_usage != Claim::No;
    if !told && !args.apparent {
        context.notice(
            "this store does not tell the space it takes; these are the sizes of the values",
        );
    }
    let apparent = args.apparent || !told;
    let usage = if apparent {
        apparent_size(&*store, &scope, context).await?
    } else {
        let options = DiskUsageOptions::default().with_abort(context.abort.clone());
        store.disk_usage_opts(&scope, options).await?
    };
    store.close().await?;
    let text = |_: &Output| {
        let about = if usage.exact { "" } else { " (estimated)" };
        format!("{}{about}", usage.bytes)
    };
    let json =
        json!({ "key": scope, "bytes": usage.bytes, "exact": usage.exact, "apparent": apparent });
    out.line(text, &json)?;
    Ok(Exit::Success)
}

async fn apparent_size(
    store: &dyn Datastore,
    scope: &Key,
    context: &Context,
) -> Outcome<DiskUsage> {
    let mut bytes = 0_u64;
    let mut entries = entries_within(store, scope.clone(), context);
    while let Some(entry) = entries.try_next().await? {
        bytes = bytes.saturating_add(entry.size.unwrap_or_default());
    }
    Ok(DiskUsage::exact(bytes))
}
