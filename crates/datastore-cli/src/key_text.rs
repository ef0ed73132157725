//! Keys as text: one form that can be read back, safe on a terminal.

use std::{ffi::OsStr, fmt::Write};

use interface_datastore::{Bytes, Key};

use crate::failure::{Failure, Outcome};

/// How keys are written and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyForm {
    /// Text with `\xNN` for what cannot be shown and `\\` for a backslash.
    Text,
    /// Hexadecimal digits of all bytes.
    Hex,
}

impl KeyForm {
    pub(crate) fn of(hex: bool) -> Self {
        if hex { Self::Hex } else { Self::Text }
    }

    pub(crate) fn show(self, key: &Key) -> String {
        match self {
            Self::Text => escaped(key.as_bytes()),
            Self::Hex => hex(key.as_bytes()),
        }
    }

    /// A key: as it is if it begins with a slash, else cleaned.
    pub(crate) fn key(self, text: &OsStr) -> Outcome<Key> {
        let bytes = self.bytes(text)?;
        Ok(Key::raw(&bytes).unwrap_or_else(|_| Key::new(&bytes)))
    }

    /// The bytes that keys may begin with, slash included; none for all keys.
    pub(crate) fn prefix(self, text: &OsStr) -> Outcome<Bytes> {
        let bytes = self.bytes(text)?;
        Ok(match bytes.first() {
            None | Some(b'/') => bytes.into(),
            Some(_) => [b"/".as_slice(), &bytes].concat().into(),
        })
    }

    fn bytes(self, text: &OsStr) -> Outcome<Vec<u8>> {
        let input = os_bytes(text)?;
        let bytes = match self {
            Self::Text => unescaped(input),
            Self::Hex => unhex(input),
        };
        bytes.ok_or_else(|| {
            let shown = printable(&text.to_string_lossy());
            Failure::usage(match self {
                Self::Text => format!(
                    "the key \"{shown}\" holds a backslash that begins no escape; write \\\\ for a backslash, \\xNN for a byte"
                ),
                Self::Hex => format!("the key \"{shown}\" is not an even number of hexadecimal digits"),
            })
        })
    }
}

/// The bytes of an argument; elsewhere than on Unix it must be Unicode.
pub(crate) fn os_bytes(text: &OsStr) -> Outcome<&[u8]> {
    #[cfg(unix)]
    let bytes = Some(std::os::unix::ffi::OsStrExt::as_bytes(text));
    #[cfg(not(unix))]
    let bytes = text.to_str().map(str::as_bytes);
    bytes.ok_or_else(|| Failure::usage("an argument is not Unicode; write bytes as \\xNN"))
}

/// The text with control characters, and others that change how a line looks, made visible. For messages.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            if is_plain(c) {
                out.push(c);
            } else {
                out.extend(c.escape_unicode());
            }
            out
        })
}

fn is_plain(c: char) -> bool {
    // Marks that combine with the character before are shown by escapes too, but change nothing else.
    matches!(c, '\\' | '"' | '\'') || c.is_alphanumeric() || c.escape_debug().len() == 1
}

fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str(r"\\"),
                c if is_plain(c) => out.push(c),
                c => push_bytes(&mut out, c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        push_bytes(&mut out, chunk.invalid());
    }
    out
}

fn push_bytes(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(out, "\\x{byte:02x}");
    }
}

fn unescaped(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    loop {
        text = match text {
            [] => return Some(out),
            [b'\\', b'\\', rest @ ..] => {
                out.push(b'\\');
                rest
            }
            [b'\\', b'x', high, low, rest @ ..] => {
                out.push(pair(*high, *low)?);
                rest
            }
            [b'\\', ..] => return None,
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            // Writing to a string cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let pairs = digits.chunks(2);
    pairs
        .map(|digits| match *digits {
            [high, low] => pair(high, low),
            _ => None,
        })
        .collect()
}

/// The byte that two hexadecimal digits stand for.
pub(crate) fn pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_shown_and_read_back() {
        for (bytes, text) in [
            (b"/a/b".as_slice(), "/a/b"),
            (b"/", "/"),
            (b"/a/", "/a/"),
            (b"/a b\"c'", "/a b\"c'"),
            (b"/a\\b", r"/a\\b"),
            (b"/a\\x41", r"/a\\x41"),
            (b"/\0\n\x1b[2J\x7f", r"/\x00\x0a\x1b[2J\x7f"),
            (b"/\xff\xfe", r"/\xff\xfe"),
            (b"/\xe2\x82", r"/\xe2\x82"),
            ("/é/日本/🦀".as_bytes(), "/é/日本/🦀"),
            // Right-to-left override, zero-width joiner, next line.
            (
                "/a\u{202e}b\u{200d}\u{85}".as_bytes(),
                r"/a\xe2\x80\xaeb\xe2\x80\x8d\xc2\x85",
            ),
        ] {
            let key = Key::raw(bytes).unwrap();
            assert_eq!(KeyForm::Text.show(&key), text);
            for form in [KeyForm::Text, KeyForm::Hex] {
                assert_eq!(form.key(form.show(&key).as_ref()).unwrap(), key, "{text}");
            }
        }
    }

    #[test]
    fn every_byte_comes_back() {
        for byte in 0..=u8::MAX {
            for bytes in [
                vec![b'/', byte],
                vec![b'/', 0xe2, byte, b'x', b'4', b'1'],
                vec![b'/', b'\\', byte],
            ] {
                let key = Key::raw(&bytes).unwrap();
                assert_eq!(
                    KeyForm::Text
                        .key(KeyForm::Text.show(&key).as_ref())
                        .unwrap(),
                    key
                );
            }
        }
    }

    #[test]
    fn other_texts_are_cleaned_or_refused() {
        for (form, text, key) in [
            (KeyForm::Text, "a/b/", Some("/a/b")),
            (KeyForm::Text, "", Some("/")),
            (KeyForm::Text, r"\x41", Some("/A")),
            (KeyForm::Text, r"a\b", None),
            (KeyForm::Text, r"a\x4", None),
            (KeyForm::Text, r"a\xzz", None),
            (KeyForm::Text, r"a\", None),
            (KeyForm::Hex, "2f41", Some("/A")),
            (KeyForm::Hex, "2F4", None),
            (KeyForm::Hex, "/a", None),
        ] {
            assert_eq!(form.key(text.as_ref()).ok(), key.map(Key::new), "{text}");
        }
    }

    #[test]
    fn prefixes_need_no_slash() {
        for (text, prefix) in [("", ""), ("/", "/"), ("a/", "/a/"), ("/a", "/a")] {
            assert_eq!(KeyForm::Text.prefix(text.as_ref()).unwrap(), prefix);
        }
    }
}
