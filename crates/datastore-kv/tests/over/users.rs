//! Several users of one store: the last one to open the engine has it.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use datastore_core::ReadOnlyDatastore;
use datastore_engine::{Engine, EngineReader, ErrorKind, Scan};
use datastore_kv::{DatastoreEngine, DatastoreEngineOptions};
use futures::{FutureExt, StreamExt, TryStreamExt, future::join_all};
use interface_datastore::{Alphabet, Claim, ConditionScope, DatastoreExt, Durability, Key};
use pollster::block_on;

use crate::{
    steps::{State, applied, batch, commit, held},
    store::{PlainStore, Stop},
};

/// Polls so often.
fn poll<T>(future: &mut Pin<&mut impl Future<Output = T>>, times: usize) -> Poll<T> {
    for _ in 0..times {
        let polled = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        if polled.is_ready() {
            return polled;
        }
    }
    Poll::Pending
}

#[test]
fn who_opened_it_before_is_sent_away() {
    block_on(async {
        let store = PlainStore::new();
        let first = DatastoreEngine::open(&store).await.unwrap();
        let of_first = batch(|b| b.put(b"a", b"first").put(b"b", b"first"));
        commit(&first, &of_first).await.unwrap();
        let second = DatastoreEngine::open(&store.another()).await.unwrap();
        let of_second = batch(|b| b.put(b"a", b"second").delete(b"b"));
        commit(&second, &of_second).await.unwrap();
        for late in [
            batch(|b| b.put(b"a", b"late")),
            batch(|b| b.put(b"b", b"late").put(b"c", b"late")),
        ] {
            let refused = commit(&first, &late).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Locked);
            assert!(
                refused
                    .remedy()
                    .is_some_and(|remedy| remedy.contains("open it again"))
            );
        }
        first.close().await.unwrap();
        let expected = applied(&applied(&State::new(), &of_first), &of_second);
        assert_eq!(held(&second).await.unwrap(), expected);
        let third = DatastoreEngine::open(&store.another()).await.unwrap();
        assert_eq!(held(&third).await.unwrap(), expected);
        let left = store.names().await;
        assert_eq!(
            left.iter().filter(|name| name.starts_with("/j/")).count(),
            2,
            "{left:?}"
        );
    });
}

/// A commit is under way while somebody else opens the engine: it is there whole or not at all, and if it was
/// acknowledged it is there.
#[test]
fn a_commit_that_is_overtaken_is_whole() {
    let (mut there, mut sent_away) = (0, 0);
    for steps in 0..40 {
        block_on(async {
            let store = PlainStore::new();
            let first = DatastoreEngine::open(&store).await.unwrap();
            let [a, b] = [[b"a1", b"a2", b"a3"], [b"b1", b"b2", b"b3"]].map(|keys| {
                batch(|batch| {
                    batch
                        .put(keys[0], b"v")
                        .put(keys[1], b"v")
                        .put(keys[2], b"v")
                })
            });
            let mut committing = pin!(commit(&first, &a));
            let early = poll(&mut committing, steps);
            let second = DatastoreEngine::open(&store.another()).await.unwrap();
            let seen = held(&second).await.unwrap();
            commit(&second, &b).await.unwrap();
            let outcome = match early {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => committing.await,
            };
            let third = DatastoreEngine::open(&store.another()).await.unwrap();
            let found = held(&third).await.unwrap();
            let with = applied(&applied(&State::new(), &a), &b);
            assert!(
                found == with || found == applied(&State::new(), &b),
                "{steps}: {found:?}"
            );
            assert!(found == with || outcome.is_err(), "{steps}: lost");
            assert!(
                seen.is_empty() || found == with,
                "{steps}: what was seen is gone"
            );
            there += u32::from(found == with);
            sent_away += u32::from(outcome.is_err_and(|error| error.kind() == ErrorKind::Locked));
        });
    }
    assert!(
        there > 5 && sent_away > 0,
        "{there} there, {sent_away} sent away"
    );
}

/// Two processes open an engine with a commit left half done, step by step in any order: one of them has it.
#[test]
fn of_two_who_open_at_once_one_writes() {
    let (before, halted) = (
        batch(|b| b.put(b"a", b"0").put(b"b", b"0")),
        batch(|b| b.put(b"a", b"1").put(b"b", b"1")),
    );
    let left = PlainStore::new();
    block_on(async {
        let engine = DatastoreEngine::open(&left).await.unwrap();
        commit(&engine, &before).await.unwrap();
        left.stop_at(4, Stop::Before);
        commit(&engine, &halted).await.unwrap_err();
    });
    let expected = applied(&applied(&State::new(), &before), &halted);
    for seed in 0..300 {
        let mut random = fastrand(seed);
        let store = left.copy();
        let [one, other] = [store.another(), store.another()];
        let mut opening = [
            Box::pin(DatastoreEngine::open(&one)),
            Box::pin(DatastoreEngine::open(&other)),
        ];
        let mut opened = [None, None];
        while let Some(pending) = (0..2).find(|at| opened[*at].is_none()) {
            let at = if opened[1 - pending].is_none() {
                random() % 2
            } else {
                pending
            };
            if let Poll::Ready(outcome) = poll(&mut opening[at].as_mut(), 1) {
                opened[at] = Some(outcome);
            }
        }
        block_on(async {
            let mut writers = 0;
            for (at, engine) in opened.into_iter().flatten().enumerate() {
                let refused = match engine {
                    Ok(engine) => {
                        let found = held(&engine).await.unwrap();
                        let replayed = expected
                            .iter()
                            .all(|(key, value)| found.get(key) == Some(value));
                        assert!(replayed, "seed {seed}: {found:?}");
                        commit(
                            &engine,
                            &batch(|b| {
                                b.put(b"c", &[b'0' + u8::try_from(at).unwrap()])
                                    .put(b"d", b"1")
                            }),
                        )
                        .await
                    }
                    Err(refused) => Err(refused),
                };
                match refused {
                    Ok(()) => writers += 1,
                    Err(refused) => assert_eq!(refused.kind(), ErrorKind::Locked, "seed {seed}"),
                }
            }
            assert!(writers <= 1, "seed {seed}: {writers} write");
            let engine = DatastoreEngine::open(&store).await.unwrap();
            let found = held(&engine).await.unwrap();
            assert_eq!(found.len(), if writers == 1 { 4 } else { 2 }, "seed {seed}");
            assert_eq!(
                engine.get(b"a").await.unwrap().as_deref(),
                Some(&b"1"[..]),
                "seed {seed}"
            );
        });
    }
}

/// Somebody is halted while opening, and two others open and close meanwhile: the number that it is about to take is free again.
#[test]
fn an_opening_that_is_overtaken_twice_has_nothing() {
    let mut sent_away = 0;
    for steps in 0..40 {
        block_on(async {
            let store = PlainStore::new();
            drop(DatastoreEngine::open(&store.another()).await.unwrap());
            let mut opening = pin!(DatastoreEngine::open(&store));
            let early = poll(&mut opening, steps);
            drop(DatastoreEngine::open(&store.another()).await.unwrap());
            let last = DatastoreEngine::open(&store.another()).await.unwrap();
            let late = match early {
                Poll::Ready(opened) => opened,
                Poll::Pending => opening.await,
            };
            let [one, other] =
                [b"1", b"2"].map(|value| batch(|b| b.put(b"k", value).put(b"l", value)));
            let of_late = match &late {
                Ok(engine) => commit(engine, &one).await,
                Err(refused) => Err(refused.clone()),
            };
            let of_last = commit(&last, &other).await;
            assert!(
                of_late.is_ok() != of_last.is_ok(),
                "{steps}: {of_late:?}, {of_last:?}"
            );
            for outcome in [of_late, of_last] {
                let kind = outcome.err().map(|refused| refused.kind());
                assert!(
                    kind.is_none_or(|kind| kind == ErrorKind::Locked),
                    "{steps}: {kind:?}"
                );
            }
            sent_away += u32::from(late.is_err());
        });
    }
    assert!(sent_away > 0, "no opening was sent away");
}

/// A commit that waits for its turn and is dropped never happens.
#[test]
fn what_has_not_begun_when_it_is_dropped_never_happens() {
    block_on(async {
        let engine = DatastoreEngine::open(&PlainStore::new()).await.unwrap();
        let [first, waiting, last] =
            [b"a", b"b", b"c"].map(|key| batch(|b| b.put(key, b"1").put(b"last", key)));
        let mut committing = pin!(commit(&engine, &first));
        assert!(poll(&mut committing, 1).is_pending());
        assert!(commit(&engine, &waiting).now_or_never().is_none());
        committing.await.unwrap();
        assert_eq!(engine.get(b"b").await.unwrap(), None);
        commit(&engine, &last).await.unwrap();
        assert_eq!(held(&engine).await.unwrap().len(), 3);
    });
}

/// A refusal that shows only when a range is looked up is that of its own commit.
#[test]
fn a_refused_range_fails_nobody_else() {
    block_on(async {
        let options = DatastoreEngineOptions::new().max_range_keys(2);
        let engine = options.open(&PlainStore::new()).await.unwrap();
        commit(
            &engine,
            &batch(|b| b.put(b"a", b"1").put(b"b", b"1").put(b"c", b"1")),
        )
        .await
        .unwrap();
        let batches = [
            batch(|b| b.put(b"d", b"1")),
            batch(|b| b.put(b"e", b"1")),
            batch(|b| b.delete_range(b"", None)),
            batch(|b| b.put(b"f", b"1")),
        ];
        let outcomes = join_all(batches.iter().map(|batch| commit(&engine, batch))).await;
        let refused: Vec<bool> = outcomes.iter().map(Result::is_err).collect();
        assert_eq!(refused, [false, false, true, false]);
        assert_eq!(held(&engine).await.unwrap().len(), 6);
    });
}

/// Numbers that look random: xorshift.
fn fastrand(seed: u64) -> impl FnMut() -> usize {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize
    }
}

#[test]
fn those_that_wait_together_are_committed_as_one() {
    let steps = |together: bool| {
        let store = PlainStore::new();
        block_on(async {
            let engine = DatastoreEngine::open(&store).await.unwrap();
            let batches: Vec<_> = (0..16)
                .map(|n| batch(|b| b.put(&[n], b"1").put(b"last", &[n])))
                .collect();
            let begun = store.taken();
            if together {
                let all = batches.iter().map(|batch| commit(&engine, batch));
                join_all(all)
                    .await
                    .into_iter()
                    .collect::<Result<Vec<_>, _>>()
                    .unwrap();
            } else {
                for batch in &batches {
                    commit(&engine, batch).await.unwrap();
                }
            }
            let taken = store.taken() - begun;
            assert_eq!(held(&engine).await.unwrap().len(), 17);
            assert_eq!(
                engine.get(b"last").await.unwrap().as_deref(),
                Some(&[15][..])
            );
            taken
        })
    };
    let (alone, together) = (steps(false), steps(true));
    assert_eq!(
        alone,
        16 * 5,
        "a journal, a look at the owner, two puts, a delete"
    );
    assert!(together < alone / 2, "{together} steps instead of {alone}");
}

/// Entries that vanish between listing and reading make room for others under a limit.
#[test]
fn a_limit_counts_what_is_there() {
    block_on(async {
        let rows: [(bool, &[&[u8]]); 2] = [(false, &[b"c", b"d"]), (true, &[b"b", b"a"])];
        for (reverse, expected) in rows {
            let store = PlainStore::new();
            let engine = DatastoreEngine::open(&store).await.unwrap();
            let four = batch(|b| {
                b.put(b"a", b"1")
                    .put(b"b", b"1")
                    .put(b"c", b"1")
                    .put(b"d", b"1")
            });
            commit(&engine, &four).await.unwrap();
            let mut scan = Scan::all().with_limit(2);
            scan.reverse = reverse;
            let mut entries = engine.scan(scan);
            assert!(
                entries.next().now_or_never().is_none(),
                "listed, and being read"
            );
            for name in if reverse {
                ["/k/cg", "/k/cc"]
            } else {
                ["/k/c4", "/k/c8"]
            } {
                store.memory().delete(&Key::new(name)).await.unwrap();
            }
            let found: Vec<_> = entries.try_collect().await.unwrap();
            let keys: Vec<&[u8]> = found.iter().map(|entry| &entry.key[..]).collect();
            assert_eq!(keys, expected);
        }
    });
}

#[test]
fn what_the_journal_cannot_hold_is_refused() {
    block_on(async {
        let options = DatastoreEngineOptions::new()
            .max_journal_bytes(200)
            .max_range_keys(3);
        let engine = options.open(&PlainStore::new()).await.unwrap();
        let large = vec![7; 300];
        commit(&engine, &batch(|b| b.put(b"alone", &large)))
            .await
            .unwrap();
        let too_long = commit(&engine, &batch(|b| b.put(b"a", &large).put(b"b", b"1")))
            .await
            .unwrap_err();
        assert_eq!(too_long.kind(), ErrorKind::Unsupported);
        assert!(
            too_long
                .remedy()
                .is_some_and(|remedy| remedy.contains("less at a time")),
            "{too_long:?}"
        );
        // Which keys a range meets is known only when it is looked up.
        let long = |n: u8| [&[b'k'; 80][..], &[n]].concat();
        for n in 0..3 {
            commit(&engine, &batch(|b| b.put(&long(n), b"1")))
                .await
                .unwrap();
        }
        for range in [
            batch(|b| b.delete_range(b"k", Some(b"l"))),
            batch(|b| b.delete_range(b"", None)),
        ] {
            let refused = commit(&engine, &range).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Unsupported);
        }
        assert_eq!(held(&engine).await.unwrap().len(), 4);
    });
}

#[test]
fn stores_that_cannot_hold_an_engine_are_refused() {
    type Change = fn(&mut interface_datastore::Capabilities);
    let rows: [(Change, ErrorKind, &str); 6] = [
        (
            |can| can.if_absent = ConditionScope::None,
            ErrorKind::Unsupported,
            "neither atomic batches",
        ),
        (
            |can| can.writable = Claim::No,
            ErrorKind::ReadOnly,
            "no writes",
        ),
        (
            |can| can.retains = Claim::No,
            ErrorKind::Unsupported,
            "does not promise",
        ),
        (
            |can| can.linearizable = Claim::Varies,
            ErrorKind::Unsupported,
            "does not promise",
        ),
        (
            |can| can.keys.further = true,
            ErrorKind::Unsupported,
            "reasons of its own",
        ),
        (
            |can| can.keys.alphabet = Alphabet::Only(b"ab".to_vec()),
            ErrorKind::Unsupported,
            "cannot hold",
        ),
    ];
    for (change, kind, said) in rows {
        let store = PlainStore::claiming(change);
        let refused = block_on(DatastoreEngine::open(&store)).unwrap_err();
        assert_eq!(refused.kind(), kind);
        assert!(refused.to_string().contains(said), "{refused}");
        assert!(refused.remedy().is_some(), "{refused}");
        assert!(block_on(store.names()).is_empty(), "nothing was written");
    }
    let read_only = ReadOnlyDatastore::new(&PlainStore::new());
    assert_eq!(
        block_on(DatastoreEngine::open(&read_only))
            .unwrap_err()
            .kind(),
        ErrorKind::ReadOnly
    );
}

/// What a store orders for each key alone does not add up to an order of commits.
#[test]
fn durabilities_are_those_that_single_writes_add_up_to() {
    use datastore_engine::Durability as Level;
    let rows = [
        (Durability::Volatile, Level::Volatile),
        (Durability::Process, Level::Process),
        (Durability::Ordered, Level::Process),
        (Durability::Power, Level::Power),
    ];
    for (of_store, of_engine) in rows {
        let store = PlainStore::claiming(|can| can.max_durability = of_store);
        for wanted in [None, Some(Level::Ordered), Some(Level::Power)] {
            let options = match wanted {
                Some(wanted) => DatastoreEngineOptions::new().durability(wanted),
                None => DatastoreEngineOptions::new(),
            };
            let given = block_on(options.open(&store));
            let expected = match wanted {
                Some(_) if of_store < Durability::Power => Err(ErrorKind::Unsupported),
                _ => Ok(of_engine),
            };
            let level = given.map(|engine| engine.capabilities().max_durability);
            match (level, expected) {
                (Ok(level), Ok(expected)) => assert_eq!(level, expected),
                (Err(error), Err(kind)) => assert_eq!(error.kind(), kind),
                (level, expected) => {
                    panic!("{of_store}, {wanted:?}: {level:?} is not {expected:?}")
                }
            }
        }
    }
}
