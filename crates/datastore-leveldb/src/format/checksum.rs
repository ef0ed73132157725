//! Checksums of log records and table blocks: CRC32C, masked so that a checksum of bytes that hold checksums stays good.

const MASK_DELTA: u32 = 0xa282_ead8;

/// The stored form of the checksum of two byte strings, one after the other.
pub(crate) fn masked(first: &[u8], second: &[u8]) -> u32 {
    mask(crc32c::crc32c_append(crc32c::crc32c(first), second))
}

fn mask(plain: u32) -> u32 {
    plain.rotate_right(15).wrapping_add(MASK_DELTA)
}

/// The checksum of a table block whose length is not known, byte by byte.
#[derive(Debug)]
pub(crate) struct Running(u32);

impl Running {
    pub(crate) fn new() -> Self {
        Self(0)
    }

    /// Counts the first of these bytes in.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0 = crc32c::crc32c_append(self.0, bytes.get(..1).unwrap_or_default());
    }

    /// Whether the block ends before these bytes, which are then its trailer: a known kind of compression and the checksum.
    pub(crate) fn fits(&self, trailer: &[u8]) -> bool {
        let Some((kind @ [0 | 1], stored)) = trailer.split_at_checked(1) else {
            return false;
        };
        stored == mask(crc32c::crc32c_append(self.0, kind)).to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn known_values() {
        // CRC32C of "123456789" is e3069283, RFC 3720's check value.
        let expected = 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(masked(b"123456789", b""), expected);
        assert_eq!(masked(b"1234", b"56789"), expected);
        // The first record of a log that npm classic-level wrote: one put of "/a".
        let record = [
            1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2, b'/', b'a', 3, 1, 2, 3,
        ];
        assert_eq!(
            masked(&[], &record),
            u32::from_le_bytes([0xd3, 0x9b, 0x66, 0xa3])
        );
    }
}
