//! JSON text as Go's `encoding/json` writes it, byte for byte.

use std::{collections::BTreeMap, fmt::Write};

/// As much of JSON as a disk spec has.
pub(super) enum Json {
    Null,
    Text(String),
    List(Vec<Json>),
    /// Written in the order of the names' bytes, as Go does.
    Object(BTreeMap<&'static str, Json>),
}

impl Json {
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    separate(index, out);
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    separate(index, out);
                    write_text(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn separate(index: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Go escapes for HTML and for JavaScript, too.
            '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a String does not fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn texts_are_escaped_as_in_go() {
        for (text, expected) in [
            ("a/b é 日本 \u{7f}", "\"a/b é 日本 \u{7f}\""),
            ("\"\\", r#""\"\\""#),
            ("\n\r\t\u{8}\u{c}\0\u{1f}", r#""\n\r\t\b\f\u0000\u001f""#),
            ("<&>\u{2028}\u{2029}", r#""\u003c\u0026\u003e\u2028\u2029""#),
        ] {
            assert_eq!(Json::Text(text.to_owned()).text(), expected);
        }
    }
}
