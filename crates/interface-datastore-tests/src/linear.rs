//! Whether a history of operations on one key could have happened one after another.
//!
//! The search of Wing and Gong with the memory of Lowe: operations are put in a row, each between its call and its
//! return, such that every one gives what it gave. Which sets of operations lead to which state is remembered, so no
//! such pair is looked at twice.

use std::collections::HashSet;

/// What was done to the key, and what came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Stored this value.
    Put(u32),
    /// Stored this value if there was none; whether it did.
    PutIfAbsent(u32, bool),
    /// Removed the value.
    Delete,
    /// Read this value, or that there is none.
    Get(Option<u32>),
    /// Learnt whether there is a value.
    Has(bool),
}

/// One operation: its time of call, its time of return, and whether it may not have happened at all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) action: Action,
    pub(crate) called: u64,
    pub(crate) returned: u64,
    /// Its caller went away: it happened before `returned`, or never.
    pub(crate) dropped: bool,
}

/// The most operations that can be judged.
pub(crate) const MAX_EVENTS: usize = 128;

type State = Option<u32>;

/// Whether the history has an order that explains it, starting without a value.
pub(crate) fn is_linearizable(history: &[Event]) -> bool {
    if history.len() > MAX_EVENTS {
        return false;
    }
    let mut seen = HashSet::new();
    let mut open: Vec<(u128, State)> = vec![(0, None)];
    while let Some((done, state)) = open.pop() {
        if all_explained(history, done) {
            return true;
        }
        for (place, event) in history.iter().enumerate() {
            if !may_come_next(history, done, place, event) {
                continue;
            }
            let Some(next) = apply(event, state) else {
                continue;
            };
            let step = (done | bit(place), next);
            if seen.insert(step) {
                open.push(step);
            }
        }
    }
    false
}

fn bit(place: usize) -> u128 {
    1 << place
}

fn all_explained(history: &[Event], done: u128) -> bool {
    let mut places = history.iter().enumerate();
    places.all(|(place, event)| event.dropped || done & bit(place) != 0)
}

/// Whether the event can be the next in the row: it is not in it yet, none that must be had returned before its call, and
/// none in it was called after its return.
fn may_come_next(history: &[Event], done: u128, place: usize, event: &Event) -> bool {
    done & bit(place) == 0
        && history.iter().enumerate().all(|(other_place, other)| {
            if done & bit(other_place) != 0 {
                other.called < event.returned
            } else {
                other.dropped || other.returned > event.called
            }
        })
}

/// The state after the event; none if the event could not give what it gave.
fn apply(event: &Event, state: State) -> Option<State> {
    match event.action {
        Action::Put(value) => Some(Some(value)),
        Action::PutIfAbsent(value, _) if event.dropped => Some(state.or(Some(value))),
        Action::PutIfAbsent(value, true) => state.is_none().then_some(Some(value)),
        Action::PutIfAbsent(_, false) => state.is_some().then_some(state),
        Action::Delete => Some(None),
        Action::Get(read) => (read == state).then_some(state),
        Action::Has(there) => (there == state.is_some()).then_some(state),
    }
}

#[cfg(test)]
mod tests {
    use super::{Action::*, *};

    /// What was done, when it was called, when it returned.
    type Row = (Action, u64, u64);

    fn history(events: &[Row]) -> Vec<Event> {
        let event = |&(action, called, returned): &Row| Event {
            action,
            called,
            returned,
            dropped: false,
        };
        events.iter().map(event).collect()
    }

    #[test]
    fn histories_are_judged_rightly() {
        let table: [(&[Row], bool); 12] = [
            (&[], true),
            (&[(Put(1), 0, 1), (Get(Some(1)), 2, 3)], true),
            (&[(Put(1), 0, 1), (Get(None), 2, 3)], false),
            (&[(Put(1), 0, 3), (Get(None), 1, 2)], true),
            (&[(Put(1), 0, 3), (Get(Some(1)), 1, 2)], true),
            // Once read it cannot be unread.
            (
                &[(Put(1), 0, 9), (Get(Some(1)), 1, 2), (Get(None), 3, 4)],
                false,
            ),
            (
                &[(Put(1), 0, 1), (Put(2), 2, 3), (Get(Some(1)), 4, 5)],
                false,
            ),
            (
                &[(Put(1), 0, 4), (Put(2), 2, 3), (Get(Some(1)), 5, 6)],
                true,
            ),
            (
                &[(PutIfAbsent(1, true), 0, 2), (PutIfAbsent(2, true), 1, 3)],
                false,
            ),
            (
                &[(PutIfAbsent(1, true), 0, 2), (PutIfAbsent(2, false), 1, 3)],
                true,
            ),
            (
                &[
                    (Put(1), 0, 1),
                    (Delete, 2, 5),
                    (Has(true), 3, 4),
                    (Has(false), 6, 7),
                ],
                true,
            ),
            (&[(Put(1), 0, 1), (Delete, 2, 3), (Has(true), 4, 5)], false),
        ];
        for (events, expected) in table {
            assert_eq!(is_linearizable(&history(events)), expected, "{events:?}");
        }
    }

    #[test]
    fn a_dropped_write_may_happen_until_it_was_dropped_or_never() {
        let table = [
            (Get(None), 2, true),
            (Get(Some(1)), 2, true),
            (Get(Some(1)), 5, true),
            (Get(None), 5, true),
        ];
        for (read, called, expected) in table {
            let mut events = history(&[(Put(1), 0, 3), (read, called, called + 1)]);
            events[0].dropped = true;
            assert_eq!(is_linearizable(&events), expected, "{events:?}");
        }
        // It may not come after an operation that started when it had been dropped.
        let mut events = history(&[(Put(1), 0, 3), (Put(2), 4, 5), (Get(Some(1)), 6, 7)]);
        events[0].dropped = true;
        assert!(!is_linearizable(&events));
    }
}
