//! `datastore capabilities`

use std::ffi::OsString;

use interface_datastore::{Datastore, DatastoreExt};
use serde_json::Value;

use crate::{
    context::Context,
    failure::{Exit, Failure, Outcome},
    output::Output,
};

/// Tell what the store can do
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// With entries at or below this key
    key: Option<OsString>,
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let scope = context.key_or_root(args.key.as_deref())?;
    // Opened to read, a store would say that it takes no writes.
    let store = match context.open_to_change().await {
        Err(_) => context.open_to_read().await?,
        opened => opened?,
    };
    let record = serde_json::to_value(store.capabilities(&scope));
    store.close().await?;
    let record = record.map_err(|error| Failure::Output(error.into()))?;
    let text = |_: &Output| {
        let mut lines = Vec::new();
        list("", &record, &mut lines);
        lines.join("\n")
    };
    out.line(text, &record)?;
    Ok(Exit::Success)
}

/// One line a claim; those of a group are named `group.claim`. The record nests two levels, so this does not run deep.
fn list(group: &str, record: &Value, lines: &mut Vec<String>) {
    for (name, claim) in record.as_object().into_iter().flatten() {
        let name = format!("{group}{}", name.replace('_', "-"));
        match claim {
            Value::Object(_) => list(&format!("{name}."), claim, lines),
            Value::String(text) => lines.push(format!("{name:<24} {text}")),
            Value::Null => lines.push(format!("{name:<24} none")),
            other => lines.push(format!("{name:<24} {other}")),
        }
    }
}
