//! Repairs: a value is in its wrong place or in its right one, and never nowhere.

use std::path::Path;
use std::time::Duration;

use datastore_flatfs::check::CheckOptions;
use datastore_flatfs::{FlatfsDatastore, FlatfsOptions, ShardFunction};
use fastrand::Rng;
use futures::TryStreamExt;
use interface_datastore::{DatastoreExt, Key};
use interface_datastore_tests::runs;
use pollster::block_on;

use crate::process::Victim;
use crate::writes::sound;

const VALUES: usize = 40;

fn name(number: usize) -> String {
    format!("VALUE{number}{}Q", ["AA", "BB", "CC"][number % 3])
}

fn open(folder: &Path) -> FlatfsDatastore {
    block_on(FlatfsDatastore::open(folder, FlatfsOptions::new())).unwrap()
}

fn repair(store: &FlatfsDatastore) {
    let options = CheckOptions::new().with_repair(true).with_tidy(true);
    block_on(store.check(options).try_collect::<Vec<_>>()).unwrap();
}

/// Moves some values where they do not belong.
fn misplace(folder: &Path, step: u64) {
    let random = &mut Rng::with_seed(step);
    for number in 0..VALUES {
        if random.bool() {
            continue;
        }
        let file = format!("{}.data", name(number));
        let wrong = folder.join(["XX", "YY", "WW"][random.usize(..3)]);
        std::fs::create_dir_all(&wrong).unwrap();
        let right = folder.join(ShardFunction::default().dir(&name(number)));
        std::fs::rename(right.join(&file), wrong.join(&file)).unwrap();
    }
}

#[test]
fn repairs() {
    let victim = Victim {
        test: "upkeep::repairs",
        prepare: |folder| {
            let store = open(folder);
            for number in 0..VALUES {
                let key = Key::new(name(number));
                block_on(store.put(&key, name(number))).unwrap();
            }
            block_on(store.close()).unwrap();
            0
        },
        step: |folder, step| {
            let store = open(folder);
            misplace(folder, step);
            // It does not know of the folders that came from elsewhere.
            block_on(store.recount()).unwrap();
            repair(&store);
            block_on(store.close()).unwrap();
        },
        look: |folder, in_between: &mut u64, _, _| {
            let store = open(folder);
            let is_there = |number: &usize| block_on(store.has(&Key::new(name(*number)))).unwrap();
            let found = (0..VALUES).filter(is_there).count();
            *in_between += u64::from(found < VALUES);
            repair(&store);
            for number in 0..VALUES {
                let value = block_on(store.get(&Key::new(name(number)))).unwrap();
                assert_eq!(value, name(number));
            }
            block_on(sound(&store, folder, VALUES));
            assert!(!folder.join(".flatfs-quarantine").exists());
            block_on(store.close()).unwrap();
        },
        steps: 2,
        pause: Duration::from_millis(30),
    };
    let in_between: u64 = victim.kill().into_iter().sum();
    assert!(in_between >= runs(500) / 10, "{in_between}");
}
