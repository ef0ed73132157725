//! Trying again what soon passes by itself.

use std::io;
use std::time::Duration;

use crate::error::{Action, Reason};

/// The waits between attempts add up to 63 ms.
const ATTEMPTS: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(1);

/// Does something that may fail in a way that passes, a few times, with waits that double. Blocks.
pub(crate) fn patiently<T, E>(
    passes: impl Fn(&E) -> bool,
    mut act: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut wait = FIRST_WAIT;
    for _ in 0..ATTEMPTS {
        match act() {
            Err(error) if passes(&error) => std::thread::sleep(wait),
            outcome => return outcome,
        }
        wait *= 2;
    }
    act()
}

/// Whether too many files are open. Other calls of this process close theirs soon.
pub(crate) fn is_open_limit(error: &io::Error) -> bool {
    Reason::of(Action::Open, error) == Reason::TooManyOpenFiles
}
