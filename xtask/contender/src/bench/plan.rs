//! Who is measured by what, and what ours shall reach.

/// Contenders that are compared with each other.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) contenders: &'static [Contender],
    pub(crate) workloads: &'static [&'static str],
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
}

impl Column {
    pub(crate) const ALL: [Self; 5] = [
        Self::Raw,
        Self::Ours,
        Self::Inline,
        Self::ObjectStore,
        Self::JavaScript,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Raw => "raw limit",
            Self::Ours => "ours",
            Self::Inline => "ours, inline",
            Self::ObjectStore => "object_store",
            Self::JavaScript => "JavaScript",
        }
    }
}

/// What a contender is run by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Own,
    JavaScript,
}

/// The most that ours may take, as a multiple of the raw limit.
pub(crate) struct Target {
    pub(crate) group: &'static str,
    pub(crate) workload: &'static str,
    pub(crate) at_most: f64,
    /// Whether it is for the inline column alone.
    pub(crate) inline_only: bool,
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
        deletes: true,
        small: 10_000,
        blocks: 200,
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
        deletes: false,
        small: 1600,
        blocks: 160,
    },
];

const fn target(group: &'static str, workload: &'static str, at_most: f64) -> Target {
    Target {
        group,
        workload,
        at_most,
        inline_only: false,
    }
}

/// Sixteen tasks of durable puts against sixteen threads.
const BEATS_THREADS: f64 = 1.0 / 1.3;

pub(crate) const TARGETS: &[Target] = &[
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
        group: "fs",
        workload: "miss-first",
        at_most: 1.4,
        inline_only: true,
    },
    target("fs ordered", "batch-512", 2.5),
    target("fs power", "put-small-c", BEATS_THREADS),
    target("fs power", "put-block-c", 1.0),
];
