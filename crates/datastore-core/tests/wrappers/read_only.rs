use datastore_core::{
    FaultDatastore, MemoryDatastore, ReadOnlyDatastore,
    fault::{Fault, Rule},
};
use futures::{StreamExt, stream};
use interface_datastore::{
    AbortSignal, Claim, Datastore, DatastoreExt, ErrorKind, Key, Operation, PutManyOptions, Query,
};

use crate::support::{every_call, key, listed};

/// The calls that would change something.
const WRITES: [&str; 9] = [
    "put",
    "put_stream",
    "put_many",
    "write",
    "repair",
    "gc",
    "compact",
    "delete_many",
    "delete",
];

#[test]
fn refuses_what_writes_and_lets_through_what_reads() {
    pollster::block_on(async {
        let memory = MemoryDatastore::new();
        let plain = every_call_but_close(&memory).await;
        memory.put(&key("/a"), "old").await.unwrap();
        let view = ReadOnlyDatastore::new(&memory);
        for ((call, outcome), (_, plain)) in
            every_call_but_close(&view).await.into_iter().zip(plain)
        {
            let refused = WRITES.contains(&call).then_some(ErrorKind::ReadOnly);
            assert_eq!(outcome, refused.or(plain), "{call}");
        }
        let stored = listed(&memory, Query::all()).await.unwrap();
        assert_eq!(stored, [("/a".to_string(), "old".into())]);
        assert_eq!(view.capabilities(&Key::root()).writable, Claim::No);
    });
}

async fn every_call_but_close(store: &dyn Datastore) -> Vec<(&'static str, Option<ErrorKind>)> {
    // Closing fails before it reaches the store.
    let stays_open = vec![Rule::new(Operation::Close, Fault::fail(ErrorKind::Failed))];
    let store = FaultDatastore::new(&store.handle(), stays_open);
    let mut calls = every_call(&store, None).await;
    calls.retain(|(call, _)| *call != "close");
    calls
}

#[test]
fn reads_no_source() {
    let view = ReadOnlyDatastore::new(&MemoryDatastore::new());
    let source = Box::pin(stream::once(async { panic!("the source was read") }));
    let first = pollster::block_on(view.put_many_opts(source, PutManyOptions::default()).next());
    assert_eq!(first.unwrap().unwrap_err().kind(), ErrorKind::ReadOnly);
}

#[test]
fn an_aborted_signal_outranks_the_refusal() {
    let view = ReadOnlyDatastore::new(&MemoryDatastore::new());
    let calls = pollster::block_on(every_call(&view, Some(AbortSignal::already_aborted())));
    for (call, outcome) in calls.into_iter().filter(|(call, _)| WRITES.contains(call)) {
        assert_eq!(outcome, Some(ErrorKind::Aborted), "{call}");
    }
}

#[test]
fn refusals_say_what_to_do_instead() {
    let memory = MemoryDatastore::new();
    let remedy = "write where it came from";
    for (view, expected) in [
        (ReadOnlyDatastore::new(&memory), None),
        (
            ReadOnlyDatastore::new(&memory).with_remedy(remedy),
            Some(remedy),
        ),
    ] {
        let put = pollster::block_on(view.put(&key("/a"), "1")).unwrap_err();
        let deleted = view.delete_many([key("/a")]);
        let deleted = pollster::block_on(deleted.collect::<Vec<_>>()).remove(0);
        for error in [put, deleted.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::ReadOnly);
            assert_eq!(error.remedy(), expected);
        }
    }
}
