//! Files that a reader takes in at one sitting.

use anyhow::Result;

use super::sources::{self, Source};
use crate::workspace::Workspace;

const LIMIT: usize = 600;
/// Not even an exception may be longer.
const HARD_LIMIT: usize = 700;
/// Files between the two limits.
const EXCEPTIONS: &[&str] = &[];

const ENDINGS: &[&str] = &[".js", ".mjs", ".py", ".rs", ".sh"];

pub(crate) fn check(ws: &Workspace) -> Result<Vec<String>> {
    let mut sources = sources::all(ws)?;
    sources.retain(|source| ENDINGS.iter().any(|end| source.path.ends_with(end)));
    Ok(sources
        .iter()
        .filter_map(|source| finding(source, EXCEPTIONS))
        .collect())
}

fn finding(source: &Source, exceptions: &[&str]) -> Option<String> {
    let limit = if exceptions.contains(&source.path.as_str()) {
        HARD_LIMIT
    } else {
        LIMIT
    };
    let lines = source.text.lines().count();
    (lines > limit).then(|| format!("{} has {lines} lines, more than {limit}", source.path))
}

#[cfg(test)]
mod tests {
    use super::finding;
    use crate::tidy::sources::Source;

    #[test]
    fn long_files_are_found() {
        for (lines, path, expected) in [
            (600, "a.rs", false),
            (601, "a.rs", true),
            (700, "known.rs", false),
            (701, "known.rs", true),
        ] {
            let source = Source {
                path: path.to_owned(),
                text: "\n".repeat(lines),
            };
            assert_eq!(
                finding(&source, &["known.rs"]).is_some(),
                expected,
                "{path} {lines}"
            );
        }
    }
}
