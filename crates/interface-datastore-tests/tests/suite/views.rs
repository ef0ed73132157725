//! The rules of views pass wrappers that keep them and find those that do not.

use std::sync::Arc;

use crate::common::wrappers::{Namespaced, ReadOnly};
use interface_datastore::{Datastore, Key};
use interface_datastore_tests::{
    ReferenceDatastore, block_on, check_read_only, check_view, conformance, namespace_conformance,
    read_only_conformance, view_cases,
};

const SCOPE: &str = "/some/name";

fn namespaced(inner: Arc<dyn Datastore>, names_outer_keys: bool) -> Arc<dyn Datastore> {
    Arc::new(Namespaced::new(inner, Key::new(SCOPE), names_outer_keys))
}

namespace_conformance!(namespace, |inner| namespaced(inner, true), SCOPE);
read_only_conformance!(read_only, |inner| Arc::new(ReadOnly(inner)));
conformance!(read_only_is_refused_everywhere, || async {
    ReadOnly(Arc::new(ReferenceDatastore::new()))
});

/// A view that is the whole store breaks every rule but that of names.
#[test]
fn a_view_without_a_wall_is_found() {
    for case in view_cases().filter(|case| *case != "errors_name_outer_keys") {
        let outcome = check_view(case, SCOPE, |inner| inner, &block_on);
        assert!(outcome.is_err(), "{case} passes a view without a wall");
    }
}

#[test]
fn inner_names_are_found() {
    let wrap = |inner| namespaced(inner, false);
    assert!(check_view("errors_name_outer_keys", SCOPE, wrap, &block_on).is_err());
}

#[test]
fn a_view_that_writes_is_found() {
    assert!(check_read_only(|inner| inner, &block_on).is_err());
}
