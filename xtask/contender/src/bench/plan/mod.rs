//! Who is measured by what, and what ours shall reach.

use crate::layers;

/// Contenders that are compared with each other.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) contenders: &'static [Contender],
    pub(crate) workloads: &'static [&'static str],
    /// How keys are laid out, as the command line has it.
    pub(crate) layout: &'static str,
    /// Whether deletions are measured, too.
    pub(crate) deletes: bool,
    /// How many small values, and how many blocks.
    pub(crate) small: usize,
    pub(crate) blocks: usize,
}

pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) backend: &'static str,
    pub(crate) column: Column,
    pub(crate) program: Program,
    /// Workloads that it does not have.
    pub(crate) skips: &'static [&'static str],
}

/// The columns of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Column {
    Raw,
    Ours,
    Inline,
    ObjectStore,
    JavaScript,
    Go,
}

impl Column {
    pub(crate) const ALL: [Self; 6] = [
        Self::Raw,
        Self::Ours,
        Self::Inline,
        Self::ObjectStore,
        Self::JavaScript,
        Self::Go,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Raw => "raw limit",
            Self::Ours => "ours",
            Self::Inline => "ours, inline",
            Self::ObjectStore => "object_store",
            Self::JavaScript => "JavaScript",
            Self::Go => "Go",
        }
    }
}

/// What a contender is run by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Own,
    JavaScript,
    Go,
    /// None: the contender of the column ours prints its lines, too.
    WithOurs,
}

/// What ours shall reach.
pub(crate) struct Target {
    group: &'static str,
    /// One workload, or all.
    workload: Option<&'static str>,
    bound: Bound,
    /// Whether it is for the inline column alone.
    inline_only: bool,
}

/// The most that an operation may take, by the time of the raw limit.
#[derive(Clone, Copy)]
enum Bound {
    /// So many times as much.
    Times(f64),
    /// So many microseconds more.
    Plus(f64),
}

impl Target {
    /// What a workload of a group shall reach, if anything.
    pub(crate) fn of(group: &str, workload: &str) -> Option<&'static Self> {
        let meant = |target: &&Self| {
            target.group == group && target.workload.is_none_or(|only| only == workload)
        };
        TARGETS.iter().find(meant)
    }

    /// Whether a column misses it, by the medians of its ratios and differences.
    pub(crate) fn is_missed(&self, column: Column, ratio: f64, more: f64) -> bool {
        let bound = match column {
            Column::Ours => !self.inline_only,
            Column::Inline => true,
            _ => false,
        };
        bound
            && match self.bound {
                Bound::Times(times) => ratio > times,
                Bound::Plus(micros) => more > micros,
            }
    }

    /// The words in the table.
    pub(crate) fn wording(&self) -> String {
        let which = if self.inline_only { ", inline" } else { "" };
        match self.bound {
            Bound::Times(times) => format!("≤ {times:.2}×{which}"),
            Bound::Plus(micros) => format!("≤ {micros:+.2}{which}"),
        }
    }
}

const fn own(name: &'static str, column: Column) -> Contender {
    Contender {
        name,
        backend: name,
        column,
        program: Program::Own,
        skips: &[],
    }
}

const fn javascript(name: &'static str, backend: &'static str) -> Contender {
    Contender {
        name,
        backend,
        column: Column::JavaScript,
        program: Program::JavaScript,
        skips: &["put-small-c", "put-block-c", "miss-first", "miss-again"],
    }
}

const fn go(name: &'static str, backend: &'static str) -> Contender {
    Contender {
        name,
        backend,
        column: Column::Go,
        program: Program::Go,
        skips: &[],
    }
}

const VOLATILE: &[&str] = &[
    "put-small",
    "batch-small",
    "batch-512",
    "putmany-small",
    "put-block",
    "get-small",
    "get-block",
    "getmany-small",
    "has",
    "has-present",
    "miss-first",
    "miss-again",
    "query-all",
    "querykeys-prefix",
    "mixed",
];

pub(crate) const GROUPS: &[Group] = &[
    Group {
        name: "memory",
        contenders: &[
            own("limit-btreemap", Column::Raw),
            own("memory", Column::Ours),
            own("object_store-mem", Column::ObjectStore),
            javascript("js-memory", "memory"),
        ],
        workloads: VOLATILE,
        layout: "nested",
        deletes: true,
        small: 10_000,
        blocks: 200,
    },
    Group {
        name: "layer",
        contenders: &[
            Contender {
                program: Program::WithOurs,
                ..own(layers::BARE, Column::Raw)
            },
            own("layers", Column::Ours),
        ],
        workloads: &["layers"],
        layout: "nested",
        deletes: false,
        small: 10_000,
        blocks: 0,
    },
    Group {
        name: "layer with work",
        contenders: &[
            Contender {
                program: Program::WithOurs,
                ..own(layers::BARE, Column::Raw)
            },
            own("layers-working", Column::Ours),
        ],
        workloads: &["layers"],
        layout: "nested",
        deletes: false,
        small: 10_000,
        blocks: 0,
    },
    Group {
        name: "fs",
        contenders: &[
            own("limit-fs", Column::Raw),
            own("fs", Column::Ours),
            own("fs-inline", Column::Inline),
            own("object_store-fs", Column::ObjectStore),
            javascript("js-fs", "fs"),
        ],
        workloads: VOLATILE,
        layout: "nested",
        deletes: true,
        small: 10_000,
        blocks: 200,
    },
    // Against the raw calls without any sync.
    Group {
        name: "fs ordered",
        contenders: &[
            own("limit-fs", Column::Raw),
            own("fs-ordered", Column::Ours),
            own("fs-ordered-inline", Column::Inline),
        ],
        workloads: &["batch-512"],
        layout: "nested",
        deletes: false,
        small: 4096,
        blocks: 16,
    },
    Group {
        name: "fs power",
        contenders: &[
            own("limit-fs-fsync", Column::Raw),
            own("fs-fsync", Column::Ours),
            own("fs-fsync-inline", Column::Inline),
            own("object_store-fs-fsync", Column::ObjectStore),
        ],
        workloads: &[
            "put-small",
            "put-small-c",
            "batch-small",
            "put-block",
            "put-block-c",
        ],
        layout: "nested",
        deletes: false,
        small: 1600,
        blocks: 160,
    },
    // All values in the one folder, which the raw threads then wait for each other to sync.
    Group {
        name: "fs power flat",
        contenders: &[
            own("limit-fs-fsync", Column::Raw),
            own("fs-fsync", Column::Ours),
            own("fs-fsync-inline", Column::Inline),
        ],
        workloads: &["put-small-c", "put-block-c"],
        layout: "flat",
        deletes: false,
        small: 1600,
        blocks: 160,
    },
    Group {
        name: "flatfs",
        contenders: &[
            own("limit-flatfs", Column::Raw),
            own("flatfs", Column::Ours),
            own("flatfs-inline", Column::Inline),
            javascript("js-flatfs", "flatfs"),
            go("go-flatfs", "flatfs"),
        ],
        workloads: FLAT,
        layout: "flat",
        deletes: true,
        small: 10_000,
        blocks: 200,
    },
    // Against the raw calls without any sync.
    Group {
        name: "flatfs ordered",
        contenders: &[
            own("limit-flatfs", Column::Raw),
            own("flatfs-ordered", Column::Ours),
            own("flatfs-ordered-inline", Column::Inline),
        ],
        workloads: &["put-small", "batch-512"],
        layout: "flat",
        deletes: false,
        small: 4096,
        blocks: 16,
    },
    Group {
        name: "flatfs power",
        contenders: &[
            own("limit-flatfs-fsync", Column::Raw),
            own("flatfs-fsync", Column::Ours),
            own("flatfs-fsync-inline", Column::Inline),
            go("go-flatfs-fsync", "flatfs-fsync"),
        ],
        workloads: &[
            "put-small",
            "put-small-c",
            "batch-512",
            "put-block",
            "put-block-c",
            "reput-small",
        ],
        layout: "flat",
        deletes: false,
        small: 1600,
        blocks: 160,
    },
];

const FLAT: &[&str] = &[
    "put-small",
    "batch-small",
    "batch-512",
    "putmany-small",
    "put-block",
    "reput-small",
    "reput-block",
    "get-small",
    "get-block",
    "getmany-small",
    "has",
    "has-present",
    "miss-first",
    "miss-again",
    "query-all",
    "querykeys-all",
    "querykeys-prefix",
    "mixed",
];

const fn target(group: &'static str, workload: &'static str, times: f64) -> Target {
    Target {
        group,
        workload: Some(workload),
        bound: Bound::Times(times),
        inline_only: false,
    }
}

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
];
