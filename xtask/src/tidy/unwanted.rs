//! What must not be left in the repository: unfinished or switched off code, and paths of one machine.

use anyhow::Result;

use super::sources::{self, Source};
use super::tokens::{lines_with, tokens};
use crate::workspace::Workspace;

/// Sequences of tokens, in Rust files.
const CODE: &[&[&str]] = &[
    &["todo", "!"],
    &["unimplemented", "!"],
    &["dbg", "!"],
    &["#", "[", "ignore"],
    &["dead_code"],
];

/// In all text files. Written in two parts, so that this file does not hold them.
const TEXT: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/."),
    concat!("/tmp/", "team"),
    concat!("```ig", "nore"),
    concat!("```rust,ig", "nore"),
    concat!("\"resol", "ved\": \"http"),
];

pub(crate) fn check(ws: &Workspace) -> Result<Vec<String>> {
    Ok(sources::all(ws)?.iter().flat_map(findings).collect())
}

fn findings(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    if source.path.ends_with(".rs") {
        let tokens = tokens(&source.text);
        for words in CODE {
            let lines = lines_with(&tokens, words).into_iter();
            found.extend(lines.map(|line| (line, words.concat())));
        }
    }
    for (line, text) in (1..).zip(source.text.lines()) {
        let held = TEXT.iter().filter(|unwanted| text.contains(**unwanted));
        found.extend(held.map(|unwanted| (line, (*unwanted).to_owned())));
    }
    found
        .into_iter()
        .map(|(line, what)| format!("{}:{line}: `{what}`", source.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::findings;
    use crate::tidy::sources::Source;

    #[test]
    fn each_unwanted_thing_is_found() {
        for (path, text, expected) in [
            ("a.rs", "fn f() { todo!() }", 1),
            ("a.rs", "fn f() { unimplemented!(\"later\") }", 1),
            ("a.rs", "fn f() { dbg!(1); }", 1),
            ("a.rs", "#[test]\n#[ignore]\nfn f() {}", 1),
            ("a.rs", "#[ignore = \"slow\"]\nfn f() {}", 1),
            ("a.rs", "#[allow(unused, dead_code)]\nfn f() {}", 1),
            ("a.rs", "#[expect(dead_code)]\nfn f() {}", 1),
            ("a.rs", "// todo!()\nfn ignore(s: &str) {}", 0),
            ("a.md", "todo!()", 0),
            ("a.md", concat!("see /wo", "rk/shared"), 1),
            ("a.toml", concat!("/tmp/", "team/x"), 1),
            ("a.md", concat!("```ig", "nore\n```"), 1),
            (
                "package-lock.json",
                concat!("\"resol", "ved\": \"https://x\""),
                1,
            ),
            ("a.md", "the root, and work", 0),
        ] {
            let source = Source {
                path: path.to_owned(),
                text: text.to_owned(),
            };
            let found = findings(&source);
            assert_eq!(found.len(), expected, "{path}: {text}: {found:?}");
        }
    }
}
