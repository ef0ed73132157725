//! Interactive transactions: their queries, ends, refusals and repetitions.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    thread,
};

use datastore_kv::{KvDatastore, KvOptions, MemoryEngine, Transaction, TransactionOptions};
use futures::{StreamExt, TryStreamExt};
use interface_datastore::{
    AbortSignal, Bytes, DatastoreExt, Durability, Error, ErrorKind, Key, Query, Result, Timestamp,
    WatchEvent,
};
use pollster::block_on;

use crate::{
    engines::{Altered, poll_out},
    histories::{begun, filled, keys},
};

#[test]
fn queries_serve_filters_orders_and_limits_with_own_writes() {
    use interface_datastore::query::{Filter, Order};
    block_on(async {
        let store = filled(MemoryEngine::new()).await;
        let transaction = begun(&store).await;
        transaction.put(&Key::new("/p/0"), "own").unwrap();
        transaction.put(&Key::new("/p/b"), "other").unwrap();
        transaction.put(&Key::new("/p/c"), "own").unwrap();
        transaction.delete(&Key::new("/p/a")).unwrap();
        let all = Query::prefix("/p/");
        let rows: [(Query, &str); 7] = [
            (all.clone(), "/p/0+/p/b+/p/c"),
            (all.clone().reversed(), "/p/c+/p/b+/p/0"),
            (all.clone().with_offset(1).with_limit(1), "/p/b"),
            (all.clone().with_start_after(Key::new("/p/0")), "/p/b+/p/c"),
            (all.clone().with_filter(Filter::key_suffix("b")), "/p/b"),
            (
                all.clone()
                    .with_order(Order::by_key().descending())
                    .with_limit(2),
                "/p/c+/p/b",
            ),
            (Query::within(Key::new("/p")).keys_only(), "/p/0+/p/b+/p/c"),
        ];
        for (query, expected) in rows {
            assert_eq!(
                keys(transaction.query(query.clone())).await,
                expected,
                "{query:?}"
            );
        }
        let values: Vec<_> = transaction.query(all).try_collect().await.unwrap();
        assert_eq!(values[1].value.as_deref(), Some(&b"other"[..]));
    });
}

#[test]
fn an_expiry_counts_as_a_change() {
    block_on(async {
        let now = Arc::new(AtomicU64::new(0));
        let hand = now.clone();
        let clock = move || Timestamp::from_millis(hand.load(Ordering::SeqCst));
        let store = KvOptions::new()
            .clock(clock)
            .open(MemoryEngine::new())
            .await
            .unwrap();
        let (short, other) = (Key::new("/short"), Key::new("/other"));
        let reads: [fn(&Transaction<MemoryEngine>) -> bool; 2] = [
            |transaction| block_on(transaction.has(&Key::new("/short"))).unwrap(),
            |transaction| block_on(transaction.query(Query::all()).next()).is_some(),
        ];
        for (round, read) in reads.into_iter().enumerate() {
            let at = 10 * (round as u64 + 1);
            let expires = Timestamp::from_millis(at);
            store.put_expiring(&short, "value", expires).await.unwrap();
            let transaction = begun(&store).await;
            assert!(read(&transaction));
            now.store(at, Ordering::SeqCst);
            assert!(
                read(&transaction),
                "the moment of a transaction stands still"
            );
            transaction.put(&other, "value").unwrap();
            let error = transaction.commit().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
            assert!(!store.has(&other).await.unwrap());
        }
        let transaction = begun(&store).await;
        let soon = Timestamp::from_millis(100);
        transaction.put_expiring(&short, "value", soon).unwrap();
        assert!(transaction.has(&short).await.unwrap());
        transaction.commit().await.unwrap();
        assert_eq!(store.metadata(&short).await.unwrap().expires, Some(soon));
    });
}

#[test]
fn what_has_ended_says_so() {
    block_on(async {
        let store = filled(MemoryEngine::new()).await;
        let key = Key::new("/a");
        let ends: [fn(Transaction<MemoryEngine>); 2] = [
            |transaction| drop(block_on(transaction.commit()).unwrap()),
            Transaction::rollback,
        ];
        for end in ends {
            let transaction = begun(&store).await;
            let other = transaction.clone();
            let mut entries = other.query(Query::all());
            entries.next().await.unwrap().unwrap();
            end(transaction);
            let outcomes = [
                other.try_get(&key).await.map(drop),
                other.put(&key, "late"),
                other.delete(&key),
                entries.next().await.unwrap().map(drop),
                other.query(Query::all()).next().await.unwrap().map(drop),
                other.commit().await.map(drop),
            ];
            for outcome in outcomes {
                let error = outcome.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
                assert!(error.to_string().contains("begin another"), "{error}");
            }
        }
        let transaction = begun(&store).await;
        transaction.put(&key, "late").unwrap();
        store.close().await.unwrap();
        assert_eq!(
            transaction.commit().await.unwrap_err().kind(),
            ErrorKind::Closed
        );
        let refused = store.transaction(TransactionOptions::default()).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Closed);
    });
}

#[test]
fn what_cannot_be_is_refused_before() {
    block_on(async {
        let store = KvDatastore::open(MemoryEngine::new()).await.unwrap();
        let kind = |error: Error| error.kind();
        let lasting = TransactionOptions::default().with_durability(Durability::Power);
        let refused = store.transaction(lasting).await.unwrap_err();
        assert_eq!(kind(refused), ErrorKind::Unsupported);
        let aborted = TransactionOptions::default().with_abort(AbortSignal::already_aborted());
        let refused = store.transaction(aborted).await.unwrap_err();
        assert_eq!(kind(refused), ErrorKind::Aborted);
        let plain = KvDatastore::open(Altered::without_snapshots())
            .await
            .unwrap();
        let refused = plain
            .transaction(TransactionOptions::default())
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        assert!(
            refused
                .remedy()
                .is_some_and(|remedy| remedy.contains("conditions")),
            "{refused}"
        );
    });
}

#[test]
fn a_commit_is_told_to_watchers() {
    block_on(async {
        let store = filled(MemoryEngine::new()).await;
        let mut events = store.watch(&Key::root()).await.unwrap();
        let transaction = begun(&store).await;
        transaction.put(&Key::new("/new"), "value").unwrap();
        transaction.delete(&Key::new("/a")).unwrap();
        let version = transaction.commit().await.unwrap().version.unwrap();
        let told = [
            events.next().await.unwrap().unwrap(),
            events.next().await.unwrap().unwrap(),
        ];
        assert_eq!(
            told[0],
            WatchEvent::Delete {
                key: Key::new("/a")
            }
        );
        let put = WatchEvent::Put {
            key: Key::new("/new"),
            version: Some(version),
        };
        assert_eq!(told[1], put);
    });
}

#[test]
fn a_transaction_is_run_again_until_it_meets_nobody() {
    block_on(async {
        let (store, key) = (filled(MemoryEngine::new()).await, Key::new("/a"));
        for (attempts, meets, succeeds) in
            [(1, 0, true), (3, 2, true), (3, 3, false), (0, 1, false)]
        {
            let runs = Arc::new(AtomicU32::new(0));
            let outcome = store
                .transact(
                    TransactionOptions::default().with_attempts(attempts),
                    |transaction| {
                        let (store, key, runs) = (store.clone(), key.clone(), runs.clone());
                        async move {
                            transaction.get(&key).await?;
                            transaction.put(&key, "ours")?;
                            if runs.fetch_add(1, Ordering::SeqCst) < meets {
                                store.put(&key, "theirs").await?;
                            }
                            Ok(())
                        }
                    },
                )
                .await;
            let ran = runs.load(Ordering::SeqCst);
            let case = format!("{attempts} attempts, met {meets} times: {outcome:?}");
            assert_eq!(
                ran,
                if succeeds { meets + 1 } else { attempts.max(1) },
                "{case}"
            );
            assert_eq!(outcome.is_ok(), succeeds, "{case}");
            let value = store.get(&key).await.unwrap();
            assert_eq!(value, if succeeds { "ours" } else { "theirs" }, "{case}");
        }
    });
}

#[test]
fn work_that_fails_or_ends_by_itself_is_run_once() {
    block_on(async {
        let (store, key) = (filled(MemoryEngine::new()).await, Key::new("/a"));
        let fails = Error::new(
            ErrorKind::PreconditionFailed,
            interface_datastore::Operation::Put,
        );
        type End = fn(Transaction<MemoryEngine>, Error) -> Result<u8>;
        let rows: [(End, bool); 2] = [
            (|_, error| Err(error), false),
            (
                |transaction, _| {
                    transaction.rollback();
                    Ok(1)
                },
                true,
            ),
        ];
        for (end, succeeds) in rows {
            let mut runs = 0;
            let outcome = store
                .transact(TransactionOptions::default(), |transaction| {
                    runs += 1;
                    let (key, fails) = (key.clone(), fails.clone());
                    async move {
                        transaction.put(&key, "ours")?;
                        end(transaction, fails)
                    }
                })
                .await;
            assert_eq!((runs, outcome.is_ok()), (1, succeeds));
            assert_eq!(store.get(&key).await.unwrap(), "a");
        }
    });
}

/// Threads move amounts between accounts, each by what a query of all accounts tells; the sum stays, and every look sees it.
#[test]
fn side_by_side_transactions_keep_an_invariant() {
    const ACCOUNTS: u64 = 5;
    let store = block_on(async {
        let store = KvDatastore::open(MemoryEngine::new()).await.unwrap();
        for n in 0..ACCOUNTS {
            store
                .put(&Key::new(format!("/account/{n}")), "100")
                .await
                .unwrap();
        }
        store
    });
    let amount = |value: Option<Bytes>| -> u64 {
        String::from_utf8(value.unwrap().to_vec())
            .unwrap()
            .parse()
            .unwrap()
    };
    let moves = interface_datastore_tests::runs(500);
    thread::scope(|scope| {
        for seed in 0..3 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..moves {
                    let options = TransactionOptions::default().with_attempts(u32::MAX);
                    let moved = store.transact(options, |transaction| async move {
                        let accounts: Vec<_> = transaction
                            .query(Query::prefix("/account/"))
                            .try_collect()
                            .await?;
                        let pick = |n: u64| usize::try_from(n % ACCOUNTS).unwrap();
                        let (from, to) = (
                            &accounts[pick(seed + round)],
                            &accounts[pick(seed * 2 + round * 3 + 1)],
                        );
                        let sum: u64 = accounts
                            .iter()
                            .map(|entry| amount(entry.value.clone()))
                            .sum();
                        assert_eq!(sum, 100 * ACCOUNTS);
                        let (held, taken) =
                            (amount(from.value.clone()), amount(from.value.clone()) / 3);
                        if from.key != to.key {
                            transaction.put(&from.key, (held - taken).to_string())?;
                            transaction
                                .put(&to.key, (amount(to.value.clone()) + taken).to_string())?;
                        }
                        Ok(())
                    });
                    block_on(moved).unwrap();
                }
            });
        }
    });
    let entries: Vec<_> = block_on(store.query(Query::prefix("/account/")).try_collect()).unwrap();
    let sum: u64 = entries
        .into_iter()
        .map(|entry: interface_datastore::Entry| amount(entry.value))
        .sum();
    assert_eq!(sum, 100 * ACCOUNTS);
}

/// Two commits under way at the same time, each of which brings a phantom into what the other has listed.
#[test]
fn commits_that_walked_wait_for_each_other() {
    let store = poll_out(KvDatastore::open(Altered::late())).unwrap();
    poll_out(store.put(&Key::new("/first"), "value")).unwrap();
    let begin = |listed: &str, put: &str| {
        let transaction = poll_out(store.transaction(TransactionOptions::default())).unwrap();
        assert!(poll_out(transaction.query(Query::prefix(listed)).next()).is_none());
        transaction.put(&Key::new(put), "value").unwrap();
        transaction
    };
    let (one, other) = (begin("/a/", "/b/1"), begin("/b/", "/a/1"));
    let (one, other) = poll_out(futures::future::join(one.commit(), other.commit()));
    assert!(one.is_ok());
    assert_eq!(other.unwrap_err().kind(), ErrorKind::PreconditionFailed);
}
