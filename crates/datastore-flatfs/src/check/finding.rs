//! The kinds of findings. Their codes are the same in every release.

use std::path::PathBuf;

use interface_datastore::{Finding, Severity};

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    DamagedValue,
    TornValue,
    ZeroLength,
    MisplacedValue,
    BadName,
    OldTemporaryFile,
    StaleTemporaryFile,
    ForeignFile,
    ForeignFolder,
    EmptyFolder,
    Link,
    Quarantined,
}

impl Kind {
    pub(super) fn at(self, path: PathBuf) -> Finding {
        let (severity, code, detail) = self.words();
        Finding::new(severity, code, detail).with_path(path)
    }

    fn words(self) -> (Severity, &'static str, &'static str) {
        use Severity::{Error, Info, Warning};
        match self {
            Self::DamagedValue => (
                Error,
                "damaged-value",
                "the value is not the one that the key is the hash of; repair moves it aside, so that it can be stored again",
            ),
            Self::TornValue => (
                Warning,
                "torn-value",
                "a loss of power damaged the value before it was on the disk; it counts as not there, and is moved aside in the background or by repair",
            ),
            Self::ZeroLength => (
                Warning,
                "zero-length",
                "an empty value that this crate did not write as such: another program did, or a loss of power took what it was",
            ),
            Self::MisplacedValue => (
                Error,
                "misplaced-value",
                "a value in a folder where no read looks for it; repair moves it to the right one",
            ),
            Self::BadName => (
                Warning,
                "bad-name",
                "a file called like a value whose name is of no key, so that no read finds it; it is left alone",
            ),
            Self::OldTemporaryFile => (
                Warning,
                "old-temporary-file",
                "what an interrupted put of an old release of go-ds-flatfs left; gc removes it after a day",
            ),
            Self::StaleTemporaryFile => (
                Warning,
                "stale-temporary-file",
                "a temporary file whose writer is gone; gc removes it, if need be after a day",
            ),
            Self::ForeignFile => (
                Info,
                "foreign-file",
                "a file that no flatfs store makes; it is left alone",
            ),
            Self::ForeignFolder => (
                Info,
                "foreign-folder",
                "a folder that no flatfs store makes; it is left alone",
            ),
            Self::EmptyFolder => (
                Info,
                "empty-folder",
                "a folder that holds nothing; gc removes it",
            ),
            Self::Link => (
                Warning,
                "link",
                "a symbolic link or device, which is not followed; remove it if a value should be there",
            ),
            Self::Quarantined => (
                Info,
                "quarantined",
                "a damaged file that was moved aside; look at it and remove it",
            ),
        }
    }
}
