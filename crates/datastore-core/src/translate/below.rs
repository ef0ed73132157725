//! The mapping of a namespace and of a prefix transform.

use interface_datastore::Key;

use super::{Mapping, Shape};

/// Inner keys are outer keys below this one.
#[derive(Debug, Clone)]
pub(crate) struct Below(pub(crate) Key);

impl Mapping for Below {
    fn inward(&self, outer: &Key) -> Option<Key> {
        Some(self.0.child(outer))
    }

    fn outward(&self, inner: &Key) -> Option<Key> {
        inner.strip_namespace(&self.0)
    }

    fn shape(&self) -> Shape<'_> {
        Shape::Adds(&self.0)
    }

    fn complaint(&self) -> &'static str {
        "the key has no place below the prefix"
    }
}
