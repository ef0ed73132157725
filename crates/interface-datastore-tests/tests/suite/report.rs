//! The report tells each claim with what was found of it.

use crate::common::{
    broken::{Broken, Flaw},
    disk_store::{DiskFlaw, DiskStore},
};
use interface_datastore_tests::{Factory, Report, block_on, report};

fn report_of(factory: impl Factory) -> Report {
    pollster::block_on(report(factory, block_on))
}

/// The outcome that the table prints for a claim.
fn outcome<'a>(table: &'a str, claim: &str) -> &'a str {
    let line = table.lines().find(|line| line.starts_with(claim));
    line.unwrap_or_else(|| panic!("no row for {claim} in\n{table}"))
}

#[test]
fn claims_are_told_as_they_were_found() {
    let report = report_of(|| async { Broken::subject(Flaw::None) });
    let table = report.to_string();
    assert!(report.is_green(), "{table}");
    let rows = [
        ("writable", "yes       proven"),
        ("retains", "yes       proven"),
        ("linearizable", "proven"),
        ("if_absent ", "yes       proven"),
        ("if_absent: cross-process", "not claimed"),
        ("expiry", "proven"),
        ("keys", "any       proven"),
        ("max_value_len", "none      proven"),
        ("persistent", "not claimed"),
        ("maintenance: check", "refused, as declared"),
        ("durability: power", "refused, as declared"),
        ("ranged_get", "declared, not proven"),
        ("pushdown: prefix", "not claimed"),
    ];
    for (claim, expected) in rows {
        assert!(
            outcome(&table, claim).contains(expected),
            "{claim}: {expected} in\n{table}"
        );
    }
}

#[test]
fn broken_claims_are_told() {
    let report = report_of(|| async { Broken::subject(Flaw::IgnoresExpiry) });
    assert!(!report.is_green());
    let table = report.to_string();
    assert!(
        outcome(&table, "expiry").contains("BROKEN: expiry::"),
        "{table}"
    );
    assert!(outcome(&table, "key_order").contains("proven"), "{table}");
}

#[test]
fn hooks_prove_durability() {
    let table = report_of(|| async { DiskStore::subject(DiskFlaw::None) }).to_string();
    assert!(
        outcome(&table, "durability: process").contains("crash_conformance!"),
        "{table}"
    );
    assert!(
        outcome(&table, "durability: ordered").ends_with("proven"),
        "{table}"
    );
    assert!(
        outcome(&table, "durability: power").ends_with("proven"),
        "{table}"
    );
}
