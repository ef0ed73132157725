//! The conformance cases over each wrapper of a folder of files: a third of them each, all in a full run.

use std::sync::Arc;

use datastore_fs::{FsDatastore, FsOptions};
use interface_datastore::BoxFuture;
use interface_datastore_tests::{BlockOn, Factory, Subject};

use crate::{
    over_memory::{one_of, run},
    wrappers::{WRAPPERS, Wrapper, named},
};

fn on_tokio(future: BoxFuture<'static, ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("threads can be started").block_on(future);
}

fn check((name, wrap): Wrapper) {
    let make = move || async move {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let store = FsDatastore::open(folder.path().join("store"), FsOptions::new()).await;
        Subject::new(wrap(&store.expect("a fresh folder opens"))).keeping(folder)
    };
    let (factory, runner): (Arc<dyn Factory>, Arc<dyn BlockOn>) =
        (Arc::new(make), Arc::new(on_tokio));
    let row = WRAPPERS.iter().position(|(other, _)| *other == name);
    run(
        &format!("{name} over files"),
        one_of(3, row.unwrap_or_default()),
        &factory,
        &runner,
    );
}

macro_rules! over_files {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            check(named(stringify!($name)));
        }
    )*};
}

over_files! {
    auto_batch cache encrypt fault key_transform measure mount namespace read_only retry sharding tiered verify
}
