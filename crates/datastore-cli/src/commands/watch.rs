//! `datastore watch`

use std::{collections::HashMap, ffi::OsString, time::Duration};

use futures_util::TryStreamExt;
use interface_datastore::{
    Bytes, Datastore, DatastoreExt, ErrorKind, GetOptions, Key, Query, QueryOptions, Version,
    WatchEvent, WatchOptions,
};
use serde_json::json;

use crate::{
    context::Context,
    failure::{Exit, Failure, Outcome},
    output::Output,
};

/// Tell changes as they happen, until interrupted
///
/// The store is opened and listed again and again, and what differs is told: so changes made by other programs are seen, and
/// between two looks they can open stores that one program at a time may have. It takes memory for every key watched. A
/// change is missed if another one undoes it before the next look, or if it keeps the size of the value and the store has
/// no versions.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only keys that begin with these bytes
    prefix: Option<OsString>,
    /// Seconds between two looks
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    interval: f64,
    /// Listen to the store's own events instead, for stores that hear of changes made by others
    #[arg(long, conflicts_with = "interval")]
    events: bool,
    /// End after so many changes
    #[arg(long, short = 'n')]
    count: Option<u64>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (0.01..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "a number of seconds from 0.01 to 86400 is needed".into())
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let prefix = context.prefix(args.prefix.as_deref())?;
    let mut left = args.count.unwrap_or(u64::MAX);
    if args.events {
        return listen(&prefix, context, out, left).await;
    }
    let interval = Duration::from_secs_f64(args.interval);
    let mut known = look(&prefix, context).await?;
    context.notice(&format!("watching {} keys", known.len()));
    while left > 0 {
        context.sleep(interval).await.map_err(|_| stopped())?;
        let now = match look(&prefix, context).await {
            // Whoever has it open for long is waited for.
            Err(Failure::Store(error)) if error.kind() == ErrorKind::Locked => continue,
            looked => looked?,
        };
        for event in differences(&known, &now) {
            if left > 0 {
                left -= 1;
                tell(&event, out)?;
            }
        }
        known = now;
    }
    Ok(Exit::Success)
}

/// What tells two values of a key apart.
type Mark = (Option<u64>, Option<Version>);

/// All keys with their marks.
async fn look(prefix: &Bytes, context: &Context) -> Outcome<HashMap<Key, Mark>> {
    let store = context.open_to_read().await?;
    let options = QueryOptions::default().with_abort(context.abort.clone());
    let mut entries = store.query_opts(Query::prefix(prefix).sizes_only(), options);
    let versions = store.capabilities(&Key::root()).versions.may();
    let mut found = HashMap::new();
    while let Some(mut entry) = entries.try_next().await? {
        if versions && entry.version.is_none() {
            let options = GetOptions::metadata().with_abort(context.abort.clone());
            entry = match store.get_opts(&entry.key, options).await {
                Err(error) if error.is_not_found() => continue,
                other => other?,
            };
        }
        found.insert(entry.key, (entry.size, entry.version));
    }
    drop(entries);
    store.close().await?;
    Ok(found)
}

/// What happened between two looks, in order of key.
fn differences(before: &HashMap<Key, Mark>, after: &HashMap<Key, Mark>) -> Vec<WatchEvent> {
    let changed = after
        .iter()
        .filter(|(key, mark)| before.get(*key) != Some(mark));
    let put = changed.map(|(key, (_, version))| WatchEvent::Put {
        key: key.clone(),
        version: version.clone(),
    });
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    let mut events: Vec<WatchEvent> = put
        .chain(gone.map(|key| WatchEvent::Delete { key: key.clone() }))
        .collect();
    events.sort_by(|a, b| a.key().cmp(&b.key()));
    events
}

async fn listen(prefix: &Bytes, context: &Context, out: &mut Output, mut left: u64) -> Outcome {
    let store = context.open_to_read().await?;
    let options = WatchOptions::default().with_abort(context.abort.clone());
    let mut events = store.watch_opts(&Key::root(), options).await?;
    while left > 0 {
        let event = match events.try_next().await {
            Err(error) if error.is_aborted() => return Err(stopped()),
            other => other?,
        };
        let Some(event) = event else { break };
        if event.key().is_none_or(|key| key.has_prefix(prefix)) {
            left -= 1;
            tell(&event, out)?;
        }
    }
    Ok(Exit::Success)
}

fn stopped() -> Failure {
    Failure::Interrupted {
        signal: 0,
        advice: "watching has ended".into(),
    }
}

fn tell(event: &WatchEvent, out: &mut Output) -> Outcome<()> {
    let text = |out: &Output| match event {
        WatchEvent::Put { key, .. } => format!("put {}", out.key(key)),
        WatchEvent::Delete { key } => format!("delete {}", out.key(key)),
        WatchEvent::Lagged(missed) => format!("lagged {missed}"),
        _ => "unknown".to_owned(),
    };
    let json = match event {
        WatchEvent::Put { key, version } => {
            json!({ "event": "put", "key": key, "version": version.as_ref().map(ToString::to_string) })
        }
        WatchEvent::Delete { key } => json!({ "event": "delete", "key": key }),
        WatchEvent::Lagged(missed) => json!({ "event": "lagged", "missed": missed }),
        _ => json!({ "event": "unknown" }),
    };
    out.line(text, &json)?;
    out.flush()
}
