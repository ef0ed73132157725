//! How a command ends: exit codes, and errors as people and programs read them.

use std::{error::Error as StdError, io, path::PathBuf, process::ExitCode};

use interface_datastore::{Error, ErrorKind, Operation};
use serde_json::json;

use crate::{interrupt::Interrupt, key_text};

/// The outcome of a command.
pub(crate) type Outcome<T = Exit> = Result<T, Failure>;

/// The codes that the program exits with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Success,
    /// The answer is no.
    No,
    /// The command line makes no sense.
    Usage,
    /// Something failed.
    Failed,
    /// Stopped by the signal of this number.
    Signal(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Failed => 3,
            Exit::Signal(number) => number.saturating_add(128),
        })
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A store failed.
    Store(Error),
    /// The command line makes no sense.
    Usage(String),
    /// A file or the system failed.
    System { doing: String, source: io::Error },
    /// Standard output failed.
    Output(io::Error),
    /// A signal came; what to do next.
    Interrupted { signal: u8, advice: String },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub(crate) fn system(doing: impl Into<String>, source: io::Error) -> Self {
        Self::System {
            doing: doing.into(),
            source,
        }
    }

    /// `doing` is a verb; the path follows it.
    pub(crate) fn file(doing: &str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::system(format!("{doing} {}", path.into().display()), source)
    }

    /// A call that was aborted by a signal has been interrupted.
    pub(crate) fn noting(self, interrupt: &Interrupt) -> Self {
        match (self, interrupt.received()) {
            (Self::Store(error), Some(signal)) if error.is_aborted() => Self::Interrupted {
                signal,
                advice: "nothing is half done; the command can be repeated".to_owned(),
            },
            (Self::Interrupted { advice, .. }, Some(signal)) => {
                Self::Interrupted { signal, advice }
            }
            (other, _) => other,
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Store(error) => match error.kind() {
                ErrorKind::NotFound if error.operation() != Operation::Open => Exit::No,
                ErrorKind::PreconditionFailed => Exit::No,
                ErrorKind::InvalidArgument => Exit::Usage,
                _ => Exit::Failed,
            },
            Self::Usage(_) => Exit::Usage,
            // The reader has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Success,
            Self::System { .. } | Self::Output(_) => Exit::Failed,
            Self::Interrupted { signal, .. } => Exit::Signal(*signal),
        }
    }

    /// Writes to standard error: what failed, then the chain of causes.
    #[expect(clippy::print_stderr, reason = "this is where errors go")]
    pub(crate) fn report(&self, json: bool) {
        if matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            return;
        }
        let causes = self.causes();
        if json {
            eprintln!("{}", self.json(&causes));
            return;
        }
        eprintln!("datastore: {}", key_text::printable(&self.message()));
        for cause in causes {
            eprintln!("  because: {}", key_text::printable(&cause));
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Store(error) => error.to_string(),
            Self::Usage(text) => text.clone(),
            Self::System { doing, source } => format!("cannot {doing}: {source}"),
            Self::Output(source) => {
                format!(
                    "cannot write to standard output: {source}; not all of the answer was written"
                )
            }
            Self::Interrupted { advice, .. } => format!("interrupted; {advice}"),
        }
    }

    /// The causes behind the message; those whose text the one before has said already are left out.
    fn causes(&self) -> Vec<String> {
        let mut said = self.message();
        let mut causes = Vec::new();
        let mut next = match self {
            Self::Store(error) => error.source(),
            Self::System { source, .. } | Self::Output(source) => source.source(),
            Self::Usage(_) | Self::Interrupted { .. } => None,
        };
        while let Some(cause) = next {
            let text = cause.to_string();
            if !said.contains(&text) {
                causes.push(text.clone());
                said = text;
            }
            next = cause.source();
        }
        causes
    }

    fn json(&self, causes: &[String]) -> serde_json::Value {
        let mut error = json!({ "message": self.message(), "causes": causes });
        if let (Self::Store(failed), Some(fields)) = (self, error.as_object_mut()) {
            fields.insert("kind".into(), format!("{:?}", failed.kind()).into());
            fields.insert("operation".into(), failed.operation().as_str().into());
            fields.insert("key".into(), json!(failed.key()));
            let path = failed.path().map(|path| path.to_string_lossy());
            fields.insert("path".into(), json!(path));
            fields.insert("remedy".into(), json!(failed.remedy()));
        }
        json!({ "error": error })
    }
}
