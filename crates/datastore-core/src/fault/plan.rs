//! What goes wrong, and when.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use interface_datastore::{ErrorKind, Key, MaybeSend, MaybeSync, Operation};

use super::Gate;
use crate::Timer;

/// A call that a [`FaultPlan`] decides about.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Call<'a> {
    /// What is being done. The items of `put_many` and the like are calls of their own.
    pub operation: Operation,
    /// The key, or the scope of `sync` and the like; none for queries, batches and closing.
    pub key: Option<&'a Key>,
    /// The how-manieth call of this operation it is, from 1.
    pub nth: u64,
}

impl<'a> Call<'a> {
    pub(super) fn new(operation: Operation, key: Option<&'a Key>, nth: u64) -> Self {
        Self {
            operation,
            key,
            nth,
        }
    }
}

/// Decides what goes wrong with each call; any `Fn(&Call) -> Fault` is one, and so is a list of [`Rule`]s.
pub trait FaultPlan: MaybeSend + MaybeSync + 'static {
    /// What to do to this call.
    fn decide(&self, call: &Call<'_>) -> Fault;
}

impl<F: Fn(&Call<'_>) -> Fault + MaybeSend + MaybeSync + 'static> FaultPlan for F {
    fn decide(&self, call: &Call<'_>) -> Fault {
        self(call)
    }
}

/// The first rule that matches decides; without one nothing goes wrong.
impl FaultPlan for Vec<Rule> {
    fn decide(&self, call: &Call<'_>) -> Fault {
        self.iter()
            .find_map(|rule| rule.decide(call))
            .unwrap_or_default()
    }
}

/// A fault with the calls that it concerns: by default all of one operation.
///
/// ```
/// use datastore_core::fault::{Fault, Rule};
/// use interface_datastore::{ErrorKind, Key, Operation};
///
/// // The second and third put of `/a` find no space.
/// let rule = Rule::new(Operation::Put, Fault::fail(ErrorKind::NoSpace)).on_key(Key::new("/a")).from_nth(2).times(2);
/// ```
#[derive(Debug)]
pub struct Rule {
    operation: Operation,
    key: Option<Key>,
    from: u64,
    times: u64,
    fault: Fault,
    seen: AtomicU64,
}

impl Rule {
    /// Every call of `operation` meets `fault`.
    pub fn new(operation: Operation, fault: Fault) -> Self {
        Self {
            operation,
            key: None,
            from: 1,
            times: u64::MAX,
            fault,
            seen: AtomicU64::new(0),
        }
    }

    /// Only calls with this key.
    #[must_use]
    pub fn on_key(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// Only from the n-th call on that matches the operation and the key, counted from 1.
    #[must_use]
    pub fn from_nth(mut self, nth: u64) -> Self {
        self.from = nth;
        self
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    fn decide(&self, call: &Call<'_>) -> Option<Fault> {
        let concerned = call.operation == self.operation
            && self.key.as_ref().is_none_or(|key| call.key == Some(key));
        if !concerned {
            return None;
        }
        let nth = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        let due = nth >= self.from && nth - self.from < self.times;
        due.then(|| self.fault.clone())
    }
}

/// What happens to a call.
#[derive(Debug, Clone, Default)]
pub struct Fault {
    pub(super) before: Option<Wait>,
    pub(super) effect: Effect,
    pub(super) after: Option<Wait>,
}

/// What becomes of the work itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Effect {
    /// It is done.
    #[default]
    Done,
    /// It is not begun.
    Refused(ErrorKind),
    /// It is done, and reported as failed.
    Unreported(ErrorKind),
    /// A part is done.
    Torn(Torn),
}

/// How much is done before the failure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Torn {
    pub(super) after: u64,
    pub(super) kind: ErrorKind,
}

/// What a call waits for.
#[derive(Debug, Clone)]
pub(super) enum Wait {
    Gate(Gate),
    Span(Arc<dyn Timer>, Duration),
}

impl Wait {
    pub(super) async fn wait(self) {
        match self {
            Self::Gate(gate) => gate.pass().await,
            Self::Span(timer, span) => timer.sleep(span).await,
        }
    }
}

impl Fault {
    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// The call fails without effect.
    pub fn fail(kind: ErrorKind) -> Self {
        Self::with_effect(Effect::Refused(kind))
    }

    /// The work is done, but the caller gets an error: as when a connection is lost before the answer came. A stream
    /// gives all its items, then the error.
    pub fn fail_after(kind: ErrorKind) -> Self {
        Self::with_effect(Effect::Unreported(kind))
    }

    /// The call fails when a part of the work is done:
    /// * a put has stored the first `after` bytes of the value,
    /// * a batch has done its first `after` operations and reports so,
    /// * a stream (query, `get_stream`, maintenance) has given `after` items,
    /// * the body of a `put_stream` fails after as many pieces,
    /// * any other call is not begun.
    pub fn tear(after: u64, kind: ErrorKind) -> Self {
        Self::with_effect(Effect::Torn(Torn { after, kind }))
    }

    /// The call begins only when the gate opens.
    #[must_use]
    pub fn gated_before(mut self, gate: &Gate) -> Self {
        self.before = Some(Wait::Gate(gate.clone()));
        self
    }

    /// The call's outcome, which then stands, is given only when the gate opens.
    #[must_use]
    pub fn gated_after(mut self, gate: &Gate) -> Self {
        self.after = Some(Wait::Gate(gate.clone()));
        self
    }

    /// The call begins only after a while.
    #[must_use]
    pub fn delayed(mut self, timer: Arc<dyn Timer>, span: Duration) -> Self {
        self.before = Some(Wait::Span(timer, span));
        self
    }

    fn with_effect(effect: Effect) -> Self {
        Self {
            effect,
            ..Self::default()
        }
    }
}
