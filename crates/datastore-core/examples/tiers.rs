//! A fast store above an unsteady slow one: values found below are copied up, calls that fail for a passing reason are
//! repeated, and the calls that reach the slow store are counted.
//!
//! `cargo run -p datastore-core --example tiers`

use std::{sync::Arc, time::Duration};

use datastore_core::{
    FaultDatastore, MeasureDatastore, MemoryDatastore, OperationStats, RetryDatastore, RetryPolicy,
    TieredDatastore, Timer,
    fault::{Fault, Rule},
};
use interface_datastore::{BoxFuture, Datastore, DatastoreExt, ErrorKind, Key, Operation, Result};

/// A program would give the timer of its runtime, such as `TokioTimer`.
#[derive(Debug)]
struct NoWait;

impl Timer for NoWait {
    fn sleep(&self, _span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

async fn run() -> Result<Vec<String>> {
    let (fast, server) = (MemoryDatastore::new(), MemoryDatastore::new());
    let key = Key::new("/blocks/1");
    server.put(&key, "block").await?;

    // The first two reads of the server fail.
    let busy = Rule::new(Operation::Get, Fault::fail(ErrorKind::Unavailable)).times(2);
    let unsteady = FaultDatastore::new(&server, vec![busy]);
    let measured = MeasureDatastore::new(&unsteady, "server");
    let slow = RetryDatastore::new(&measured, RetryPolicy::default(), Arc::new(NoWait));
    let store = TieredDatastore::new([fast.handle(), slow.handle()])?.promote_on_read(true);

    for _ in 0..10 {
        assert_eq!(store.get(&key).await?, "block");
    }
    assert!(fast.has(&key).await?);
    let told = |stats: OperationStats| {
        let (name, calls, failed) = (stats.operation, stats.calls, stats.failed());
        format!("{name} of the server: {calls} calls, {failed} failed")
    };
    Ok(measured.all_stats().into_iter().map(told).collect())
}

#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    for line in pollster::block_on(run())? {
        println!("{line}");
    }
    Ok(())
}
