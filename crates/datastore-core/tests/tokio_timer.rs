//! The timer of tokio, with the feature `tokio`.
#![cfg(feature = "tokio")]

use std::{sync::Arc, time::Duration};

use datastore_core::{
    FaultDatastore, MemoryDatastore, RetryDatastore, RetryPolicy, Timer, TokioTimer,
    fault::{Fault, Rule},
};
use futures::FutureExt;
use interface_datastore::{DatastoreExt, ErrorKind, Key, Operation};

fn on_tokio<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime without threads").block_on(work)
}

#[test]
fn waits_and_ends() {
    on_tokio(async {
        let hour = TokioTimer.sleep(Duration::from_secs(3600));
        assert_eq!(hour.now_or_never(), None);
        TokioTimer.sleep(Duration::from_millis(2)).await;
    });
}

#[test]
fn is_made_outside_of_a_runtime() {
    let sleep = TokioTimer.sleep(Duration::ZERO);
    on_tokio(sleep);
}

#[test]
fn lets_a_retrying_store_pause() {
    let busy = Rule::new(Operation::Put, Fault::fail(ErrorKind::Unavailable)).times(2);
    let unsteady = FaultDatastore::new(&MemoryDatastore::new(), vec![busy]);
    let pause = Duration::from_millis(1);
    let policy = RetryPolicy::default().with_pauses(pause, pause);
    let store = RetryDatastore::new(&unsteady, policy, Arc::new(TokioTimer));
    on_tokio(store.put(&Key::new("/a"), "1")).expect("the third attempt works");
    assert_eq!(unsteady.calls(Operation::Put), 3);
}
