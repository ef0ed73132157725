//! Checksums of log records and table blocks: CRC32C, masked so that a checksum of bytes that hold checksums stays good.

const MASK_DELTA: u32 = 0xa282_ead8;

/// The stored form of the checksum of two byte strings, one after the other.
pub(crate) fn masked(first: &[u8], second: &[u8]) -> u32 {
    let plain = crc32c::crc32c_append(crc32c::crc32c(first), second);
    plain.rotate_right(15).wrapping_add(MASK_DELTA)
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
