//! Keys as text for people.

use std::borrow::Cow;
use std::fmt::{self, Write};

use super::Key;

impl Key {
    /// The key as text, if its bytes are UTF-8.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::new("a").as_str(), Some("/a"));
    /// assert_eq!(Key::new([0xff]).as_str(), None);
    /// ```
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// The key as text, each malformed part replaced by U+FFFD. Different keys may have the same text: use it to show a
    /// key, not to name an entry.
    ///
    /// ```
    /// # use interface_datastore::Key;
    /// assert_eq!(Key::new(b"/a\xff").to_string_lossy(), "/a\u{fffd}");
    /// ```
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }
}

/// The text of [`to_string_lossy`](Key::to_string_lossy), as it is: control characters are not escaped, as they are by
/// [`Debug`].
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_string_lossy())
    }
}

/// `Key(/a/b)`, with control characters and bytes that are not UTF-8 escaped, so that different keys look different.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", Escaped(self.as_bytes()))
    }
}

/// Shows bytes as text that is safe on a terminal and can be told apart.
pub(super) struct Escaped<'a>(pub(super) &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    // Quotes need no escape here, though `escape_debug` gives them one.
                    '"' | '\'' => f.write_char(character)?,
                    _ => write!(f, "{}", character.escape_debug())?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}
