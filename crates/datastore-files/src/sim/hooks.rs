//! Ready-made hooks.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::fault::{Fault, FaultHook, FsOp, OpKind};
use super::{Errno, OpCounts};
use crate::fs::Wait;

/// Lets everything pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

impl FaultHook for NoFaults {
    fn before(&self, _: &FsOp<'_>) -> Fault {
        Fault::Pass
    }
}

/// Answers "would block" to everything that may not wait, as an empty cache does.
#[derive(Debug, Clone, Copy, Default)]
pub struct ColdCache;

impl FaultHook for ColdCache {
    fn before(&self, op: &FsOp<'_>) -> Fault {
        match op.wait {
            Wait::No => Fault::Fail(Errno::WouldBlock),
            Wait::Yes => Fault::Pass,
        }
    }
}

/// Has every operation of some kinds meet a fault.
#[derive(Debug, Clone)]
pub struct FailAll {
    kinds: Vec<OpKind>,
    fault: Fault,
}

impl FailAll {
    /// All operations of these kinds.
    #[must_use]
    pub fn new(kinds: &[OpKind], fault: Fault) -> Self {
        Self {
            kinds: kinds.to_vec(),
            fault,
        }
    }
}

impl FaultHook for FailAll {
    fn before(&self, op: &FsOp<'_>) -> Fault {
        if self.kinds.contains(&op.kind) {
            self.fault
        } else {
            Fault::Pass
        }
    }
}

/// Has the n-th operation of a kind meet a fault, and if wished all that follow.
#[derive(Debug)]
pub struct FailNth {
    kind: OpKind,
    below: PathBuf,
    nth: u64,
    onwards: bool,
    fault: Fault,
    seen: AtomicU64,
}

impl FailNth {
    /// The operation number `nth` of its kind, counted from 0 and from now.
    #[must_use]
    pub fn new(kind: OpKind, nth: u64, fault: Fault) -> Self {
        Self {
            kind,
            below: PathBuf::new(),
            nth,
            onwards: false,
            fault,
            seen: AtomicU64::new(0),
        }
    }

    /// Those that follow it, too.
    #[must_use]
    pub fn and_onwards(mut self) -> Self {
        self.onwards = true;
        self
    }

    /// Counts only operations at or below a path.
    #[must_use]
    pub fn below(mut self, path: impl Into<PathBuf>) -> Self {
        self.below = path.into();
        self
    }

    /// The number of operations that met the fault: 0 means that the test did not get there.
    #[must_use]
    pub fn fired(&self) -> u64 {
        let after = self.seen.load(Ordering::Relaxed).saturating_sub(self.nth);
        if self.onwards { after } else { after.min(1) }
    }

    /// A hook for every case of a matrix: each operation that was counted fails in each of the ways usual for its kind.
    pub fn matrix(counts: &OpCounts) -> impl Iterator<Item = Self> {
        counts.iter().flat_map(|(kind, count)| {
            (0..count).flat_map(move |nth| {
                let errors = kind.usual_errors().iter();
                errors.map(move |&errno| Self::new(kind, nth, Fault::Fail(errno)))
            })
        })
    }

    fn concerns(&self, op: &FsOp<'_>) -> bool {
        let inside = |path: &Path| path.starts_with(&self.below);
        op.kind == self.kind && (inside(op.path) || op.to.is_some_and(inside))
    }
}

impl FaultHook for FailNth {
    fn before(&self, op: &FsOp<'_>) -> Fault {
        if !self.concerns(op) {
            return Fault::Pass;
        }
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        if number == self.nth || (self.onwards && number > self.nth) {
            self.fault
        } else {
            Fault::Pass
        }
    }
}

/// Writes down what another hook is asked and what it answers.
#[derive(Debug, Default)]
pub struct Recorder<H = NoFaults> {
    hook: H,
    trace: Mutex<Vec<RecordedOp>>,
}

/// An operation that a [`Recorder`] saw: see [`FsOp`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedOp {
    /// Which method.
    pub kind: OpKind,
    /// Of which file or folder.
    pub path: PathBuf,
    /// The new path of a rename.
    pub to: Option<PathBuf>,
    /// Bytes given or asked for.
    pub len: usize,
    /// What became of it.
    pub fault: Fault,
}

impl<H: FaultHook> Recorder<H> {
    /// Records around `hook`.
    #[must_use]
    pub fn new(hook: H) -> Self {
        Self {
            hook,
            trace: Mutex::default(),
        }
    }

    /// What was seen so far, in order.
    #[must_use]
    pub fn trace(&self) -> Vec<RecordedOp> {
        self.trace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl<H: FaultHook> FaultHook for Recorder<H> {
    fn before(&self, op: &FsOp<'_>) -> Fault {
        let fault = self.hook.before(op);
        let (path, to) = (op.path.to_owned(), op.to.map(Path::to_owned));
        let recorded = RecordedOp {
            kind: op.kind,
            path,
            to,
            len: op.len,
            fault,
        };
        self.trace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(recorded);
        fault
    }
}
