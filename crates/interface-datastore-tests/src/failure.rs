//! How a case ends.

use std::{fmt, panic::Location};

use interface_datastore::{Error, ErrorKind};

/// What a case found out: see [`Verdict`] and [`Failure`].
pub type Outcome<T = ()> = Result<T, Failure>;

/// How a case ended that found no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The store does what the case asks for.
    Proven,
    /// The store says that it cannot do this, and refuses it without effect.
    Refused,
    /// The store does not claim this, and there is nothing to be refused.
    NotClaimed,
    /// The store claims this, but there is no means to prove it here; says what is missing.
    NotProven(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proven => f.write_str("proven"),
            Self::Refused => f.write_str("refused, as declared"),
            Self::NotClaimed => f.write_str("not claimed"),
            Self::NotProven(why) => write!(f, "declared, not proven: {why}"),
        }
    }
}

/// A rule that the store breaks, and where in the harness that was noticed.
#[derive(Clone)]
pub struct Failure {
    message: String,
    kind: Option<ErrorKind>,
    /// Nothing is wrong, but there is no means to prove that.
    unproven: bool,
    location: &'static Location<'static>,
}

impl Failure {
    /// A failure with a message, noticed where this is called.
    #[track_caller]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind: None,
            unproven: false,
            location: Location::caller(),
        }
    }

    /// Ends a case that finds on its way that it lacks the means to prove anything; says which.
    #[track_caller]
    pub(crate) fn unproven(missing: impl Into<String>) -> Self {
        Self {
            unproven: true,
            ..Self::new(missing)
        }
    }

    /// What is missing, if that is all that is wrong.
    pub(crate) fn missing(&self) -> Option<&str> {
        self.unproven.then_some(&*self.message)
    }

    /// Kind of the store's error that came where none should, if it was that.
    pub fn error_kind(&self) -> Option<ErrorKind> {
        self.kind
    }

    /// The same failure, with what was being done before its message.
    #[must_use]
    pub fn during(mut self, what: impl fmt::Display) -> Self {
        if !self.unproven {
            self.message = format!("{what}: {}", self.message);
        }
        self
    }
}

impl From<Error> for Failure {
    #[track_caller]
    fn from(error: Error) -> Self {
        Self {
            message: format!("unexpected error: {error:?}"),
            kind: Some(error.kind()),
            unproven: false,
            location: Location::caller(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.location)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

/// Ends the case unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::Failure::new(format!($($message)+)));
        }
    };
}

/// Ends the case unless two things are equal.
macro_rules! ensure_eq {
    ($left:expr, $right:expr, $($message:tt)+) => {
        match (&$left, &$right) {
            (left, right) => {
                if left != right {
                    return Err($crate::Failure::new(format!(
                        "{}: got {left:?}, expected {right:?}",
                        format_args!($($message)+)
                    )));
                }
            }
        }
    };
}

pub(crate) use {ensure, ensure_eq};

/// Ends the case unless the call failed with this kind of error.
#[track_caller]
pub(crate) fn expect_error<T>(
    outcome: interface_datastore::Result<T>,
    kind: ErrorKind,
    what: &str,
) -> Outcome<Error> {
    match outcome {
        Err(error) if error.kind() == kind => Ok(error),
        Err(error) => Err(Failure::new(format!(
            "{what} must fail with {kind:?}, but failed with {error:?}"
        ))),
        Ok(_) => Err(Failure::new(format!(
            "{what} must fail with {kind:?}, but succeeded"
        ))),
    }
}
