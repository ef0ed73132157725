//! The harness of the family: every default durability, both ways to block, every shard function, both kinds of names.

use std::path::PathBuf;
use std::sync::Arc;

use datastore_files::Fs;
use datastore_files::sim::PowerLossFs;
use datastore_flatfs::{Blocking, FlatfsDatastore, FlatfsOptions, Names, ShardFunction};
use interface_datastore::{BoxFuture, DatastoreExt, Durability};
use interface_datastore_tests::{Subject, conformance, on_a_failing_disk};

fn on_tokio(future: BoxFuture<'static, ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap().block_on(future);
}

/// A fresh store with all that the harness can use.
async fn subject(options: FlatfsOptions) -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("store");
    let store = FlatfsDatastore::open(&path, options.clone()).await.unwrap();
    let open = |options: FlatfsOptions| {
        let path = path.clone();
        move || FlatfsDatastore::open(path.clone(), options.clone())
    };
    Subject::new(store)
        .with_reopen(open(options.clone()))
        .with_second_handle(open(options.with_lock(false)))
        .keeping(folder)
}

/// The same on a simulated disk: a real one would sync for minutes.
async fn in_memory(options: FlatfsOptions) -> Subject {
    let fs: Arc<dyn Fs> = Arc::new(PowerLossFs::new());
    let options = options.with_fs(fs);
    let again = options.clone().with_lock(false);
    let store = FlatfsDatastore::open("/store", options.clone()).await;
    Subject::new(store.unwrap())
        .with_reopen(move || FlatfsDatastore::open("/store", options.clone()))
        .with_second_handle(move || FlatfsDatastore::open("/store", again.clone()))
}

fn options() -> FlatfsOptions {
    FlatfsOptions::new()
}

conformance!(never_on_tokio, || subject(options()), block_on = on_tokio);
conformance!(
    inline_on_tokio,
    || subject(options().with_blocking(Blocking::Inline)),
    block_on = on_tokio
);
conformance!(without_runtime, || subject(options()));
conformance!(
    ordered,
    || in_memory(options().with_durability(Durability::Ordered)),
    block_on = on_tokio
);
conformance!(
    power,
    || in_memory(options().with_durability(Durability::Power)),
    block_on = on_tokio
);
conformance!(
    prefix,
    || in_memory(options().with_shard(ShardFunction::prefix(2).unwrap())),
    block_on = on_tokio
);
conformance!(
    suffix,
    || in_memory(options().with_shard(ShardFunction::suffix(3).unwrap())),
    block_on = on_tokio
);
conformance!(
    in_the_root,
    || in_memory(options().with_shard(ShardFunction::prefix(0).unwrap())),
    block_on = on_tokio
);
conformance!(
    escaped,
    || subject(options().with_names(Names::Escaped)),
    block_on = on_tokio
);
conformance!(
    escaped_in_the_root,
    || in_memory(
        options()
            .with_names(Names::Escaped)
            .with_shard(ShardFunction::suffix(0).unwrap())
            .with_blocking(Blocking::Inline)
    ),
    block_on = on_tokio
);

/// A store whose disk fails. Inline, so that the order of its calls is always the same.
async fn failing(options: FlatfsOptions) -> Subject {
    let options = options.with_blocking(Blocking::Inline);
    on_a_failing_disk(move |fs: Arc<dyn Fs>| {
        FlatfsDatastore::open("/store", options.clone().with_fs(fs))
    })
    .await
}

conformance!(a_failing_disk, || failing(options()), block_on = on_tokio);
conformance!(
    escaped_on_a_failing_disk,
    || failing(options().with_names(Names::Escaped)),
    block_on = on_tokio
);

conformance!(
    read_only,
    || async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = FlatfsDatastore::open(&path, options()).await.unwrap();
        store.close().await.unwrap();
        let read_only = options().with_read_only(true);
        let store = FlatfsDatastore::open(&path, read_only).await.unwrap();
        Subject::new(store).keeping(folder)
    },
    block_on = on_tokio
);
