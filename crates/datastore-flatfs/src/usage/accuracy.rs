//! How well the disk usage is known, in the words of go-ds-flatfs.

use std::fmt;
use std::sync::Arc;

const EXACT: &str = "initial-exact";
const APPROXIMATE: &str = "initial-approximate";
const TIMED_OUT: &str = "initial-timed-out";
const UNKNOWN: &str = "unknown";

/// How well the disk usage is known. Its text is the one that go-ds-flatfs keeps beside the number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Accuracy {
    /// Every file was counted: `initial-exact`.
    Exact,
    /// Estimated from a sample, or something could not be looked at: `initial-approximate`.
    Approximate,
    /// The count took too long and was given up: `initial-timed-out`.
    TimedOut,
    /// A number that nobody vouches for, such as one from before a crash: `unknown`.
    Unknown,
    /// Another program's word, kept as it is. May be empty.
    Other(Arc<str>),
}

impl Accuracy {
    /// What a text stands for. Every text does for something.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text {
            EXACT => Self::Exact,
            APPROXIMATE => Self::Approximate,
            TIMED_OUT => Self::TimedOut,
            UNKNOWN => Self::Unknown,
            other => Self::Other(other.into()),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact => EXACT,
            Self::Approximate => APPROXIMATE,
            Self::TimedOut => TIMED_OUT,
            Self::Unknown => UNKNOWN,
            Self::Other(text) => text,
        }
    }

    /// How well a sum is known whose parts are known so well. The empty text gives way to the other.
    #[must_use]
    pub fn combine(&self, other: &Self) -> Self {
        let either = |wanted: &Self| self == wanted || other == wanted;
        if either(&Self::Unknown) {
            return Self::Unknown;
        }
        if self.as_str().is_empty() {
            return other.clone();
        }
        if other.as_str().is_empty() {
            return self.clone();
        }
        let worst_first = [Self::TimedOut, Self::Approximate];
        if let Some(worst) = worst_first.into_iter().find(either) {
            return worst;
        }
        match (self, other) {
            (Self::Exact, Self::Exact) => Self::Exact,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Accuracy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
