//! `diskUsage.cache`: the number that go-ds-flatfs and this crate leave for each other.

use std::fmt::{self, Write};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::accuracy::Accuracy;

/// The file's name in the root.
pub(crate) const FILE: &str = "diskUsage.cache";
/// The file is one short line. What is longer is something else.
pub(crate) const MAX_LEN: u64 = 64 * 1024;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cached {
    pub(crate) bytes: i64,
    pub(crate) accuracy: Accuracy,
}

impl Cached {
    /// Reads the text as go-ds-flatfs does. None for what it takes for no number: then the directory has to be counted.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        // Bytes that are no text stand for one strange character each there.
        let text = String::from_utf8_lossy(text);
        let cached: Self = serde_json::from_str(&text).ok()?;
        (cached.bytes > 0).then_some(cached)
    }

    /// The text, byte for byte as go-ds-flatfs writes it.
    pub(crate) fn to_text(&self) -> String {
        let mut out = format!("{{\"diskUsage\":{},\"accuracy\":\"", self.bytes);
        for c in self.accuracy.as_str().chars() {
            push_escaped(&mut out, c);
        }
        out.push_str("\"}\n");
        out
    }
}

fn push_escaped(out: &mut String, c: char) {
    let short = match c {
        '"' | '\\' => Some(c),
        '\u{8}' => Some('b'),
        '\u{c}' => Some('f'),
        '\n' => Some('n'),
        '\r' => Some('r'),
        '\t' => Some('t'),
        _ => None,
    };
    if let Some(short) = short {
        out.extend(['\\', short]);
    } else if c < ' ' || matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') {
        // Writing to a string does not fail.
        let _ = write!(out, "\\u{:04x}", u32::from(c));
    } else {
        out.push(c);
    }
}

impl<'de> Deserialize<'de> for Cached {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Cached;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with diskUsage and accuracy")
            }

            /// The last of several fields with one name counts, but null says nothing.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cached, A::Error> {
                let (mut bytes, mut accuracy) = (0, String::new());
                while let Some(name) = map.next_key::<String>()? {
                    match folded(&name).as_str() {
                        "diskusage" => bytes = map.next_value::<Option<i64>>()?.unwrap_or(bytes),
                        "accuracy" => {
                            accuracy = map.next_value::<Option<String>>()?.unwrap_or(accuracy);
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Cached {
                    bytes,
                    accuracy: Accuracy::from_text(&accuracy),
                })
            }
        }

        from.deserialize_map(Fields)
    }
}

/// A field's name without regard to case. Two letters beyond ASCII count as the letters that they are forms of.
fn folded(name: &str) -> String {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    name.chars().map(fold).collect()
}
