//! The one table.

use super::Row;
use super::plan::{Column, Group, Table, Target, groups};

/// Prints medians, best figures and ratios, a table for each kind of groups that was measured.
pub(crate) fn print(rows: &[Row]) {
    println!(
        "µs for an operation: median [best] (median over the repetitions of the ratio to the first column, or to the one named, \
         inside one); a ratio that misses its target is bold"
    );
    let is_measured = |group: &&Group| rows.iter().any(|row| row.group == group.name);
    for table in Table::ALL {
        let of_table = groups()
            .filter(is_measured)
            .filter(|group| group.table == table);
        if of_table.clone().next().is_none() {
            continue;
        }
        let titles: Vec<&str> = table.columns().iter().map(|(_, title)| *title).collect();
        println!("\n| group | workload | {} | target |", titles.join(" | "));
        println!("|---|---|{}---|", "---|".repeat(titles.len()));
        for group in of_table {
            print_group(group, rows);
        }
    }
}

fn print_group(group: &Group, rows: &[Row]) {
    for workload in workloads(group, rows) {
        let columns = group.table.columns().iter();
        let cells: Vec<String> = columns
            .map(|(column, _)| cell(group, workload, *column, rows))
            .collect();
        let targets: Vec<String> = Target::of(group.name, workload)
            .map(Target::wording)
            .collect();
        println!(
            "| {} | {workload} | {} | {} |",
            group.name,
            cells.join(" | "),
            targets.join(", ")
        );
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

fn cell(group: &Group, workload: &str, column: Column, rows: &[Row]) -> String {
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
    let (reference, named) = group.table.reference(column);
    let raw = self::times(group, workload, reference, rows);
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
    if Target::of(group.name, workload).any(|target| target.is_missed(column, ratio, more)) {
        format!("{shown} (**{ratio:.2}×**{named})")
    } else {
        format!("{shown} ({ratio:.2}×{named})")
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
