//! Keys in serialised data.
//!
//! Formats for people (JSON, TOML) hold a key as a string; if its bytes are not UTF-8, as a map with the one field `bytes`,
//! in lower-case hexadecimal. Binary formats hold the bytes. Reading takes what writing gives, checked by [`Key::raw`] and
//! not cleaned, so that every key comes back as it was.

use std::fmt::{self, Write};

use serde::de::{Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Key;

/// The field that holds a key that is not UTF-8.
const BYTES: &str = "bytes";

/// A string where it can be, else a map `{"bytes": "2fff"}` of the bytes in hexadecimal; the bytes in binary formats.
impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_bytes(self.as_bytes());
        }
        if let Some(text) = self.as_str() {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(BYTES, &to_hex(self.as_bytes()))?;
        map.end()
    }
}

/// Reads what [`Serialize`] writes. Nothing is cleaned: what is no key is refused.
impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(KeyVisitor)
        } else {
            deserializer.deserialize_bytes(KeyVisitor)
        }
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a key that starts with \"/\", as a string, as bytes, or as {\"bytes\": hexadecimal}",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Key, E> {
        Key::raw(text).map_err(E::custom)
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Key, E> {
        Key::raw(bytes).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Key, A::Error> {
        // Not reserved by the length that the input claims.
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        self.visit_bytes(&bytes)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Key, A::Error> {
        let Some((field, digits)) = map.next_entry::<String, String>()? else {
            return Err(A::Error::missing_field(BYTES));
        };
        if field != BYTES {
            return Err(A::Error::unknown_field(&field, &[BYTES]));
        }
        if let Some(field) = map.next_key::<String>()? {
            return Err(A::Error::unknown_field(&field, &[]));
        }
        let bytes = from_hex(&digits).ok_or_else(|| {
            A::Error::invalid_value(
                Unexpected::Str(&digits),
                &"an even number of hexadecimal digits",
            )
        })?;
        self.visit_bytes(&bytes)
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(
        String::with_capacity(bytes.len() * 2),
        |mut digits, byte| {
            // Writing to a string cannot fail.
            let _ = write!(digits, "{byte:02x}");
            digits
        },
    )
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

fn digit(byte: u8) -> Option<u8> {
    // A hexadecimal digit is at most 15.
    char::from(byte)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}
