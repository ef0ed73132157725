//! A runtime for stores and engines that make hops to its threads.

use std::sync::OnceLock;

use interface_datastore::BoxFuture;
use tokio::runtime::{Builder, Runtime};

/// Runs a future on a runtime of tokio with two threads and its time, which all tests of the process share: for `block_on` of the
/// suites.
///
/// # Panics
/// If the system gives no threads.
pub fn on_tokio(future: BoxFuture<'static, ()>) {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let made = || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        runtime.unwrap_or_else(|error| panic!("a runtime with two threads: {error}"))
    };
    RUNTIME.get_or_init(made).block_on(future);
}
