//! A runtime for tests.

use std::sync::OnceLock;

use datastore_engine::BoxFuture;
use tokio::runtime::{Builder, Runtime};

/// Runs a future on a runtime with threads, so that hops are made.
pub(crate) fn on_tokio(future: BoxFuture<'static, ()>) {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let made = || {
        Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap()
    };
    RUNTIME.get_or_init(made).block_on(future);
}
