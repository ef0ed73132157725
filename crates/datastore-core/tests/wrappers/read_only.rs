use datastore_core::{MemoryDatastore, ReadOnlyDatastore};
use futures::{StreamExt, stream};
use interface_datastore::{
    AbortSignal, Claim, Datastore, DatastoreExt, ErrorKind, Key, PutManyOptions, Query,
};

use crate::support::{every_call, key, listed};

#[test]
fn refuses_what_writes_and_lets_through_what_reads() {
    pollster::block_on(async {
        let memory = MemoryDatastore::new();
        memory.put(&key("/a"), "old").await.unwrap();
        let before = every_call_kinds(&memory.handle()).await;
        memory.put(&key("/a"), "old").await.unwrap();
        let view = ReadOnlyDatastore::new(&memory);
        let writes = [
            "put", "put_stream", "put_many", "write", "repair", "gc", "compact", "delete_many",
            "delete",
        ];
        for (call, outcome) in every_call_but_close(&view).await {
            let expected = if writes.contains(&call) {
                Some(ErrorKind::ReadOnly)
            } else {
                before.iter().find(|(name, _)| *name == call).unwrap().1
            };
            assert_eq!(outcome, expected, "{call}");
        }
        let stored = listed(&memory, Query::all()).await.unwrap();
        assert_eq!(stored, [("/a".to_string(), "old".into())]);
        assert_eq!(view.capabilities(&Key::root()).writable, Claim::No);
    });
}

/// What the store itself answers to each call, without closing it.
async fn every_call_kinds(
    store: &std::sync::Arc<dyn Datastore>,
) -> Vec<(&'static str, Option<ErrorKind>)> {
    every_call_but_close(store).await
}

async fn every_call_but_close(store: &dyn Datastore) -> Vec<(&'static str, Option<ErrorKind>)> {
    use datastore_core::{FaultDatastore, fault::{Fault, Rule}};
    use interface_datastore::Operation;
    // Closing fails before it reaches the store.
    let stays_open = vec![Rule::new(Operation::Close, Fault::fail(ErrorKind::Failed))];
    let mut calls = every_call(&FaultDatastore::new(&store.handle(), stays_open), None).await;
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
    for (call, outcome) in calls {
        assert_eq!(outcome, Some(ErrorKind::Aborted), "{call}");
    }
}
