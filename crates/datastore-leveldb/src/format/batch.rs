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

const SHORT: Fault = "a batch ends before its time";
/// Sequence number and count.
const HEADER: usize = 12;

/// Takes a batch apart. All of it is looked at first, so that a malformed one gives nothing; keys and values share its bytes.
pub(crate) fn parse(record: &Bytes) -> Result<impl Iterator<Item = Op> + use<>, Fault> {
    let mut header = Reader::new(record);
    let first = header.u64().ok_or(SHORT)?;
    let count = header.u32().ok_or(SHORT)?;
    let ops = || Ops {
        record: record.clone(),
        taken: HEADER,
        sequence: first,
    };
    let mut found = 0u64;
    for op in ops() {
        op?;
        found += 1;
    }
    if found != u64::from(count) {
        return Err("a batch holds another number of operations than it says");
    }
    // None of them failed just now.
    Ok(ops().filter_map(Result::ok))
}

/// The operations of a batch, up to the first that is malformed.
struct Ops {
    record: Bytes,
    taken: usize,
    /// Of the next operation.
    sequence: u64,
}

impl Iterator for Ops {
    type Item = Result<Op, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.record.slice(self.taken..);
        if rest.is_empty() {
            return None;
        }
        let mut reader = Reader::new(&rest);
        let op = self.operation(&rest, &mut reader);
        self.taken = match &op {
            Ok(_) => self.record.len() - reader.rest().len(),
            Err(_) => self.record.len(),
        };
        self.sequence = self.sequence.saturating_add(1);
        Some(op)
    }
}

impl Ops {
    fn operation(&self, rest: &Bytes, reader: &mut Reader<'_>) -> Result<Op, Fault> {
        if self.sequence > MAX_SEQUENCE {
            return Err("the sequence number of a batch is too large");
        }
        let kind = Kind::of(reader.byte().ok_or(SHORT)?)?;
        let key = rest.slice_ref(reader.string().ok_or(SHORT)?);
        let value = match kind {
            Kind::Deletion => None,
            Kind::Value => Some(rest.slice_ref(reader.string().ok_or(SHORT)?)),
        };
        Ok(Op {
            sequence: self.sequence,
            key,
            value,
        })
    }
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
        let parsed: Vec<_> = parsed.collect();
        let shown: Vec<_> = parsed
            .iter()
            .map(|op| (op.sequence, &op.key[..], op.value.as_deref()))
            .collect();
        assert_eq!(shown, [(7, &b"/a"[..], Some(&b"v"[..])), (8, b"/b", None)]);
        assert!(parse(&batch(7, 0, b"")).unwrap().next().is_none());
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
