//! The one table.

use super::Row;
use super::plan::{Column, GROUPS, Group, Target};

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
            let target = Target::of(group.name, workload);
            let cells = Column::ALL.map(|column| cell(group, workload, column, target, rows));
            let target = target.map(Target::wording).unwrap_or_default();
            println!(
                "| {} | {workload} | {} | {target} |",
                group.name,
                cells.join(" | ")
            );
        }
    }
}

/// The workloads of a group that were measured, as planned, and others as they came.
fn workloads<'a>(group: &Group, rows: &'a [Row]) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| row.group == group.name) {
        if !found.contains(&row.line.workload.as_str()) {
            found.push(&row.line.workload);
        }
    }
    let place = |name: &str| group.workloads.iter().position(|planned| *planned == name);
    found.sort_by_key(|name| place(name).unwrap_or(usize::MAX));
    found
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
    let pairs: Vec<(f64, f64)> = times
        .iter()
        .filter_map(|(repetition, micros)| {
            let (_, raw) = raw.iter().find(|(of, _)| of == repetition)?;
            Some((*micros, *raw))
        })
        .collect();
    let ratio = median(pairs.iter().map(|(micros, raw)| micros / raw));
    let more = median(pairs.iter().map(|(micros, raw)| micros - raw));
    let (Some(ratio), Some(more)) = (ratio, more) else {
        return shown;
    };
    if target.is_some_and(|target| target.is_missed(column, ratio, more)) {
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
