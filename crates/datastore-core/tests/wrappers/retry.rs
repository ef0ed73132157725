use std::{sync::Arc, time::Duration};

use datastore_core::{
    FaultDatastore, MemoryDatastore, RetryDatastore, RetryPolicy,
    fault::{Fault, Rule},
};
use interface_datastore::{
    Batch, Condition, Datastore, DatastoreExt, ErrorKind, Key, Operation, PutOptions, Query,
    query::Order,
};

use crate::support::{Naps, all, faulty, key, kind, listed, pieces};

fn retrying(store: &FaultDatastore, policy: RetryPolicy) -> (RetryDatastore, Arc<Naps>) {
    let naps = Arc::new(Naps::default());
    (RetryDatastore::new(store, policy, naps.clone()), naps)
}

/// A put that meets `fault` `times` times, then none: its outcome, and how often it was made.
#[test]
fn repeats_what_it_may() {
    use ErrorKind::{Failed, OutcomeUnknown, TimedOut, Unavailable};
    let (plain, only_new) = (Condition::None, Condition::IfAbsent);
    let cases = [
        (&plain, Fault::fail(Unavailable), 2, None, 3),
        (&plain, Fault::fail(TimedOut), 3, None, 4),
        (&plain, Fault::fail_after(OutcomeUnknown), 1, None, 2),
        (&plain, Fault::fail(Failed), 1, Some(Failed), 1),
        (&plain, Fault::fail(Unavailable), 4, Some(Unavailable), 4),
        (&plain, Fault::fail(TimedOut), 4, Some(OutcomeUnknown), 4),
        (&only_new, Fault::fail(Unavailable), 2, None, 3),
        (
            &only_new,
            Fault::fail_after(OutcomeUnknown),
            1,
            Some(OutcomeUnknown),
            1,
        ),
        (
            &only_new,
            Fault::fail_after(TimedOut),
            1,
            Some(OutcomeUnknown),
            1,
        ),
    ];
    for (condition, fault, times, error, calls) in cases {
        let (_, unsteady) = faulty(vec![Rule::new(Operation::Put, fault.clone()).times(times)]);
        let (store, _) = retrying(&unsteady, RetryPolicy::default());
        let options = PutOptions::default().with_condition(condition.clone());
        let outcome = pollster::block_on(store.put_opts(&key("/a"), "1".into(), options));
        let got = outcome.err().map(|error| error.kind());
        assert_eq!(
            (got, unsteady.calls(Operation::Put)),
            (error, calls),
            "{condition:?} {fault:?} x{times}"
        );
    }
}

#[test]
fn an_unknown_outcome_outlives_a_later_refusal() {
    let (memory, unsteady) = faulty(vec![
        Rule::new(Operation::Put, Fault::fail_after(ErrorKind::OutcomeUnknown)).times(1),
        Rule::new(Operation::Put, Fault::fail(ErrorKind::PermissionDenied)),
    ]);
    let (store, _) = retrying(&unsteady, RetryPolicy::default());
    pollster::block_on(async {
        assert_eq!(
            kind(store.put(&key("/a"), "1").await),
            ErrorKind::OutcomeUnknown
        );
        assert!(memory.has(&key("/a")).await.unwrap());
    });
}

#[test]
fn pauses_double_to_a_bound_and_jitter() {
    let (_, unsteady) = faulty(vec![Rule::new(
        Operation::Get,
        Fault::fail(ErrorKind::Unavailable),
    )]);
    let (first, longest) = (Duration::from_millis(100), Duration::from_millis(300));
    let policy = RetryPolicy::default()
        .with_attempts(5)
        .with_pauses(first, longest);
    let (store, naps) = retrying(&unsteady, policy);
    assert_eq!(
        pollster::block_on(async { kind(store.get(&key("/a")).await) }),
        ErrorKind::Unavailable
    );
    let naps = naps.taken();
    assert_eq!(naps.len(), 4);
    for (nap, whole) in naps.iter().zip([100, 200, 300, 300]) {
        let whole = Duration::from_millis(whole);
        assert!(*nap <= whole && *nap >= whole / 2, "{nap:?} of {whole:?}");
    }
}

#[test]
fn the_budget_bounds_the_repetitions_of_all_calls() {
    let (_, unsteady) = faulty(vec![Rule::new(
        Operation::Get,
        Fault::fail(ErrorKind::Unavailable),
    )]);
    let (store, naps) = retrying(&unsteady, RetryPolicy::default().with_budget(5));
    pollster::block_on(async {
        for _ in 0..10 {
            store.get(&key("/a")).await.unwrap_err();
        }
        assert_eq!(naps.taken().len(), 5);
        // Ten successes earn one repetition.
        for _ in 0..10 {
            store.put(&key("/a"), "").await.unwrap();
        }
        store.get(&key("/a")).await.unwrap_err();
        assert_eq!(naps.taken().len(), 6);
    });
}

#[test]
fn conditional_batches_are_not_repeated_and_others_are() {
    for (condition, expected) in [
        (None, None),
        (Some(Condition::IfAbsent), Some(ErrorKind::OutcomeUnknown)),
    ] {
        let lost = Fault::fail_after(ErrorKind::OutcomeUnknown);
        let (_, unsteady) = faulty(vec![Rule::new(Operation::Write, lost).times(1)]);
        let (store, _) = retrying(&unsteady, RetryPolicy::default());
        let mut batch = Batch::new();
        batch.put(key("/a"), "1");
        if let Some(condition) = &condition {
            batch.require(key("/a"), condition.clone());
        }
        let outcome = pollster::block_on(store.write(batch));
        assert_eq!(
            outcome.err().map(|error| error.kind()),
            expected,
            "{condition:?}"
        );
    }
}

#[test]
fn a_batch_given_up_reports_all_its_attempts() {
    let (_, unsteady) = faulty(vec![
        Rule::new(Operation::Write, Fault::tear(2, ErrorKind::Unavailable)).times(1),
        Rule::new(Operation::Write, Fault::tear(1, ErrorKind::Failed)),
    ]);
    let (store, _) = retrying(&unsteady, RetryPolicy::default());
    let mut batch = Batch::new();
    batch
        .put(key("/a"), "")
        .put(key("/b"), "")
        .put(key("/c"), "");
    let error = pollster::block_on(store.write(batch)).unwrap_err();
    let report = error.report().unwrap();
    assert_eq!(report.applied, [key("/a"), key("/b")]);
    assert_eq!(report.failed, [key("/c")]);
}

/// A listing that breaks off after so many entries, the first two times it is asked: what arrives.
#[test]
fn listings_go_on_behind_the_last_key() {
    let cases = [
        (Query::all(), 2, Some(vec!["/a", "/b", "/c", "/d", "/e"])),
        (
            Query::all().with_offset(1).with_limit(3),
            1,
            Some(vec!["/b", "/c", "/d"]),
        ),
        (
            Query::all().reversed().keys_only(),
            2,
            Some(vec!["/e", "/d", "/c", "/b", "/a"]),
        ),
        (
            Query::all().with_start_after(key("/b")).with_limit(2),
            1,
            Some(vec!["/c", "/d"]),
        ),
        (Query::all().with_limit(2), 2, Some(vec!["/a", "/b"])),
        // Sorted by value there is no place to go on from.
        (Query::all().with_order(Order::by_value()), 2, None),
        (Query::all().with_order(Order::by_value()), 1, None),
    ];
    for (query, after, expected) in cases {
        pollster::block_on(async {
            let torn = Fault::tear(after, ErrorKind::Unavailable);
            let (memory, unsteady) = faulty(vec![Rule::new(Operation::Query, torn).times(2)]);
            for name in ["/a", "/b", "/c", "/d", "/e"] {
                memory.put(&key(name), name.to_owned()).await.unwrap();
            }
            let (store, _) = retrying(&unsteady, RetryPolicy::default());
            let got = listed(&store, query.clone()).await.map(|entries| {
                entries
                    .into_iter()
                    .map(|(name, _)| name)
                    .collect::<Vec<_>>()
            });
            match expected {
                Some(names) => assert_eq!(got.unwrap(), names, "{query:?}"),
                None => assert_eq!(kind(got), ErrorKind::Unavailable, "{query:?}"),
            }
        });
    }
}

#[test]
fn a_sorted_listing_is_repeated_before_its_first_entry() {
    pollster::block_on(async {
        let once = Rule::new(Operation::Query, Fault::tear(0, ErrorKind::Unavailable)).times(1);
        let (memory, unsteady) = faulty(vec![once]);
        memory.put(&key("/a"), "").await.unwrap();
        let (store, _) = retrying(&unsteady, RetryPolicy::default());
        let sorted = Query::all().with_order(Order::by_value());
        assert_eq!(listed(&store, sorted).await.unwrap().len(), 1);
    });
}

#[test]
fn value_streams_go_on_within_one_version() {
    // The memory store gives a value in one piece, so it breaks off before it.
    let torn = || Rule::new(Operation::Get, Fault::tear(0, ErrorKind::Unavailable)).times(1);
    pollster::block_on(async {
        let (memory, unsteady) = faulty(vec![torn()]);
        memory.put(&key("/a"), "value").await.unwrap();
        let (store, _) = retrying(&unsteady, RetryPolicy::default());
        let stream = store.get_stream(&key("/a")).await.unwrap();
        assert_eq!(all(stream.body).await.unwrap().concat(), b"value");

        let (memory, unsteady) = faulty(vec![torn()]);
        memory.put(&key("/a"), "value").await.unwrap();
        let (store, _) = retrying(&unsteady, RetryPolicy::default());
        let stream = store.get_stream(&key("/a")).await.unwrap();
        memory.put(&key("/a"), "other").await.unwrap();
        assert_eq!(kind(all(stream.body).await), ErrorKind::PreconditionFailed);
    });
}

#[test]
fn a_body_is_read_only_once() {
    let lost = Fault::fail(ErrorKind::Unavailable);
    let (_, unsteady) = faulty(vec![Rule::new(Operation::Put, lost).times(1)]);
    let (store, naps) = retrying(&unsteady, RetryPolicy::default());
    let outcome = pollster::block_on(store.put_stream(&key("/a"), pieces(&["1"])));
    assert_eq!(kind(outcome), ErrorKind::Unavailable);
    assert!(naps.taken().is_empty());
}

#[test]
fn the_streaming_forms_repeat_item_by_item() {
    let down = |operation| {
        Rule::new(operation, Fault::fail(ErrorKind::Unavailable))
            .on_key(key("/b"))
            .times(1)
    };
    let (_, unsteady) = faulty(vec![
        down(Operation::Put),
        down(Operation::Get),
        down(Operation::Delete),
    ]);
    let (store, naps) = retrying(&unsteady, RetryPolicy::default());
    let keys = ["/a", "/b", "/c"].map(key);
    pollster::block_on(async {
        let pairs = keys.clone().map(|key| (key, "".into()));
        assert_eq!(all(store.put_many(pairs)).await.unwrap(), keys);
        assert_eq!(all(store.get_many(keys.clone())).await.unwrap().len(), 3);
        assert_eq!(all(store.delete_many(keys.clone())).await.unwrap(), keys);
        assert_eq!(naps.taken().len(), 3);
    });
}

#[test]
fn promises_no_more_than_it_keeps() {
    let (store, _) = retrying(&faulty(vec![]).1, RetryPolicy::default());
    let (own, inner) = (
        store.capabilities(&Key::root()),
        MemoryDatastore::new().capabilities(&Key::root()),
    );
    assert_ne!(own.linearizable, inner.linearizable);
    assert_ne!(own.snapshot_query, inner.snapshot_query);
    assert_eq!(own.if_absent, inner.if_absent);
}
