//! Reading a database in every way.

use std::collections::BTreeMap;
use std::path::Path;

use datastore_leveldb::{LevelDatastore, LevelOptions, Lock};
use futures::TryStreamExt;
use interface_datastore::{
    Datastore, DatastoreExt, Error, ErrorKind, Key, MaintainOptions, Maintenance, Query, Result,
};
use pollster::block_on;

pub(crate) type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// What is known of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// What has a right checksum is as LevelDB wrote it.
    Checksums,
    /// Nothing: keys may contradict each other.
    Nothing,
}

/// Opens the database; a limit on blocks keeps what is made up small.
pub(crate) fn open(folder: &Path, salvage: bool) -> Result<LevelDatastore> {
    let options = LevelOptions::new()
        .with_lock(Lock::Ignore)
        .with_max_block_len(1 << 20)
        .with_salvage(salvage);
    block_on(LevelDatastore::open(folder, options))
}

pub(crate) fn listed(store: &LevelDatastore, query: Query) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let entries: Vec<_> = block_on(store.query(query).try_collect())?;
    let pair = |entry: interface_datastore::Entry| {
        (entry.key.as_bytes().to_vec(), entry.into_value().to_vec())
    };
    Ok(entries.into_iter().map(pair).collect())
}

fn check_error(error: &Error) {
    let kinds = [
        ErrorKind::Damaged,
        ErrorKind::Unsupported,
        ErrorKind::Foreign,
    ];
    assert!(kinds.contains(&error.kind()), "{error:?}");
}

/// What all ways of reading have given, if none failed.
///
/// They must agree, as far as the files can be trusted, and fail with an error that tells what is wrong.
pub(crate) fn read_every_way(
    folder: &Path,
    salvage: bool,
    keys: &[Key],
    trust: Trust,
) -> Option<Contents> {
    let store = match open(folder, salvage) {
        Ok(store) => store,
        Err(error) if error.is_not_found() => return None,
        Err(error) => {
            check_error(&error);
            return None;
        }
    };
    let checked = store.maintain_opts(Maintenance::Check, &Key::root(), MaintainOptions::default());
    let findings = block_on(checked.try_collect::<Vec<_>>());
    findings.expect("a check tells damage, and does not fail of it");
    let mut outcomes: Vec<Result<()>> = keys
        .iter()
        .map(|key| block_on(store.try_get(key)).map(drop))
        .collect();
    let scope = Key::new("/k");
    let usage = block_on(store.disk_usage_opts(&scope, Default::default()));
    outcomes.push(usage.map(drop));
    let up = listed(&store, Query::all());
    let down = listed(&store, Query::all().reversed());
    assert!(
        !salvage || up.is_ok() && down.is_ok(),
        "salvage lists what it can: {up:?} {down:?}"
    );
    outcomes.extend(
        [up.as_ref().map(drop), down.as_ref().map(drop)].map(|it| it.map_err(Clone::clone)),
    );
    let failures = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    let failed = failures.inspect(|error| check_error(error)).count() > 0;
    let (up, down) = (up.ok()?, down.ok()?);
    if !failed && !salvage && trust == Trust::Checksums {
        assert!(down.iter().rev().eq(&up), "both ways give the same");
        for (key, value) in &up {
            let found = block_on(store.get(&Key::raw(key).unwrap())).unwrap();
            assert_eq!(found, value[..], "{}", key.escape_ascii());
        }
    }
    (salvage || !failed).then(|| up.into_iter().collect())
}
