//! A batch without its history: one change for each key, and no range deletes.

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;

use crate::{Batch, BatchOp, BatchValue, Error, KeyRange, Result};

/// The last thing that a batch does to a key.
#[derive(Clone)]
pub struct Change<'a> {
    /// The key.
    pub key: Cow<'a, [u8]>,
    /// Its new value; none: it is removed.
    pub value: Option<BatchValue<'a>>,
}

/// What a batch comes to, in ascending order of keys: for engines whose own batches have no range deletes or no order.
///
/// `keys_in` lists the keys that the engine holds in a range; at most `max_keys` of them are taken in all. Nobody else may
/// change the engine between this and the commit of what it gives.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) if there are more; those of `keys_in`.
pub fn flatten<'a, I>(
    batch: &'a Batch,
    max_keys: u64,
    keys_in: impl FnMut(KeyRange<'_>) -> Result<I>,
) -> Result<Vec<Change<'a>>>
where
    I: Iterator<Item = Result<Bytes>>,
{
    if batch.has_range_deletes() {
        return with_range_deletes(batch, max_keys, keys_in);
    }
    let mut changes: Vec<Change<'a>> = batch.iter().filter_map(single).collect();
    if !changes.is_sorted_by(|before, after| before.key < after.key) {
        // Both keep the order among equals, and the first of those is the last operation.
        changes.reverse();
        changes.sort_by(|a, b| a.key.cmp(&b.key));
        changes.dedup_by(|next, kept| next.key == kept.key);
    }
    Ok(changes)
}

fn single(op: BatchOp<'_>) -> Option<Change<'_>> {
    let (key, value) = match op {
        BatchOp::Put { key, value } => (key, Some(value)),
        BatchOp::Delete { key } => (key, None),
        BatchOp::DeleteRange(_) => return None,
    };
    Some(Change {
        key: key.into(),
        value,
    })
}

fn with_range_deletes<'a, I>(
    batch: &'a Batch,
    max_keys: u64,
    mut keys_in: impl FnMut(KeyRange<'_>) -> Result<I>,
) -> Result<Vec<Change<'a>>>
where
    I: Iterator<Item = Result<Bytes>>,
{
    let mut last: BTreeMap<Cow<'a, [u8]>, Option<BatchValue<'a>>> = BTreeMap::new();
    let mut met = 0;
    for op in batch.iter() {
        match op {
            BatchOp::DeleteRange(range) if range.is_empty() => {}
            BatchOp::DeleteRange(range) => {
                for (_, value) in last.range_mut::<[u8], _>(range) {
                    *value = None;
                }
                for key in keys_in(range)? {
                    met += 1;
                    if met > max_keys {
                        return Err(too_many_keys(max_keys));
                    }
                    last.insert(Cow::Owned(key?.to_vec()), None);
                }
            }
            op => last.extend(single(op).map(|change| (change.key, change.value))),
        }
    }
    let change = |(key, value)| Change { key, value };
    Ok(last.into_iter().map(change).collect())
}

/// The refusal of a batch whose range deletes meet more keys than the engine takes.
pub fn too_many_keys(max_keys: u64) -> Error {
    Error::unsupported(format!(
        "the range deletes of this batch meet more than the {max_keys} keys that the engine deletes in one commit"
    ))
    .with_remedy("delete the range in several commits")
}

#[cfg(test)]
mod tests {
    use super::flatten;
    use crate::{Batch, ErrorKind, Result};
    use bytes::Bytes;

    const HELD: [&str; 4] = ["a", "b", "c", "d"];

    fn told(batch: &Batch, max_keys: u64) -> Result<String> {
        let changes = flatten(batch, max_keys, |range| {
            let held = HELD
                .into_iter()
                .filter(|key| range.contains(key.as_bytes()));
            Ok(held
                .map(|key| Ok(Bytes::from(key)))
                .collect::<Vec<_>>()
                .into_iter())
        })?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let change = |change: &super::Change<'_>| match change.value {
            Some(value) => format!("{}={}", text(&change.key), text(value.as_slice())),
            None => format!("-{}", text(&change.key)),
        };
        Ok(changes.iter().map(change).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_last_operation_wins() {
        type Row<'a> = (&'a dyn for<'b> Fn(&'b mut Batch) -> &'b mut Batch, &'a str);
        let rows: [Row<'_>; 8] = [
            (&|batch| batch, ""),
            (&|b| b.put(b"x", b"1").put(b"y", b"2"), "x=1 y=2"),
            (
                &|b| b.put(b"y", b"1").put(b"x", b"2").put(b"y", b"3"),
                "x=2 y=3",
            ),
            (&|b| b.put(b"x", b"1").delete(b"x"), "-x"),
            (&|b| b.delete(b"x").put(b"x", b"1"), "x=1"),
            (
                &|b| {
                    b.put(b"b", b"1")
                        .put(b"bb", b"2")
                        .delete_range(b"b", Some(b"d"))
                },
                "-b -bb -c",
            ),
            (&|b| b.delete_range(b"b", None).put(b"c", b"1"), "-b c=1 -d"),
            (&|b| b.put(b"x", b"1").delete_range(b"y", Some(b"b")), "x=1"),
        ];
        for (make, expected) in rows {
            let mut batch = Batch::new();
            make(&mut batch);
            assert_eq!(told(&batch, 4).unwrap(), expected);
        }
    }

    #[test]
    fn ranges_are_bounded() {
        let mut batch = Batch::new();
        batch
            .delete_range(b"a", Some(b"c"))
            .delete_range(b"", Some(b"b"));
        assert_eq!(told(&batch, 3).unwrap(), "-a -b");
        let refused = told(&batch, 2).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        assert!(refused.to_string().contains("several commits"), "{refused}");
    }
}
