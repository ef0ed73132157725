//! Copies between stores that fail, forget, refuse and expire.

use std::{ffi::OsString, sync::Arc, time::Duration};

use clap::FromArgMatches;
use datastore_core::{
    BlackHoleDatastore, FaultDatastore, MemoryDatastore,
    fault::{Fault, Rule},
};
use datastore_open::Registry;
use interface_datastore::{
    AbortSignal, Datastore, DatastoreExt, Entry, ErrorKind, Key, Operation, Query, Timestamp,
};

use super::{Options, Tally, Transfer};
use crate::{
    args::Cli,
    context::Context,
    failure::{Failure, Outcome},
    folder::{Folder, Odd},
    output::Output,
    progress::Screen,
};

/// The options that a command line gives.
#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn context(abort: AbortSignal) -> Context {
    let registry = Registry::with_defaults();
    let args = ["datastore", "-q", "man"].map(OsString::from);
    let matches = crate::args::command(&registry)
        .try_get_matches_from(args)
        .unwrap();
    let global = Cli::from_arg_matches(&matches).unwrap().global;
    Context {
        registry,
        screen: Screen::new(&global),
        global,
        abort,
    }
}

struct Case {
    source: Arc<dyn Datastore>,
    target: Arc<dyn Datastore>,
    options: &'static [&'static str],
}

impl Case {
    async fn copy(&self) -> (Outcome<()>, Tally) {
        let controller = interface_datastore::AbortController::new();
        self.copy_until(controller.signal()).await
    }

    async fn copy_until(&self, abort: AbortSignal) -> (Outcome<()>, Tally) {
        let line = [&["cp"], self.options].concat();
        let line = <Line as clap::Parser>::try_parse_from(line).unwrap();
        let context = context(abort);
        let transfer = Transfer {
            context: &context,
            options: &line.options,
            source: self.source.clone(),
            target: Some(self.target.clone()),
            query: Query::all(),
            done: "copied",
        };
        let mut tally = Tally::new();
        let mut out = Output::new(&context.global);
        let outcome = transfer.copy(&mut tally, &mut out).await;
        (
            outcome.map_err(|failure| transfer.explained(failure)),
            tally,
        )
    }
}

const SMALL: u64 = 1500;
const LARGE: u64 = 3;

/// More small values than one group takes, and some large ones.
async fn source() -> MemoryDatastore {
    let store = MemoryDatastore::new();
    for number in 0..SMALL {
        store
            .put(
                &Key::new(format!("/small/{number}")),
                format!("value {number}"),
            )
            .await
            .unwrap();
    }
    for number in 0..LARGE {
        store
            .put(&Key::new(format!("/large/{number}")), vec![b'x'; 300_000])
            .await
            .unwrap();
    }
    store
}

async fn entries(store: &dyn Datastore) -> Vec<Entry> {
    use futures_util::TryStreamExt;
    let query = Query::all().with_order(interface_datastore::query::Order::by_key());
    let mut entries: Vec<Entry> = store.query(query).try_collect().await.unwrap();
    entries.iter_mut().for_each(|entry| entry.version = None);
    entries
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test)
}

#[test]
fn a_target_that_forgets_is_found_out() {
    run(async {
        for options in [&["--verify"][..], &["--verify", "--skip-refused"]] {
            let source = source().await.handle();
            let target = BlackHoleDatastore::new().handle();
            let (outcome, tally) = Case {
                source,
                target,
                options,
            }
            .copy()
            .await;
            outcome.unwrap();
            assert_eq!(tally.different, SMALL + LARGE);
            assert!(!tally.is_complete());
        }
    });
}

#[test]
fn expiry_is_kept_where_there_is_one() {
    run(async {
        let source = MemoryDatastore::new();
        let expires = Timestamp::after(Duration::from_secs(3600));
        source
            .put_expiring(&Key::new("/small"), "1", expires)
            .await
            .unwrap();
        source
            .put_expiring(&Key::new("/large"), vec![0; 300_000], expires)
            .await
            .unwrap();
        source.put(&Key::new("/lasting"), "1").await.unwrap();
        let target = MemoryDatastore::new();
        let (outcome, tally) = Case {
            source: source.handle(),
            target: target.handle(),
            options: &[],
        }
        .copy()
        .await;
        outcome.unwrap();
        assert_eq!(tally.made_lasting, 0);
        assert_eq!(entries(&target).await, entries(&source).await);

        let folder = tempfile::tempdir().unwrap();
        let target = Folder::to_write(folder.path(), false).unwrap().handle();
        let (outcome, tally) = Case {
            source: source.handle(),
            target,
            options: &[],
        }
        .copy()
        .await;
        outcome.unwrap();
        assert_eq!(tally.made_lasting, 2);
    });
}

#[test]
fn entries_may_vanish_meanwhile() {
    run(async {
        let inner = source().await;
        let gone = |key: &str| {
            Rule::new(Operation::Get, Fault::fail(ErrorKind::NotFound)).on_key(Key::new(key))
        };
        let source = FaultDatastore::new(&inner, vec![gone("/small/7"), gone("/large/1")]).handle();
        let target = MemoryDatastore::new();
        let (outcome, tally) = Case {
            source,
            target: target.handle(),
            options: &["--verify"],
        }
        .copy()
        .await;
        outcome.unwrap();
        assert_eq!((tally.vanished, tally.different), (2, 0));
        assert_eq!(entries(&target).await.len() as u64, SMALL + LARGE - 2);
    });
}

#[test]
fn a_failure_stops_the_copy_and_resuming_ends_it() {
    run(async {
        let source = source().await;
        for (operation, on, key) in [
            (Operation::Put, "target", "/small/700"),
            (Operation::Put, "target", "/large/1"),
            (Operation::Get, "source", "/small/700"),
            (Operation::Get, "source", "/large/1"),
        ] {
            let kept = MemoryDatastore::new();
            let fault = Rule::new(operation, Fault::fail(ErrorKind::NoSpace))
                .on_key(Key::new(key))
                .times(1);
            let mut case = Case {
                source: source.handle(),
                target: kept.handle(),
                options: &["--resume"],
            };
            let end = if on == "target" {
                &mut case.target
            } else {
                &mut case.source
            };
            *end = FaultDatastore::new(&*end.clone(), vec![fault]).handle();
            let (outcome, _) = case.copy().await;
            let Err(Failure::Store(error)) = outcome else {
                panic!("{key}: {outcome:?}")
            };
            assert_eq!(error.kind(), ErrorKind::NoSpace);
            let before = entries(&kept).await.len() as u64;
            assert!(before < SMALL + LARGE);
            let (outcome, tally) = case.copy().await;
            outcome.unwrap();
            assert_eq!(tally.unchanged, before, "{key}");
            assert_eq!(entries(&kept).await, entries(&source).await, "{key}");
        }
    });
}

#[test]
fn refused_keys_are_left_out_if_wanted() {
    run(async {
        let source = source().await;
        for (options, refused) in [(&[][..], None), (&["--skip-refused"], Some(2))] {
            let kept = MemoryDatastore::new();
            let no = |key: &str| {
                Rule::new(Operation::Put, Fault::fail(ErrorKind::InvalidKey)).on_key(Key::new(key))
            };
            let target = FaultDatastore::new(&kept, vec![no("/small/7"), no("/large/1")]).handle();
            let (outcome, tally) = Case {
                source: source.handle(),
                target,
                options,
            }
            .copy()
            .await;
            assert_eq!(outcome.is_ok(), refused.is_some());
            if let Some(refused) = refused {
                assert_eq!(tally.refused, refused);
                assert_eq!(entries(&kept).await.len() as u64, SMALL + LARGE - refused);
            }
        }
    });
}

#[test]
fn a_signal_says_how_to_go_on() {
    run(async {
        let case = Case {
            source: source().await.handle(),
            target: MemoryDatastore::new().handle(),
            options: &[],
        };
        let (outcome, _) = case.copy_until(AbortSignal::already_aborted()).await;
        assert!(
            matches!(outcome, Err(Failure::Interrupted { advice, .. }) if advice.contains("--resume"))
        );
    });
}

#[test]
fn a_folder_is_no_database() {
    run(async {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::to_write(place.path(), false).unwrap();
        let key = Key::new("/a");
        folder.put(&key, "0123456789").await.unwrap();
        assert_eq!(folder.get_range(&key, 3..5).await.unwrap(), "34");
        assert_eq!(folder.get_size(&key).await.unwrap(), 10);
        assert!(!folder.has(&Key::new("/b")).await.unwrap());
        let expiring = folder
            .put_expiring(&key, "1", Timestamp::now())
            .await
            .unwrap_err();
        let conditional = folder.put_if_absent(&key, "1").await.unwrap_err();
        let deleted = folder.delete(&key).await.unwrap_err();
        let watched = folder.watch(&key).await.err().unwrap();
        for error in [expiring, conditional, deleted, watched] {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
        assert_eq!(
            folder.put(&key, "2").await.unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        assert_eq!(folder.get(&key).await.unwrap(), "0123456789");
        let missing = Folder::to_read(&place.path().join("none"), Odd::Refuse).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    });
}
