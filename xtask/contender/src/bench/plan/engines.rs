//! The engines: driven directly, as our engine, and under `KvDatastore`, each with the same durability.

use super::{Column, Contender, Group, Table, javascript, own};

/// Enough for several memtables.
const COUNT: usize = 50_000;
/// Each put waits for a sync.
const SYNCED: usize = 4096;

const UNSYNCED: &[&str] = &[
    "put-small",
    "batch-1000",
    "get-small",
    "query-all",
    "query-prefix",
    "mixed",
];

const POWER: &[&str] = &["put-small", "put-small-c", "batch-1000"];

const fn group(
    name: &'static str,
    contenders: &'static [Contender],
    workloads: &'static [&'static str],
    small: usize,
) -> Group {
    Group {
        name,
        table: Table::Engines,
        contenders,
        workloads,
        layout: "nested",
        deletes: false,
        small,
        blocks: 0,
    }
}

pub(super) const GROUPS: &[Group] = &[
    // Nothing lies under our engine in memory.
    group(
        "kv memory",
        &[
            own("engine-memory", Column::Raw),
            own("kv-memory", Column::Ours),
            javascript("js-memory", "memory"),
        ],
        UNSYNCED,
        COUNT,
    ),
    // All of these survive the end of the process, not a power cut.
    group(
        "kv fjall",
        &[
            own("raw-fjall", Column::Raw),
            own("engine-fjall", Column::Engine),
            own("kv-fjall", Column::Ours),
            javascript("js-level", "level"),
        ],
        UNSYNCED,
        COUNT,
    ),
    // Not even the end of the process: redb knows nothing between that and a sync.
    group(
        "kv redb",
        &[
            own("raw-redb", Column::Raw),
            own("engine-redb", Column::Engine),
            own("kv-redb", Column::Ours),
        ],
        UNSYNCED,
        COUNT,
    ),
    // As fjall, each write is handed to the system; sled cannot withstand a power cut.
    group(
        "kv sled",
        &[
            own("raw-sled", Column::Raw),
            own("engine-sled", Column::Engine),
            own("kv-sled", Column::Ours),
            javascript("js-level", "level"),
        ],
        UNSYNCED,
        COUNT,
    ),
    group(
        "kv fjall power",
        &[
            own("raw-fjall-fsync", Column::Raw),
            own("engine-fjall-fsync", Column::Engine),
            own("kv-fjall-fsync", Column::Ours),
            javascript("js-level-fsync", "level-fsync"),
        ],
        POWER,
        SYNCED,
    ),
    group(
        "kv redb power",
        &[
            own("raw-redb-fsync", Column::Raw),
            own("engine-redb-fsync", Column::Engine),
            own("kv-redb-fsync", Column::Ours),
            javascript("js-level-fsync", "level-fsync"),
        ],
        POWER,
        SYNCED,
    ),
];
