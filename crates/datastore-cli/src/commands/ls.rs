//! `datastore ls`

use std::{ffi::OsString, ops::Bound};

use futures_util::TryStreamExt;
use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};
use interface_datastore::{
    Bytes, Claim, Datastore, DatastoreExt, Entry, Key, Query, QueryOptions,
    query::{Order, Select},
};
use serde_json::json;

use crate::{
    context::Context,
    failure::{Exit, Failure, Outcome},
    listing::Listing,
    output::Output,
};

/// A limit up to which the store may do the sorting, which takes it more memory for each key than us.
const FEW: u64 = 10_000;

/// List keys, in order
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only keys that begin with these bytes: /a lists /ab too, /a/ only what is below /a
    prefix: Option<OsString>,
    /// Only keys that match one of these patterns: * and ? stay within a name, ** crosses slashes, [a-z], {a,b}
    #[arg(long, short)]
    glob: Vec<String>,
    /// With the sizes of the values in bytes
    #[arg(long, short)]
    long: bool,
    /// At most so many
    #[arg(long, short = 'n')]
    limit: Option<u64>,
    /// From the last to the first
    #[arg(long, short)]
    reverse: bool,
    /// Only keys after this one; before it with --reverse
    #[arg(long, value_name = "KEY")]
    start_after: Option<OsString>,
    /// In the store's own order, which takes no memory
    #[arg(long, short = 'U', conflicts_with_all = ["reverse", "start_after"])]
    unsorted: bool,
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let globs = Globs::new(&args.glob)?;
    let mut query = query(&args, &globs, context)?;
    let store = context.open_to_read().await?;
    let claims = store.capabilities(&Key::root());
    let in_order =
        claims.key_order == Claim::Yes && (!args.reverse || claims.pushdown.reverse == Claim::Yes);
    let mut sorted = args.unsorted || in_order;
    if args.reverse && in_order {
        query = query.reversed();
    }
    // Patterns are matched here, so only without them can the store count. It then sorts no more than it has to.
    let limit = args.limit.filter(|_| globs.set.is_empty());
    if let Some(limit) = limit.filter(|limit| sorted || *limit <= FEW) {
        if !sorted {
            let order = Order::by_key();
            query = query.with_order(if args.reverse {
                order.descending()
            } else {
                order
            });
        }
        query = query.with_limit(limit);
        sorted = true;
    }
    let options = QueryOptions::default().with_abort(context.abort.clone());
    let mut entries = store.query_opts(query, options);
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut gathered = Listing::default();
    while left > 0 {
        let Some(entry) = entries.try_next().await? else {
            break;
        };
        if !globs.accept(&entry.key) {
            continue;
        }
        if sorted {
            left -= 1;
            print(&entry, args.long, out)?;
        } else if !gathered.push(&entry) {
            return Err(Failure::usage(
                "there are too many keys to sort; list them with --unsorted",
            ));
        }
    }
    store.close().await?;
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    for entry in gathered.in_order(args.reverse).take(left) {
        print(&entry, args.long, out)?;
    }
    Ok(Exit::Success)
}

fn query(args: &Args, globs: &Globs, context: &Context) -> Outcome<Query> {
    let prefix = match &args.prefix {
        Some(prefix) => context.prefix(Some(prefix))?,
        None => globs.prefix.clone(),
    };
    let select = if args.long {
        Select::Sizes
    } else {
        Select::Keys
    };
    let mut query = Query::prefix(prefix).with_select(select);
    // As a bound, not as the cursor of an ordered query, for which the store would have to sort.
    if let Some(cursor) = &args.start_after {
        let bound = Some(Bound::Excluded(context.key(cursor)?));
        if args.reverse {
            query.end = bound;
        } else {
            query.start = bound;
        }
    }
    Ok(query)
}

fn print(entry: &Entry, long: bool, out: &mut Output) -> Outcome<()> {
    if long {
        let size = entry.size.unwrap_or_default();
        let text = |out: &Output| format!("{size:>12} {}", out.key(&entry.key));
        out.line(text, &json!({ "key": entry.key, "size": entry.size }))
    } else {
        out.line(|out| out.key(&entry.key), &json!({ "key": entry.key }))
    }
}

/// Patterns for whole keys.
struct Globs {
    set: GlobSet,
    /// The bytes that every matching key begins with.
    prefix: Bytes,
}

impl Globs {
    fn new(patterns: &[String]) -> Outcome<Self> {
        let refuse =
            |error: globset::Error| Failure::usage(format!("the pattern is no good: {error}"));
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            let glob = GlobBuilder::new(&rooted(pattern))
                .literal_separator(true)
                .backslash_escape(true)
                .build();
            set.add(glob.map_err(refuse)?);
        }
        let prefix = match patterns {
            [pattern] => literal_prefix(&rooted(pattern)).to_owned(),
            _ => String::new(),
        };
        Ok(Self {
            set: set.build().map_err(refuse)?,
            prefix: prefix.into(),
        })
    }

    fn accept(&self, key: &Key) -> bool {
        self.set.is_empty()
            || self
                .set
                .is_match_candidate(&Candidate::from_bytes(key.as_bytes()))
    }
}

fn rooted(pattern: &str) -> String {
    if pattern.starts_with('/') {
        pattern.to_owned()
    } else {
        format!("/{pattern}")
    }
}

/// What stands before the first character with a meaning.
fn literal_prefix(pattern: &str) -> &str {
    let end = pattern
        .find(['*', '?', '[', ']', '{', '}', '\\'])
        .unwrap_or(pattern.len());
    let literal = pattern.get(..end).unwrap_or_default();
    // `/a/**` takes in `/a` for some matchers, so the slash before it is not safe ground.
    match pattern.get(end..) {
        Some(rest) if rest.starts_with("**") => literal.trim_end_matches('/'),
        _ => literal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_choose_keys() {
        let keys: &[&[u8]] = &[
            b"/a", b"/a/b", b"/a/b/c", b"/ab", b"/a/\xff", b"/[x]", b"/.h/x",
        ];
        for (patterns, chosen) in [
            (&[][..], keys),
            (&["/a"], &[b"/a"]),
            (&["a"], &[b"/a"]),
            (&["/a*"], &[b"/a", b"/ab"]),
            (&["/a/*"], &[b"/a/b", b"/a/\xff"]),
            (&["/a/**"], &[b"/a/b", b"/a/b/c", b"/a/\xff"]),
            (&["**/c"], &[b"/a/b/c"]),
            (&["/?"], &[b"/a"]),
            (&["/{a,ab}"], &[b"/a", b"/ab"]),
            (&["/[a-c]/b"], &[b"/a/b"]),
            (&[r"/\[x\]"], &[b"/[x]"]),
            (&["/*/x"], &[b"/.h/x"]),
            (&["/a", "/a/b/*"], &[b"/a", b"/a/b/c"]),
        ] {
            let patterns: Vec<String> =
                patterns.iter().map(|&pattern| pattern.to_owned()).collect();
            let globs = Globs::new(&patterns).unwrap();
            let keys = keys.iter().map(Key::new);
            let found: Vec<Key> = keys.filter(|key| globs.accept(key)).collect();
            assert_eq!(
                found,
                chosen.iter().map(Key::new).collect::<Vec<_>>(),
                "{patterns:?}"
            );
            assert!(
                found
                    .iter()
                    .all(|key| key.as_bytes().starts_with(&globs.prefix)),
                "{patterns:?}"
            );
        }
    }

    #[test]
    fn broken_patterns_are_refused() {
        for pattern in ["[", "{a", "/a/[z-a]"] {
            assert!(Globs::new(&[pattern.to_owned()]).is_err(), "{pattern}");
        }
    }
}
