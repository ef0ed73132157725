//! All values of one store into another.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;

use datastore_flatfs::convert::{self, Event, Phase};
use interface_datastore::ErrorKind;

use crate::directory::{Place, check, expected, go_on, keys, options, refused, without_readme};

#[test]
fn values_get_the_places_of_the_other_function() {
    for (from, to) in [
        ("prefix/3", "next-to-last/2"),
        ("next-to-last/2", "prefix/3"),
        ("suffix/1", "suffix/1"),
        ("prefix/0", "suffix/2"),
        ("suffix/2", "prefix/0"),
        ("prefix/200", "next-to-last/1"),
    ] {
        let place = Place::new();
        let (some, more) = (keys(40), vec!["KEY001".to_owned(), "OTHER".to_owned()]);
        let (a, b) = (place.store("a", from, &some), place.store("b", to, &more));
        place.write("a/README_ALSO", "something");
        let mut phases = BTreeSet::new();
        let done = convert::move_store(&a, &b, &options(), &mut |event| {
            if let Event::Progress { phase, .. } = event {
                phases.insert(format!("{phase:?}"));
            }
            ControlFlow::Continue(())
        });
        let done = done.unwrap_or_else(|error| panic!("{from} to {to}: {error}"));
        assert_eq!(done.values, 40, "{from} to {to}");
        assert_eq!(
            phases.into_iter().collect::<Vec<_>>(),
            ["CleaningUp", "Moving", "Syncing"]
        );
        assert_eq!(
            fs::read_dir(&a).unwrap().count(),
            0,
            "an empty directory is left"
        );
        let all: BTreeSet<String> = some.into_iter().chain(more).collect();
        let all: Vec<String> = all.into_iter().collect();
        let mut tree = without_readme(place.tree("b"));
        assert_eq!(tree.remove("README_ALSO").as_deref(), Some("something"));
        assert_eq!(tree, expected(to, &all), "{from} to {to}");
        check(&b, &all);
    }
}

#[test]
fn it_can_be_turned_round() {
    let place = Place::new();
    let keys = keys(30);
    let a = place.store("a", "prefix/3", &keys);
    let b = place.store("b", "next-to-last/2", &[]);
    let mut left = 7;
    let stopped = convert::move_store(&a, &b, &options(), &mut |event| match event {
        Event::Progress {
            phase: Phase::Moving,
            ..
        } if left == 0 => ControlFlow::Break(()),
        Event::Progress {
            phase: Phase::Moving,
            ..
        } => {
            left -= 1;
            ControlFlow::Continue(())
        }
        _ => ControlFlow::Continue(()),
    });
    refused(stopped, ErrorKind::Aborted, &a, "run it again");
    let back = convert::move_store(&b, &a, &options(), &mut go_on).unwrap();
    assert_eq!(back.values, 7);
    assert_eq!(fs::read_dir(&b).unwrap().count(), 0);
    assert_eq!(place.tree("a"), expected("prefix/3", &keys));
    check(&a, &keys);
}

#[test]
fn what_is_not_of_the_store_is_never_lost() {
    let place = Place::new();
    let keys = keys(4);
    let a = place.store("a", "prefix/3", &keys);
    let b = place.store("b", "next-to-last/2", &[]);
    place.write("a/KEY/put-7", "left by an old release");
    place.write("a/KEY/stray.txt", "s");
    place.write("a/.hidden", "h");
    let unknown = convert::move_store(&a, &b, &options(), &mut go_on);
    refused(
        unknown,
        ErrorKind::Foreign,
        &a.join("KEY/stray.txt"),
        "move it away",
    );
    assert!(a.join("SHARDING").exists() && b.join("00/KEYAB000.data").exists());
    fs::remove_file(a.join("KEY/stray.txt")).unwrap();

    // A value in the wrong folder is none that the store has.
    place.write("a/KEY/OTHER.data", "misplaced");
    let misplaced = convert::move_store(&a, &b, &options(), &mut go_on);
    refused(
        misplaced,
        ErrorKind::Foreign,
        &a.join("KEY/OTHER.data"),
        "repair",
    );
    fs::remove_file(a.join("KEY/OTHER.data")).unwrap();

    place.write("a/notes", "of a");
    place.write("b/notes", "of b");
    let clash = convert::move_store(&a, &b, &options(), &mut go_on);
    refused(
        clash,
        ErrorKind::AlreadyExists,
        &b.join("notes"),
        "would be replaced",
    );
    fs::remove_file(a.join("notes")).unwrap();

    convert::move_store(&a, &b, &options(), &mut go_on).unwrap();
    assert_eq!(fs::read_dir(&a).unwrap().count(), 0);
    let mut tree = without_readme(place.tree("b"));
    assert_eq!(tree.remove("notes").as_deref(), Some("of b"));
    assert_eq!(tree.remove(".hidden").as_deref(), Some("h"));
    assert_eq!(tree, expected("next-to-last/2", &keys));
}

#[test]
fn directories_that_cannot_be_moved() {
    let place = Place::new();
    let a = place.store("a", "prefix/3", &keys(2));
    let inside = place.store("a/inside", "prefix/3", &[]);
    let none = place.path("none");
    place.write("plain/file", "");
    let plain = place.path("plain");
    for (from, to, kind, path, says) in [
        (
            &a,
            &a,
            ErrorKind::InvalidArgument,
            a.clone(),
            "is or holds the other",
        ),
        (
            &a,
            &inside,
            ErrorKind::InvalidArgument,
            inside.clone(),
            "is or holds",
        ),
        (
            &inside,
            &a,
            ErrorKind::InvalidArgument,
            a.clone(),
            "is or holds",
        ),
        (
            &a,
            &none,
            ErrorKind::NotFound,
            none.clone(),
            "no such directory",
        ),
        (
            &none,
            &a,
            ErrorKind::NotFound,
            none.clone(),
            "no such directory",
        ),
        (
            &a,
            &plain,
            ErrorKind::NotFound,
            plain.join("SHARDING"),
            "no flatfs store",
        ),
    ] {
        let outcome = convert::move_store(from, to, &options(), &mut go_on);
        refused(outcome, kind, &path, says);
    }
    let escaped = place.path("escaped");
    let names = options().with_names(datastore_flatfs::Names::Escaped);
    drop(pollster::block_on(datastore_flatfs::FlatfsDatastore::open(&escaped, names)).unwrap());
    let outcome = convert::move_store(&a, &escaped, &options(), &mut go_on);
    refused(
        outcome,
        ErrorKind::InvalidArgument,
        &escaped,
        "escaped names",
    );
}

#[cfg(unix)]
#[test]
fn folders_that_are_links() {
    let place = Place::new();
    let keys = keys(8);
    let a = place.store("a", "prefix/5", &keys);
    let b = place.store("b", "suffix/2", &[]);
    fs::rename(a.join("KEYAB"), place.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../elsewhere", a.join("KEYAB")).unwrap();
    let before = place.tree("b");
    let outcome = convert::move_store(&a, &b, &options(), &mut go_on);
    refused(
        outcome,
        ErrorKind::Foreign,
        &a.join("KEYAB"),
        "follow_shard_links",
    );
    assert_eq!(place.tree("b"), before);

    let follow = options().with_follow_shard_links(true);
    assert_eq!(
        convert::move_store(&a, &b, &follow, &mut go_on)
            .unwrap()
            .values,
        8
    );
    assert_eq!(fs::read_dir(&a).unwrap().count(), 0);
    assert_eq!(fs::read_dir(place.path("elsewhere")).unwrap().count(), 0);
    check(&b, &keys);
}
