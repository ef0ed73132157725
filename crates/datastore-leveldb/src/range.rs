//! Which keys are wanted, and in which direction.

use std::ops::Bound;

use interface_datastore::{Key, Query};

/// The way in which keys are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

/// Keys of the database from `low` on and before `high`, in the order of their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRange {
    pub(crate) low: Vec<u8>,
    /// None: to the very end.
    pub(crate) high: Option<Vec<u8>>,
}

/// Every [`Key`] begins with a slash, so this bounds them all.
const FIRST: &[u8] = b"/";
const AFTER_LAST: &[u8] = b"0";

impl KeyRange {
    /// All keys that a datastore can name.
    pub(crate) fn keys() -> Self {
        Self {
            low: FIRST.to_vec(),
            high: Some(AFTER_LAST.to_vec()),
        }
    }

    /// What lies outside of [`keys`](Self::keys): before it and behind it.
    pub(crate) fn no_keys() -> [Self; 2] {
        let before = Self {
            low: Vec::new(),
            high: Some(FIRST.to_vec()),
        };
        let behind = Self {
            low: AFTER_LAST.to_vec(),
            high: None,
        };
        [before, behind]
    }

    /// All keys that a query covers, and perhaps others.
    pub(crate) fn of_query(query: &Query) -> Self {
        let (low, high) = query.key_bounds();
        let low = match low {
            Bound::Unbounded => None,
            Bound::Included(key) => Some(key),
            Bound::Excluded(key) => Some(successor(key)),
        };
        let high = match high {
            Bound::Unbounded => None,
            Bound::Included(key) => Some(successor(key)),
            Bound::Excluded(key) => Some(key),
        };
        Self {
            low: low.unwrap_or_default().max(FIRST.to_vec()),
            high: Some(
                high.unwrap_or_else(|| AFTER_LAST.to_vec())
                    .min(AFTER_LAST.to_vec()),
            ),
        }
    }

    /// The keys under `scope`; for those of the root, itself too.
    pub(crate) fn under(scope: &Key) -> Self {
        match scope.is_root() {
            true => Self::keys(),
            false => Self::of_query(&Query::within(scope.clone())),
        }
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        key >= &self.low[..] && !self.is_behind(key)
    }

    /// Whether the whole range lies before a key.
    pub(crate) fn is_behind(&self, key: &[u8]) -> bool {
        self.high.as_deref().is_some_and(|high| key >= high)
    }

    /// Whether some key between two, both included, may be in the range.
    pub(crate) fn overlaps(&self, first: &[u8], last: &[u8]) -> bool {
        last >= &self.low[..] && !self.is_behind(first)
    }
}

/// The least byte string that is greater.
fn successor(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_queries() {
        let key = Key::new;
        for (query, low, high) in [
            (Query::all(), "/", "0"),
            (Query::prefix("/a"), "/a", "/b"),
            (Query::prefix("zzz"), "zzz", "0"),
            (Query::within(key("/a")), "/a/", "/a0"),
            (Query::within(Key::root()), "/", "0"),
            (Query::all().with_start(key("/b")), "/b", "0"),
            (Query::all().with_end(key("/b")), "/", "/b"),
            (Query::all().with_start_after(key("/b")), "/b\0", "0"),
            (
                Query::all().with_start_after(key("/b")).reversed(),
                "/",
                "/b",
            ),
        ] {
            let range = KeyRange::of_query(&query);
            let shown = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let high_found = range.high.as_deref().map(shown).unwrap();
            assert_eq!(
                (shown(&range.low), high_found),
                (low.into(), high.into()),
                "{query:?}"
            );
        }
    }
}
