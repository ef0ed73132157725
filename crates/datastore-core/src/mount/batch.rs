//! Batches over one or several mounts.

use std::collections::BTreeMap;

use interface_datastore::{
    Batch, BatchOp, BatchReport, Claim, Error, ErrorKind, Key, Operation, Result, WriteOptions,
    Written, check_aborted,
};

use super::{Mount, Table, no_mount};

/// Applies a batch. That of one mount goes to its store as it is; others mount after mount.
pub(super) async fn write(table: &Table, batch: Batch, options: WriteOptions) -> Result<Written> {
    check_aborted(options.abort.as_ref(), Operation::Write, None)?;
    let (ops, requirements) = batch.into_parts();
    let mut parts: BTreeMap<usize, Batch> = BTreeMap::new();
    let conditional = !requirements.is_empty();
    for (key, condition) in requirements {
        part(table, &mut parts, &key)?.require(key, condition);
    }
    for op in ops {
        part(table, &mut parts, op.key())?.push(op);
    }
    let mut parts: Vec<(&Mount, Batch)> = parts
        .into_iter()
        .filter_map(|(index, batch)| Some((table.0.get(index)?, batch)))
        .collect();
    if parts.len() > 1 {
        check_spanning(&parts, conditional, &options)?;
        return write_each(parts, options).await;
    }
    match parts.pop() {
        Some((mount, batch)) => mount.store.write_opts(batch, options).await,
        None => Ok(Written::default()),
    }
}

fn part<'a>(
    table: &Table,
    parts: &'a mut BTreeMap<usize, Batch>,
    key: &Key,
) -> Result<&'a mut Batch> {
    let owner = table.owner(key);
    let owner = owner.ok_or_else(|| no_mount(Operation::Write, key))?;
    Ok(parts.entry(owner).or_default())
}

/// Refuses beforehand what any of the stores would refuse once others have been written to.
fn check_spanning(
    parts: &[(&Mount, Batch)],
    conditional: bool,
    options: &WriteOptions,
) -> Result<()> {
    if conditional || options.atomic {
        let what = "conditions in a batch, or an atomic batch, over several mounts";
        return Err(Error::unsupported(Operation::Write, what));
    }
    for (mount, batch) in parts {
        let can = mount.store.capabilities(&mount.prefix);
        can.durability(Operation::Write, options.durability)
            .map_err(|error| error.with_key(&mount.prefix))?;
        for op in batch.ops() {
            if !can.writable.may() {
                return Err(Error::new(ErrorKind::ReadOnly, Operation::Write).with_key(op.key()));
            }
            let expiring = matches!(
                op,
                BatchOp::Put {
                    expires: Some(_),
                    ..
                }
            );
            if expiring && !can.expiry.may() {
                return Err(Error::unsupported(Operation::Write, "expiry").with_key(op.key()));
            }
            can.keys.check(Operation::Write, op.key())?;
        }
    }
    Ok(())
}

async fn write_each(parts: Vec<(&Mount, Batch)>, options: WriteOptions) -> Result<Written> {
    let mut report = BatchReport::new();
    for (mount, batch) in parts {
        let keys: Vec<Key> = batch.ops().iter().map(|op| op.key().clone()).collect();
        if let Err(error) = mount.store.write_opts(batch, options.clone()).await {
            add_failure(&mut report, mount, keys, &error);
            return Err(error.with_report(report));
        }
        report.applied.extend(keys);
    }
    Ok(Written::default())
}

/// What is known of the keys of the mount whose batch failed.
fn add_failure(report: &mut BatchReport, mount: &Mount, keys: Vec<Key>, error: &Error) {
    if let Some(own) = error.report() {
        report.applied.extend_from_slice(&own.applied);
        report.failed.extend_from_slice(&own.failed);
        report.unknown.extend_from_slice(&own.unknown);
        return;
    }
    let atomic = mount.store.capabilities(&mount.prefix).atomic_batch == Claim::Yes;
    let without_effect = match error.kind() {
        ErrorKind::OutcomeUnknown | ErrorKind::Aborted => false,
        ErrorKind::Unsupported
        | ErrorKind::PreconditionFailed
        | ErrorKind::ReadOnly
        | ErrorKind::Closed
        | ErrorKind::NoMount
        | ErrorKind::InvalidKey
        | ErrorKind::InvalidArgument => true,
        _ => atomic,
    };
    if without_effect {
        report.failed.extend(keys);
    } else {
        report.unknown.extend(keys);
    }
}
