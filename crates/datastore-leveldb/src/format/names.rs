//! What the files of a database are called.

use std::ffi::OsStr;

/// The file that names the manifest in force.
pub(crate) const CURRENT: &str = "CURRENT";
/// The file that a program locks while it has the database open.
pub(crate) const LOCK: &str = "LOCK";

/// A file of a database, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileName {
    Current,
    Lock,
    Manifest(u64),
    Log(u64),
    Table(u64),
    /// The program's own messages, or a file that was to take the place of another.
    Auxiliary,
    Foreign,
}

impl FileName {
    pub(crate) fn of(name: &OsStr) -> Self {
        name.to_str().map_or(Self::Foreign, Self::of_text)
    }

    fn of_text(name: &str) -> Self {
        match name {
            CURRENT => return Self::Current,
            LOCK => return Self::Lock,
            "LOG" | "LOG.old" | "CURRENT.bak" => return Self::Auxiliary,
            _ => {}
        }
        if let Some(digits) = name.strip_prefix("MANIFEST-") {
            return number(digits).map_or(Self::Foreign, Self::Manifest);
        }
        if name.strip_prefix("CURRENT.").and_then(number).is_some() {
            return Self::Auxiliary;
        }
        let Some((digits, extension)) = name.split_once('.') else {
            return Self::Foreign;
        };
        match (number(digits), extension) {
            (Some(number), "log") => Self::Log(number),
            (Some(number), "ldb" | "sst") => Self::Table(number),
            (Some(_), "dbtmp" | "tmp") => Self::Auxiliary,
            _ => Self::Foreign,
        }
    }
}

/// The number of the manifest that the contents of the file `CURRENT` name.
pub(crate) fn manifest_named_by(current: &[u8]) -> Option<u64> {
    let name = std::str::from_utf8(current).ok()?.strip_suffix('\n')?;
    match FileName::of_text(name) {
        FileName::Manifest(number) => Some(number),
        _ => None,
    }
}

fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        for (name, expected) in [
            ("CURRENT", FileName::Current),
            ("LOCK", FileName::Lock),
            ("MANIFEST-000004", FileName::Manifest(4)),
            ("000005.ldb", FileName::Table(5)),
            ("000005.sst", FileName::Table(5)),
            ("1234567.log", FileName::Log(1_234_567)),
            ("LOG", FileName::Auxiliary),
            ("LOG.old", FileName::Auxiliary),
            ("000007.dbtmp", FileName::Auxiliary),
            ("CURRENT.4", FileName::Auxiliary),
            ("CURRENT.bak", FileName::Auxiliary),
            ("MANIFEST-", FileName::Foreign),
            ("+5.ldb", FileName::Foreign),
            (".ldb", FileName::Foreign),
            ("5", FileName::Foreign),
            ("99999999999999999999.ldb", FileName::Foreign),
        ] {
            assert_eq!(FileName::of(OsStr::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn current() {
        for (text, expected) in [
            (&b"MANIFEST-000004\n"[..], Some(4)),
            (b"MANIFEST-000004", None),
            (b"../MANIFEST-000004\n", None),
            (b"000004.log\n", None),
            (b"", None),
            (b"\xff\n", None),
        ] {
            assert_eq!(manifest_named_by(text), expected, "{text:x?}");
        }
    }
}
