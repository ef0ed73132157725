//! Folders of npm `ShardingDatastore`.

use std::fs;
use std::ops::ControlFlow;

use datastore_flatfs::FlatfsDatastore;
use datastore_flatfs::convert::{self, Event};
use interface_datastore::ErrorKind;
use pollster::block_on;

use crate::directory::{
    Place, check, expected, function, go_on, keys, options, refused, without_readme,
};

const MARKER: &str = "/repo/flatfs/shard/v1/next-to-last/2\n";

const MISPLACED: &str = "it lies in a folder in which the JavaScript store does not look for it";

/// A folder as the JavaScript store leaves it, with these keys.
fn folder(place: &Place, shard: &str, keys: &[String]) {
    place.write("js/SHARDING.data", &format!("{}\n", function(shard)));
    for key in keys {
        let cut = function(shard).dir(&format!("/{key}"));
        let file = format!("js/{}/{key}.data", cut.trim_matches('/')).replace("//", "/");
        place.write(&file, key);
    }
}

#[test]
fn they_are_recognised() {
    let place = Place::new();
    folder(&place, "next-to-last/2", &keys(2));
    let opened = block_on(FlatfsDatastore::open(place.path("js"), options()));
    let error = opened.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Foreign, "{error}");
    assert!(error.to_string().contains("JavaScript"), "{error}");
    assert!(error.remedy().unwrap().contains("import"), "{error}");
}

#[test]
fn keys_that_flatfs_holds_are_copied() {
    for (shard, to) in [
        ("next-to-last/2", None),
        ("prefix/4", None),
        ("prefix/1", Some("suffix/1")),
        ("suffix/3", Some("next-to-last/2")),
        // The shard of /KK is /_/KK.
        ("suffix/4", None),
    ] {
        let place = Place::new();
        let mut keys = keys(70);
        keys.push("KK".to_owned());
        folder(&place, shard, &keys);
        let strange = [
            ("js/es/names/yes.data", "flatfs cannot hold its key"),
            ("js/ow/lower.data", "flatfs cannot hold its key"),
            ("js/.datastore/keys/=a", "flatfs cannot hold its key"),
            ("js/ZZ/KEYAB000.data", MISPLACED),
            ("js/IN/SHARDING.data", MISPLACED),
            ("js/notes.txt", "it is no value"),
        ];
        for (path, _) in strange {
            place.write(path, "strange");
        }
        for own in ["js/.datastore/format", "js/AB/.KEY.data.tmp"] {
            place.write(own, "own");
        }
        let before = place.tree("js");
        let mut left_out = Vec::new();
        let to = to.map(function);
        let given = match to {
            Some(to) => options().with_shard(to),
            None => options(),
        };
        let (js, flat) = (place.path("js"), place.path("flat"));
        let mut import = || {
            convert::import_javascript(&js, &flat, &given, &mut |event| {
                if let Event::LeftOut { path, reason } = event {
                    left_out.push((path.to_owned(), reason.to_owned()));
                }
                ControlFlow::Continue(())
            })
            .unwrap()
        };
        let done = import();
        assert_eq!(
            (done.values, done.unchanged, done.left_out),
            (71, 0, 6),
            "{shard}"
        );
        left_out.sort();
        let mut wanted = strange.map(|(path, reason)| (place.path(path), reason.to_owned()));
        wanted.sort();
        assert_eq!(left_out, wanted, "{shard}");
        assert_eq!(place.tree("js"), before, "the source is left as it is");
        let function = to.unwrap_or(function(shard));
        let tree = without_readme(place.tree("flat"));
        assert_eq!(tree, expected(&function.to_string(), &keys), "{shard}");
        check(&flat, &keys);

        // Again, after one value was lost and another one changed.
        let file = |key: &str| flat.join(function.dir(key)).join(format!("{key}.data"));
        fs::remove_file(file(&keys[3])).unwrap();
        fs::write(file(&keys[4]), "another").unwrap();
        let done = convert::import_javascript(&js, &flat, &given, &mut go_on).unwrap();
        assert_eq!(
            (done.values, done.unchanged, done.left_out),
            (2, 69, 6),
            "{shard}"
        );
        check(&flat, &keys);
    }
}

#[test]
fn large_values_are_copied_in_pieces() {
    let place = Place::new();
    place.write("js/SHARDING.data", MARKER);
    let value = "0123456789".repeat(70_000);
    place.write("js/UU/QUUX.data", &value);
    let (js, flat) = (place.path("js"), place.path("flat"));
    for (values, unchanged) in [(1, 0), (0, 1)] {
        let done = convert::import_javascript(&js, &flat, &options(), &mut go_on).unwrap();
        assert_eq!((done.values, done.unchanged), (values, unchanged));
    }
    assert!(fs::read_to_string(flat.join("UU/QUUX.data")).unwrap() == value);
    // Of the same length and different in the last piece.
    fs::write(flat.join("UU/QUUX.data"), format!("{}x", &value[1..])).unwrap();
    let done = convert::import_javascript(&js, &flat, &options(), &mut go_on).unwrap();
    assert_eq!((done.values, done.unchanged), (1, 0));
}

#[test]
fn imports_that_are_refused() {
    let place = Place::new();
    let (js, flat) = (place.path("js"), place.path("flat"));
    place.write("js/AB/KEYAB000.data", "");
    let import = |options| convert::import_javascript(&js, &flat, &options, &mut go_on);
    let marker = js.join("SHARDING.data");
    refused(
        import(options()),
        ErrorKind::NotFound,
        &marker,
        "npm ShardingDatastore",
    );
    place.write("js/SHARDING.data", "next-to-last/2");
    refused(
        import(options()),
        ErrorKind::Damaged,
        &marker,
        "/repo/flatfs/shard/",
    );
    assert!(!flat.exists());
    place.write("js/SHARDING.data", MARKER);
    place.store("flat", "prefix/3", &[]);
    let other = options().with_shard(function("suffix/2"));
    refused(import(other), ErrorKind::InvalidArgument, &flat, "prefix/3");
    import(options()).unwrap();
    let escaped = place.path("escaped");
    let names = options().with_names(datastore_flatfs::Names::Escaped);
    drop(block_on(FlatfsDatastore::open(&escaped, names)).unwrap());
    let outcome = convert::import_javascript(&js, &escaped, &options(), &mut go_on);
    refused(outcome, ErrorKind::Unsupported, &escaped, "datastore cp");
}

#[test]
fn they_become_stores_in_place() {
    for (shard, to, moved) in [
        ("next-to-last/2", None, 1),
        ("prefix/4", None, 72),
        ("prefix/1", Some("suffix/1"), 72),
        ("suffix/3", Some("next-to-last/2"), 72),
    ] {
        let place = Place::new();
        let mut keys = keys(71);
        // Too short for its folder to be the same.
        keys.push("KK".to_owned());
        folder(&place, shard, &keys);
        place.write("js/.datastore/format", "datastore-fs 1\n");
        place.write("js/.temp/77-1.lock", "");
        let js = place.path("js");
        let given = match to {
            Some(to) => options().with_shard(function(to)),
            None => options(),
        };
        let done = convert::adopt_javascript(&js, &given, &mut go_on);
        let done = done.unwrap_or_else(|error| panic!("{shard}: {error}"));
        assert_eq!(done.values, moved, "{shard}");
        let mut tree = without_readme(place.tree("js"));
        tree.retain(|path, _| !path.starts_with(".datastore/"));
        assert_eq!(tree, expected(to.unwrap_or(shard), &keys), "{shard}");
        check(&js, &keys);
        let again = convert::adopt_javascript(&js, &given, &mut go_on);
        refused(
            again,
            ErrorKind::AlreadyExists,
            &js.join("SHARDING"),
            "already",
        );
    }
}

#[test]
fn what_flatfs_cannot_hold_keeps_a_folder_as_it_is() {
    for (stray, says) in [
        ("ow/lower.data", "flatfs cannot hold its key"),
        ("es/names/yes.data", "flatfs cannot hold its key"),
        ("ZZ/KEYAB000.data", "does not look for it"),
        ("AB/notes.txt", "it is no value"),
        ("_/KK/KK.data", "a folder in a folder"),
    ] {
        let place = Place::new();
        let shard = if stray.starts_with('_') {
            "suffix/4"
        } else {
            "next-to-last/2"
        };
        folder(&place, shard, &keys(5));
        place.write(&format!("js/{stray}"), "");
        let before = place.tree("js");
        let js = place.path("js");
        let outcome = convert::adopt_javascript(&js, &options(), &mut go_on);
        refused(outcome, ErrorKind::Foreign, &js.join(stray), says);
        assert_eq!(place.tree("js"), before, "{stray}");
    }
}
