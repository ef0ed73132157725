//! Tables: blocks with checksums, found through an index, found through a footer.

use bytes::Bytes;

use super::{
    Fault, checksum,
    reader::{Reader, write_varint},
};

/// Bytes at the end of a table that tell where its index is.
pub(crate) const FOOTER: u64 = 48;
/// Kind of compression and checksum after each block.
pub(crate) const TRAILER: u64 = 5;
const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
/// What RocksDB ends its tables with, in its two forms.
const ROCKSDB: [u64; 2] = [0x88e2_41b7_85f4_cff7, 0xcb32_8f30_a2e0_9c4d];
/// Snappy makes of one byte at most so many; a block that claims more is damaged.
const MAX_EXPANSION: u64 = 64;

/// Where a block lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Handle {
    pub(crate) offset: u64,
    /// Without the trailer.
    pub(crate) len: u64,
}

impl Handle {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            offset: reader.varint()?,
            len: reader.varint()?,
        })
    }

    /// The handle that a value of an index is.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, Fault> {
        Self::read(&mut Reader::new(value)).ok_or("an index does not tell where a block lies")
    }

    /// The value of an index that [`parse`](Self::parse) reads.
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut value = Vec::new();
        write_varint(&mut value, self.offset);
        write_varint(&mut value, self.len);
        value
    }

    /// Where the block and its trailer end.
    pub(crate) fn end(self) -> Option<u64> {
        self.offset.checked_add(self.len)?.checked_add(TRAILER)
    }
}

/// What a footer leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footer {
    /// The index of filters and statistics, which are not used. It comes after all blocks with entries.
    pub(crate) meta_index: Handle,
    pub(crate) index: Handle,
}

/// Takes a footer apart.
pub(crate) fn parse_footer(footer: &[u8]) -> Result<Footer, Fault> {
    const BAD: Fault = "the footer does not tell where the index lies";
    let (handles, magic) = footer
        .split_at_checked(footer.len().saturating_sub(8))
        .ok_or(BAD)?;
    match Reader::new(magic).u64() {
        Some(MAGIC) => {}
        Some(magic) if ROCKSDB.contains(&magic) => return Err("it is a table of RocksDB"),
        _ => return Err("it does not end as a table of LevelDB does"),
    }
    let mut reader = Reader::new(handles);
    Ok(Footer {
        meta_index: Handle::read(&mut reader).ok_or(BAD)?,
        index: Handle::read(&mut reader).ok_or(BAD)?,
    })
}

/// Why a stored block cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockFault {
    Damaged(Fault),
    /// Compressed in a way that is not read.
    Compression(u8),
    /// It would take so many bytes of memory, more than allowed.
    TooLarge(u64),
}

/// Checks a block as it is stored, trailer included, and undoes its compression. `max` bounds the memory that it may take.
pub(crate) fn open_block(stored: &Bytes, max: u64) -> Result<Bytes, BlockFault> {
    let short = BlockFault::Damaged("a block is cut off");
    let len = stored.len().checked_sub(TRAILER as usize).ok_or(short)?;
    let (data, trailer) = stored.split_at_checked(len).ok_or(short)?;
    let mut reader = Reader::new(trailer);
    let kind = reader.byte().ok_or(short)?;
    if reader.u32() != Some(checksum::masked(data, &[kind])) {
        return Err(BlockFault::Damaged("a block does not fit its checksum"));
    }
    match kind {
        0 => Ok(stored.slice_ref(data)),
        1 => decompress(data, max),
        other => Err(BlockFault::Compression(other)),
    }
}

fn decompress(data: &[u8], max: u64) -> Result<Bytes, BlockFault> {
    const BAD: BlockFault = BlockFault::Damaged("a block cannot be decompressed");
    let len = snap::raw::decompress_len(data).map_err(|_| BAD)? as u64;
    if len > (data.len() as u64).saturating_mul(MAX_EXPANSION) {
        return Err(BAD);
    }
    if len > max {
        return Err(BlockFault::TooLarge(len));
    }
    let plain = snap::raw::Decoder::new().decompress_vec(data);
    plain.map(Bytes::from).map_err(|_| BAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(data: &[u8], kind: u8) -> Bytes {
        let mut bytes = data.to_vec();
        bytes.push(kind);
        bytes.extend_from_slice(&checksum::masked(data, &[kind]).to_le_bytes());
        bytes.into()
    }

    #[test]
    fn blocks() {
        let plain = vec![b'x'; 1000];
        let packed = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
        let mut flipped = stored(&plain, 0).to_vec();
        flipped[3] ^= 1;
        // A length of 4 GiB, less one byte, in front of nothing.
        let bomb = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        let damaged = BlockFault::Damaged;
        for (bytes, max, expected) in [
            (stored(&plain, 0), 4096, Ok(plain.clone())),
            (stored(&packed, 1), 4096, Ok(plain.clone())),
            (stored(&packed, 1), 999, Err(BlockFault::TooLarge(1000))),
            (stored(&plain, 4), 4096, Err(BlockFault::Compression(4))),
            (
                stored(&plain, 1),
                4096,
                Err(damaged("a block cannot be decompressed")),
            ),
            (
                stored(&bomb, 1),
                u64::MAX,
                Err(damaged("a block cannot be decompressed")),
            ),
            (
                flipped.into(),
                4096,
                Err(damaged("a block does not fit its checksum")),
            ),
            (
                Bytes::from_static(b"1234"),
                4096,
                Err(damaged("a block is cut off")),
            ),
        ] {
            assert_eq!(open_block(&bytes, max).map(Vec::from), expected);
        }
    }

    #[test]
    fn footers() {
        let mut footer = vec![1, 2, 3, 4];
        footer.resize(40, 0);
        footer.extend_from_slice(&MAGIC.to_le_bytes());
        let expected = Footer {
            meta_index: Handle { offset: 1, len: 2 },
            index: Handle { offset: 3, len: 4 },
        };
        assert_eq!(parse_footer(&footer), Ok(expected));
        for (at, byte) in [(47, 0), (0, 0x80)] {
            let mut bad = footer.clone();
            bad[at] = byte;
            if at == 0 {
                bad[..40].fill(0x80);
            }
            assert!(parse_footer(&bad).is_err());
        }
        assert!(parse_footer(b"").is_err());
        footer[40..].copy_from_slice(&ROCKSDB[0].to_le_bytes());
        assert_eq!(parse_footer(&footer), Err("it is a table of RocksDB"));
    }
}
