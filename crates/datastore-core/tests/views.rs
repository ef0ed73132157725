//! The harness's rules of views: nothing done through a store that shows a part of another leaves that part, and nothing
//! written through a read-only one reaches it.

use std::sync::Arc;

use datastore_core::{
    KeyTransformDatastore, MeasureDatastore, MountDatastore, NamespaceDatastore, ReadOnlyDatastore,
    key_transform::PrefixTransform, mount::Mount,
};
use interface_datastore::{Datastore, Key};
use interface_datastore_tests::{namespace_conformance, read_only_conformance};

type Inner = Arc<dyn Datastore>;

fn namespaced(inner: &dyn Datastore, prefix: &str) -> NamespaceDatastore {
    NamespaceDatastore::new(inner, Key::new(prefix))
}

fn prefixed(inner: &dyn Datastore, prefix: &str) -> KeyTransformDatastore {
    KeyTransformDatastore::new(inner, PrefixTransform::new(Key::new(prefix)))
}

/// All of `inner` at `/at`.
fn mounted(inner: &dyn Datastore) -> MountDatastore {
    let mount = Mount::new(Key::new("/at"), inner).stripped();
    MountDatastore::new([mount]).expect("one prefix")
}

namespace_conformance!(
    namespace,
    |inner: Inner| namespaced(&inner, "/some/name").handle(),
    "/some/name"
);
namespace_conformance!(
    namespace_of_odd_bytes,
    |inner: Inner| namespaced(&inner, "//a/../b").handle(),
    "//a/../b"
);
namespace_conformance!(
    namespace_in_a_namespace,
    |inner: Inner| namespaced(&namespaced(&inner, "/some"), "/name").handle(),
    "/some/name"
);
namespace_conformance!(
    prefix_transform,
    |inner: Inner| prefixed(&inner, "/some/name").handle(),
    "/some/name"
);
namespace_conformance!(
    namespace_in_a_prefix_transform,
    |inner: Inner| namespaced(&prefixed(&inner, "/some"), "/name").handle(),
    "/some/name"
);
namespace_conformance!(
    namespace_of_a_mount,
    |inner: Inner| namespaced(&mounted(&namespaced(&inner, "/some/name")), "/at").handle(),
    "/some/name"
);
namespace_conformance!(
    measured_namespace,
    |inner: Inner| MeasureDatastore::new(&namespaced(&inner, "/some/name"), "test").handle(),
    "/some/name"
);

read_only_conformance!(read_only, |inner: Inner| ReadOnlyDatastore::new(&inner)
    .handle());
read_only_conformance!(read_only_in_a_namespace, |inner: Inner| namespaced(
    &ReadOnlyDatastore::new(&inner),
    "/"
)
.handle());
read_only_conformance!(read_only_over_a_namespace, |inner: Inner| {
    ReadOnlyDatastore::new(&namespaced(&inner, "/")).handle()
});
