//! Each format on disk has a page in `docs/formats`.

use anyhow::Result;

use crate::workspace::Workspace;

/// A crate, and the page on what it writes.
const PAGES: &[(&str, &str)] = &[
    ("datastore-core", "datastore-core.md"),
    ("datastore-flatfs", "datastore-flatfs.md"),
    ("datastore-fs", "datastore-fs.md"),
    ("datastore-kv", "datastore-kv.md"),
    ("datastore-leveldb", "datastore-leveldb.md"),
    ("ddatabase", "ddatabase.md"),
    ("hypercore-rocksdb", "hypercore-rocksdb.md"),
    ("hypercore-storage", "hypercore-storage.md"),
];

pub(crate) fn check(ws: &Workspace) -> Result<Vec<String>> {
    Ok(findings(ws, |page| ws.root.join(page).is_file()))
}

fn findings(ws: &Workspace, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let present = PAGES.iter().filter(|(name, _)| ws.package(name).is_some());
    present
        .map(|(name, page)| (name, format!("docs/formats/{page}")))
        .filter(|(_, page)| !exists(page))
        .map(|(name, page)| format!("{name} writes a format that {page} should describe"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::findings;
    use crate::workspace::{Package, Workspace};

    #[test]
    fn a_missing_page_is_found() {
        let mut ws = Workspace::default();
        assert!(findings(&ws, |_| false).is_empty());
        ws.packages.push(Package {
            name: "datastore-fs".to_owned(),
            ..Package::default()
        });
        assert_eq!(findings(&ws, |_| false).len(), 1);
        assert!(findings(&ws, |page| page == "docs/formats/datastore-fs.md").is_empty());
    }
}
