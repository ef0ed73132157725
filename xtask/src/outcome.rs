//! What became of a check.

/// A check that did not fail: what it had to leave out, with the reason, or nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// One line for each part that could not be done here.
    pub(crate) skipped: Vec<String>,
}

impl Outcome {
    /// Everything was checked.
    pub(crate) fn passed() -> Self {
        Self::default()
    }

    /// The named part was not checked, for this reason.
    pub(crate) fn skipped(reason: impl Into<String>) -> Self {
        Self {
            skipped: vec![reason.into()],
        }
    }
}

/// The end of one step as the summary shows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Checked whole.
    Passed,
    /// Not checked, or only in part.
    Skipped(Vec<String>),
    /// Failed.
    Failed(String),
}

impl From<anyhow::Result<Outcome>> for Step {
    fn from(result: anyhow::Result<Outcome>) -> Self {
        match result {
            Ok(outcome) if outcome.skipped.is_empty() => Self::Passed,
            Ok(outcome) => Self::Skipped(outcome.skipped),
            Err(error) => Self::Failed(format!("{error:#}")),
        }
    }
}

impl Step {
    /// Turns skipped parts into a failure where the caller asked for that.
    pub(crate) fn unless_skips_count(self, no_skip: bool) -> Self {
        match self {
            Self::Skipped(reasons) if no_skip => {
                Self::Failed(format!("could not check: {}", reasons.join("; ")))
            }
            other => other,
        }
    }

    /// Whether the run must exit with an error.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Step};

    #[test]
    fn a_skip_fails_only_when_told() {
        let skipped = || Step::from(Ok(Outcome::skipped("no compass")));
        assert!(!skipped().unless_skips_count(false).is_failure());
        assert!(skipped().unless_skips_count(true).is_failure());
        assert!(
            !Step::from(Ok(Outcome::passed()))
                .unless_skips_count(true)
                .is_failure()
        );
        assert!(Step::from(Err(anyhow::anyhow!("broken"))).is_failure());
    }
}
