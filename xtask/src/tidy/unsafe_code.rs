//! Unsafe code is forbidden by the workspace's lints; a file that cannot do without is named here, with its reason.

use anyhow::Result;

use super::sources::{self, Source};
use super::tokens::{lines_with, tokens};
use crate::workspace::Workspace;

const ALLOWED: &[&str] = &[];

pub(crate) fn check(ws: &Workspace) -> Result<Vec<String>> {
    let sources = sources::rust(ws)?;
    Ok(sources
        .iter()
        .flat_map(|source| findings(source, ALLOWED))
        .collect())
}

fn findings(source: &Source, allowed: &[&str]) -> Vec<String> {
    if allowed.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let lines = lines_with(&tokens(&source.text), &["unsafe"]).into_iter();
    lines
        .map(|line| format!("{}:{line}: unsafe", source.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::findings;
    use crate::tidy::sources::Source;

    #[test]
    fn unsafe_is_found_where_it_is_not_allowed() {
        for (text, expected) in [
            ("fn f() { unsafe { g() } }", 1),
            ("unsafe impl Send for A {}", 1),
            ("#![forbid(unsafe_code)] // unsafe", 0),
        ] {
            let source = Source {
                path: "a.rs".to_owned(),
                text: text.to_owned(),
            };
            assert_eq!(findings(&source, &[]).len(), expected, "{text}");
            assert!(findings(&source, &["a.rs"]).is_empty());
        }
    }
}
