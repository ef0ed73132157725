//! Listings of folders that are larger than what is fetched at once.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use datastore_files::sim::PowerLossFs;
use datastore_files::{Dir, Fs};

const FILES: usize = 100;

fn full_folder() -> (PowerLossFs, Dir, BTreeSet<OsString>) {
    let fs = PowerLossFs::new();
    let root = fs.open_root(Path::new("/")).unwrap();
    let names: BTreeSet<OsString> = (0..FILES)
        .map(|number| format!("{number:03}").into())
        .collect();
    for name in &names {
        fs.create_file(&root, name).unwrap();
    }
    (fs, root, names)
}

#[test]
fn each_entry_comes_once_and_in_no_useful_order() {
    let (fs, root, names) = full_folder();
    let entries = fs.read_dir(&root).unwrap().take(FILES + 1);
    let found: Vec<OsString> = entries.map(|entry| entry.unwrap().name).collect();
    assert_eq!(found.len(), FILES);
    assert!(!found.is_sorted(), "programs must not count on an order");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), names);
}

#[test]
fn entries_come_and_go_while_a_listing_goes_on() {
    let (fs, root, names) = full_folder();
    let mut entries = fs.read_dir(&root).unwrap();
    entries.next().unwrap().unwrap();
    for name in &names {
        fs.remove_file(&root, name).unwrap();
    }
    for number in 0..FILES {
        fs.create_file(&root, OsStr::new(&format!("new{number}")))
            .unwrap();
    }
    let found: Vec<OsString> = entries.map(|entry| entry.unwrap().name).collect();
    let (old, new): (Vec<_>, Vec<_>) = found.iter().partition(|name| names.contains(*name));
    assert!(
        !old.is_empty() && old.len() < FILES / 2,
        "what was fetched, and no more: {}",
        old.len()
    );
    assert!(!new.is_empty(), "what came later");
}
