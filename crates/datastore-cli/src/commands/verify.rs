//! `datastore verify`

use std::ffi::OsString;

use futures_util::TryStreamExt;
use interface_datastore::{
    Claim, Datastore, DatastoreExt, Finding, GetOptions, Key, Maintenance, Severity,
};

use super::{
    entries_within,
    findings::{maintain, tell},
};
use crate::{
    context::Context,
    failure::{Exit, Outcome},
    output::Output,
};

/// Look for faults in the store; exit 1 if there are any
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only what is at or below this key
    key: Option<OsString>,
    /// Read every value too, and compare it with its checksum or hash where the store keeps one
    #[arg(long)]
    scrub: bool,
    /// Mend what can be mended without losing a readable value
    #[arg(long)]
    repair: bool,
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let scope = context.key_or_root(args.key.as_deref())?;
    let store = if args.repair {
        context.open_to_change().await?
    } else {
        context.open_to_read().await?
    };
    let mut faults = 0_u64;
    let structure = if args.repair {
        Maintenance::Repair
    } else {
        Maintenance::Check
    };
    let offered = store.capabilities(&scope).maintenance;
    let checks = args.repair || offered.check != Claim::No;
    if checks {
        faults += maintain(&*store, structure, &scope, context, out).await?;
    }
    // A store that cannot check itself can still be read from end to end.
    if args.scrub && offered.scrub != Claim::No {
        faults += maintain(&*store, Maintenance::Scrub, &scope, context, out).await?;
    } else if args.scrub || !checks {
        context.notice(
            "this store has no such check of its own: every value is read and its length compared",
        );
        faults += read_all(&*store, &scope, context, out).await?;
    }
    store.close().await?;
    context.notice_faults(faults);
    Ok(if faults == 0 { Exit::Success } else { Exit::No })
}

/// Reads every value; a fault is one that cannot be read or has another length than the listing says.
async fn read_all(
    store: &dyn Datastore,
    scope: &Key,
    context: &Context,
    out: &mut Output,
) -> Outcome<u64> {
    let mut entries = entries_within(store, scope.clone(), context);
    let meter = context.screen.meter("read");
    let mut faults = 0;
    let mut done = 0;
    while let Some(entry) = entries.try_next().await? {
        let complaint = match length(store, &entry.key, context).await {
            Ok(length) if entry.size.is_none_or(|size| size == length) => None,
            Ok(length) => Some(format!(
                "the value has {length} bytes, the listing says {:?}",
                entry.size
            )),
            Err(error) if error.is_not_found() => None,
            Err(error) if error.is_aborted() => return Err(error.into()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(detail) = complaint {
            faults += 1;
            tell(
                &Finding::new(Severity::Error, "unreadable", detail).with_key(entry.key),
                out,
            )?;
        }
        done += 1;
        meter.at(done, None);
    }
    Ok(faults)
}

async fn length(
    store: &dyn Datastore,
    key: &Key,
    context: &Context,
) -> interface_datastore::Result<u64> {
    let options = GetOptions::default().with_abort(context.abort.clone());
    let value = store.get_stream_opts(key, options).await?;
    let add = |length: u64, piece: interface_datastore::Bytes| {
        std::future::ready(Ok(length + piece.len() as u64))
    };
    value.body.try_fold(0, add).await
}
