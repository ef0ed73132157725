//! What stands under a key in the engine: a head and the value, as `docs/formats/datastore-kv.md` tells.

use bytes::{Buf, Bytes};
use datastore_engine::Batch;
use interface_datastore::{Timestamp, Version};

/// The most bytes that a record has besides the value.
pub(crate) const MOST_HEAD: usize = 1 + 8 + 8;

/// Smaller values are copied into a batch; larger ones are put together by themselves, and the engine shares them.
const COPIED: usize = 4096;

/// The bit of a record that expires.
const EXPIRES: u8 = 1;

/// What a record tells besides the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Of the write that stored it.
    pub(crate) number: u64,
    pub(crate) expires: Option<Timestamp>,
}

impl Head {
    pub(crate) fn version(self) -> Version {
        Version::from(self.number)
    }

    /// Whether the entry is still there at this moment.
    pub(crate) fn lives_at(self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }

    /// Puts the head with the value into a batch.
    pub(crate) fn put(self, batch: &mut Batch, key: &[u8], value: &[u8]) {
        let bytes = self.bytes();
        let head = bytes.get(..self.len()).unwrap_or(&bytes);
        if value.len() <= COPIED {
            batch.put_parts(key, &[head, value]);
        } else {
            batch.put_shared(key, [head, value].concat().into());
        }
    }

    /// What precedes the value; more than that if the entry does not expire.
    fn bytes(self) -> [u8; MOST_HEAD] {
        let mut bytes = [0; MOST_HEAD];
        let [flags, rest @ ..] = &mut bytes;
        let (number, expires) = rest.split_at_mut(8);
        *flags = if self.expires.is_some() { EXPIRES } else { 0 };
        number.copy_from_slice(&self.number.to_be_bytes());
        let moment = self.expires.map_or(0, Timestamp::as_millis);
        expires.copy_from_slice(&moment.to_be_bytes());
        bytes
    }

    fn len(self) -> usize {
        if self.expires.is_some() {
            MOST_HEAD
        } else {
            MOST_HEAD - 8
        }
    }
}

/// How many bytes of a record with this value are copied into a batch.
pub(crate) fn copied(value: &[u8]) -> usize {
    match value.len() {
        len if len <= COPIED => MOST_HEAD + len,
        _ => 0,
    }
}

/// Why a record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It ends within its head.
    CutOff,
    /// It has flags that this version does not know.
    Flags(u8),
}

/// The head of a record, and the value, which shares the record's bytes.
pub(crate) fn parse(mut record: Bytes) -> Result<(Head, Bytes), Unreadable> {
    let head = parse_head(&record)?;
    record.advance(head.len());
    Ok((head, record))
}

fn parse_head(record: &[u8]) -> Result<Head, Unreadable> {
    let (flags, rest) = record.split_first().ok_or(Unreadable::CutOff)?;
    if flags & !EXPIRES != 0 {
        return Err(Unreadable::Flags(*flags));
    }
    let (number, rest) = rest.split_first_chunk().ok_or(Unreadable::CutOff)?;
    let expires = if flags & EXPIRES == 0 {
        None
    } else {
        let (millis, _) = rest.split_first_chunk().ok_or(Unreadable::CutOff)?;
        Some(Timestamp::from_millis(u64::from_be_bytes(*millis)))
    };
    let number = u64::from_be_bytes(*number);
    Ok(Head { number, expires })
}

#[cfg(test)]
mod tests {
    use super::{COPIED, Head, Unreadable, parse};
    use bytes::Bytes;
    use datastore_engine::{Batch, BatchOp};
    use interface_datastore::Timestamp;

    #[test]
    fn records_are_laid_out_as_described() {
        let rows: [(Option<u64>, &[u8], &[u8]); 3] = [
            (None, b"", b"\x00\0\0\0\0\0\0\x01\x02"),
            (None, b"value", b"\x00\0\0\0\0\0\0\x01\x02value"),
            (
                Some(3),
                b"v",
                b"\x01\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\x03v",
            ),
        ];
        for (expires, value, bytes) in rows {
            let head = Head {
                number: 258,
                expires: expires.map(Timestamp::from_millis),
            };
            for rest in [0, COPIED + 1] {
                let (value, bytes) = (
                    [value, &vec![7; rest]].concat(),
                    [bytes, &vec![7; rest]].concat(),
                );
                let mut batch = Batch::new();
                head.put(&mut batch, b"key", &value);
                let op = batch.iter().next();
                assert!(
                    matches!(op, Some(BatchOp::Put { value, .. }) if value.as_slice() == bytes)
                );
            }
            let parsed = parse(Bytes::copy_from_slice(bytes));
            assert_eq!(parsed, Ok((head, Bytes::copy_from_slice(value))));
        }
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let rows: [(&[u8], Unreadable); 5] = [
            (b"", Unreadable::CutOff),
            (b"\x00\0\0\0\0\0\0\x01", Unreadable::CutOff),
            (
                b"\x01\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0",
                Unreadable::CutOff,
            ),
            (b"\x02\0\0\0\0\0\0\x01\x02", Unreadable::Flags(2)),
            (b"\x81", Unreadable::Flags(0x81)),
        ];
        for (bytes, expected) in rows {
            assert_eq!(parse(Bytes::copy_from_slice(bytes)), Err(expected));
        }
    }
}
