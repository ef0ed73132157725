//! An ordered map that can be read as it was, for stores and engines in memory.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, btree_map},
    iter::Peekable,
    ops::Bound,
};

/// A value that knows the number of the change that stored it.
pub trait Numbered: Clone {
    /// The number.
    fn number(&self) -> u64;
}

/// What a key held before a change: kept as long as a moment is held that is older than that change.
#[derive(Debug)]
struct Past<V> {
    /// Number of the change that ended it.
    until: u64,
    value: Option<V>,
}

/// An ordered map whose changes are numbered and whose state at earlier numbers can be read.
///
/// As long as no moment is held this is a plain map. While one is held, the first change of a key behind it keeps what the key
/// held: a moment costs what is changed meanwhile, never a copy of the map.
#[derive(Debug)]
pub struct MomentMap<K, V> {
    live: BTreeMap<K, V>,
    past: BTreeMap<K, Vec<Past<V>>>,
    /// How often each moment is held.
    held: BTreeMap<u64, usize>,
    /// Number of the latest change.
    latest: u64,
}

impl<K, V> Default for MomentMap<K, V> {
    fn default() -> Self {
        Self {
            live: BTreeMap::new(),
            past: BTreeMap::new(),
            held: BTreeMap::new(),
            latest: 0,
        }
    }
}

impl<K: Ord + Clone, V: Numbered> MomentMap<K, V> {
    /// How many keys there are now.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether there are none now.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Begins the next change; its number. What is stored by it must tell this number.
    pub fn begin(&mut self) -> u64 {
        self.latest += 1;
        self.latest
    }

    /// Forgets everything, what moments need included. Numbers go on.
    pub fn clear(&mut self) {
        *self = Self {
            latest: self.latest,
            ..Self::default()
        };
    }

    /// What a key holds now.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.live.get(key)
    }

    /// The entries within `bounds` as they are now.
    pub fn range<Q: Ord + ?Sized>(
        &self,
        bounds: (Bound<&Q>, Bound<&Q>),
    ) -> btree_map::Range<'_, K, V>
    where
        K: Borrow<Q>,
    {
        within(&self.live, bounds)
    }

    /// Stores a value; what the key held.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.held.is_empty() {
            return self.live.insert(key, value);
        }
        let old = self.live.insert(key.clone(), value);
        self.keep(key, old.as_ref());
        old
    }

    /// Stores a value under a key that holds one, which is given back; the value itself if the key holds none.
    ///
    /// # Errors
    /// The value that was not stored.
    pub fn update<Q: Ord + ?Sized>(&mut self, key: &Q, value: V) -> Result<V, V>
    where
        K: Borrow<Q>,
    {
        let Some(slot) = self.live.get_mut(key) else {
            return Err(value);
        };
        let old = std::mem::replace(slot, value);
        if !self.held.is_empty() {
            if let Some((key, _)) = self.live.get_key_value(key) {
                self.keep(key.clone(), Some(&old));
            }
        }
        Ok(old)
    }

    /// Removes a key; it and what it held.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        let (key, old) = self.live.remove_entry(key)?;
        if !self.held.is_empty() {
            self.keep(key.clone(), Some(&old));
        }
        Some((key, old))
    }

    /// Keeps what the change at hand replaced, if a moment that is held can see it.
    fn keep(&mut self, key: K, old: Option<&V>) {
        let Some((newest, _)) = self.held.last_key_value() else {
            return;
        };
        let before = self.past.get(&key).and_then(|pasts| pasts.last());
        let since = match (old, before) {
            (Some(old), _) => old.number(),
            (None, Some(past)) => past.until,
            (None, None) => 0,
        };
        if since <= *newest {
            let past = Past {
                until: self.latest,
                value: old.cloned(),
            };
            self.past.entry(key).or_default().push(past);
        }
    }

    /// Holds the present moment until it is [released](Self::release); its number. May be held several times.
    pub fn hold(&mut self) -> u64 {
        *self.held.entry(self.latest).or_default() += 1;
        self.latest
    }

    /// Lets go of a moment, and of what only it could see.
    pub fn release(&mut self, moment: u64) {
        let Some(count) = self.held.get_mut(&moment) else {
            return;
        };
        *count -= 1;
        if *count > 0 {
            return;
        }
        self.held.remove(&moment);
        match self.held.first_key_value() {
            None => self.past.clear(),
            // Only the oldest moment needs what no other does.
            Some((oldest, _)) if *oldest > moment => {
                let oldest = *oldest;
                self.past.retain(|_, pasts| {
                    pasts.retain(|past| past.until > oldest);
                    !pasts.is_empty()
                });
            }
            Some(_) => {}
        }
    }

    /// What a key held at a moment that is held.
    pub fn get_at<Q: Ord + ?Sized>(&self, moment: u64, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let mut pasts = self.past.get(key).into_iter().flatten();
        let value = match pasts.find(|past| past.until > moment) {
            Some(past) => past.value.as_ref(),
            None => self.live.get(key),
        };
        value.filter(|value| value.number() <= moment)
    }

    /// Shows keys within `bounds`, in ascending or descending order, with what each held at a moment that is held, until `look` says
    /// that it has seen enough. Keys that held nothing may be among them.
    pub fn walk<Q: Ord + ?Sized>(
        &self,
        moment: u64,
        bounds: (Bound<&Q>, Bound<&Q>),
        reverse: bool,
        mut look: impl FnMut(&K, Option<&V>) -> bool,
    ) where
        K: Borrow<Q>,
    {
        let mut live = self.range(bounds);
        if self.past.is_empty() {
            loop {
                let next = if reverse {
                    live.next_back()
                } else {
                    live.next()
                };
                match next {
                    Some((key, value)) if look(key, Some(value)) => {}
                    _ => return,
                }
            }
        }
        let mut look = |key: &K| look(key, self.get_at(moment, key.borrow()));
        let live = live.map(|(key, _)| key);
        let past = within(&self.past, bounds).map(|(key, _)| key);
        if reverse {
            merged(live.rev(), past.rev(), true).all(&mut look);
        } else {
            merged(live, past, false).all(&mut look);
        }
    }
}

/// The part of a map within `bounds`, which may be empty.
fn within<'a, K, V, Q>(
    map: &'a BTreeMap<K, V>,
    bounds: (Bound<&Q>, Bound<&Q>),
) -> btree_map::Range<'a, K, V>
where
    K: Borrow<Q> + Ord,
    Q: Ord + ?Sized,
{
    // The map panics at such ranges.
    let empty = match bounds {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (
            Bound::Included(low) | Bound::Excluded(low),
            Bound::Included(high) | Bound::Excluded(high),
        ) => low >= high,
    };
    if empty {
        return btree_map::Range::default();
    }
    map.range::<Q, _>(bounds)
}

/// Two sequences that are sorted alike as one without doubles.
fn merged<'a, K: Ord + 'a>(
    a: impl Iterator<Item = &'a K>,
    b: impl Iterator<Item = &'a K>,
    reverse: bool,
) -> impl Iterator<Item = &'a K> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || {
        let first = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if (x < y) != reverse || x == y => *x,
            (Some(_), Some(y)) => *y,
            (x, y) => *x.or(y)?,
        };
        skip(&mut a, first);
        skip(&mut b, first);
        Some(first)
    })
}

fn skip<'a, K: Ord + 'a>(keys: &mut Peekable<impl Iterator<Item = &'a K>>, key: &K) {
    keys.next_if(|next| *next == key);
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, ops::Bound};

    use super::{MomentMap, Numbered};

    #[derive(Debug, Clone, PartialEq)]
    struct Value(u64, u32);

    impl Numbered for Value {
        fn number(&self) -> u64 {
            self.0
        }
    }

    type Plain = BTreeMap<u32, u32>;

    fn walked(map: &MomentMap<u32, Value>, moment: u64, reverse: bool) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        let bounds = (Bound::Included(&3), Bound::Excluded(&40));
        map.walk(moment, bounds, reverse, |key, value| {
            found.extend(value.map(|value| (*key, value.1)));
            true
        });
        found
    }

    /// Changes at random, with moments held and released among them, beside copies of a plain map.
    #[test]
    fn every_moment_stays_as_it_was() {
        // A generator of Lehmer's: what comes is always the same.
        let mut seed = 42_u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(48271) % 0x7fff_ffff;
            seed % below
        };
        let (mut map, mut plain) = (MomentMap::<u32, Value>::default(), Plain::new());
        let mut moments: Vec<(u64, Plain)> = Vec::new();
        for round in 0..3000_u32 {
            let key = u32::try_from(random(50)).unwrap();
            let number = map.begin();
            let old = match random(3) {
                0 => map.insert(key, Value(number, round)),
                1 => map.update(&key, Value(number, round)).ok(),
                _ => map.remove(&key).map(|(_, old)| old),
            };
            assert_eq!(old.map(|value| value.1), plain.get(&key).copied());
            match map.get(&key) {
                Some(value) => plain.insert(key, value.1),
                None => plain.remove(&key),
            };
            match random(6) {
                0 if moments.len() < 5 => moments.push((map.hold(), plain.clone())),
                1 if !moments.is_empty() => {
                    let at = usize::try_from(random(moments.len() as u64)).unwrap();
                    map.release(moments.swap_remove(at).0);
                }
                _ => {}
            }
            for (moment, plain) in &moments {
                let found = map.get_at(*moment, &key).map(|value| value.1);
                assert_eq!(found, plain.get(&key).copied(), "round {round}");
                let expected: Vec<_> = plain
                    .range(3..40)
                    .map(|(key, value)| (*key, *value))
                    .collect();
                assert_eq!(walked(&map, *moment, false), expected, "round {round}");
                let backwards: Vec<_> = expected.into_iter().rev().collect();
                assert_eq!(walked(&map, *moment, true), backwards, "round {round}");
            }
            assert!(
                !moments.is_empty() || map.past.is_empty(),
                "nothing is kept for nobody"
            );
        }
        assert_eq!(map.len(), plain.len());
    }

    #[test]
    fn a_walk_ends_when_enough_was_seen_and_in_empty_ranges() {
        let mut map = MomentMap::<u32, Value>::default();
        for key in 0..9 {
            let number = map.begin();
            map.insert(key, Value(number, key));
        }
        let moment = map.hold();
        for changed in [false, true] {
            if changed {
                let number = map.begin();
                map.insert(1, Value(number, 100));
            }
            let mut seen = 0;
            let all = (Bound::Unbounded, Bound::<&u32>::Unbounded);
            map.walk(moment, all, false, |_, _| {
                seen += 1;
                seen < 3
            });
            assert_eq!(seen, 3);
            for empty in [
                (Bound::Included(&5), Bound::Included(&4)),
                (Bound::Excluded(&5), Bound::Excluded(&5)),
                (Bound::Included(&5), Bound::Excluded(&5)),
            ] {
                assert_eq!(map.range(empty).count(), 0);
                map.walk(moment, empty, true, |_, _| panic!("nothing is there"));
            }
        }
    }
}
