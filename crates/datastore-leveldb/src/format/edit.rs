//! Version edits: the records of a manifest. Each tells which tables came and went.

use bytes::Bytes;

use super::{Fault, reader::Reader};

/// The only order of keys that is read: that of their bytes.
pub(crate) const BYTEWISE: &[u8] = b"leveldb.BytewiseComparator";

/// A table as the manifest tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableEntry {
    pub(crate) level: u64,
    pub(crate) number: u64,
    /// Bytes of the file.
    pub(crate) len: u64,
    /// First and last internal key.
    pub(crate) smallest: Bytes,
    pub(crate) largest: Bytes,
}

/// What one record changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) comparator: Option<Bytes>,
    pub(crate) log_number: Option<u64>,
    pub(crate) previous_log_number: Option<u64>,
    pub(crate) next_file_number: Option<u64>,
    pub(crate) last_sequence: Option<u64>,
    /// Level and number.
    pub(crate) removed: Vec<(u64, u64)>,
    pub(crate) added: Vec<TableEntry>,
}

/// Takes a record of a manifest apart.
pub(crate) fn parse(record: &Bytes) -> Result<Edit, Fault> {
    let mut reader = Reader::new(record);
    let mut edit = Edit::default();
    while !reader.is_empty() {
        let known = field(record, &mut reader, &mut edit);
        known.ok_or("an edit of the manifest ends before its time")??;
    }
    Ok(edit)
}

/// Reads one field; none if the record ends within it.
fn field(record: &Bytes, reader: &mut Reader<'_>, edit: &mut Edit) -> Option<Result<(), Fault>> {
    match reader.varint()? {
        1 => edit.comparator = Some(record.slice_ref(reader.string()?)),
        2 => edit.log_number = Some(reader.varint()?),
        3 => edit.next_file_number = Some(reader.varint()?),
        4 => edit.last_sequence = Some(reader.varint()?),
        // Where the next compaction would begin: a level and a key.
        5 => {
            reader.varint()?;
            reader.string()?;
        }
        6 => edit.removed.push((reader.varint()?, reader.varint()?)),
        7 => edit.added.push(TableEntry {
            level: reader.varint()?,
            number: reader.varint()?,
            len: reader.varint()?,
            smallest: record.slice_ref(reader.string()?),
            largest: record.slice_ref(reader.string()?),
        }),
        9 => edit.previous_log_number = Some(reader.varint()?),
        _ => return Some(Err("the manifest holds fields that LevelDB does not know")),
    }
    Some(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let mut record =
            b"\x01\x1aleveldb.BytewiseComparator\x02\x04\x09\x00\x03\x05\x04\x09".to_vec();
        record.extend_from_slice(b"\x05\x01\x01k\x06\x00\x07\x07\x02\x08\xac\x02\x01a\x01b");
        let edit = parse(&record.into()).unwrap();
        assert_eq!(edit.comparator.as_deref(), Some(BYTEWISE));
        let numbers = (
            edit.log_number,
            edit.previous_log_number,
            edit.next_file_number,
            edit.last_sequence,
        );
        assert_eq!(numbers, (Some(4), Some(0), Some(5), Some(9)));
        assert_eq!(edit.removed, [(0, 7)]);
        let table = TableEntry {
            level: 2,
            number: 8,
            len: 300,
            smallest: "a".into(),
            largest: "b".into(),
        };
        assert_eq!(edit.added, [table]);
    }

    #[test]
    fn malformed_ones_are_refused() {
        for record in [
            &b"\x08\x01"[..],
            b"\x63",
            b"\x02",
            b"\x01\x05abc",
            b"\x07\x01\x01",
        ] {
            assert!(parse(&Bytes::from_static(record)).is_err(), "{record:x?}");
        }
    }
}
