//! A wrapper that leaves a method to the trait's default loses what its inner store does better, or lets a caller past
//! its own rule. So each must ask the compiler to refuse a missing one.

use anyhow::Result;

use super::sources::{self, Source};
use super::tokens::{Token, lines_with, tokens};
use crate::workspace::Workspace;

/// Where stores are passed through. Stores that end a chain may use the defaults.
const CRATES: &[&str] = &[
    "crates/datastore-core/src/",
    "crates/datastore-open/src/",
    "crates/interface-datastore/src/",
];

const LINT: &[&str] = &["deny", "(", "clippy", ":", ":", "missing_trait_methods"];

pub(crate) fn check(ws: &Workspace) -> Result<Vec<String>> {
    let mut sources = sources::rust(ws)?;
    sources.retain(|source| CRATES.iter().any(|start| source.path.starts_with(start)));
    Ok(sources.iter().flat_map(findings).collect())
}

fn findings(source: &Source) -> Vec<String> {
    let tokens = tokens(&source.text);
    let starts = (0..tokens.len()).filter(|&at| is_impl_of_datastore(tokens.get(at..)));
    starts
        .filter(|&at| !has_lint(tokens.get(..at).unwrap_or_default()))
        .filter_map(|at| tokens.get(at))
        .map(|token| {
            format!(
                "{}:{}: write #[deny(clippy::missing_trait_methods)] above this impl",
                source.path, token.line
            )
        })
        .collect()
}

/// Whether an `impl … Datastore for …` begins here.
fn is_impl_of_datastore(tokens: Option<&[Token]>) -> bool {
    let Some([first, rest @ ..]) = tokens else {
        return false;
    };
    let head = rest.split(|token| matches!(token.text.as_str(), "{" | ";"));
    first.text == "impl"
        && head
            .into_iter()
            .next()
            .is_some_and(|head| !lines_with(head, &["Datastore", "for"]).is_empty())
}

/// Whether the attributes right before the end of `tokens` hold the lint.
fn has_lint(tokens: &[Token]) -> bool {
    let mut start = tokens.len();
    while let Some(opening) = attribute_before(tokens, start) {
        start = opening;
    }
    let attributes = tokens.get(start..).unwrap_or_default();
    !lines_with(attributes, LINT).is_empty()
}

/// Where the attribute that ends right before `end` begins.
fn attribute_before(tokens: &[Token], end: usize) -> Option<usize> {
    let before = tokens.get(..end)?;
    if before.last()?.text != "]" {
        return None;
    }
    let mut depth = 0_i32;
    let opening = before.iter().rposition(|token| {
        depth += match token.text.as_str() {
            "]" => 1,
            "[" => -1,
            _ => 0,
        };
        depth == 0
    })?;
    let sign = opening.checked_sub(1)?;
    (before.get(sign)?.text == "#").then_some(sign)
}

#[cfg(test)]
mod tests {
    use super::findings;
    use crate::tidy::sources::Source;

    #[test]
    fn an_impl_without_the_lint_is_found() {
        for (text, expected) in [
            ("impl Datastore for A {}", 1),
            (
                "#[deny(clippy::missing_trait_methods)]\nimpl Datastore for A {}",
                0,
            ),
            (
                "#[deny(clippy::missing_trait_methods)]\n#[x([1])]\nimpl Datastore for A {}",
                0,
            ),
            (
                "#[deny(clippy::missing_trait_methods)]\nstruct A;\nimpl Datastore for A {}",
                1,
            ),
            (
                "#[deny(clippy::other)]\nimpl<S: Datastore> Datastore for A<S>\nwhere S: X {}",
                1,
            ),
            ("impl api::Datastore for A {}", 1),
            ("macro_rules! m { () => { impl Datastore for A {} } }", 1),
            ("impl<D: Datastore> Debug for A<D> {}", 0),
            ("impl A { fn f(s: impl Datastore) {} }", 0),
            ("impl DatastoreExt for A {}", 0),
            ("// impl Datastore for A {}", 0),
        ] {
            let source = Source {
                path: "lib.rs".to_owned(),
                text: text.to_owned(),
            };
            assert_eq!(findings(&source).len(), expected, "{text}");
        }
    }
}
