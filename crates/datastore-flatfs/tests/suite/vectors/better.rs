//! Where ours is meant to do other than go-ds-flatfs did: the trace, the steps, what ours does instead, and why.

/// What ours does instead.
pub(super) enum Ours {
    /// An outcome, as JSON.
    Told(&'static str),
    /// A tree: the vector's without what these paths begin, and with these entries.
    Tree {
        without: &'static [&'static str],
        with: &'static [(&'static str, &'static str)],
    },
}

/// Whether stores count again what they do not trust, or trust every number as the original does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    Recounted,
    Trusted,
}

pub(super) struct Better {
    pub(super) trace: &'static str,
    pub(super) steps: &'static [usize],
    pub(super) ours: Ours,
    /// None: with both kinds of numbers.
    pub(super) numbers: Option<Numbers>,
}

const fn told(trace: &'static str, steps: &'static [usize], ours: &'static str) -> Better {
    Better {
        trace,
        steps,
        ours: Ours::Told(ours),
        numbers: None,
    }
}

const fn recounted(trace: &'static str, steps: &'static [usize], ours: &'static str) -> Better {
    Better {
        numbers: Some(Numbers::Recounted),
        ..told(trace, steps, ours)
    }
}

const fn trusted(trace: &'static str, steps: &'static [usize], ours: &'static str) -> Better {
    Better {
        numbers: Some(Numbers::Trusted),
        ..told(trace, steps, ours)
    }
}

const fn without(
    trace: &'static str,
    step: &'static [usize],
    paths: &'static [&'static str],
) -> Better {
    Better {
        trace,
        steps: step,
        ours: Ours::Tree {
            without: paths,
            with: &[],
        },
        numbers: None,
    }
}

const fn with(
    trace: &'static str,
    step: &'static [usize],
    entries: &'static [(&'static str, &'static str)],
) -> Better {
    Better {
        trace,
        steps: step,
        ours: Ours::Tree {
            without: &[],
            with: entries,
        },
        numbers: None,
    }
}

const OK: &str = r#"{"ok": true}"#;
const CLOSED: &str = r#"{"error": "closed"}"#;
const NOT_FOUND: &str = r#"{"error": "not_found"}"#;
const NOT_THERE: &str = r#"{"has": false}"#;
const DEFAULT: (&str, &str) = (
    "SHARDING",
    "644 2f7265706f2f666c617466732f73686172642f76312f6e6578742d746f2d6c6173742f320a",
);
/// The folder in which Go keeps a batch: ours is in memory until it is committed.
const BATCH: &[&str] = &[".temp/batch-"];

pub(super) const BETTER: &[Better] = &[
    // Errors of another class, which say more.
    told(
        "create in missing parent",
        &[0],
        r#"{"error": "does_not_exist"}"#,
    ),
    told("upgrade and downgrade", &[7], r#"{"error": "exists"}"#),
    told(
        "upgrade and downgrade",
        &[13],
        r#"{"error": "does_not_exist"}"#,
    ),
    told(
        "open directory without SHARDING",
        &[1],
        r#"{"error": "does_not_exist"}"#,
    ),
    // Looking at a directory that is no store leaves nothing in it, so it can be made one.
    told("open directory without SHARDING", &[3], OK),
    with(
        "open directory without SHARDING",
        &[4],
        &[DEFAULT, ("_README", "444 readme")],
    ),
    // What the original left there may be in use: upkeep removes it, not opening.
    with(
        "leftover temporary files",
        &[8, 11],
        &[
            (".temp", "755/"),
            (".temp/batch-*", "755/"),
            (".temp/batch-*/QUUX.data", "644 79"),
            (".temp/temp-123", "644 78"),
        ],
    ),
    // A query lists what can be read, and nothing else.
    told(
        "foreign files and queries",
        &[21],
        r#"{"entries": [{"key": "/QUUX", "size": 6, "value_hex": "666f6f626172"}], "ordered": false}"#,
    ),
    told(
        "foreign files and queries",
        &[22],
        r#"{"entries": [{"key": "/QUUX", "size": 0}], "ordered": false}"#,
    ),
    told(
        "foreign files and queries",
        &[23],
        r#"{"entries": [{"key": "/QUUX", "size": 6}], "ordered": false}"#,
    ),
    // What is closed is closed.
    told(
        "operations after close",
        &[6, 8, 10, 11, 12, 13, 14],
        CLOSED,
    ),
    without("operations after close", &[21], BATCH),
    // A batch has no folder until it is committed.
    without("batch commit", &[6], BATCH),
    without("empty batch", &[2], BATCH),
    // The last value wins.
    told(
        "batch order of put and delete",
        &[21],
        r#"{"value_hex": "5832"}"#,
    ),
    told(
        "batch order of put and delete",
        &[26, 32],
        r#"{"entries": [
            {"key": "/KEYA", "size": 2, "value_hex": "4132"},
            {"key": "/KEYD", "size": 2, "value_hex": "4432"},
            {"key": "/KEYX", "size": 2, "value_hex": "5832"}
        ], "ordered": false}"#,
    ),
    with(
        "batch order of put and delete",
        &[33],
        &[("KE/KEYD.data", "600 4432"), ("KE/KEYX.data", "600 5832")],
    ),
    // Values in the root are values.
    told(
        "shard parameter zero",
        &[5],
        r#"{"entries": [{"key": "/QUUX", "size": 0}], "ordered": false}"#,
    ),
    // Where something else lies there is no value; a key whose folder would be one of the files of every store has none.
    told(
        "shard directory name taken by a file",
        &[1],
        r#"{"error": "invalid_key"}"#,
    ),
    told("shard directory name taken by a file", &[4], NOT_THERE),
    told("shard directory name taken by a file", &[5, 6], NOT_FOUND),
    told("shard directory name taken by a file", &[7], OK),
    told("target is a directory", &[2], NOT_FOUND),
    told("target is a directory", &[3], NOT_THERE),
    // One user at a time, whose batches nobody throws away.
    told(
        "a second opening wipes the first one's pending batch",
        &[4],
        r#"{"error": "other"}"#,
    ),
    told(
        "a second opening wipes the first one's pending batch",
        &[5],
        r#"{"value_hex": "11"}"#,
    ),
    told(
        "a second opening wipes the first one's pending batch",
        &[6],
        r#"{"entries": [{"key": "/QUUX", "size": 1, "value_hex": "11"}], "ordered": false}"#,
    ),
    told(
        "a second opening wipes the first one's pending batch",
        &[7],
        OK,
    ),
    told(
        "a second opening wipes the first one's pending batch",
        &[8],
        r#"{"has": true}"#,
    ),
    told(
        "a second opening wipes the first one's pending batch",
        &[10],
        r#"{"error": "nothing is open there"}"#,
    ),
    with(
        "a second opening wipes the first one's pending batch",
        &[11],
        &[("UU/QUUX.data", "600 11")],
    ),
    // The folder for temporary files is made again.
    told("temp directory removed from outside", &[2, 4], OK),
    told(
        "temp directory removed from outside",
        &[3],
        r#"{"has": true}"#,
    ),
    // A key too long for the file system is one that the store does not take.
    told("longest file name", &[3], r#"{"error": "invalid_key"}"#),
    told("longest file name", &[4, 6], NOT_FOUND),
    told("longest file name", &[5], NOT_THERE),
    told("longest file name", &[7], OK),
    // What cannot be looked at is left out of the count, which then says so.
    told(
        "a dangling link and the opening walk",
        &[3],
        r#"{"ok": true, "shard": "/repo/flatfs/shard/v1/prefix/2"}"#,
    ),
    recounted(
        "a dangling link and the opening walk",
        &[7],
        r#"{"text": "{\"diskUsage\":12326,\"accuracy\":\"initial-approximate\"}\n"}"#,
    ),
    // No number of bytes is below zero; the file that holds it is shorter then.
    recounted("diskUsage below zero wraps", &[12], r#"{"value": "16465"}"#),
    trusted("diskUsage below zero wraps", &[12], r#"{"value": "16508"}"#),
    recounted("diskUsage below zero wraps", &[8], r#"{"value": "16465"}"#),
    recounted(
        "diskUsage below zero wraps",
        &[10],
        r#"{"text": "{\"diskUsage\":16465,\"accuracy\":\"initial-exact\"}\n"}"#,
    ),
    trusted("diskUsage below zero wraps", &[8], r#"{"value": "0"}"#),
    trusted(
        "diskUsage below zero wraps",
        &[10],
        r#"{"text": "{\"diskUsage\":0,\"accuracy\":\"initial-exact\"}\n"}"#,
    ),
    // All that was counted was counted, also if it is as much as the limit.
    told(
        "sampling estimate, equal sizes",
        &[16, 23, 37],
        r#"{"accuracy": "initial-exact"}"#,
    ),
    told(
        "sampling estimate, equal sizes",
        &[18, 25, 39],
        r#"{"text": "{\"diskUsage\":13319,\"accuracy\":\"initial-exact\"}\n"}"#,
    ),
    // The number of the store that is left is not that of the one where all goes.
    told("move", &[12], r#"{"value": "17564"}"#),
    told(
        "move",
        &[13],
        r#"{"text": "{\"diskUsage\":17564,\"accuracy\":\"initial-exact\"}\n"}"#,
    ),
    told(
        "move needs both stores",
        &[1, 2],
        r#"{"error": "does_not_exist"}"#,
    ),
];

/// Traces in which a number is put there that nobody vouches for: the bytes are counted again, in the background and without
/// the file that holds them.
pub(super) const COUNTED_AGAIN: &[&str] = &[
    "diskUsage.cache: valid",
    "diskUsage.cache: no trailing newline",
    "diskUsage.cache: unknown accuracy",
    "diskUsage.cache: accuracy unknown",
    "diskUsage.cache: no accuracy",
    "diskUsage.cache: extra fields",
    "diskUsage.cache: case-insensitive names",
    "diskUsage.cache: duplicate field, last wins",
    "diskUsage.cache: max",
    "diskUsage.cache: spaces",
];

/// What they then hold: four folders, `SHARDING`, and values of 150 bytes.
pub(super) const COUNTED: u64 = 4 * 4096 + 31 + 150;
