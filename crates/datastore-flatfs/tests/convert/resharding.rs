//! Another function for a store, in place.

use std::fs;
use std::sync::Arc;

use datastore_files::RealFs;
use datastore_files::sim::{Errno, Fault, FaultyFs, FsOp, OpKind};
use datastore_flatfs::{FlatfsDatastore, Names, convert};
use interface_datastore::{DatastoreExt, ErrorKind, Key};
use pollster::block_on;

use crate::directory::{
    Place, check, expected, function, go_on, keys, options, refused, without_readme,
};

#[test]
fn all_values_get_their_new_places() {
    let place = Place::new();
    let keys = keys(50);
    let path = place.store("s", "next-to-last/2", &keys);
    for to in [
        "prefix/3",
        "suffix/4",
        "prefix/0",
        "suffix/0",
        "next-to-last/1",
        "prefix/200",
        "next-to-last/2",
    ] {
        let shard = function(to);
        let done = convert::reshard(&path, shard, &options(), &mut go_on);
        let done = done.unwrap_or_else(|error| panic!("{to}: {error}"));
        let (stay, move_all) = (0, keys.len() as u64);
        assert_eq!(
            done.values,
            if to == "suffix/0" { stay } else { move_all },
            "{to}"
        );
        let tree = place.tree("s");
        assert_eq!(tree.contains_key("_README"), to == "next-to-last/2", "{to}");
        assert_eq!(without_readme(tree), expected(to, &keys), "{to}");
        check(&path, &keys);
        let again = convert::reshard(&path, shard, &options(), &mut go_on).unwrap();
        assert_eq!(again.values, 0, "{to}");
    }
}

#[test]
fn escaped_stores_keep_their_names() {
    let place = Place::new();
    let path = place.path("s");
    let key = Key::new("/a/b");
    block_on(async {
        let names = options().with_names(Names::Escaped);
        let store = FlatfsDatastore::open(&path, names.clone()).await.unwrap();
        store.put(&key, "1").await.unwrap();
        store.close().await.unwrap();
        drop(store);
        let to = function("suffix/3");
        assert_eq!(
            convert::reshard(&path, to, &options(), &mut go_on)
                .unwrap()
                .values,
            1
        );
        let store = FlatfsDatastore::open(&path, names).await.unwrap();
        assert_eq!(store.shard(), to);
        assert_eq!(store.get(&key).await.unwrap(), "1");
    });
}

#[test]
fn what_would_be_mixed_up_is_refused_before_anything_is_changed() {
    let keys = keys(6);
    for (stray, to, path, says) in [
        // A value that no key leads to would be found again.
        ("AB0/KEYAB000.data", "prefix/2", "", ""),
        (
            "B000/KEYAB000.data",
            "suffix/4",
            "B000/KEYAB000.data",
            "would with the new function",
        ),
        ("KEY", "prefix/3", "KEY", "a folder of this name"),
    ] {
        let place = Place::new();
        let store = place.store("s", "next-to-last/2", &keys);
        place.write(&format!("s/{stray}"), "stray");
        let before = place.tree("s");
        let outcome = convert::reshard(&store, function(to), &options(), &mut go_on);
        if says.is_empty() {
            outcome.unwrap();
            assert_eq!(
                place.tree("s").get(stray).map(String::as_str),
                Some("stray")
            );
            continue;
        }
        refused(outcome, ErrorKind::Foreign, &store.join(path), says);
        assert_eq!(place.tree("s"), before, "{stray}");
        fs::remove_file(store.join(stray)).unwrap();
        check(&store, &keys);
    }
}

/// Where a rename that replaces nothing is a link and a removal, a process may end in between.
#[test]
fn a_value_in_both_places_is_looked_at() {
    let place = Place::new();
    let path = place.path("s");
    let unfinished = "/repo/flatfs/resharding/v1 /repo/flatfs/shard/v1/prefix/3 /repo/flatfs/shard/v1/suffix/2\n";
    place.write("s/SHARDING", unfinished);
    place.write("s/QUU/QUUX.data", "QUUX");
    fs::create_dir(path.join("UX")).unwrap();
    fs::hard_link(path.join("QUU/QUUX.data"), path.join("UX/QUUX.data")).unwrap();
    convert::resume(&path, &options(), &mut go_on).unwrap();
    let keys = ["QUUX".to_owned()];
    assert_eq!(place.tree("s"), expected("suffix/2", &keys));

    place.write("s/SHARDING", unfinished);
    place.write("s/QUU/QUUX.data", "another");
    let outcome = convert::resume(&path, &options(), &mut go_on);
    let here = path.join("QUU/QUUX.data");
    refused(outcome, ErrorKind::Damaged, &here, "UX/QUUX.data");
    fs::remove_file(here).unwrap();
    convert::resume(&path, &options(), &mut go_on).unwrap();
    check(&path, &keys);
}

#[test]
fn values_are_copied_where_they_cannot_be_renamed() {
    let place = Place::new();
    let keys = keys(6);
    let path = place.store("s", "prefix/3", &keys);
    let large = "0123456789".repeat(70_000);
    place.write("s/LAR/LARGE.data", &large);
    // As between a folder and one that is a link to another disk.
    let apart = |op: &FsOp<'_>| match (op.kind, op.path.parent()) {
        (OpKind::Rename, Some(from)) if !from.ends_with(".temp") => {
            Fault::Fail(Errno::CrossesDevices)
        }
        _ => Fault::Pass,
    };
    let fs = FaultyFs::new(Arc::new(RealFs::new()), apart);
    let options = options().with_fs(Arc::new(fs));
    let done = convert::reshard(&path, function("suffix/2"), &options, &mut go_on).unwrap();
    assert_eq!(done.values, 7);
    let mut tree = place.tree("s");
    assert!(
        tree.remove("GE/LARGE.data")
            .is_some_and(|value| value == large)
    );
    tree.remove("GE/");
    assert_eq!(tree, expected("suffix/2", &keys));
}

#[test]
fn there_must_be_something_to_do() {
    let place = Place::new();
    let path = place.store("s", "next-to-last/2", &keys(2));
    let outcome = convert::resume(&path, &options(), &mut go_on);
    refused(outcome, ErrorKind::InvalidArgument, &path, "no conversion");
    let none = place.path("none");
    let outcome = convert::reshard(&none, function("prefix/2"), &options(), &mut go_on);
    refused(outcome, ErrorKind::NotFound, &none, "no such directory");
    let long = "/repo/flatfs/shard/v1/prefix/256".parse().unwrap();
    let outcome = convert::reshard(&path, long, &options(), &mut go_on);
    refused(outcome, ErrorKind::InvalidArgument, &path, "255");
}
