//! `datastore put`

use std::{ffi::OsString, path::PathBuf};

use bytes::Bytes;
use interface_datastore::{Condition, Datastore, DatastoreExt, Durability, ErrorKind, PutOptions};
use serde_json::json;

use crate::{
    args::Level,
    context::Context,
    failure::{Exit, Outcome},
    input,
    key_text::os_bytes,
    output::Output,
};

/// Store a value, in place of one that may be there
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The key
    key: OsString,
    /// The value; - or nothing: standard input
    #[arg(allow_negative_numbers = true)]
    value: Option<OsString>,
    /// The value is the contents of this file
    #[arg(long, short, conflicts_with = "value")]
    file: Option<PathBuf>,
    /// Only if the key holds no value; exit 1 if it does
    #[arg(long)]
    if_absent: bool,
    /// What the finished write must withstand
    #[arg(long, value_enum)]
    durability: Option<Level>,
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let key = context.key(&args.key)?;
    let condition = if args.if_absent {
        Condition::IfAbsent
    } else {
        Condition::None
    };
    let options = PutOptions::default()
        .with_condition(condition)
        .with_durability(args.durability.map(Durability::from))
        .with_abort(context.abort.clone());
    // Whatever the value comes from is opened before the store, which may have to be made.
    let body = match (&args.file, &args.value) {
        (Some(file), _) => Some(input::file(file)?),
        (None, Some(value)) if value != "-" => None,
        (None, _) => Some(input::stdin()),
    };
    let store = context.open_to_add().await?;
    let written = match body {
        Some(body) => store.put_stream_opts(&key, body, options).await,
        None => {
            let value =
                Bytes::copy_from_slice(os_bytes(args.value.as_deref().unwrap_or_default())?);
            store.put_opts(&key, value, options).await
        }
    };
    store.close().await?;
    let written = match written {
        Err(error) if args.if_absent && error.kind() == ErrorKind::PreconditionFailed => {
            context.notice(&format!(
                "{} holds a value already; it is as it was",
                out.key(&key)
            ));
            return Ok(Exit::No);
        }
        other => other?,
    };
    if out.is_json() {
        let version = written.version.map(|version| version.to_string());
        out.line(
            |_| String::new(),
            &json!({ "key": key, "version": version }),
        )?;
    }
    Ok(Exit::Success)
}
