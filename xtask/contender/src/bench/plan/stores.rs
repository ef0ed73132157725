//! The stores of memory and of files, and the layers over them.

use super::{Column, Contender, Group, Program, Table, go, javascript, own};
use crate::layers;

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

pub(super) const GROUPS: &[Group] = &[
    Group {
        name: "memory",
        table: Table::Stores,
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
        table: Table::Stores,
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
        table: Table::Stores,
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
        table: Table::Stores,
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
        table: Table::Stores,
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
        table: Table::Stores,
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
        table: Table::Stores,
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
        table: Table::Stores,
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
        table: Table::Stores,
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
        table: Table::Stores,
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
