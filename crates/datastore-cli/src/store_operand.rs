//! The store's URL directly behind the command.

use std::ffi::{OsStr, OsString};

use datastore_open::Registry;

/// Commands whose first operand is, or may be, a URL or a path of its own.
const OWN_OPERANDS: [&str; 5] = ["cp", "flatfs", "completions", "man", "help"];

/// The same command line, with `COMMAND SCHEME:PATH` written as `COMMAND --store=SCHEME:PATH`.
///
/// A key that looks like that is written with its slash.
pub(crate) fn as_option(
    registry: &Registry,
    args: impl IntoIterator<Item = OsString>,
) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    if let [_, command, operand, ..] = &mut args[..]
        && !command.as_encoded_bytes().starts_with(b"-")
        && !OWN_OPERANDS.iter().any(|own| command == own)
        && names_store(registry, operand)
    {
        let mut option = OsString::from("--store=");
        option.push(&operand);
        *operand = option;
    }
    args
}

fn names_store(registry: &Registry, operand: &OsStr) -> bool {
    let text = operand.as_encoded_bytes();
    registry.schemes().any(|(scheme, _)| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
            && text.get(scheme.len()) == Some(&b':')
    })
}
