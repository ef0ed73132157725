//! The one table.

use super::Row;
use super::plan::{Column, GROUPS, Group, TARGETS, Target};

/// Prints medians, best figures and ratios.
pub(crate) fn print(rows: &[Row]) {
    println!(
        "µs for an operation: median [best] (median over the repetitions of the ratio to the raw limit inside one); \
         a ratio that misses its target is bold\n"
    );
    let titles = Column::ALL.map(Column::title).join(" | ");
    println!("| group | workload | {titles} | target |");
    println!("|---|---|{}---|", "---|".repeat(Column::ALL.len()));
    for group in GROUPS {
        for workload in workloads(group, rows) {
            let target = TARGETS
                .iter()
                .find(|target| target.group == group.name && target.workload == workload);
            let cells = Column::ALL.map(|column| cell(group, workload, column, target, rows));
            let target = target.map(wording).unwrap_or_default();
            println!(
                "| {} | {workload} | {} | {target} |",
                group.name,
                cells.join(" | ")
            );
        }
    }
}

/// The workloads of a group that were measured.
fn workloads<'a>(group: &'a Group, rows: &[Row]) -> Vec<&'a str> {
    let measured = |workload: &&str| {
        rows.iter()
            .any(|row| row.group == group.name && row.line.workload == *workload)
    };
    let all = group.workloads.iter().copied().chain(["delete"]);
    all.filter(measured).collect()
}

fn wording(target: &Target) -> String {
    let which = if target.inline_only { ", inline" } else { "" };
    format!("≤ {:.2}×{which}", target.at_most)
}

fn cell(
    group: &Group,
    workload: &str,
    column: Column,
    target: Option<&Target>,
    rows: &[Row],
) -> String {
    let times = times(group, workload, column, rows);
    let Some(middle) = median(times.iter().map(|(_, micros)| *micros)) else {
        return "–".to_owned();
    };
    let best = times
        .iter()
        .map(|(_, micros)| *micros)
        .fold(middle, f64::min);
    let shown = format!("{} [{}]", figure(middle), figure(best));
    if column == Column::Raw {
        return shown;
    }
    let raw = self::times(group, workload, Column::Raw, rows);
    let ratios = times.iter().filter_map(|(repetition, micros)| {
        let (_, raw) = raw.iter().find(|(of, _)| of == repetition)?;
        Some(micros / raw)
    });
    let Some(ratio) = median(ratios) else {
        return shown;
    };
    let bound = target.is_some_and(|target| match column {
        Column::Ours => !target.inline_only && ratio > target.at_most,
        Column::Inline => ratio > target.at_most,
        _ => false,
    });
    if bound {
        format!("{shown} (**{ratio:.2}×**)")
    } else {
        format!("{shown} ({ratio:.2}×)")
    }
}

/// Repetition and microseconds of a cell's lines.
fn times(group: &Group, workload: &str, column: Column, rows: &[Row]) -> Vec<(usize, f64)> {
    let contender = group.contenders.iter().find(|one| one.column == column);
    let of_cell = |row: &&Row| {
        row.group == group.name
            && row.line.workload == workload
            && contender.is_some_and(|contender| contender.name == row.line.contender)
    };
    let cell = rows.iter().filter(of_cell);
    cell.map(|row| (row.repetition, row.line.micros()))
        .collect()
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => Some(
            values
                .get(middle.checked_sub(1)?)?
                .midpoint(*values.get(middle)?),
        ),
        _ => values.get(middle).copied(),
    }
}

/// Three digits.
fn figure(micros: f64) -> String {
    let decimals = match micros {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{micros:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::{figure, median};

    #[test]
    fn medians_and_figures() {
        for (values, middle) in [
            (&[][..], None),
            (&[3.0], Some(3.0)),
            (&[4.0, 1.0], Some(2.5)),
            (&[9.0, 1.0, 2.0], Some(2.0)),
        ] {
            assert_eq!(median(values.iter().copied()), middle);
        }
        for (micros, shown) in [
            (0.126, "0.13"),
            (9.5, "9.50"),
            (12.34, "12.3"),
            (150.7, "151"),
        ] {
            assert_eq!(figure(micros), shown);
        }
    }
}
