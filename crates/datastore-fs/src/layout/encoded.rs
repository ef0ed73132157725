//! Keys that are not plain, encoded so that every key has a path of its own on every file system.
//!
//! Each namespace is written in lower-case letters, digits, `-`, `_` and `%xx` for any other byte, cut into pieces of
//! [`PIECE`] characters. The first character of a path component tells what it is: `+` a piece with more to come, `@`
//! the last piece of a namespace above others, `=` the last piece of the last namespace, which is the file.

use std::path::{Component, Path, PathBuf};

use interface_datastore::Key;

use super::ENCODED;

/// Characters of a namespace in one path component.
const PIECE: usize = 200;

pub(super) const MORE: u8 = b'+';
pub(super) const FOLDER: u8 = b'@';
pub(super) const VALUE: u8 = b'=';

/// Where the value of a key lies.
pub(super) fn path_of(key: &Key) -> PathBuf {
    let mut path = String::from(ENCODED);
    let mut names = key.namespaces().peekable();
    while let Some(name) = names.next() {
        let last = if names.peek().is_some() {
            FOLDER
        } else {
            VALUE
        };
        push_name(&mut path, name, last);
    }
    PathBuf::from(path)
}

/// The folder under which all keys lie that start with these whole namespaces.
pub(super) fn folder_of<'n>(names: impl Iterator<Item = &'n [u8]>) -> PathBuf {
    let mut path = String::from(ENCODED);
    names.for_each(|name| push_name(&mut path, name, FOLDER));
    PathBuf::from(path)
}

/// The key of a path relative to [`ENCODED`]; none if no key leads there.
pub(super) fn key_of(path: &Path) -> Option<Key> {
    let mut key = Vec::new();
    let mut name = String::new();
    let mut pieces = path.components().peekable();
    while let Some(piece) = pieces.next() {
        let Component::Normal(piece) = piece else {
            return None;
        };
        let piece = piece.to_str()?;
        let kind = *piece.as_bytes().first()?;
        let text = piece.get(1..)?;
        let at_end = pieces.peek().is_none();
        name.push_str(text);
        match kind {
            MORE if text.len() == PIECE && !at_end => continue,
            FOLDER if !at_end => {}
            VALUE if at_end => {}
            _ => return None,
        }
        // The last piece is empty only if the name is.
        if text.len() > PIECE || (text.is_empty() && !name.is_empty()) {
            return None;
        }
        key.push(b'/');
        decode(&name, &mut key)?;
        name.clear();
    }
    Key::raw(key).ok()
}

/// A namespace in the encoding's alphabet.
pub(super) fn encode(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len() * 3);
    for byte in name {
        if is_literal(*byte) {
            text.push(char::from(*byte));
        } else {
            text.push('%');
            text.extend(
                [byte >> 4, byte & 15]
                    .into_iter()
                    .filter_map(|digit| char::from_digit(digit.into(), 16)),
            );
        }
    }
    text
}

fn push_name(path: &mut String, name: &[u8], last: u8) {
    let text = encode(name);
    // The alphabet is ASCII, so any cut is between characters.
    let mut rest = text.as_str();
    while let Some((piece, more)) = rest
        .split_at_checked(PIECE)
        .filter(|(_, more)| !more.is_empty())
    {
        push_piece(path, MORE, piece);
        rest = more;
    }
    push_piece(path, last, rest);
}

fn push_piece(path: &mut String, kind: u8, piece: &str) {
    path.push('/');
    path.push(char::from(kind));
    path.push_str(piece);
}

/// Reads what [`encode`] writes and nothing else, so that no key has two paths.
fn decode(text: &str, into: &mut Vec<u8>) -> Option<()> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            into.push(Some(byte).filter(|byte| is_literal(*byte))?);
            continue;
        }
        let decoded = hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?;
        into.push(Some(decoded).filter(|byte| !is_literal(*byte) && *byte != b'/')?);
    }
    Some(())
}

fn is_literal(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
