//! How far a long command has come: a bar on a terminal, now and then a line elsewhere.

use std::{
    io::{self, IsTerminal},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{
    HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle,
};

use crate::{args::Global, key_text::printable};

/// Time between two lines where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(100);

/// Standard error, which progress and notices share.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    quiet: bool,
    /// Whether progress is wanted, in one form or the other.
    progress: bool,
    bars: MultiProgress,
}

impl Screen {
    pub(crate) fn new(global: &Global) -> Self {
        let progress = !global.quiet && !global.json;
        let visible = progress && io::stderr().is_terminal();
        let target = if visible {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            quiet: global.quiet,
            progress,
            bars: MultiProgress::with_draw_target(target),
        }
    }

    /// A line for the user's eye, above the bar if there is one.
    #[expect(clippy::print_stderr, reason = "this is where notices go")]
    pub(crate) fn notice(&self, text: &str) {
        if !self.quiet {
            self.bars
                .suspend(|| eprintln!("datastore: {}", printable(text)));
        }
    }

    /// A meter of work that is called `verb`.
    pub(crate) fn meter(&self, verb: &str) -> Meter {
        let visible = !self.bars.is_hidden();
        let bar = ProgressBar::no_length();
        let bar = if visible {
            self.bars.add(bar)
        } else {
            ProgressBar::hidden()
        };
        if visible {
            bar.set_style(style("{spinner} {elapsed} {msg}"));
            bar.enable_steady_tick(TICK);
        }
        Meter(Arc::new(Inner {
            bar,
            screen: self.clone(),
            verb: verb.to_owned(),
            keys: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            last_line: (self.progress && !visible).then(|| Mutex::new(Instant::now())),
        }))
    }
}

/// Shows how far some work has come. Clones show the same.
#[derive(Debug, Clone)]
pub(crate) struct Meter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bar: ProgressBar,
    screen: Screen,
    verb: String,
    keys: AtomicU64,
    bytes: AtomicU64,
    /// When the last line was written; none if no lines are wanted.
    last_line: Option<Mutex<Instant>>,
}

impl Meter {
    /// Whether there is a bar, for which it is worth while to find out how much there is to do.
    pub(crate) fn has_bar(&self) -> bool {
        !self.0.bar.is_hidden()
    }

    /// So many bytes are to be done.
    pub(crate) fn expect_bytes(&self, total: u64) {
        self.0.bar.set_length(total);
        self.0
            .bar
            .set_style(style("{elapsed} [{wide_bar}] {percent}% {msg} ETA {eta}"));
    }

    /// So much more is done.
    pub(crate) fn add(&self, keys: u64, bytes: u64) {
        let keys = self.0.keys.fetch_add(keys, Ordering::Relaxed) + keys;
        let bytes = self.0.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.0.bar.set_position(bytes);
        self.show(|verb| format!("{verb} {} keys, {}", HumanCount(keys), HumanBytes(bytes)));
    }

    /// `done` of `total` steps are done.
    pub(crate) fn at(&self, done: u64, total: Option<u64>) {
        self.show(|verb| match total {
            Some(total) => format!("{verb}: {} of {}", HumanCount(done), HumanCount(total)),
            None => format!("{verb}: {}", HumanCount(done)),
        });
    }

    fn show(&self, text: impl FnOnce(&str) -> String) {
        if self.has_bar() {
            self.0.bar.set_message(text(&self.0.verb));
        } else if self.line_is_due() {
            self.0.screen.notice(&text(&self.0.verb));
        }
    }

    fn line_is_due(&self) -> bool {
        let Some(last) = &self.0.last_line else {
            return false;
        };
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.elapsed() >= LINE_EVERY;
        if due {
            *last = Instant::now();
        }
        due
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.0.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates here are well-formed; another one would show the plain bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
