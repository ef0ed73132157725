//! What is refused before any effect.

use crate::{Batch, BatchOp, EngineCapabilities, Error, RangeDelete, Result};

/// Refuses a batch with keys, values or operations that the engine does not take.
///
/// # Errors
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an empty key or one too long, and for a value too long;
/// [`Unsupported`](crate::ErrorKind::Unsupported) for a range delete where there are none.
pub fn check_batch(capabilities: &EngineCapabilities, batch: &Batch) -> Result<()> {
    if batch.has_range_deletes() && capabilities.range_delete == RangeDelete::Refused {
        return Err(Error::unsupported("range deletes in batches"));
    }
    for op in batch.iter() {
        match op {
            BatchOp::Put { key, value } => {
                check_key(capabilities, key)?;
                check_len("value", value.as_slice(), capabilities.max_value_len)?;
            }
            BatchOp::Delete { key } => check_key(capabilities, key)?,
            // The bounds of a range are compared, never stored.
            BatchOp::DeleteRange(_) => {}
        }
    }
    Ok(())
}

fn check_key(capabilities: &EngineCapabilities, key: &[u8]) -> Result<()> {
    if key.is_empty() {
        return Err(Error::invalid("a key must not be empty"));
    }
    check_len("key", key, capabilities.max_key_len)
}

fn check_len(what: &str, bytes: &[u8], max: Option<u64>) -> Result<()> {
    let len = bytes.len() as u64;
    match max {
        Some(max) if len > max => Err(Error::invalid(format!(
            "a {what} of {len} bytes is longer than the {max} that this engine takes"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check_batch;
    use crate::{Batch, EngineCapabilities, ErrorKind, RangeDelete};

    #[test]
    fn what_the_engine_does_not_take_is_refused() {
        let mut can = EngineCapabilities::none();
        (can.max_key_len, can.max_value_len) = (Some(3), Some(5));
        let refusal = |make: &dyn for<'b> Fn(&'b mut Batch) -> &'b mut Batch,
                       can: &EngineCapabilities| {
            let mut batch = Batch::new();
            batch.put(b"ok", b"fine");
            make(&mut batch);
            check_batch(can, &batch).err().map(|error| error.kind())
        };
        type Row<'a> = (
            &'a dyn for<'b> Fn(&'b mut Batch) -> &'b mut Batch,
            Option<ErrorKind>,
        );
        let rows: [Row<'_>; 7] = [
            (&|batch| batch, None),
            (&|batch| batch.put(b"key", b"value"), None),
            (
                &|batch| batch.put(b"", b"v"),
                Some(ErrorKind::InvalidArgument),
            ),
            (&|batch| batch.delete(b""), Some(ErrorKind::InvalidArgument)),
            (
                &|batch| batch.put(b"long", b"v"),
                Some(ErrorKind::InvalidArgument),
            ),
            (
                &|batch| batch.put(b"k", b"longer"),
                Some(ErrorKind::InvalidArgument),
            ),
            (
                &|batch| batch.delete_range(b"", None),
                Some(ErrorKind::Unsupported),
            ),
        ];
        for (at, (make, expected)) in rows.into_iter().enumerate() {
            assert_eq!(refusal(make, &can), expected, "row {at}");
        }
        can.range_delete = RangeDelete::Native;
        assert_eq!(
            refusal(&|batch| batch.delete_range(b"longer", None), &can),
            None
        );
    }
}
