//! Keys as tables hold them: the user's key, then eight bytes of sequence number and kind.

use std::cmp::Ordering;

use super::{Fault, reader::Reader};

/// Bytes after the user's key.
pub(crate) const TAIL: usize = 8;
/// Sequence numbers have 56 bits.
pub(crate) const MAX_SEQUENCE: u64 = (1 << 56) - 1;

/// What an entry says of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Deletion,
    Value,
}

impl Kind {
    pub(crate) fn of(byte: u8) -> Result<Self, Fault> {
        match byte {
            0 => Ok(Self::Deletion),
            1 => Ok(Self::Value),
            _ => Err("an entry is neither a value nor a deletion"),
        }
    }
}

/// An internal key taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    pub(crate) user: &'a [u8],
    pub(crate) sequence: u64,
    pub(crate) kind: Kind,
}

/// Takes an internal key apart.
pub(crate) fn parse(key: &[u8]) -> Result<Parts<'_>, Fault> {
    let (user, tail) = split(key).ok_or("a key is too short to hold a sequence number")?;
    // The kind is the lowest byte.
    let kind = Kind::of((tail & 0xff) as u8)?;
    Ok(Parts {
        user,
        sequence: tail >> 8,
        kind,
    })
}

/// Makes the internal key that comes before all others of this user's key.
pub(crate) fn first_of(user: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(user.len() + TAIL);
    key.extend_from_slice(user);
    key.extend_from_slice(&u64::MAX.to_le_bytes());
    key
}

/// The order of tables: the user's keys ascending, and of one key the newest entry first. Keys too short to be internal
/// ones, which only damaged tables hold, come first.
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    match (split(a), split(b)) {
        (Some((a, a_tail)), Some((b, b_tail))) => a.cmp(b).then(b_tail.cmp(&a_tail)),
        (None, None) => a.cmp(b),
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
    }
}

/// The user's key of an internal one; all of it if it is too short.
pub(crate) fn user_key(key: &[u8]) -> &[u8] {
    split(key).map_or(key, |(user, _)| user)
}

fn split(key: &[u8]) -> Option<(&[u8], u64)> {
    let (user, tail) = key.split_at_checked(key.len().checked_sub(TAIL)?)?;
    Some((user, Reader::new(tail).u64()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn internal(user: &str, sequence: u64, kind: u8) -> Vec<u8> {
        let mut key = user.as_bytes().to_vec();
        key.extend_from_slice(&(sequence << 8 | u64::from(kind)).to_le_bytes());
        key
    }

    #[test]
    fn order() {
        let mut keys = vec![
            internal("b", 1, 1),
            internal("a", 1, 1),
            internal("a", 7, 0),
            internal("a", 7, 1),
            internal("", 9, 1),
            b"short".to_vec(),
            first_of(b"a"),
            internal("ab", 3, 1),
        ];
        keys.sort_by(|a, b| compare(a, b));
        let expected = [
            b"short".to_vec(),
            internal("", 9, 1),
            first_of(b"a"),
            internal("a", 7, 1),
            internal("a", 7, 0),
            internal("a", 1, 1),
            internal("ab", 3, 1),
            internal("b", 1, 1),
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn parts() {
        let key = internal("/a", MAX_SEQUENCE, 1);
        let parts = parse(&key).unwrap();
        assert_eq!((parts.user, parts.sequence), (&b"/a"[..], MAX_SEQUENCE));
        for bad in [b"1234567".to_vec(), internal("/a", 1, 2), first_of(b"/a")] {
            assert!(parse(&bad).is_err(), "{bad:x?}");
        }
    }
}
