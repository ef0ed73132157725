//! Writes databases as LevelDB does, for tests that choose what is in which file.

use std::fs;
use std::path::Path;

/// A key with its sequence number, and a value or a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) key: Vec<u8>,
    pub(crate) sequence: u64,
    pub(crate) value: Option<Vec<u8>>,
}

impl Change {
    pub(crate) fn internal_key(&self) -> Vec<u8> {
        let tail = self.sequence << 8 | u64::from(self.value.is_some());
        [&self.key[..], &tail.to_le_bytes()].concat()
    }
}

/// How tables are laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) block_len: usize,
    pub(crate) restart_interval: usize,
    pub(crate) snappy: bool,
}

fn checksum(parts: &[&[u8]]) -> [u8; 4] {
    let plain = crc32c::crc32c(&parts.concat());
    plain
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
        .to_le_bytes()
}

fn varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn string(to: &mut Vec<u8>, bytes: &[u8]) {
    varint(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

/// A log of these records.
pub(crate) fn log(records: &[Vec<u8>]) -> Vec<u8> {
    const BLOCK: usize = 32 << 10;
    let mut file: Vec<u8> = Vec::new();
    for record in records {
        let mut rest = &record[..];
        let mut is_first = true;
        loop {
            let room = BLOCK - file.len() % BLOCK;
            if room < 7 {
                file.resize(file.len() + room, 0);
                continue;
            }
            let (piece, after) = rest.split_at(rest.len().min(room - 7));
            let kind: u8 = match (is_first, after.is_empty()) {
                (true, true) => 1,
                (true, false) => 2,
                (false, false) => 3,
                (false, true) => 4,
            };
            file.extend_from_slice(&checksum(&[&[kind], piece]));
            file.extend_from_slice(&(piece.len() as u16).to_le_bytes());
            file.push(kind);
            file.extend_from_slice(piece);
            (rest, is_first) = (after, false);
            if rest.is_empty() {
                break;
            }
        }
    }
    file
}

/// A batch of changes whose sequence numbers follow each other.
pub(crate) fn batch(changes: &[Change]) -> Vec<u8> {
    let mut record = changes[0].sequence.to_le_bytes().to_vec();
    record.extend_from_slice(&(changes.len() as u32).to_le_bytes());
    for change in changes {
        record.push(u8::from(change.value.is_some()));
        string(&mut record, &change.key);
        if let Some(value) = &change.value {
            string(&mut record, value);
        }
    }
    record
}

/// A block of entries that are in order.
pub(crate) fn block(entries: &[(Vec<u8>, Vec<u8>)], restart_interval: usize) -> Vec<u8> {
    let (mut bytes, mut restarts) = (Vec::new(), vec![0u32]);
    let mut last: &[u8] = &[];
    for (index, (key, value)) in entries.iter().enumerate() {
        let mut shared = last.iter().zip(key).take_while(|(a, b)| a == b).count();
        if index % restart_interval == 0 {
            shared = 0;
            if index > 0 {
                restarts.push(bytes.len() as u32);
            }
        }
        for number in [shared, key.len() - shared, value.len()] {
            varint(&mut bytes, number as u64);
        }
        bytes.extend_from_slice(&key[shared..]);
        bytes.extend_from_slice(value);
        last = key;
    }
    for restart in &restarts {
        bytes.extend_from_slice(&restart.to_le_bytes());
    }
    bytes.extend_from_slice(&(restarts.len() as u32).to_le_bytes());
    bytes
}

/// A table in the making.
#[derive(Debug, Default)]
pub(crate) struct TableFile {
    bytes: Vec<u8>,
    /// Last key and handle of each block.
    index: Vec<(Vec<u8>, Vec<u8>)>,
}

impl TableFile {
    /// Adds a block, and gives its handle.
    fn add(&mut self, block: &[u8], snappy: bool) -> Vec<u8> {
        let (stored, kind) = match snappy {
            true => (snap::raw::Encoder::new().compress_vec(block).unwrap(), 1),
            false => (block.to_vec(), 0),
        };
        let mut handle = Vec::new();
        varint(&mut handle, self.bytes.len() as u64);
        varint(&mut handle, stored.len() as u64);
        let sum = checksum(&[&stored, &[kind]]);
        self.bytes.extend_from_slice(&stored);
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&sum);
        handle
    }

    pub(crate) fn add_data(&mut self, last_key: &[u8], block: &[u8], snappy: bool) {
        let handle = self.add(block, snappy);
        self.index.push((last_key.to_vec(), handle));
    }

    /// The file, with an index that `change` may change first.
    pub(crate) fn finish(mut self, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let meta = self.add(&block(&[], 1), false);
        let mut index = block(&self.index, 1);
        change(&mut index);
        let index = self.add(&index, false);
        let mut footer = [meta, index].concat();
        footer.resize(40, 0);
        footer.extend_from_slice(&0xdb47_7524_8b80_fb57_u64.to_le_bytes());
        self.bytes.extend_from_slice(&footer);
        self.bytes
    }
}

/// A table of changes, which are sorted here.
pub(crate) fn table(changes: &[Change], shape: Shape) -> Vec<u8> {
    let mut file = TableFile::default();
    let mut add = |entries: &mut Vec<(Vec<u8>, Vec<u8>)>| {
        if let Some((last, _)) = entries.last() {
            file.add_data(last, &block(entries, shape.restart_interval), shape.snappy);
            entries.clear();
        }
    };
    let (mut entries, mut len) = (Vec::new(), 0);
    for change in sorted(changes) {
        let value = change.value.clone().unwrap_or_default();
        len += change.key.len() + value.len() + 11;
        entries.push((change.internal_key(), value));
        if len >= shape.block_len {
            add(&mut entries);
            len = 0;
        }
    }
    add(&mut entries);
    file.finish(|_| {})
}

/// In the order of tables.
pub(crate) fn sorted(changes: &[Change]) -> Vec<Change> {
    let mut sorted = changes.to_vec();
    sorted.sort_by(|a, b| a.key.cmp(&b.key).then(b.sequence.cmp(&a.sequence)));
    sorted
}

/// The field of a manifest for a table.
pub(crate) fn table_field(level: u64, number: u64, len: usize, changes: &[Change]) -> Vec<u8> {
    let sorted = sorted(changes);
    let mut field = Vec::new();
    for part in [7, level, number, len as u64] {
        varint(&mut field, part);
    }
    for change in [sorted.first(), sorted.last()] {
        string(&mut field, &change.unwrap().internal_key());
    }
    field
}

/// A manifest's one record: all that must be there, and these fields.
pub(crate) fn manifest_record(log_number: u64, fields: &[Vec<u8>]) -> Vec<u8> {
    let mut record = vec![1];
    string(&mut record, b"leveldb.BytewiseComparator");
    for (field, number) in [(2, log_number), (9, 0), (3, 1000), (4, 1 << 30)] {
        varint(&mut record, field);
        varint(&mut record, number);
    }
    record.extend(fields.concat());
    record
}

/// Writes the manifest and the file that names it.
pub(crate) fn write_manifest(folder: &Path, record: Vec<u8>) {
    fs::write(folder.join("MANIFEST-000001"), log(&[record])).unwrap();
    fs::write(folder.join("CURRENT"), "MANIFEST-000001\n").unwrap();
}

pub(crate) fn write_table(folder: &Path, number: u64, bytes: &[u8]) {
    fs::write(folder.join(format!("{number:06}.ldb")), bytes).unwrap();
}
