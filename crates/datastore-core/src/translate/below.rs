//! The mapping of a namespace and of a prefix transform.

use std::cell::Cell;

use interface_datastore::Key;

use super::{Mapping, Shape};

thread_local! {
    /// The inner key that a call on this thread was done with last. Most stores keep no key of a read, nor of a write of a
    /// key that they have, and keys of a store tend to be of one length: so the next call can write its own over it, which
    /// costs a third of allocating one and counting it down.
    static SPARE: Cell<Key> = const { Cell::new(Key::root()) };
}

fn spare() -> Key {
    SPARE.try_with(Cell::take).unwrap_or_default()
}

/// Inner keys are outer keys below this one.
#[derive(Debug, Clone)]
pub(crate) struct Below(pub(crate) Key);

impl Mapping for Below {
    fn inward(&self, outer: &Key) -> Option<Key> {
        Some(self.0.child_reusing(outer, spare()))
    }

    fn done(&self, inner: Key) {
        // Without a slot, at the end of a thread, it is freed.
        let _ = SPARE.try_with(|slot| slot.set(inner));
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
