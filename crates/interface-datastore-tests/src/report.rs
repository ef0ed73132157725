//! What a store claims, and what of it was proven.

use std::{fmt, sync::Arc};

use interface_datastore::{Capabilities, Claim, KeyRules};

use crate::{BlockOn, CASES, Case, Factory, Failure, Need, Outcome, Subject, Verdict};

/// Claims that rest on cases which need them, and those claims' names.
const CLAIMS: [(&str, Need); 24] = [
    ("writable", Need::Writable),
    ("retains", Need::Retains),
    ("persistent", Need::Persistent),
    ("linearizable", Need::Linearizable),
    ("dropped_writes_settle", Need::DroppedWritesSettle),
    ("if_absent", Need::IfAbsent),
    ("if_absent: cross-process", Need::CrossProcess),
    ("if_match", Need::IfMatch),
    ("versions", Need::Versions),
    ("expiry", Need::Expiry),
    ("atomic_batch", Need::AtomicBatch),
    ("batch_conditions", Need::BatchConditions),
    ("key_order", Need::KeyOrder),
    ("snapshot_query", Need::SnapshotQuery),
    ("watch", Need::Watch),
    ("disk_usage", Need::DiskUsage),
    ("maintenance: check", Need::Check),
    ("maintenance: repair", Need::Repair),
    ("maintenance: scrub", Need::Scrub),
    ("maintenance: gc", Need::Gc),
    ("maintenance: compact", Need::Compact),
    ("durability: process", Need::Process),
    ("durability: ordered", Need::Ordered),
    ("durability: power", Need::Power),
];

/// Why the claims about cost stay unproven: they are about what is not read, which no answer shows.
const COST: &str = "a claim about cost, which answers do not show";

/// Why `Process` stays unproven by cases: it takes a process that is killed.
const KILL: &str = "crash_conformance! proves this";

/// One line of a [`Report`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Row {
    /// The claim's name.
    pub claim: &'static str,
    /// What the store declares.
    pub declared: String,
    /// What the cases that need it found; a failure names its case.
    pub outcome: Outcome<Verdict>,
}

/// What a store claims, and what of it was proven. Prints as a table.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// One row for each claim.
    pub rows: Vec<Row>,
    /// All cases that failed.
    pub failures: Vec<(&'static str, &'static str, Failure)>,
    /// How many cases were run.
    pub cases: usize,
}

impl Report {
    /// Whether no case failed.
    pub fn is_green(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Runs all cases, each on a fresh subject, and tells what they prove. Takes as long as all tests together.
pub async fn report(factory: impl Factory, block_on: impl BlockOn) -> Report {
    let (factory, block_on): (Arc<dyn Factory>, Arc<dyn BlockOn>) =
        (Arc::new(factory), Arc::new(block_on));
    let mut outcomes = Vec::new();
    for case in CASES {
        outcomes.push((
            case,
            case.run_fresh(factory.clone(), block_on.clone()).await,
        ));
    }
    let subject = Subject::make(factory, block_on).await;
    let capabilities = subject.capabilities();
    subject.tear_down().await;
    let proven = CLAIMS
        .iter()
        .map(|(claim, need)| row(claim, *need, &capabilities, &outcomes));
    let failed = |(case, outcome): &(&Case, Outcome<Verdict>)| {
        outcome
            .as_ref()
            .err()
            .map(|failure| (case.group, case.name, failure.clone()))
    };
    let limits = limit_rows(&capabilities, &outcomes);
    Report {
        rows: proven
            .chain(limits)
            .chain(cost_rows(&capabilities))
            .collect(),
        failures: outcomes.iter().filter_map(failed).collect(),
        cases: outcomes.len(),
    }
}

fn row(
    claim: &'static str,
    need: Need,
    can: &Capabilities,
    outcomes: &[(&Case, Outcome<Verdict>)],
) -> Row {
    let concerned = outcomes
        .iter()
        .filter(|(case, _)| case.needs.contains(&need));
    let declared = need.claim(can);
    let outcome = combined(concerned.map(|(case, outcome)| (*case, outcome)));
    let outcome = match (need, declared, outcome) {
        (Need::Process, Claim::Yes, Ok(_)) => Ok(Verdict::NotProven(KILL.into())),
        (_, _, outcome) => outcome,
    };
    Row {
        claim,
        declared: declared.to_string(),
        outcome,
    }
}

/// A failure if there is one; else what the cases that could be run found.
fn combined<'a>(
    outcomes: impl Iterator<Item = (&'a Case, &'a Outcome<Verdict>)>,
) -> Outcome<Verdict> {
    let rank = |outcome: &Outcome<Verdict>| match outcome {
        Err(_) => 0,
        Ok(Verdict::Proven) => 1,
        Ok(Verdict::Refused) => 2,
        // What the subject does not offer takes nothing from what other cases proved.
        Ok(Verdict::NotProven(_)) => 3,
        Ok(Verdict::NotClaimed) => 4,
    };
    match outcomes.min_by_key(|(_, outcome)| rank(outcome)) {
        Some((case, Err(failure))) => Err(failure.clone().during(case)),
        Some((_, Ok(verdict))) => Ok(verdict.clone()),
        None => Ok(Verdict::NotProven("no case needs it".into())),
    }
}

/// Which keys and values are taken: what is not must be refused.
fn limit_rows(can: &Capabilities, outcomes: &[(&Case, Outcome<Verdict>)]) -> Vec<Row> {
    let of_group = |group: &'static str| {
        let concerned = outcomes.iter().filter(move |(case, _)| case.group == group);
        combined(concerned.map(|(case, outcome)| (*case, outcome)))
    };
    let all_keys = can.keys == KeyRules::any();
    vec![
        Row {
            claim: "keys",
            declared: if all_keys { "any" } else { "some" }.into(),
            outcome: of_group("keys"),
        },
        Row {
            claim: "max_value_len",
            declared: can
                .max_value_len
                .map_or("none".into(), |max| max.to_string()),
            outcome: of_group("values"),
        },
    ]
}

fn cost_rows(can: &Capabilities) -> Vec<Row> {
    let claims = [
        ("ranged_get", can.ranged_get),
        ("streaming_put", can.streaming_put),
        ("streaming_get", can.streaming_get),
        ("pushdown: prefix", can.pushdown.prefix),
        ("pushdown: range", can.pushdown.range),
        ("pushdown: reverse", can.pushdown.reverse),
        ("pushdown: sizes", can.pushdown.sizes),
    ];
    let row = |(claim, declared): (&'static str, Claim)| Row {
        claim,
        declared: declared.to_string(),
        outcome: Ok(if declared == Claim::No {
            Verdict::NotClaimed
        } else {
            Verdict::NotProven(COST.into())
        }),
    };
    claims.into_iter().map(row).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<26}{:<10}outcome", "claim", "declared")?;
        for row in &self.rows {
            write!(f, "{:<26}{:<10}", row.claim, row.declared)?;
            match &row.outcome {
                Ok(verdict) => writeln!(f, "{verdict}")?,
                Err(failure) => writeln!(f, "BROKEN: {failure}")?,
            }
        }
        writeln!(
            f,
            "\n{} of {} cases passed",
            self.cases - self.failures.len(),
            self.cases
        )?;
        for (group, name, failure) in &self.failures {
            writeln!(f, "  {group}::{name}: {failure}")?;
        }
        Ok(())
    }
}
