//! Every case can fail: for each there is a store with one fault that it finds.

use std::{collections::HashSet, sync::Arc};

use crate::common::{
    broken::{Broken, Flaw},
    disk_store::{DiskFlaw, DiskStore},
};
use interface_datastore_tests::{
    BlockOn, CASES, Case, Factory, Fault, FaultSubject, Outcome, Subject, Verdict, block_on,
};

/// The store that has the fault.
#[derive(Debug, Clone, Copy)]
enum Store {
    /// The map in memory.
    Map(Flaw),
    /// The store on a simulated disk.
    Disk(DiskFlaw),
}

use Store::{Disk, Map};

/// A fault, and cases that must find it.
type Row = (Store, &'static [&'static str]);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    (Map(Flaw::AcceptsUnclaimed), &[
        "conditions::if_absent", "conditions::if_absent_race", "conditions::across_handles",
        "conditions::versions", "conditions::get_if_version", "conditions::if_match",
        "conditions::if_match_race", "conditions::delete_if_match", "expiry::before", "expiry::behind",
        "expiry::comes", "expiry::lifted", "expiry::every_way", "expiry::collected",
        "batch_rules::conditions_hold", "batch_rules::conditions_fail", "batch_rules::conditions_race",
        "batch_rules::atomic_with_a_bad_key", "batch_rules::atomic_for_readers",
        "batch_rules::atomic_when_dropped", "watch::every_write", "watch::versions", "watch::scoped",
        "watch::no_event_of_failures", "watch::lagging", "watch::ends", "watch::handles", "upkeep::disk_usage",
        "upkeep::gc", "threads::if_absent"
    ]),
    (Map(Flaw::ClaimsReadOnly), &["go::not_founds", "batch_rules::dropped", "batch_rules::atomic_for_readers"]),
    (Map(Flaw::ClaimsBlackHole), &["batch_rules::atomic_for_readers", "many::put_fails_in_place", "upkeep::check"]),
    (Map(Flaw::ClaimsPower), &["upkeep::durabilities"]),
    (Map(Flaw::IgnoresAbort), &[
        "put::aborted", "put_many::aborted", "get::aborted", "get_many::aborted", "delete::aborted",
        "delete_many::aborted", "batch::aborted", "query::aborted", "query_keys::aborted", "upkeep::aborted",
        "upkeep::aborted_half_way"
    ]),
    (Map(Flaw::ErrorsNameNoKey), &["get::missing_key", "many::get_fails_in_place"]),
    (Map(Flaw::NeverCloses), &["watch::ends", "upkeep::close"]),
    (Map(Flaw::Panics), &["put::simple"]),
    (Map(Flaw::CleansKeys), &["keys::empty_namespaces", "keys::dots"]),
    (Map(Flaw::LowersCase), &["go::limits", "go::many_keys", "go::sizes"]),
    (Map(Flaw::CutsKeys), &["keys::long"]),
    (Map(Flaw::KeysAreText), &["keys::bytes"]),
    (Map(Flaw::LosesPuts), &[
        "put::simple", "put::parallel", "get::simple", "get_many::streaming", "query::mutated_meanwhile",
        "query_keys::mutated_meanwhile", "values::isolated", "threads::histories",
        "threads::histories_with_drops"
    ]),
    (Map(Flaw::LosesDeletes), &[
        "delete::simple", "delete::parallel", "delete_many::streaming", "batch::simple", "go::batch_delete"
    ]),
    (Map(Flaw::LosesEmptyValues), &["values::empty", "values::metadata", "batch_rules::mixed"]),
    (Map(Flaw::CutsValues), &["go::batch_large", "batch_rules::mixed"]),
    (Map(Flaw::DeletesBelow), &["keys::value_and_children", "model::operations"]),
    (Map(Flaw::IgnoresConditions), &[
        "conditions::if_absent", "conditions::if_match", "conditions::delete_if_match",
        "threads::if_absent"
    ]),
    (Map(Flaw::RacyConditions), &[
        "conditions::if_absent_race", "conditions::across_handles", "conditions::if_match_race"
    ]),
    (Map(Flaw::AcceptsDeleteIfAbsent), &["conditions::delete_if_absent"]),
    (Map(Flaw::TellsNoVersions), &["conditions::versions", "conditions::if_match_race", "watch::versions"]),
    (Map(Flaw::OneVersionForAll), &["conditions::versions"]),
    (Map(Flaw::IgnoresExpiry), &["expiry::before", "expiry::behind", "expiry::comes", "expiry::every_way"]),
    (Map(Flaw::KeepsExpiry), &["expiry::lifted"]),
    (Map(Flaw::KeepsPartOfStreams), &["values::put_stream", "values::put_stream_fails"]),
    (Map(Flaw::LateDrops), &["cancellation::late_effects", "cancellation::close_waits"]),
    (Map(Flaw::TornOnDrop), &[
        "cancellation::put", "cancellation::put_stream", "cancellation::delete", "cancellation::batch",
        "cancellation::put_many", "cancellation::delete_many"
    ]),
    (Map(Flaw::PutsThenDeletes), &["go::batch_put_and_delete", "batch_rules::last_wins"]),
    (Map(Flaw::IgnoresBatchConditions), &["batch_rules::conditions_fail", "batch_rules::conditions_race"]),
    (Map(Flaw::ReplaysBatches), &["batch_rules::committed_twice"]),
    (Map(Flaw::WritesBeforePoll), &["batch_rules::dropped"]),
    (Map(Flaw::SplitBatches), &["batch_rules::atomic_for_readers", "batch_rules::atomic_for_readers", "batch_rules::atomic_when_dropped"]),
    (Map(Flaw::StopsHalfWay), &["batch_rules::atomic_with_a_bad_key"]),
    (Map(Flaw::StopsTooLate), &["many::put_fails_in_place"]),
    (Map(Flaw::MissingIsEmpty), &[
        "get::missing_key", "get_many::missing_key", "go::not_founds", "batch_rules::conditions_hold"
    ]),
    (Map(Flaw::WrongSizes), &["go::basic_put_get", "values::empty", "values::one_mebibyte", "values::metadata"]),
    (Map(Flaw::WrongKeys), &["values::metadata"]),
    (Map(Flaw::IgnoresRanges), &["values::ranges"]),
    (Map(Flaw::IgnoresIfVersion), &["conditions::get_if_version"]),
    (Map(Flaw::StaleReads), &["values::overwritten", "histories::interleaved", "histories::interleaved_and_dropped"]),
    (Map(Flaw::StuckAfterDrop), &["cancellation::reads"]),
    (Map(Flaw::CutsStreams), &["values::get_stream"]),
    (Map(Flaw::MixesVersions), &["values::get_stream_of_one_version"]),
    (Map(Flaw::ReadsAhead), &["many::put_is_lazy", "many::get_is_lazy"]),
    (Map(Flaw::GivesBackwards), &["put_many::streaming", "many::get_in_order", "many::delete_gives_all"]),
    (Map(Flaw::WritesBackwards), &["many::put_in_order"]),
    (Map(Flaw::SwallowsErrors), &["get_many::missing_key", "many::source_errors"]),
    (Map(Flaw::IgnoresPrefix), &[
        "batch::many", "query::prefix", "query::prefix_three_slashes", "query_keys::prefix", "listing::prefixes"
    ]),
    (Map(Flaw::PrefixByNamespace), &["keys::look_alikes"]),
    (Map(Flaw::IgnoresScope), &["go::prefixes", "listing::scopes"]),
    (Map(Flaw::IgnoresKeyRange), &["listing::ranges", "listing::reversed", "listing::all_together"]),
    (Map(Flaw::IgnoresCursor), &["listing::pages"]),
    (Map(Flaw::IgnoresReverse), &["listing::reversed", "listing::pages", "listing::all_together"]),
    (Map(Flaw::IgnoresFilters), &[
        "query::one_filter", "query::two_filters", "query_keys::one_filter", "query_keys::two_filters",
        "go::filters_alone", "listing::filters"
    ]),
    (Map(Flaw::IgnoresOrders), &["query::one_order", "query::one_order_reversed", "query_keys::one_order_reversed"]),
    (Map(Flaw::FirstOrderWins), &["go::orders_alone", "go::combinations", "listing::several_orders"]),
    (Map(Flaw::IgnoresLimit), &["query::limit", "query_keys::limit", "listing::key_order"]),
    (Map(Flaw::IgnoresOffset), &["query::offset", "query_keys::offset"]),
    (Map(Flaw::ZeroIsNoLimit), &["listing::odd_windows"]),
    (Map(Flaw::ValuesForKeys), &["query_keys::empty"]),
    (Map(Flaw::NoSizes), &["go::sizes", "listing::scopes", "listing::ranges"]),
    (Map(Flaw::NotInKeyOrder), &["go::prefixes", "go::filters_alone", "go::many_keys"]),
    (Map(Flaw::ListsLive), &["listing::snapshot"]),
    (Map(Flaw::FailsWhenChanged), &[
        "query::mutating_meanwhile", "query_keys::mutating_meanwhile", "listing::changed_meanwhile"
    ]),
    (Map(Flaw::ListsTwice), &["query::empty", "query_keys::one_order"]),
    (Map(Flaw::ListsBeforePoll), &["listing::lazy_and_dropped"]),
    (Map(Flaw::SilentWatch), &["watch::every_write", "watch::handles"]),
    (Map(Flaw::WatchesAll), &["watch::scoped"]),
    (Map(Flaw::WatchesUnseenKeys), &["watch::no_event_of_failures"]),
    (Map(Flaw::WrongEventVersions), &["watch::versions"]),
    (Map(Flaw::DropsEventsSilently), &["watch::lagging"]),
    (Map(Flaw::SyncPromisesPower), &["go::sync"]),
    (Map(Flaw::UpkeepLosesEntries), &["upkeep::sync"]),
    (Map(Flaw::CountsNothing), &["upkeep::disk_usage"]),
    (Map(Flaw::Maintains), &[
        "expiry::collected", "upkeep::check", "upkeep::repair", "upkeep::scrub", "upkeep::gc", "upkeep::compact"
    ]),
    (Map(Flaw::ForgetsOnClose), &["upkeep::reopened"]),
    (Disk(DiskFlaw::PublishesUnsynced), &["power::ordered"]),
    (Disk(DiskFlaw::NameUnsynced), &["power::power"]),
    (Disk(DiskFlaw::SwallowsErrors), &[
        "faults::no_space", "faults::write_error", "faults::publish_error", "faults::remove_error"
    ]),
    (Disk(DiskFlaw::WritesInPlace), &["faults::no_space", "faults::write_error", "faults::publish_error"]),
    (Disk(DiskFlaw::TrustsLengths), &["faults::short_write"]),
    (Disk(DiskFlaw::ErrorsAreAbsence), &["faults::open_limit", "faults::read_error"]),
    (Disk(DiskFlaw::ForgetsFailedSyncs), &["faults::failed_sync_stays_failed"]),
    (Disk(DiskFlaw::DiesOnErrors), &["faults::sync_error"]),
];

fn factory(store: Store) -> Arc<dyn Factory> {
    match store {
        Map(flaw) => Arc::new(move || async move { Broken::subject(flaw) }),
        Disk(flaw) => Arc::new(move || async move { DiskStore::subject(flaw) }),
    }
}

fn case(name: &str) -> &'static Case {
    let named = CASES.iter().find(|case| case.to_string() == name);
    named.unwrap_or_else(|| panic!("the table names {name}, which is no case"))
}

fn run(case: &'static Case, store: Store) -> Outcome<Verdict> {
    let executor: Arc<dyn BlockOn> = Arc::new(block_on);
    pollster::block_on(case.run_fresh(factory(store), executor))
}

#[test]
fn every_fault_is_found() {
    let mut missed = Vec::new();
    for (store, cases) in TABLE {
        for name in *cases {
            if let Ok(verdict) = run(case(name), *store) {
                missed.push(format!("{name} says of {store:?}: {verdict}"));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn every_case_finds_a_fault() {
    let finding: HashSet<&str> = TABLE
        .iter()
        .flat_map(|(_, cases)| cases.iter().copied())
        .collect();
    let idle: Vec<_> = CASES
        .iter()
        .filter(|case| !finding.contains(&*case.to_string()))
        .collect();
    assert!(
        idle.is_empty(),
        "no fault in the table proves that these can fail: {idle:?}"
    );
}

#[test]
fn every_fault_has_a_row() {
    let rows: HashSet<String> = TABLE
        .iter()
        .map(|(store, _)| format!("{store:?}"))
        .collect();
    let flaws = Flaw::ALL
        .iter()
        .filter(|flaw| **flaw != Flaw::None)
        .map(|flaw| Map(*flaw));
    let disk_flaws = DiskFlaw::ALL
        .iter()
        .filter(|flaw| **flaw != DiskFlaw::None)
        .map(|flaw| Disk(*flaw));
    let missing: Vec<_> = flaws
        .chain(disk_flaws)
        .filter(|store| !rows.contains(&format!("{store:?}")))
        .collect();
    assert!(missing.is_empty(), "faults without a row: {missing:?}");
}

/// Without a fault the same stores pass, so that what the table finds is the fault.
#[test]
fn stores_without_a_fault_pass() {
    let disk_cases = CASES
        .iter()
        .filter(|case| ["faults", "power"].contains(&case.group))
        .map(|case| (case, Disk(DiskFlaw::None)));
    let map_cases = CASES.iter().map(|case| (case, Map(Flaw::None)));
    let complaints: Vec<String> = disk_cases
        .chain(map_cases)
        .filter_map(|(case, store)| {
            Some(format!("{case} of {store:?}: {}", run(case, store).err()?))
        })
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// What a store with all means proves is told as proven, not passed over.
#[test]
fn nothing_is_passed_over() {
    for case in CASES
        .iter()
        .filter(|case| ["faults", "power"].contains(&case.group))
    {
        assert_eq!(
            run(case, Disk(DiskFlaw::None)).unwrap(),
            Verdict::Proven,
            "{case}"
        );
    }
    let needs: fn(&Case) -> bool = |case| {
        use interface_datastore_tests::Need::*;
        let beyond = [
            Check,
            Repair,
            Scrub,
            Compact,
            Persistent,
            CrossProcess,
            Process,
            Ordered,
            Power,
            Faults,
        ];
        !case.needs.iter().any(|need| beyond.contains(need))
    };
    // These want a key that the store refuses, and the map takes all.
    let wants_bad_keys = ["put_fails_in_place", "atomic_with_a_bad_key"];
    let provable = CASES
        .iter()
        .filter(|case| needs(case) && !wants_bad_keys.contains(&case.name));
    for case in provable {
        assert_eq!(
            run(case, Map(Flaw::None)).unwrap(),
            Verdict::Proven,
            "{case}"
        );
    }
}

/// A medium that knows no faults proves nothing, and that is said.
#[test]
fn unknown_faults_are_not_proven() {
    struct Sound;
    impl FaultSubject for Sound {
        fn arm(&self, _: Fault, _: u64) -> bool {
            false
        }
        fn disarm(&self) -> bool {
            false
        }
    }
    let make: Arc<dyn Factory> =
        Arc::new(|| async { Subject::new(Broken::new(Flaw::None)).with_faults(Sound) });
    let executor: Arc<dyn BlockOn> = Arc::new(block_on);
    for case in CASES.iter().filter(|case| case.group == "faults") {
        let verdict = pollster::block_on(case.run_fresh(make.clone(), executor.clone())).unwrap();
        let refused = case.name == "failed_sync_stays_failed" && verdict == Verdict::Refused;
        assert!(
            refused || matches!(verdict, Verdict::NotProven(_)),
            "{case}: {verdict}"
        );
    }
}

/// A subject made by hand, without a factory, can run cases too; those that need fresh ones say so.
#[test]
fn cases_run_on_a_subject_made_by_hand() {
    let subject = Subject::new(Broken::new(Flaw::None));
    let outcome = pollster::block_on(case("put::simple").run(&subject));
    assert_eq!(outcome.unwrap(), Verdict::Proven);
    let failure = pollster::block_on(case("model::operations").run(&subject)).unwrap_err();
    assert!(
        failure.to_string().contains("not made by a factory"),
        "{failure}"
    );
}
