//! Scopes, and what of the inner store's abilities is left within them.

use interface_datastore::{
    Alphabet, Capabilities, Claim, Datastore, Key, KeyRules, MaintenanceClaims, MaintenanceEvent,
};

use super::{Mapping, Shape};
use crate::claims::claims;

/// Why a scope is refused that does not map to one.
pub(super) const SCATTERED: &str =
    "a scope other than the root: its keys are scattered over the inner store";

/// Where an outer scope lies in the inner store.
pub(super) enum Scope {
    /// It is this scope.
    Is(Key),
    /// Anywhere.
    Scattered,
    /// No key of it can exist.
    Nowhere,
}

impl Scope {
    pub(super) fn of(shape: Shape<'_>, outer: &Key) -> Self {
        match shape {
            Shape::Opaque if outer.is_root() => Self::Is(Key::root()),
            Shape::Opaque => Self::Scattered,
            Shape::Adds(prefix) => Self::Is(prefix.child(outer)),
            Shape::Strips(prefix) => match outer.strip_namespace(prefix) {
                Some(inner) => Self::Is(inner),
                None if outer.is_ancestor_of(prefix) => Self::Is(Key::root()),
                None => Self::Nowhere,
            },
        }
    }

    /// The narrowest inner scope that holds all of it.
    pub(super) fn inner_scope(self) -> Key {
        match self {
            Self::Is(inner) => inner,
            Self::Scattered | Self::Nowhere => Key::root(),
        }
    }
}

/// Whether `key` lies at or under `scope`.
pub(super) fn holds(scope: &Key, key: &Key) -> bool {
    scope == key || scope.is_ancestor_of(key)
}

/// What the translated store can do at or under `prefix`.
pub(super) fn capabilities(inner: &dyn Datastore, shape: Shape<'_>, prefix: &Key) -> Capabilities {
    let scope = Scope::of(shape, prefix);
    let one_scope = matches!(scope, Scope::Is(_));
    let inner = inner.capabilities(&scope.inner_scope());
    let mut own = claims!(inner: writable retains persistent linearizable dropped_writes_settle default_durability
        max_durability if_absent if_match versions expiry ranged_get streaming_put streaming_get atomic_batch
        batch_conditions snapshot_query watch max_value_len);
    own.pushdown.sizes = inner.pushdown.sizes;
    own.disk_usage = inner.disk_usage;
    if !matches!(shape, Shape::Opaque) {
        own.key_order = inner.key_order;
        own.pushdown = inner.pushdown;
        own.maintenance = inner.maintenance;
    } else if one_scope {
        // As a whole, but not the scopes below it.
        let varies = MaintenanceClaims::default()
            .combine(inner.maintenance, |_, claim| claim.both(Claim::Varies));
        own.maintenance = varies;
    }
    own.keys = key_rules(inner.keys, shape);
    own
}

/// The rules for outer keys, as far as they can be said; each write is checked by itself.
fn key_rules(inner: KeyRules, shape: Shape<'_>) -> KeyRules {
    let mut own = KeyRules::any();
    own.further = inner.further || !matches!(shape, Shape::Adds(_));
    match shape {
        Shape::Opaque => {}
        Shape::Adds(prefix) => {
            let (len, namespaces) = extent(prefix);
            own.max_len = inner.max_len.map(|max| max.saturating_sub(len));
            own.max_namespaces = inner
                .max_namespaces
                .map(|max| max.saturating_sub(namespaces));
            own.alphabet = inner.alphabet;
            own.empty_namespaces = inner.empty_namespaces;
        }
        Shape::Strips(prefix) => {
            let (len, namespaces) = extent(prefix);
            own.max_len = inner.max_len.map(|max| max.saturating_add(len));
            own.max_namespaces = inner
                .max_namespaces
                .map(|max| max.saturating_add(namespaces));
            own.alphabet = with_bytes_of(inner.alphabet, prefix);
            own.empty_namespaces = inner.empty_namespaces;
        }
    }
    own
}

/// Bytes and namespaces that a prefix adds to a key.
fn extent(prefix: &Key) -> (usize, usize) {
    if prefix.is_root() {
        return (0, 0);
    }
    (prefix.as_bytes().len(), prefix.namespace_count())
}

fn with_bytes_of(alphabet: Alphabet, prefix: &Key) -> Alphabet {
    match alphabet {
        Alphabet::Only(mut bytes) => {
            bytes.extend(prefix.namespaces().flatten());
            bytes.sort_unstable();
            bytes.dedup();
            Alphabet::Only(bytes)
        }
        Alphabet::Utf8 if std::str::from_utf8(prefix.as_bytes()).is_err() => Alphabet::Any,
        other => other,
    }
}

/// A finding with its outer key; none if its key lies outside `scope`.
pub(super) fn finding_outward<M: Mapping>(
    mapping: &M,
    scope: &Key,
    event: MaintenanceEvent,
) -> Option<MaintenanceEvent> {
    let MaintenanceEvent::Finding(mut finding) = event else {
        return Some(event);
    };
    if let Some(inner) = finding.key.take() {
        let outer = mapping.outward(&inner);
        finding.key = outer.filter(|outer| holds(scope, outer));
        if finding.key.is_none() && !matches!(mapping.shape(), Shape::Opaque) {
            return None;
        }
    }
    Some(MaintenanceEvent::Finding(finding))
}
