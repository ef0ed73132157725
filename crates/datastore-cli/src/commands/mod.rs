//! The commands, one module each.

mod capabilities;
mod completions;
mod cp;
mod du;
mod export;
mod findings;
mod flatfs;
mod get;
mod has;
mod import;
mod ls;
mod man;
mod put;
mod rm;
mod stat;
mod sync;
mod verify;
mod watch;

use futures_util::{StreamExt, TryStreamExt};
use interface_datastore::{BoxStream, Datastore, Entry, Key, Query, QueryOptions, Result};

use crate::{context::Context, failure::Outcome, output::Output};

macro_rules! commands {
    ($($(#[$meta:meta])* $name:ident: $module:ident;)*) => {
        /// What the program does.
        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum Command {
            $($(#[$meta])* $name($module::Args),)*
        }

        impl Command {
            pub(crate) async fn run(self, context: &Context, out: &mut Output) -> Outcome {
                match self {
                    $(Self::$name(args) => $module::run(args, context, out).await,)*
                }
            }
        }
    };
}

commands! {
    Put: put;
    Get: get;
    Has: has;
    Rm: rm;
    Ls: ls;
    Stat: stat;
    Du: du;
    Cp: cp;
    Import: import;
    Export: export;
    Flatfs: flatfs;
    Sync: sync;
    Verify: verify;
    Watch: watch;
    Capabilities: capabilities;
    Completions: completions;
    Man: man;
}

/// The entries at or below a key, with their sizes.
fn entries_within(
    store: &dyn Datastore,
    scope: Key,
    context: &Context,
) -> BoxStream<'static, Result<Entry>> {
    let options = QueryOptions::default().with_abort(context.abort.clone());
    let entries = store.query_opts(Query::prefix(&scope).sizes_only(), options);
    // A scope covers whole namespaces and its own key, which no single part of a query does.
    let within = move |key: &Key| *key == scope || scope.is_ancestor_of(key);
    entries
        .try_filter(move |entry| std::future::ready(within(&entry.key)))
        .boxed()
}
