//! Logs and manifests: records, cut into pieces that fit into blocks of 32 KiB.

use bytes::{Bytes, BytesMut};

use super::{checksum, reader::Reader};

/// Bytes of a block.
pub(crate) const BLOCK: u64 = 32 << 10;
/// Checksum, length and kind before each piece.
const HEADER: usize = 7;

const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

/// What a log holds, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Record(Bytes),
    /// Something unreadable near this offset; reading goes on behind it.
    Damage {
        offset: u64,
        what: &'static str,
    },
    /// The file ends within a record: its writer ended before it was done. Always the last item.
    Torn {
        offset: u64,
    },
}

/// Reads a log, block by block.
pub(crate) struct Log<R> {
    read: R,
    len: u64,
    /// The block at hand, where it lies in the file, and how much of it has been taken.
    block: Bytes,
    block_offset: u64,
    taken: usize,
    /// The pieces so far of a record that is not complete, and where it began.
    partial: Option<(BytesMut, u64)>,
}

/// A piece of a record.
enum Piece {
    Of(u8, Bytes),
    /// Nothing more in this block.
    BlockEnds,
    Damage(&'static str),
    Torn,
}

impl<R, E> Log<R>
where
    R: FnMut(std::ops::Range<u64>) -> Result<Bytes, E>,
{
    /// A log of `len` bytes; `read` gives a range of them, less only at the end of the file.
    pub(crate) fn new(len: u64, read: R) -> Self {
        Self {
            read,
            len,
            block: Bytes::new(),
            block_offset: 0,
            taken: 0,
            partial: None,
        }
    }

    /// The next item; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Item>, E> {
        loop {
            if self.rest().is_empty() && !self.next_block()? {
                return Ok(self.end());
            }
            let offset = self.offset();
            let item = match self.piece() {
                Piece::BlockEnds => {
                    self.skip_block();
                    None
                }
                Piece::Torn => {
                    self.skip_block();
                    let start = self.partial.take().map_or(offset, |(_, start)| start);
                    Some(Item::Torn { offset: start })
                }
                Piece::Damage(what) => {
                    self.skip_block();
                    self.partial = None;
                    Some(Item::Damage { offset, what })
                }
                Piece::Of(kind, bytes) => self.join(kind, bytes, offset),
            };
            if item.is_some() {
                return Ok(item);
            }
        }
    }

    fn rest(&self) -> &[u8] {
        self.block.get(self.taken..).unwrap_or_default()
    }

    /// Where in the file the next piece begins.
    fn offset(&self) -> u64 {
        self.block_offset.saturating_add(self.taken as u64)
    }

    fn next_block(&mut self) -> Result<bool, E> {
        self.block_offset = self.block_offset.saturating_add(self.block.len() as u64);
        self.taken = 0;
        let end = self.len.min(self.block_offset.saturating_add(BLOCK));
        self.block = match self.block_offset < end {
            // Empty, too, if the file has become shorter since its length was taken.
            true => (self.read)(self.block_offset..end)?,
            false => Bytes::new(),
        };
        Ok(!self.block.is_empty())
    }

    /// What is left when the file has ended.
    fn end(&mut self) -> Option<Item> {
        let (_, offset) = self.partial.take()?;
        Some(Item::Torn { offset })
    }

    fn skip_block(&mut self) {
        self.taken = self.block.len();
    }

    fn is_last_block(&self) -> bool {
        self.block_offset.saturating_add(self.block.len() as u64) >= self.len
    }

    /// Takes the next piece from the block.
    fn piece(&mut self) -> Piece {
        let mut reader = Reader::new(self.rest());
        let head = (reader.u32(), reader.u16(), reader.byte());
        let (Some(stored), Some(len), Some(kind)) = head else {
            // Too short for a header: filler, or the start of a header that was never completed.
            let filler = self.rest().iter().all(|byte| *byte == 0);
            return match filler || !self.is_last_block() {
                true => Piece::BlockEnds,
                false => Piece::Torn,
            };
        };
        if kind == 0 && len == 0 && stored == 0 {
            // Space that was set aside and not written.
            return Piece::BlockEnds;
        }
        let Some(data) = reader.take(usize::from(len)) else {
            return match self.is_last_block() {
                true => Piece::Torn,
                false => Piece::Damage("a record is longer than its block"),
            };
        };
        if checksum::masked(&[kind], data) != stored {
            return Piece::Damage("a record does not fit its checksum");
        }
        let data = self.block.slice_ref(data);
        self.taken += HEADER + data.len();
        Piece::Of(kind, data)
    }

    /// Joins a piece to those before it.
    fn join(&mut self, kind: u8, bytes: Bytes, offset: u64) -> Option<Item> {
        let begun = self.partial.take();
        match (kind, begun) {
            (FULL, None) => Some(Item::Record(bytes)),
            (FIRST, None) => {
                self.partial = Some((BytesMut::from(&bytes[..]), offset));
                None
            }
            (MIDDLE, Some((mut record, start))) => {
                record.extend_from_slice(&bytes);
                self.partial = Some((record, start));
                None
            }
            (LAST, Some((mut record, _))) => {
                record.extend_from_slice(&bytes);
                Some(Item::Record(record.freeze()))
            }
            (FULL | FIRST, Some((_, start))) => {
                // The piece itself is good: it is taken again, now that nothing comes before it.
                self.taken -= HEADER + bytes.len();
                Some(Item::Damage {
                    offset: start,
                    what: "a record has no end",
                })
            }
            (MIDDLE | LAST, None) => Some(Item::Damage {
                offset,
                what: "a record has no beginning",
            }),
            _ => Some(Item::Damage {
                offset,
                what: "a record is of an unknown kind",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// A piece with its header.
    fn piece(kind: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes = checksum::masked(&[kind], data).to_le_bytes().to_vec();
        bytes.extend_from_slice(&(data.len() as u16).to_le_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(data);
        bytes
    }

    fn read(file: &[u8]) -> Vec<String> {
        let read = |range: std::ops::Range<u64>| {
            let range = range.start as usize..(range.end as usize).min(file.len());
            Ok::<_, Infallible>(Bytes::copy_from_slice(&file[range]))
        };
        let mut log = Log::new(file.len() as u64, read);
        let mut items = Vec::new();
        while let Ok(Some(item)) = log.next() {
            items.push(match item {
                Item::Record(bytes) if bytes.len() < 10 => String::from_utf8_lossy(&bytes).into(),
                Item::Record(bytes) => format!("{} bytes", bytes.len()),
                Item::Damage { offset, what } => format!("{what} at {offset}"),
                Item::Torn { offset } => format!("torn at {offset}"),
            });
        }
        items
    }

    #[test]
    fn records_and_their_faults() {
        let (a, b) = (piece(FULL, b"a"), piece(FULL, b"b"));
        let mut flipped = a.clone();
        flipped[7] ^= 1;
        let full_block = piece(FIRST, &vec![b'x'; BLOCK as usize - HEADER]);
        let padded = |last: &[u8]| {
            // Leaves three bytes of the block, too few for a header.
            let mut bytes = piece(FULL, &vec![b'x'; BLOCK as usize - HEADER - 3]);
            bytes.extend_from_slice(&[0; 3]);
            bytes.extend_from_slice(last);
            bytes
        };
        let zeros = vec![0; BLOCK as usize];
        for (file, expected) in [
            (vec![], vec![]),
            ([&a[..], &b].concat(), vec!["a", "b"]),
            (padded(&b), vec!["32758 bytes", "b"]),
            (
                [&full_block[..], &piece(LAST, b"y")].concat(),
                vec!["32762 bytes"],
            ),
            ([&a[..], &b[..5]].concat(), vec!["a", "torn at 8"]),
            ([&a[..], &b[..7]].concat(), vec!["a", "torn at 8"]),
            (full_block.clone(), vec!["torn at 0"]),
            ([&a[..], &zeros[..100]].concat(), vec!["a"]),
            (
                [&a[..], &zeros[..zeros.len() - a.len()], &b].concat(),
                vec!["a", "b"],
            ),
            (
                [&flipped[..], &b].concat(),
                vec!["a record does not fit its checksum at 0"],
            ),
            (
                [&piece(FIRST, b"x")[..], &b].concat(),
                vec!["a record has no end at 0", "b"],
            ),
            (
                [&piece(LAST, b"x")[..], &b].concat(),
                vec!["a record has no beginning at 0", "b"],
            ),
            (
                [&piece(9, b"x")[..], &b].concat(),
                vec!["a record is of an unknown kind at 0", "b"],
            ),
            (
                [&[0, 0, 0, 0, 0xff, 0xff, 1][..], &zeros, &b].concat(),
                vec!["a record is longer than its block at 0"],
            ),
        ] {
            assert_eq!(read(&file), expected, "{} bytes", file.len());
        }
    }
}
