//! Every case can fail: for each there is an engine with one fault that it finds.

use std::{collections::HashSet, panic};

use interface_datastore_tests::{
    Verdict, block_on,
    engine::{ENGINE_CASES, EngineSubject, run_engine_test},
};

use super::{
    broken::{Broken, Flaw},
    disk_engine::{DiskFlaw, disk_subject},
};

/// The engine that has the fault.
#[derive(Debug, Clone, Copy)]
enum Faulty {
    /// The map in memory.
    Map(Flaw),
    /// The log on a simulated disk.
    Disk(DiskFlaw),
}

use Faulty::{Disk, Map};

/// A fault, and cases that must find it.
type Row = (Faulty, &'static [&'static str]);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    (Map(Flaw::LosesLastPut), &["reads::get", "batches::reused", "model::operations"]),
    (Map(Flaw::ReversesMany), &["reads::get_many", "model::operations"]),
    (Map(Flaw::CutsValues), &["reads::sizes", "batches::large"]),
    (Map(Flaw::KeysAreText), &["reads::keys", "scans::prefixes", "model::operations"]),
    (Map(Flaw::AcceptsAnything), &["reads::refused_keys", "batches::all_or_nothing"]),
    (Map(Flaw::AppliesUpToTheFault), &["batches::all_or_nothing", "reads::refused_keys"]),
    (Map(Flaw::NeverInline), &["reads::inline", "batches::inline"]),
    (Map(Flaw::DeletesLast), &["batches::last_wins", "model::operations"]),
    (Map(Flaw::RangesFirst), &["batches::range_deletes", "model::operations"]),
    (Map(Flaw::RangesWithEnd), &["batches::range_deletes", "model::operations"]),
    (Map(Flaw::CutsRanges), &["batches::bounded_ranges"]),
    (Map(Flaw::FailsEmptyBatches), &["batches::none_at_all"]),
    (Map(Flaw::RepeatsFirstBatch), &["batches::reused"]),
    (Map(Flaw::CutsBatches), &["batches::large"]),
    (Map(Flaw::AcceptsEveryDurability), &["batches::durabilities"]),
    (Map(Flaw::ClaimsPower), &["batches::durabilities"]),
    (Map(Flaw::CommitsUnpolled), &["batches::unpolled"]),
    (Map(Flaw::TornOnDrop), &["batches::dropped"]),
    (Map(Flaw::Reorders), &["batches::in_order"]),
    (Map(Flaw::ScansWithEnd), &["scans::bounds", "scans::prefixes", "model::operations"]),
    (Map(Flaw::IgnoresReverse), &["scans::bounds", "scans::long"]),
    (Map(Flaw::IgnoresLimits), &["scans::limits"]),
    (Map(Flaw::ReadsValues), &["scans::keys_only"]),
    (Map(Flaw::EndsEarly), &["scans::long", "scans::lazy"]),
    (Map(Flaw::ReadsUnpolled), &["scans::lazy"]),
    (Map(Flaw::ScansMove), &["scans::one_moment"]),
    (Map(Flaw::SnapshotsMove), &["snapshots::isolated", "snapshots::several"]),
    (Map(Flaw::SnapshotsOutlive), &["snapshots::closed"]),
    (Map(Flaw::NeverCloses), &["upkeep::closed", "snapshots::closed"]),
    (Map(Flaw::SyncsLess), &["upkeep::sync"]),
    (Map(Flaw::HasNoSize), &["upkeep::size"]),
    (Map(Flaw::CompactionLoses), &["upkeep::compact"]),
    (Map(Flaw::FindsDamage), &["upkeep::check"]),
    (Map(Flaw::LosesConcurrentCommits), &["threads::acknowledged_is_there"]),
    (Map(Flaw::TornForReaders), &["threads::atomic_for_readers", "threads::batches_for_single_gets"]),
    (Map(Flaw::AcceptsUnclaimed), &["batches::range_deletes", "snapshots::isolated", "upkeep::size", "upkeep::compact", "upkeep::check"]),
    (Map(Flaw::Panics), &["reads::get"]),
    (Disk(DiskFlaw::NeverSyncs), &["power::survives"]),
    (Disk(DiskFlaw::TornBatches), &["power::survives", "faults::write_error"]),
    (Disk(DiskFlaw::SwallowsWriteErrors), &["faults::no_space", "faults::write_error"]),
    (Disk(DiskFlaw::SwallowsSyncErrors), &["faults::sync_error"]),
    (Disk(DiskFlaw::TrustsLengths), &["faults::short_write"]),
    (Disk(DiskFlaw::ErrorsAreAbsence), &["faults::read_error"]),
    (Disk(DiskFlaw::Forgets), &["upkeep::reopened", "faults::sync_error"]),
];

/// The failure that a case finds, or its verdict.
fn run(engine: Faulty, case: &str) -> Result<Verdict, String> {
    let (group, name) = case.split_once("::").unwrap();
    let make = move || async move {
        match engine {
            Map(flaw) => EngineSubject::new(Broken::new(flaw)),
            Disk(flaw) => disk_subject(flaw),
        }
    };
    let run = panic::AssertUnwindSafe(|| run_engine_test(group, name, make, block_on));
    panic::catch_unwind(run)
        .map_err(|told| told.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[test]
fn each_fault_is_found() {
    let mut unfound = Vec::new();
    for (engine, cases) in TABLE {
        for case in *cases {
            if let Ok(verdict) = run(*engine, case) {
                unfound.push(format!("{case} does not find {engine:?}: {verdict}"));
            }
        }
    }
    assert_eq!(unfound, [""; 0]);
}

#[test]
fn each_case_finds_a_fault() {
    let finding: HashSet<&str> = TABLE
        .iter()
        .flat_map(|(_, cases)| cases.iter().copied())
        .collect();
    let all = ENGINE_CASES.iter().map(ToString::to_string);
    let idle: Vec<String> = all.filter(|case| !finding.contains(&**case)).collect();
    assert_eq!(idle, [""; 0]);
}

/// What is proven is told from what is refused, not claimed, or not provable.
#[test]
fn verdicts_are_told_apart() {
    for (engine, case, expected) in [
        (Map(Flaw::None), "reads::get", "proven"),
        (Map(Flaw::None), "upkeep::compact", "refused, as declared"),
        (Map(Flaw::None), "upkeep::reopened", "not claimed"),
        (
            Map(Flaw::None),
            "faults::no_space",
            "declared, not proven: the subject offers no faults",
        ),
        (
            Map(Flaw::None),
            "power::survives",
            "declared, not proven: the subject offers no power loss",
        ),
        (Disk(DiskFlaw::None), "power::survives", "proven"),
        (Disk(DiskFlaw::None), "faults::no_space", "proven"),
        (Disk(DiskFlaw::None), "faults::read_error", "proven"),
    ] {
        assert_eq!(
            run(engine, case).unwrap().to_string(),
            expected,
            "{engine:?} {case}"
        );
    }
}
