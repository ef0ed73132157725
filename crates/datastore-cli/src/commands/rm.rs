//! `datastore rm`

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    BoxStream, Bytes, Datastore, DatastoreExt, DeleteManyOptions, Key, Query, QueryOptions, Result,
};
use serde_json::json;

use crate::{
    context::Context,
    failure::{Exit, Failure, Outcome},
    output::Output,
};

/// Remove keys; that one is not there is no error
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The keys
    #[arg(required_unless_present = "prefix")]
    keys: Vec<OsString>,
    /// All keys that begin with these bytes: /a takes /ab too, /a/ only what is below /a
    #[arg(long, conflicts_with = "keys")]
    prefix: Option<OsString>,
    /// Do not ask whether to remove all keys of a prefix
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let keys: Vec<Key> = args
        .keys
        .iter()
        .map(|key| context.key(key))
        .collect::<Outcome<_>>()?;
    let prefix = args
        .prefix
        .as_deref()
        .map(|prefix| context.prefix(Some(prefix)))
        .transpose()?;
    if prefix.is_some() && !args.yes && !io::stdin().is_terminal() {
        return Err(Failure::usage(
            "removing by prefix needs --yes where nobody can be asked",
        ));
    }
    let store = context.open_to_change().await?;
    let source: BoxStream<'static, Result<Key>> = match prefix {
        None => stream::iter(keys.into_iter().map(Ok)).boxed(),
        Some(prefix) => {
            if !args.yes && !confirmed(&*store, &prefix, context).await? {
                return Ok(Exit::No);
            }
            keys_of(&*store, &prefix, context)
        }
    };
    let options = DeleteManyOptions::default().with_abort(context.abort.clone());
    let mut removed = store.delete_many_opts(source, options);
    let mut count = 0_u64;
    while let Some(key) = removed.try_next().await? {
        count += 1;
        if out.is_json() {
            out.line(|_| String::new(), &json!({ "removed": key }))?;
        }
    }
    store.close().await?;
    if args.prefix.is_some() {
        context.notice(&format!("removed {count} keys"));
    }
    Ok(Exit::Success)
}

fn keys_of(
    store: &dyn Datastore,
    prefix: &Bytes,
    context: &Context,
) -> BoxStream<'static, Result<Key>> {
    let query = Query::prefix(prefix).keys_only();
    let options = QueryOptions::default().with_abort(context.abort.clone());
    store
        .query_opts(query, options)
        .map_ok(|entry| entry.key)
        .boxed()
}

#[expect(clippy::print_stderr, reason = "this asks the user")]
async fn confirmed(store: &dyn Datastore, prefix: &Bytes, context: &Context) -> Outcome<bool> {
    let keys = keys_of(store, prefix, context);
    let count = keys
        .try_fold(0_u64, |count, _| std::future::ready(Ok(count + 1)))
        .await?;
    eprint!("Remove {count} keys? [y/N] ");
    let asked = io::stderr().flush().and_then(|()| {
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(answer)
    });
    let answer = asked.map_err(|source| Failure::system("ask", source))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
