//! What ours shall reach.

use super::Column;

/// What ours shall reach.
pub(crate) struct Target {
    group: &'static str,
    /// One workload, or all.
    workload: Option<&'static str>,
    bound: Bound,
    /// Whether it is for the inline column alone.
    inline_only: bool,
}

/// What is asked of the figures of a cell.
#[derive(Clone, Copy)]
enum Bound {
    /// At most so many times what the raw limit takes.
    Times(f64),
    /// At most so many microseconds more.
    Plus(f64),
    /// The JavaScript store takes at least so many times what ours takes.
    Beats(f64),
}

impl Target {
    /// What a workload of a group shall reach.
    pub(crate) fn of(group: &str, workload: &str) -> impl Iterator<Item = &'static Self> {
        TARGETS.iter().filter(move |target| {
            target.group == group && target.workload.is_none_or(|only| only == workload)
        })
    }

    /// Whether the figures of a column miss it: the medians of its ratios and differences.
    pub(crate) fn is_missed(&self, column: Column, ratio: f64, more: f64) -> bool {
        let judged = match column {
            Column::Ours | Column::Inline => !self.inline_only || column == Column::Inline,
            _ => false,
        };
        match self.bound {
            Bound::Times(times) => judged && ratio > times,
            Bound::Plus(micros) => judged && more > micros,
            Bound::Beats(times) => column == Column::JavaScript && ratio < times,
        }
    }

    /// The words in the table.
    pub(crate) fn wording(&self) -> String {
        let which = if self.inline_only { ", inline" } else { "" };
        match self.bound {
            Bound::Times(times) => format!("≤ {times:.2}×{which}"),
            Bound::Plus(micros) => format!("≤ {micros:+.2}{which}"),
            Bound::Beats(times) => format!("JavaScript ≥ {times}×"),
        }
    }
}

const fn target(group: &'static str, workload: &'static str, times: f64) -> Target {
    Target {
        group,
        workload: Some(workload),
        bound: Bound::Times(times),
        inline_only: false,
    }
}

const fn beats(workload: &'static str, times: f64) -> Target {
    Target {
        bound: Bound::Beats(times),
        ..target(DEFAULT, workload, times)
    }
}

/// The group of the default engine.
const DEFAULT: &str = "kv fjall";

/// Sixteen tasks of durable puts against sixteen threads.
const BEATS_THREADS: f64 = 1.0 / 1.3;

const TARGETS: &[Target] = &[
    Target {
        group: "layer",
        workload: None,
        bound: Bound::Plus(0.05),
        inline_only: false,
    },
    target("memory", "put-small", 2.0),
    target("memory", "put-block", 2.0),
    target("memory", "get-small", 2.0),
    target("memory", "get-block", 2.0),
    target("fs", "put-small", 1.5),
    target("fs", "put-block", 1.5),
    target("fs", "batch-small", 1.2),
    target("fs", "batch-512", 1.2),
    target("fs", "get-small", 1.4),
    target("fs", "get-block", 1.4),
    target("fs", "has-present", 2.0),
    target("fs", "getmany-small", 1.2),
    target("fs", "query-all", 2.0),
    Target {
        inline_only: true,
        ..target("fs", "miss-first", 1.4)
    },
    target("fs ordered", "batch-512", 2.5),
    target("fs power", "put-small-c", BEATS_THREADS),
    target("fs power", "put-block-c", 1.0),
    target("fs power flat", "put-small-c", BEATS_THREADS),
    target("fs power flat", "put-block-c", 1.0),
    target("flatfs", "put-small", 1.4),
    target("flatfs", "put-block", 1.4),
    target("flatfs", "batch-small", 1.15),
    target("flatfs", "batch-512", 1.15),
    target("flatfs", "reput-small", 1.4),
    target("flatfs", "get-small", 1.4),
    target("flatfs", "get-block", 1.3),
    target("flatfs", "getmany-small", 1.15),
    target("flatfs", "has-present", 2.0),
    Target {
        inline_only: true,
        ..target("flatfs", "miss-first", 1.4)
    },
    target("flatfs", "query-all", 1.4),
    target("flatfs", "querykeys-all", 1.3),
    target("flatfs", "delete", 1.4),
    target("flatfs ordered", "batch-512", 2.5),
    target("flatfs power", "put-small-c", BEATS_THREADS),
    target("flatfs power", "put-block-c", 1.0),
    target("kv memory", "put-small", 1.3),
    target("kv memory", "batch-1000", 1.15),
    target("kv memory", "get-small", 1.3),
    target("kv memory", "query-all", 1.15),
    target("kv memory", "query-prefix", 1.15),
    target("kv fjall", "put-small", 1.3),
    target("kv fjall", "batch-1000", 1.15),
    target("kv fjall", "get-small", 1.3),
    target("kv fjall", "query-all", 1.15),
    target("kv fjall", "query-prefix", 1.15),
    target("kv redb", "put-small", 1.3),
    target("kv redb", "batch-1000", 1.15),
    target("kv redb", "get-small", 1.3),
    target("kv redb", "query-all", 1.15),
    target("kv redb", "query-prefix", 1.15),
    target("kv sled", "put-small", 1.3),
    target("kv sled", "batch-1000", 1.15),
    target("kv sled", "get-small", 1.3),
    target("kv sled", "query-all", 1.15),
    target("kv sled", "query-prefix", 1.15),
    target("kv fjall power", "put-small", 1.3),
    target("kv fjall power", "put-small-c", BEATS_THREADS),
    target("kv fjall power", "batch-1000", 1.15),
    target("kv redb power", "put-small", 1.3),
    target("kv redb power", "put-small-c", BEATS_THREADS),
    target("kv redb power", "batch-1000", 1.15),
    beats("put-small", 3.0),
    beats("batch-1000", 2.0),
    beats("get-small", 3.0),
    beats("query-all", 2.0),
    beats("query-prefix", 2.0),
];
