use std::{sync::Arc, time::Duration};

use datastore_core::{
    FaultDatastore, MemoryDatastore,
    fault::{Call, Fault, Gate, Rule},
};
use futures::{FutureExt, StreamExt, join};
use interface_datastore::{
    AbortSignal, Batch, Datastore, DatastoreExt, ErrorKind, GetOptions, Key, Operation, Query,
};

use crate::support::{Naps, all, faulty, key, kind, listed, pieces};

/// What a put of `/a` = `new` over `old` does under a fault: the outcome, and what is stored then.
#[test]
fn faults_do_to_a_put_what_they_say() {
    let cases = [
        (Fault::none(), None, "new"),
        (
            Fault::fail(ErrorKind::NoSpace),
            Some(ErrorKind::NoSpace),
            "old",
        ),
        (
            Fault::fail_after(ErrorKind::OutcomeUnknown),
            Some(ErrorKind::OutcomeUnknown),
            "new",
        ),
        (
            Fault::tear(2, ErrorKind::Failed),
            Some(ErrorKind::Failed),
            "ne",
        ),
    ];
    for (fault, error, stored) in cases {
        pollster::block_on(async {
            let (memory, store) = faulty(vec![Rule::new(Operation::Put, fault.clone())]);
            memory.put(&key("/a"), "old").await.unwrap();
            let outcome = store.put(&key("/a"), "new").await;
            assert_eq!(outcome.err().map(|error| error.kind()), error, "{fault:?}");
            assert_eq!(memory.get(&key("/a")).await.unwrap(), stored, "{fault:?}");
        });
    }
}

#[test]
fn rules_count_the_calls_that_match_them() {
    let fault = || Fault::fail(ErrorKind::TimedOut);
    let rules = vec![
        Rule::new(Operation::Put, fault())
            .on_key(key("/a"))
            .from_nth(2)
            .times(1),
        Rule::new(Operation::Has, fault()),
    ];
    let (_, store) = faulty(rules);
    pollster::block_on(async {
        for (text, fails) in [("/a", false), ("/b", false), ("/a", true), ("/a", false)] {
            assert_eq!(store.put(&key(text), "").await.is_err(), fails, "{text}");
        }
        assert_eq!(kind(store.has(&key("/a")).await), ErrorKind::TimedOut);
        assert!(store.get(&key("/a")).await.is_ok());
        assert_eq!(store.calls(Operation::Put), 4);
    });
}

#[test]
fn a_closure_decides_by_operation_key_and_number() {
    let odd_gets_fail = |call: &Call<'_>| match call.operation {
        Operation::Get if call.nth % 2 == 1 && call.key.is_some() => Fault::fail(ErrorKind::Failed),
        _ => Fault::none(),
    };
    let store = FaultDatastore::new(&MemoryDatastore::new(), odd_gets_fail);
    let kinds = pollster::block_on(async {
        [
            kind(store.get(&key("/a")).await),
            kind(store.get(&key("/a")).await),
        ]
    });
    assert_eq!(kinds, [ErrorKind::Failed, ErrorKind::NotFound]);
}

#[test]
fn streams_break_off_after_so_many_items() {
    pollster::block_on(async {
        let torn = || Fault::tear(1, ErrorKind::Unavailable);
        let (memory, store) = faulty(vec![
            Rule::new(Operation::Query, torn()),
            Rule::new(Operation::Get, torn()),
        ]);
        for text in ["/a", "/b"] {
            memory.put(&key(text), "value").await.unwrap();
        }
        let items: Vec<_> = store.query(Query::all()).collect().await;
        assert!(
            matches!(&items[..], [Ok(_), Err(error)] if error.kind() == ErrorKind::Unavailable)
        );
        let value = store.get_stream(&key("/a")).await.unwrap();
        let items: Vec<_> = value.body.collect().await;
        assert!(matches!(&items[..], [Ok(_), Err(_)]), "{items:?}");
    });
}

#[test]
fn a_torn_body_leaves_the_old_value() {
    pollster::block_on(async {
        let rule = Rule::new(Operation::Put, Fault::tear(1, ErrorKind::Unavailable));
        let (memory, store) = faulty(vec![rule]);
        memory.put(&key("/a"), "old").await.unwrap();
        let outcome = store.put_stream(&key("/a"), pieces(&["n", "ew"])).await;
        assert_eq!(kind(outcome), ErrorKind::Unavailable);
        assert_eq!(memory.get(&key("/a")).await.unwrap(), "old");
    });
}

#[test]
fn a_torn_batch_reports_what_was_done() {
    pollster::block_on(async {
        let rule = Rule::new(Operation::Write, Fault::tear(1, ErrorKind::NoSpace));
        let (memory, store) = faulty(vec![rule]);
        let mut batch = Batch::new();
        batch.put(key("/a"), "1").put(key("/b"), "2");
        let error = store.write(batch).await.unwrap_err();
        let report = error.report().unwrap();
        assert_eq!(
            (&report.applied[..], &report.failed[..]),
            (&[key("/a")][..], &[key("/b")][..])
        );
        assert_eq!(listed(&memory, Query::all()).await.unwrap().len(), 1);
    });
}

#[test]
fn gates_order_racing_calls() {
    pollster::block_on(async {
        let (before, after) = (Gate::new(), Gate::new());
        let fault = Fault::none().gated_before(&before).gated_after(&after);
        let (memory, store) = faulty(vec![Rule::new(Operation::Put, fault)]);
        let a = key("/a");
        let put = store.put(&a, "1");
        let check = async {
            before.reached_by(1).await;
            assert!(!memory.has(&a).await.unwrap(), "it waits before its work");
            before.open();
            after.reached_by(1).await;
            assert!(memory.has(&a).await.unwrap(), "it waits after its work");
            after.open();
        };
        join!(put, check).0.unwrap();
    });
}

#[test]
fn delays_go_through_the_timer_and_can_be_aborted() {
    let naps = Arc::new(Naps::default());
    let fault = Fault::none().delayed(naps.clone(), Duration::from_secs(3));
    let stuck = Fault::none().gated_before(&Gate::new());
    let (_, store) = faulty(vec![
        Rule::new(Operation::Get, fault),
        Rule::new(Operation::Delete, stuck),
    ]);
    pollster::block_on(async {
        assert_eq!(kind(store.get(&key("/a")).await), ErrorKind::NotFound);
        assert_eq!(naps.taken(), [Duration::from_secs(3)]);
        assert!(store.delete(&key("/a")).now_or_never().is_none());
        let aborted = GetOptions::default().with_abort(AbortSignal::already_aborted());
        assert_eq!(
            kind(store.get_opts(&key("/a"), aborted).await),
            ErrorKind::Aborted
        );
    });
}

#[test]
fn the_streaming_forms_are_decided_item_by_item() {
    let (_, store) = faulty(vec![
        Rule::new(Operation::Put, Fault::fail(ErrorKind::NoSpace)).on_key(key("/b")),
    ]);
    let pairs = ["/a", "/b", "/c"].map(|text| (key(text), "".into()));
    let items: Vec<_> = pollster::block_on(store.put_many(pairs).collect());
    let outcomes: Vec<Result<Key, ErrorKind>> = items
        .into_iter()
        .map(|item| item.map_err(|error| error.kind()))
        .collect();
    assert_eq!(outcomes, [Ok(key("/a")), Err(ErrorKind::NoSpace)]);
    assert!(pollster::block_on(all(store.get_many([key("/a")]))).is_ok());
    assert!(store.capabilities(&Key::root()).writable.may());
}
