//! The harness of the family over folders: on a runtime, without one, and with calls inline.

use std::path::PathBuf;
use std::sync::Arc;

use datastore_files::Fs;
#[cfg(unix)]
use datastore_files::RealFs;
use datastore_fs::{Blocking, FsDatastore, FsOptions};
use interface_datastore::BoxFuture;
use interface_datastore_tests::{Subject, conformance, on_a_failing_disk};

fn on_tokio(future: BoxFuture<'static, ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap().block_on(future);
}

/// A fresh store with all that the harness can use.
async fn subject(options: FsOptions) -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("store");
    let store = FsDatastore::open(&path, options.clone()).await.unwrap();
    let open = move || {
        let (path, options) = (path.clone(), options.clone());
        async move { FsDatastore::open(path, options).await }
    };
    Subject::new(store)
        .with_reopen(open.clone())
        .with_second_handle(open)
        .keeping(folder)
}

conformance!(
    never_on_tokio,
    || subject(FsOptions::new()),
    block_on = on_tokio
);
conformance!(
    inline_on_tokio,
    || subject(FsOptions::new().with_blocking(Blocking::Inline)),
    block_on = on_tokio
);
conformance!(without_runtime, || subject(FsOptions::new()));
conformance!(
    portable_names,
    || subject(FsOptions::new().with_names(datastore_fs::Names::Portable)),
    block_on = on_tokio
);
#[cfg(unix)]
conformance!(
    name_by_name,
    || subject(FsOptions::new().with_fs(Arc::new(RealFs::name_by_name()))),
    block_on = on_tokio
);
conformance!(
    failing,
    || on_a_failing_disk(|fs: Arc<dyn Fs>| {
        // Inline, so that the order of calls is always the same.
        let options = FsOptions::new().with_blocking(Blocking::Inline);
        FsDatastore::open("/store", options.with_fs(fs))
    }),
    block_on = on_tokio
);
