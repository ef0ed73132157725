//! Conversions cut short at every single step on the disk, as by the end of the process, and then gone on with.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datastore_files::RealFs;
use datastore_files::sim::{Errno, Fault, FaultyFs, FsOp, OpKind};
use datastore_flatfs::{FlatfsDatastore, FlatfsOptions, convert};
use interface_datastore::{Error, ErrorKind};
use interface_datastore_tests::runs;
use pollster::block_on;

use crate::directory::{
    Place, check, expected, function, go_on, keys, options, refused, without_readme,
};

/// What folders are to each other.
#[derive(Clone, Copy)]
enum Disks {
    One,
    /// Values cannot be renamed from one folder to another, as where one of them is a link to another disk.
    Many,
}

/// Options by which every operation from number `last` on fails.
fn until(last: u64, disks: Disks) -> (FlatfsOptions, Arc<AtomicU64>) {
    let seen = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&seen);
    let hook = move |op: &FsOp<'_>| {
        let from_folder = op
            .path
            .parent()
            .is_some_and(|from| !from.ends_with(".temp"));
        match (count.fetch_add(1, Ordering::SeqCst) < last, disks) {
            (false, _) => Fault::Fail(Errno::Io),
            (true, Disks::Many) if op.kind == OpKind::Rename && from_folder => {
                Fault::Fail(Errno::CrossesDevices)
            }
            _ => Fault::Pass,
        }
    };
    let fs = FaultyFs::new(Arc::new(RealFs::new()), hook);
    (options().with_fs(Arc::new(fs)), seen)
}

/// Runs something that is cut short at each of its steps, each time on a new place, and gives how it ended there.
fn at_every_step(
    disks: Disks,
    prepare: impl Fn(&Place),
    run: impl Fn(&Place, &FlatfsOptions) -> Result<(), Error>,
    after: impl Fn(&Place, &str, Result<(), Error>),
) {
    let place = Place::new();
    prepare(&place);
    let (options, seen) = until(u64::MAX, disks);
    run(&place, &options).unwrap();
    let total = seen.load(Ordering::SeqCst);
    assert!(total > 50, "{total}");
    // A tenth of the runs unless all are asked for.
    let stride = if runs(10) == 10 { 1 } else { 7 };
    let steps = (0..total).filter(|step| step % stride == 0 || step + 20 > total);
    for step in steps {
        let place = Place::new();
        prepare(&place);
        let (options, _) = until(step, disks);
        let outcome = run(&place, &options);
        after(&place, &format!("cut at step {step} of {total}"), outcome);
    }
}

fn is_store(path: &Path) -> bool {
    match block_on(FlatfsDatastore::open(
        path,
        options().with_create_if_missing(false),
    )) {
        Ok(_) => true,
        Err(error) => {
            assert!(
                matches!(error.kind(), ErrorKind::Foreign | ErrorKind::NotFound),
                "{error}"
            );
            false
        }
    }
}

#[test]
fn moves() {
    let keys = keys(12);
    let done = |place: &Place, cut: &str| {
        assert_eq!(
            without_readme(place.tree("b")),
            expected("next-to-last/2", &keys),
            "{cut}"
        );
        check(&place.path("b"), &keys);
    };
    let prepare = |place: &Place| {
        place.store("a", "prefix/3", &keys);
        place.store("b", "next-to-last/2", &[]);
    };
    let run = |place: &Place, options: &FlatfsOptions| {
        let (a, b) = (place.path("a"), place.path("b"));
        convert::move_store(&a, &b, options, &mut go_on).map(|_| ())
    };
    at_every_step(Disks::One, prepare, run, |place, cut, outcome| {
        if outcome.is_err() && is_store(&place.path("a")) {
            run(place, &options()).unwrap_or_else(|error| panic!("{cut}: {error}"));
        }
        done(place, cut);
    });
    // And back.
    at_every_step(Disks::One, prepare, run, |place, cut, _| {
        if is_store(&place.path("a")) {
            let (a, b) = (place.path("a"), place.path("b"));
            convert::move_store(&b, &a, &options(), &mut go_on)
                .unwrap_or_else(|error| panic!("{cut}: {error}"));
            assert_eq!(place.tree("a"), expected("prefix/3", &keys), "{cut}");
            check(&a, &keys);
        } else {
            done(place, cut);
        }
    });
}

/// What is finished by `resume` if it was begun.
fn in_place(
    disks: Disks,
    prepare: impl Fn(&Place),
    run: impl Fn(&Place, &FlatfsOptions) -> Result<(), Error> + Copy,
    untouched: impl Fn(&Path) -> bool,
    shard: &str,
    keys: &[String],
) {
    let begun = AtomicU64::new(0);
    at_every_step(disks, prepare, run, |place, cut, outcome| {
        let path = place.path("s");
        let (options, _) = until(u64::MAX, disks);
        if outcome.is_err() {
            match convert::resume(&path, &options, &mut go_on) {
                Ok(_) => {
                    begun.fetch_add(1, Ordering::SeqCst);
                }
                Err(error) => {
                    // Either it was not begun, or it was done.
                    refused::<()>(
                        Err(error),
                        ErrorKind::InvalidArgument,
                        &path,
                        "no conversion",
                    );
                    if untouched(&path) {
                        run(place, &options).unwrap_or_else(|error| panic!("{cut}: {error}"));
                    }
                }
            }
        }
        check(&path, keys);
        let mut tree = without_readme(place.tree("s"));
        // Empty folders of the old layout do no harm.
        tree.retain(|path, _| !path.ends_with('/'));
        let mut wanted = expected(shard, keys);
        wanted.retain(|path, _| !path.ends_with('/'));
        assert_eq!(tree, wanted, "{cut}");
    });
    let begun = begun.into_inner();
    assert!(begun > 10, "{begun}");
}

fn re_sharding_on(disks: Disks) {
    let keys = keys(12);
    in_place(
        disks,
        |place| {
            place.store("s", "next-to-last/2", &keys);
        },
        |place, options| {
            convert::reshard(&place.path("s"), function("prefix/4"), options, &mut go_on)
                .map(|_| ())
        },
        |path| {
            let text = std::fs::read_to_string(path.join("SHARDING")).unwrap();
            text.trim().parse() == Ok(function("next-to-last/2"))
        },
        "prefix/4",
        &keys,
    );
}

#[test]
fn re_sharding() {
    re_sharding_on(Disks::One);
}

#[test]
fn re_sharding_across_disks() {
    re_sharding_on(Disks::Many);
}

#[test]
fn adopting() {
    let keys = keys(12);
    in_place(
        Disks::One,
        |place| {
            place.write("s/SHARDING.data", &format!("{}\n", function("prefix/5")));
            for key in &keys {
                place.write(&format!("s/{}/{key}.data", &key[..4]), key);
            }
        },
        |place, options| {
            convert::adopt_javascript(&place.path("s"), options, &mut go_on).map(|_| ())
        },
        |path| !path.join("SHARDING").exists(),
        "prefix/5",
        &keys,
    );
}

#[test]
fn imports() {
    let keys = keys(12);
    let prepare = |place: &Place| {
        place.write("js/SHARDING.data", &format!("{}\n", function("suffix/2")));
        for key in &keys {
            place.write(&format!("js/{}/{key}.data", &key[key.len() - 2..]), key);
        }
    };
    let run = |place: &Place, options: &FlatfsOptions| {
        let (js, flat) = (place.path("js"), place.path("flat"));
        convert::import_javascript(&js, &flat, options, &mut go_on).map(|_| ())
    };
    at_every_step(Disks::One, prepare, run, |place, cut, _| {
        run(place, &options()).unwrap_or_else(|error| panic!("{cut}: {error}"));
        assert_eq!(place.tree("flat"), expected("suffix/2", &keys), "{cut}");
        check(&place.path("flat"), &keys);
    });
}

/// Where the mark of the JavaScript store cannot be removed there is no store yet, in which it would look like a value.
#[test]
fn the_mark_goes_before_there_is_a_store() {
    let (place, keys) = (Place::new(), keys(12));
    place.write("s/SHARDING.data", &format!("{}\n", function("prefix/5")));
    for key in &keys {
        place.write(&format!("s/{}/{key}.data", &key[..4]), key);
    }
    let hook =
        |op: &FsOp<'_>| match op.kind == OpKind::RemoveFile && op.path.ends_with("SHARDING.data") {
            true => Fault::Fail(Errno::Io),
            false => Fault::Pass,
        };
    let path = place.path("s");
    let failing = options().with_fs(Arc::new(FaultyFs::new(Arc::new(RealFs::new()), hook)));
    convert::adopt_javascript(&path, &failing, &mut go_on).unwrap_err();
    assert!(!is_store(&path));
    convert::resume(&path, &options(), &mut go_on).unwrap();
    assert!(!path.join("SHARDING.data").exists());
    check(&path, &keys);
}
