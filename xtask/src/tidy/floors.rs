//! The floors of the house: normal and build dependencies go strictly down.

use anyhow::Result;

use crate::workspace::{Package, Workspace};

/// Every crate, also those still to come.
const FLOORS: &[(&str, u8)] = &[
    ("corestore", 5),
    ("corestore-cli", 6),
    ("datastore-cli", 4),
    ("datastore-core", 1),
    ("datastore-engine", 0),
    ("datastore-files", 0),
    ("datastore-fjall", 1),
    ("datastore-flatfs", 1),
    ("datastore-fs", 1),
    ("datastore-idb", 1),
    ("datastore-kv", 2),
    ("datastore-leveldb", 1),
    ("datastore-open", 3),
    ("datastore-redb", 1),
    ("datastore-s3", 1),
    ("datastore-sled", 1),
    ("ddatabase", 3),
    ("flat-merkle", 0),
    ("hypercore-crypto", 1),
    ("hypercore-log", 4),
    ("hypercore-rocksdb", 3),
    ("hypercore-secret-stream", 0),
    ("hypercore-storage", 3),
    ("interface-datastore", 0),
    ("interface-datastore-tests", 1),
    ("protomux", 0),
];

pub(crate) fn check(ws: &Workspace) -> Result<Vec<String>> {
    Ok(ws.published().flat_map(findings).collect())
}

fn floor(name: &str) -> Option<u8> {
    let (_, floor) = FLOORS.iter().find(|(is, _)| *is == name)?;
    Some(*floor)
}

fn findings(package: &Package) -> Vec<String> {
    let Some(own) = floor(&package.name) else {
        return vec![format!("{} has no floor: add it to FLOORS", package.name)];
    };
    let ours = package.dependencies.iter().filter(|on| on.path.is_some());
    ours.filter(|on| on.kind.as_deref() != Some("dev"))
        .filter_map(|on| match floor(&on.name) {
            Some(floor) if floor < own => None,
            Some(floor) => Some(format!(
                "{} (floor {own}) uses {} (floor {floor}), which is not below it",
                package.name, on.name
            )),
            None => Some(format!(
                "{} uses {}, which has no floor",
                package.name, on.name
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::findings;
    use crate::workspace::{Dependency, Package};

    #[test]
    fn only_lower_floors_may_be_used() {
        for (package, on, kind, expected) in [
            ("datastore-core", "interface-datastore", None, 0),
            ("datastore-core", "datastore-fs", None, 1),
            ("datastore-core", "datastore-fs", Some("build"), 1),
            ("datastore-core", "datastore-fs", Some("dev"), 0),
            ("interface-datastore", "datastore-open", None, 1),
            ("datastore-open", "xtask", None, 1),
            ("no-such-crate", "interface-datastore", None, 1),
        ] {
            let package = Package {
                name: package.to_owned(),
                dependencies: vec![Dependency {
                    name: on.to_owned(),
                    kind: kind.map(ToOwned::to_owned),
                    path: Some("somewhere".into()),
                    ..Dependency::default()
                }],
                ..Package::default()
            };
            let findings = findings(&package);
            assert_eq!(
                findings.len(),
                expected,
                "{} on {on}: {findings:?}",
                package.name
            );
        }
    }
}
