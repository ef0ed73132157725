//! Rust source as a flat list of tokens, so that comments and strings do not count.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A word, sign, literal or bracket, and the line where it stands.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// The tokens of a file; none if it is not Rust, which the compiler will tell.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut list = Vec::new();
    if let Ok(stream) = text.parse() {
        flatten(stream, &mut list);
    }
    list
}

fn flatten(stream: TokenStream, list: &mut Vec<Token>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                list.push(token(open, group.span_open()));
                flatten(group.stream(), list);
                list.push(token(close, group.span_close()));
            }
            other => list.push(token(&other.to_string(), other.span())),
        }
    }
}

fn token(text: &str, span: proc_macro2::Span) -> Token {
    Token {
        text: text.to_owned(),
        line: span.start().line,
    }
}

/// Whether the tokens begin with these words.
pub(crate) fn begin(tokens: &[Token], words: &[&str]) -> bool {
    tokens.len() >= words.len()
        && tokens
            .iter()
            .zip(words)
            .all(|(token, word)| token.text == *word)
}

/// The lines where this sequence of words begins.
pub(crate) fn lines_with(tokens: &[Token], words: &[&str]) -> Vec<usize> {
    (0..tokens.len())
        .filter_map(|at| tokens.get(at..))
        .filter(|rest| begin(rest, words))
        .filter_map(|rest| rest.first())
        .map(|token| token.line)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{lines_with, tokens};

    #[test]
    fn comments_and_strings_do_not_count() {
        let text = "// unsafe\n/// unsafe\nfn f() { g(\"unsafe\"); }\nunsafe fn h() {}\n";
        assert_eq!(lines_with(&tokens(text), &["unsafe"]), [4]);
    }
}
