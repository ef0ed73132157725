//! Which part of a query the inner store answers, and which is left to do on outer keys.

use std::ops::Bound;

use bytes::Bytes;
use interface_datastore::{
    Key, Query,
    query::{Filter, OrderBy, Select},
};

use super::Shape;

pub(super) struct Plan {
    /// What the inner store is asked.
    pub(super) inner: Query,
    /// What is then left to do with the translated entries, if anything.
    pub(super) rest: Option<Query>,
}

/// Divides a query; none if no key can match.
pub(super) fn plan(shape: Shape<'_>, query: Query) -> Option<Plan> {
    let mut inner = Query::default();
    let mut rest = query;
    let narrowing = match shape {
        Shape::Opaque => Narrowing::none(),
        Shape::Adds(prefix) | Shape::Strips(prefix) if prefix.is_root() => {
            return Some(Plan {
                inner: rest,
                rest: None,
            });
        }
        Shape::Adds(prefix) => narrow_below(prefix, &mut rest, &mut inner)?,
        Shape::Strips(prefix) => narrow_above(prefix, &mut rest, &mut inner)?,
    };
    // What needs no key means the same inside.
    let (outer, either) = std::mem::take(&mut rest.filters)
        .into_iter()
        .partition(Filter::needs_key);
    rest.filters = outer;
    inner.filters = either;
    if narrowing.keeps_order
        && rest.filters.is_empty()
        && rest.orders.iter().all(|order| narrowing.keeps(&order.by))
    {
        inner.orders = std::mem::take(&mut rest.orders);
        if narrowing.exact {
            inner.offset = std::mem::take(&mut rest.offset);
            inner.limit = rest.limit.take();
        }
    }
    inner.select = if rest.needs_values() {
        Select::Values
    } else if rest.needs_sizes() {
        Select::Sizes
    } else {
        Select::Keys
    };
    let rest = (!is_done(&rest, inner.select)).then_some(rest);
    Some(Plan { inner, rest })
}

fn is_done(rest: &Query, selected: Select) -> bool {
    rest.select == selected
        && rest.prefix.is_empty()
        && rest.within.is_none()
        && rest.start.is_none()
        && rest.end.is_none()
        && rest.filters.is_empty()
        && rest.offset == 0
        && rest.limit.is_none()
        && !rest.is_ordered()
}

/// How well the keys asked for have been told to the inner store.
#[derive(Clone, Copy)]
struct Narrowing {
    /// It gives no entry that is not asked for.
    exact: bool,
    /// Its order of keys is the outer one, and the walk's direction and cursor have been told.
    keeps_order: bool,
    /// The key that is the root on one side is asked for: the number of its namespaces is odd.
    root: bool,
}

impl Narrowing {
    fn none() -> Self {
        Self {
            exact: false,
            keeps_order: false,
            root: true,
        }
    }

    fn keeps(self, by: &OrderBy) -> bool {
        match by {
            OrderBy::Key | OrderBy::Namespaces | OrderBy::Value | OrderBy::ValueLen => true,
            OrderBy::KeyDepth => !self.root,
            _ => false,
        }
    }
}

/// For inner keys that are `prefix` and the outer key.
///
/// In byte order `/ns`, the outer root, comes before all `/ns/…`, as the root does outside; but `/ns-a` lies between,
/// so the root is the one key that cannot be asked for without neighbours.
fn narrow_below(prefix: &Key, rest: &mut Query, inner: &mut Query) -> Option<Narrowing> {
    let root = rest.covers(&Key::root());
    let wanted = std::mem::replace(&mut rest.prefix, Bytes::new());
    let start = rest.start.take();
    inner.end = rest.end.take().map(|end| end.map(|key| prefix.child(&key)));
    inner.within = rest.within.take().map(|key| prefix.child(&key));
    inner.start_after = rest.start_after.take().map(|key| prefix.child(&key));
    inner.reverse = std::mem::take(&mut rest.reverse);
    if root {
        inner.prefix = Bytes::copy_from_slice(prefix.as_bytes());
        inner.start = start.map(|start| start.map(|key| prefix.child(&key)));
        inner
            .end
            .get_or_insert_with(|| Bound::Excluded(joined(prefix, b"0")));
    } else {
        if !wanted.is_empty() && !wanted.starts_with(b"/") {
            return None;
        }
        let below = if wanted.is_empty() { b"/" } else { &wanted[..] };
        inner.prefix = [prefix.as_bytes(), below].concat().into();
        inner.start = Some(match start {
            Some(Bound::Included(key) | Bound::Excluded(key)) if key.is_root() => above_all(prefix),
            None | Some(Bound::Unbounded) => above_all(prefix),
            Some(start) => start.map(|key| prefix.child(&key)),
        });
    }
    Some(Narrowing {
        exact: !root,
        keeps_order: true,
        root,
    })
}

/// Above `/ns` and above `/ns/`, which is no outer key.
fn above_all(prefix: &Key) -> Bound<Key> {
    Bound::Excluded(joined(prefix, b"/"))
}

fn joined(prefix: &Key, tail: &[u8]) -> Key {
    // The bytes start with those of a key, so they are one; the fallback bounds nothing that exists.
    Key::raw([prefix.as_bytes(), tail].concat()).unwrap_or_default()
}

/// For outer keys that are `prefix` and the inner key.
fn narrow_above(prefix: &Key, rest: &mut Query, inner: &mut Query) -> Option<Narrowing> {
    let root = rest.covers(prefix);
    let mut exact = true;
    let wanted = std::mem::replace(&mut rest.prefix, Bytes::new());
    if !prefix.as_bytes().starts_with(&wanted) {
        let below = wanted.strip_prefix(prefix.as_bytes())?;
        if !below.starts_with(b"/") {
            return None;
        }
        inner.prefix = wanted.slice(prefix.as_bytes().len()..);
    }
    if let Some(within) = rest.within.take() {
        match within.strip_namespace(prefix) {
            Some(scope) => inner.within = Some(scope),
            None if within.is_ancestor_of(prefix) => {}
            None if prefix.is_ancestor_of(&within) => rest.within = Some(within),
            None => return None,
        }
    }
    exact &= rest.within.is_none();
    for (outer, inner) in [
        (&mut rest.start, &mut inner.start),
        (&mut rest.end, &mut inner.end),
    ] {
        let stripped = outer.as_ref().and_then(|bound| strip(bound, prefix));
        exact &= outer.is_none() || stripped.is_some();
        if stripped.is_some() {
            *outer = None;
        }
        *inner = stripped;
    }
    let starts_at_root = match &inner.start {
        Some(Bound::Included(key) | Bound::Excluded(key)) => key.is_root(),
        None | Some(Bound::Unbounded) => true,
    };
    if !root && starts_at_root {
        inner.start = Some(Bound::Excluded(Key::root()));
    }
    let cursor = rest
        .start_after
        .as_ref()
        .map(|key| key.strip_namespace(prefix));
    let keeps_order = !matches!(cursor, Some(None));
    if keeps_order {
        rest.start_after = None;
        inner.start_after = cursor.flatten();
        inner.reverse = std::mem::take(&mut rest.reverse);
    }
    Some(Narrowing {
        exact: exact && keeps_order,
        keeps_order,
        root,
    })
}

fn strip(bound: &Bound<Key>, prefix: &Key) -> Option<Bound<Key>> {
    Some(match bound {
        Bound::Included(key) => Bound::Included(key.strip_namespace(prefix)?),
        Bound::Excluded(key) => Bound::Excluded(key.strip_namespace(prefix)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}
