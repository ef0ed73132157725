//! Creating, upgrading, downgrading.

use std::fs;

use datastore_flatfs::{FlatfsDatastore, Names, convert};
use interface_datastore::ErrorKind;
use pollster::block_on;

use crate::directory::{Place, check, expected, function, keys, options, refused};

#[test]
fn a_new_store_is_empty() {
    let place = Place::new();
    for (name, shard, readme) in [("a", "next-to-last/2", true), ("b", "prefix/3", false)] {
        let path = place.path(name);
        convert::create(&path, function(shard), &options()).unwrap();
        let mut tree = place.tree(name);
        assert_eq!(tree.remove("_README").is_some(), readme, "{shard}");
        assert_eq!(tree, expected(shard, &[]));
        assert!(!path.join(".temp").exists());
        check(&path, &[]);
        let again = convert::create(&path, function(shard), &options());
        refused(again, ErrorKind::AlreadyExists, &path, "a store already");
    }
    let other = convert::create(&place.path("a"), function("suffix/2"), &options());
    let sharding = place.path("a/SHARDING");
    refused(
        other,
        ErrorKind::InvalidArgument,
        &sharding,
        "next-to-last/2",
    );
    place.write("c/file", "");
    let foreign = convert::create(&place.path("c"), function("prefix/2"), &options());
    refused(
        foreign,
        ErrorKind::Foreign,
        &place.path("c/SHARDING"),
        "not empty",
    );
    assert_eq!(place.tree("c").len(), 1);
    let above = convert::create(&place.path("d/e"), function("prefix/2"), &options());
    refused(above, ErrorKind::NotFound, &place.path("d"), "not there");
    // An empty directory will do.
    fs::create_dir(place.path("f")).unwrap();
    convert::create(&place.path("f"), function("prefix/2"), &options()).unwrap();
}

#[test]
fn up_and_down() {
    let place = Place::new();
    let keys = keys(20);
    let path = place.store("s", "prefix/5", &keys);
    let before = place.tree("s");
    for _ in 0..2 {
        convert::downgrade(&path, &options()).unwrap();
        assert!(!path.join("SHARDING").exists());
        let again = convert::downgrade(&path, &options());
        refused(
            again,
            ErrorKind::NotFound,
            &path.join("SHARDING"),
            "no flatfs store",
        );
        let opened = block_on(FlatfsDatastore::open(&path, options()));
        refused(
            opened,
            ErrorKind::Foreign,
            &path.join("SHARDING"),
            "not empty",
        );

        let wrong = convert::upgrade(&path, 4, &options()).unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::InvalidArgument, "{wrong}");
        assert!(wrong.to_string().contains("the number is 5"), "{wrong}");
        assert!(!path.join("SHARDING").exists());
        convert::upgrade(&path, 5, &options()).unwrap();
        assert_eq!(place.tree("s"), before);
        check(&path, &keys);
        let again = convert::upgrade(&path, 5, &options());
        refused(
            again,
            ErrorKind::AlreadyExists,
            &path.join("SHARDING"),
            "already",
        );
    }
    let long = convert::upgrade(&place.path("none"), 256, &options());
    refused(long, ErrorKind::InvalidArgument, &place.path("none"), "255");
    let none = convert::upgrade(&place.path("none"), 2, &options());
    refused(
        none,
        ErrorKind::NotFound,
        &place.path("none"),
        "no such directory",
    );
}

#[test]
fn only_prefixes_go_down() {
    let place = Place::new();
    let path = place.store("suffix", "suffix/2", &keys(3));
    let before = place.tree("suffix");
    refused(
        convert::downgrade(&path, &options()),
        ErrorKind::Unsupported,
        &path,
        "re-shard it with a prefix",
    );
    assert_eq!(place.tree("suffix"), before);
    let path = place.path("escaped");
    let escaped = options()
        .with_names(Names::Escaped)
        .with_shard(function("prefix/2"));
    drop(block_on(FlatfsDatastore::open(&path, escaped)).unwrap());
    refused(
        convert::downgrade(&path, &options()),
        ErrorKind::Unsupported,
        &path,
        "escaped",
    );
}

#[test]
fn a_store_in_use_is_left_alone() {
    let place = Place::new();
    let keys = keys(3);
    let path = place.store("s", "prefix/2", &keys);
    let other = place.store("t", "prefix/3", &[]);
    let store = block_on(FlatfsDatastore::open(&path, options())).unwrap();
    let before = place.tree("s");
    let go_on = &mut crate::directory::go_on;
    for outcome in [
        convert::downgrade(&path, &options()),
        convert::upgrade(&path, 2, &options()),
        convert::reshard(&path, function("suffix/2"), &options(), go_on).map(|_| ()),
        convert::resume(&path, &options(), go_on).map(|_| ()),
        convert::move_store(&path, &other, &options(), go_on).map(|_| ()),
        convert::move_store(&other, &path, &options(), go_on).map(|_| ()),
        convert::adopt_javascript(&path, &options(), go_on).map(|_| ()),
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    }
    assert_eq!(place.tree("s"), before);
    drop(store);
    check(&path, &keys);
}
