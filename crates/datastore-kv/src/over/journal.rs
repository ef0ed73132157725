//! The value of a journal: what a commit changes, byte by byte.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use datastore_engine::{Batch, BatchOp};

/// What a commit does to each key: its new value, or none.
pub(super) type Changes = BTreeMap<Bytes, Option<Bytes>>;

const FORMAT: u8 = 1;
const DELETE: u8 = 0;
const PUT: u8 = 1;
/// Head and checksum.
const AROUND: u64 = 1 + 4;
/// Kind and lengths of a change.
const HEAD: u64 = 1 + 4 + 4;

/// Why a journal cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Its bytes are not those that were written.
    Damaged,
    /// It has a format that this version does not know.
    Format(u8),
}

/// Bytes of a journal of these changes.
pub(super) fn len(changes: &Changes) -> u64 {
    let size = |(key, value): (&Bytes, &Option<Bytes>)| {
        HEAD + (key.len() + value.as_ref().map_or(0, Bytes::len)) as u64
    };
    AROUND + changes.iter().map(size).sum::<u64>()
}

/// At most so many bytes has the journal of a batch without range deletes.
pub(super) fn len_at_most(batch: &Batch) -> u64 {
    AROUND + HEAD * batch.len() as u64 + batch.byte_len()
}

pub(super) fn encode(changes: &Changes) -> Vec<u8> {
    let capacity = usize::try_from(len(changes)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(capacity);
    bytes.push(FORMAT);
    // Lengths fit: a journal has less than 4 GiB, which whoever commits sees to.
    let number = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    for (key, value) in changes {
        bytes.push(if value.is_some() { PUT } else { DELETE });
        bytes.extend(number(key.len()));
        bytes.extend(number(value.as_ref().map_or(0, Bytes::len)));
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value.as_deref().unwrap_or_default());
    }
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

/// The changes of a journal, whose bytes they share.
pub(super) fn decode(bytes: &Bytes) -> Result<Changes, Unreadable> {
    let (body, checksum) = bytes.split_last_chunk::<4>().ok_or(Unreadable::Damaged)?;
    if crc32fast::hash(body) != u32::from_be_bytes(*checksum) {
        return Err(Unreadable::Damaged);
    }
    let mut rest = bytes.slice_ref(body);
    match rest.try_get_u8() {
        Ok(FORMAT) => {}
        Ok(format) => return Err(Unreadable::Format(format)),
        Err(_) => return Err(Unreadable::Damaged),
    }
    let mut changes = Changes::new();
    while rest.has_remaining() {
        let (key, value) = change(&mut rest).ok_or(Unreadable::Damaged)?;
        changes.insert(key, value);
    }
    Ok(changes)
}

fn change(rest: &mut Bytes) -> Option<(Bytes, Option<Bytes>)> {
    let kind = rest.try_get_u8().ok()?;
    let mut len = || usize::try_from(rest.try_get_u32().ok()?).ok();
    let (key_len, value_len) = (len()?, len()?);
    let mut take = |len| (len <= rest.len()).then(|| rest.split_to(len));
    let (key, value) = (take(key_len)?, take(value_len)?);
    match kind {
        PUT => Some((key, Some(value))),
        DELETE if value.is_empty() => Some((key, None)),
        _ => None,
    }
}

/// What a batch does, its ranges looked up: `met` has the keys in each range that is not empty, in order.
pub(super) fn apply(changes: &mut Changes, batch: &Batch, met: Vec<Vec<Bytes>>) {
    let mut met = met.into_iter();
    for op in batch.iter() {
        match op {
            BatchOp::Put { key, value } => {
                changes.insert(Bytes::copy_from_slice(key), Some(value.to_bytes()));
            }
            BatchOp::Delete { key } => {
                changes.insert(Bytes::copy_from_slice(key), None);
            }
            BatchOp::DeleteRange(range) if range.is_empty() => {}
            BatchOp::DeleteRange(range) => {
                for (_, value) in changes.range_mut::<[u8], _>(range) {
                    *value = None;
                }
                changes.extend(
                    met.next()
                        .unwrap_or_default()
                        .into_iter()
                        .map(|key| (key, None)),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Changes, Unreadable, apply, decode, encode, len, len_at_most};
    use bytes::Bytes;
    use datastore_engine::Batch;

    fn changes() -> Changes {
        let change = |key: &'static str, value: Option<&'static str>| {
            (Bytes::from(key), value.map(Bytes::from))
        };
        [
            change("a", Some("one")),
            change("b", None),
            change("c", Some("")),
        ]
        .into()
    }

    #[test]
    fn journals_are_those_of_the_format() {
        let bytes = encode(&changes());
        let body = b"\x01\
            \x01\0\0\0\x01\0\0\0\x03aone\
            \0\0\0\0\x01\0\0\0\0b\
            \x01\0\0\0\x01\0\0\0\0c";
        assert_eq!(
            bytes.strip_prefix(body).unwrap(),
            0x1c77_79c9_u32.to_be_bytes()
        );
        assert_eq!(bytes.len() as u64, len(&changes()));
        assert_eq!(decode(&bytes.into()), Ok(changes()));
        assert_eq!(decode(&encode(&Changes::new()).into()), Ok(Changes::new()));
    }

    #[test]
    fn other_bytes_are_told() {
        let whole = encode(&changes());
        for at in 0..whole.len() {
            let cut = Bytes::copy_from_slice(&whole[..at]);
            assert_eq!(decode(&cut), Err(Unreadable::Damaged), "cut at {at}");
            let mut changed = whole.clone();
            changed[at] ^= 0x40;
            assert_eq!(
                decode(&changed.into()),
                Err(Unreadable::Damaged),
                "changed at {at}"
            );
        }
        let sealed = |body: &[u8]| [body, &crc32fast::hash(body).to_be_bytes()].concat().into();
        let rows: [(&[u8], Unreadable); 6] = [
            (b"", Unreadable::Damaged),
            (b"\x02", Unreadable::Format(2)),
            (b"\x01\x01\0\0\0\x01\0\0", Unreadable::Damaged),
            (b"\x01\x01\xff\xff\xff\xff\0\0\0\0k", Unreadable::Damaged),
            (b"\x01\x02\0\0\0\x01\0\0\0\0k", Unreadable::Damaged),
            (b"\x01\0\0\0\0\x01\0\0\0\x01kv", Unreadable::Damaged),
        ];
        for (body, expected) in rows {
            assert_eq!(decode(&sealed(body)), Err(expected), "{body:?}");
        }
    }

    #[test]
    fn ranges_remove_what_precedes_them() {
        let mut batch = Batch::new();
        batch
            .put(b"b", b"1")
            .delete_range(b"z", Some(b"a"))
            .delete_range(b"a", Some(b"c"));
        batch
            .put(b"bb", b"2")
            .delete_range(b"x", None)
            .put(b"y", b"3");
        let met = vec![vec!["aa".into(), "bb".into()], vec!["y".into(), "z".into()]];
        let mut changes = Changes::new();
        apply(&mut changes, &batch, met);
        let value = |key: &'static str, value: Option<&'static str>| {
            (Bytes::from(key), value.map(Bytes::from))
        };
        let expected = [
            value("aa", None),
            value("b", None),
            value("bb", Some("2")),
            value("y", Some("3")),
            value("z", None),
        ];
        assert_eq!(changes, expected.into());
        assert!(
            len_at_most(&batch) >= len(&[value("bb", Some("2")), value("y", Some("3"))].into())
        );
    }
}
