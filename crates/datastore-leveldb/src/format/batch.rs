//! Write batches: what a record of the log holds.

use bytes::Bytes;

use super::{
    Fault,
    internal_key::{Kind, MAX_SEQUENCE},
    reader::Reader,
};

/// One operation of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) sequence: u64,
    pub(crate) key: Bytes,
    /// None for a deletion.
    pub(crate) value: Option<Bytes>,
}

/// Takes a batch apart; keys and values share its bytes.
pub(crate) fn parse(record: &Bytes) -> Result<Vec<Op>, Fault> {
    const SHORT: Fault = "a batch ends before its time";
    let mut reader = Reader::new(record);
    let first = reader.u64().ok_or(SHORT)?;
    let count = reader.u32().ok_or(SHORT)?;
    let mut ops = Vec::new();
    while !reader.is_empty() {
        let sequence = first.checked_add(ops.len() as u64);
        let sequence = sequence
            .filter(|sequence| *sequence <= MAX_SEQUENCE)
            .ok_or("the sequence number of a batch is too large")?;
        let kind = Kind::of(reader.byte().ok_or(SHORT)?)?;
        let key = record.slice_ref(reader.string().ok_or(SHORT)?);
        let value = match kind {
            Kind::Deletion => None,
            Kind::Value => Some(record.slice_ref(reader.string().ok_or(SHORT)?)),
        };
        ops.push(Op {
            sequence,
            key,
            value,
        });
    }
    if ops.len() as u64 != u64::from(count) {
        return Err("a batch holds another number of operations than it says");
    }
    Ok(ops)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(sequence: u64, count: u32, ops: &[u8]) -> Bytes {
        let mut bytes = sequence.to_le_bytes().to_vec();
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(ops);
        bytes.into()
    }

    #[test]
    fn puts_and_deletions() {
        let parsed = parse(&batch(7, 2, b"\x01\x02/a\x01v\x00\x02/b")).unwrap();
        let shown: Vec<_> = parsed
            .iter()
            .map(|op| (op.sequence, &op.key[..], op.value.as_deref()))
            .collect();
        assert_eq!(shown, [(7, &b"/a"[..], Some(&b"v"[..])), (8, b"/b", None)]);
        assert!(parse(&batch(7, 0, b"")).unwrap().is_empty());
    }

    #[test]
    fn malformed_ones_are_refused() {
        for (sequence, count, ops) in [
            (1, 1, &b""[..]),
            (1, 0, b"\x00\x01a"),
            (1, 1, b"\x02\x01a"),
            (1, 1, b"\x01\x01a\x05v"),
            (1, 1, b"\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            (MAX_SEQUENCE, 2, b"\x00\x01a\x00\x01b"),
            (u64::MAX, 2, b"\x00\x01a\x00\x01b"),
        ] {
            assert!(parse(&batch(sequence, count, ops)).is_err(), "{ops:x?}");
        }
        assert!(parse(&Bytes::from_static(b"short")).is_err());
    }
}
