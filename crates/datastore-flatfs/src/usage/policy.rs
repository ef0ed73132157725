//! Arithmetic of go-ds-flatfs: estimates from samples, and when a number is worth storing.

/// The size of a folder, of which `processed` of `total` entries take `sum` bytes.
// Numbers beyond 2^53 lose their last digits, there as here.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub(super) fn extrapolated(own: i64, sum: i64, processed: usize, total: usize) -> i64 {
    let average = if processed == 0 {
        0.0
    } else {
        sum as f64 / processed as f64
    };
    let rest = average * total.saturating_sub(processed) as f64;
    sum.saturating_add(rest as i64).saturating_add(own)
}

/// Whether a number is stored at once, as it differs from the stored one by more than one percent, or can wait a little.
pub(super) fn is_stored_at_once(stored: i64, now: i64) -> bool {
    i128::from(stored) < (i128::from(now) - i128::from(stored)).abs() * 100
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{extrapolated, is_stored_at_once};
    use crate::usage::Accuracy;

    fn records(section: &str) -> Vec<Value> {
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors").into();
        let folder = std::env::var("RS_STORES_VECTORS").unwrap_or(own);
        let text = std::fs::read_to_string(format!("{folder}/flatfs.json")).unwrap();
        let all: Value = serde_json::from_str(&text).unwrap();
        all[section].as_array().unwrap().clone()
    }

    #[test]
    fn estimates_as_the_original() {
        for record in records("folder_estimate") {
            let sampled = &record["sampled"];
            let (sum, processed) = match sampled.as_array() {
                Some(sizes) => (
                    sizes.iter().filter_map(Value::as_i64).sum(),
                    sizes.len() as u64,
                ),
                None => (
                    sampled["sum"].as_i64().unwrap(),
                    sampled["count"].as_u64().unwrap(),
                ),
            };
            let total = record["entries_in_folder"].as_u64().unwrap();
            let own = record["own_size"].as_i64().unwrap();
            let estimate = extrapolated(own, sum, processed as usize, total as usize);
            assert_eq!(Some(estimate), record["estimate"].as_i64(), "{record}");
        }
    }

    #[test]
    fn stores_when_the_original_does() {
        for record in records("checkpoint_now") {
            let number = |field: &str| record[field].as_i64().unwrap();
            let at_once = is_stored_at_once(number("last_stored"), number("current"));
            assert_eq!(Some(at_once), record["write_at_once"].as_bool(), "{record}");
        }
    }

    #[test]
    fn combines_as_the_original() {
        for record in records("combine_accuracy") {
            let accuracy = |field: &str| Accuracy::from_text(record[field].as_str().unwrap());
            let combined = accuracy("a").combine(&accuracy("b"));
            assert_eq!(combined, accuracy("result"), "{record}");
        }
    }
}
