//! Conversions: whoever comes next finishes them, and no value is lost.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use datastore_flatfs::{FlatfsDatastore, FlatfsOptions, ShardFunction, convert};
use futures::TryStreamExt;
use interface_datastore::{DatastoreExt, ErrorKind, Key, Query};
use interface_datastore_tests::runs;
use pollster::block_on;

use crate::process::{Told, Victim};
use crate::writes::sound;

const VALUES: u8 = 60;
const FUNCTIONS: [&str; 4] = ["next-to-last/2", "prefix/3", "suffix/1", "next-to-last/3"];

fn function(text: &str) -> ShardFunction {
    ShardFunction::from_short(text).unwrap()
}

fn go_on(_: convert::Event<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn options() -> FlatfsOptions {
    FlatfsOptions::new()
}

fn held() -> BTreeMap<String, Vec<u8>> {
    let ends = ["AB", "CD", "XY", ""];
    let value = |at: u8| {
        (
            format!("/KEY{}{at}", ends[usize::from(at) % 4]),
            vec![at; usize::from(at) * 20],
        )
    };
    (0..VALUES).map(value).collect()
}

fn fill(folder: &Path) {
    block_on(async {
        let store = FlatfsDatastore::open(folder, options()).await.unwrap();
        for (key, value) in held() {
            store.put(&Key::new(key), value).await.unwrap();
        }
        store.close().await.unwrap();
    });
}

/// The store holds what it held at first, and is sound.
fn whole(folder: &Path) {
    block_on(async {
        let store = FlatfsDatastore::open(folder, options().with_create_if_missing(false))
            .await
            .unwrap();
        let entries: Vec<_> = store.query(Query::all()).try_collect().await.unwrap();
        let pair = |entry: interface_datastore::Entry| {
            (entry.key.to_string(), entry.into_value().to_vec())
        };
        assert_eq!(
            entries.into_iter().map(pair).collect::<BTreeMap<_, _>>(),
            held()
        );
        for (key, value) in held() {
            assert_eq!(store.get(&Key::new(&key)).await.unwrap(), value, "{key}");
        }
        sound(&store, folder, usize::from(VALUES)).await;
        store.close().await.unwrap();
    });
}

fn is_store(folder: &Path) -> bool {
    let opened = block_on(FlatfsDatastore::open(
        folder,
        options().with_create_if_missing(false),
    ));
    match opened {
        Ok(store) => {
            // Else the number that is stored is none, and its length counts next time, as in the original.
            block_on(store.counted());
            block_on(store.close()).unwrap();
            true
        }
        Err(error) => {
            assert!(
                matches!(error.kind(), ErrorKind::Foreign | ErrorKind::NotFound),
                "{error}"
            );
            false
        }
    }
}

/// How often a kill left something to finish.
fn enough(unfinished: Vec<u64>) {
    let unfinished: u64 = unfinished.into_iter().sum();
    assert!(
        unfinished >= runs(500) / 10,
        "only {unfinished} kills came in the middle"
    );
}

#[test]
fn re_sharding() {
    let victim = Victim {
        test: "conversions::re_sharding",
        prepare: |folder| {
            fill(folder);
            0
        },
        step: |folder, step| {
            let to = function(FUNCTIONS[(step % 4) as usize]);
            convert::reshard(folder, to, &options(), &mut go_on).unwrap();
        },
        look: |folder, unfinished: &mut u64, _, _| {
            if !is_store(folder) {
                *unfinished += 1;
                convert::resume(folder, &options(), &mut go_on).unwrap();
            }
            whole(folder);
        },
        steps: 2,
        pause: Duration::from_millis(60),
    };
    enough(victim.kill());
}

/// From one store into another, and back again; what was cut short is done again, or the other way round.
#[test]
fn moving() {
    let victim = Victim {
        test: "conversions::moving",
        prepare: |folder| {
            fill(&folder.join("a"));
            0
        },
        step: |folder, _| {
            let [a, b] = ["a", "b"].map(|name| folder.join(name));
            let (from, to, shard) = if is_store(&a) {
                (a, b, "prefix/4")
            } else {
                (b, a, "next-to-last/2")
            };
            convert::create(&to, function(shard), &options()).unwrap();
            convert::move_store(&from, &to, &options(), &mut go_on).unwrap();
        },
        look: |folder, unfinished: &mut u64, start, _| {
            let [a, b] = ["a", "b"].map(|name| folder.join(name));
            if is_store(&a) && is_store(&b) {
                *unfinished += 1;
                let (from, to) = if start % 2 == 0 { (&a, &b) } else { (&b, &a) };
                convert::move_store(from, to, &options(), &mut go_on).unwrap();
            }
            let stores: Vec<_> = [a, b].into_iter().filter(|path| is_store(path)).collect();
            assert_eq!(stores.len(), 1, "{stores:?}");
            whole(&stores[0]);
        },
        steps: 2,
        pause: Duration::from_millis(60),
    };
    enough(victim.kill());
}

/// What the JavaScript packages write, copied and taken over; the keys are those of a flatfs store.
fn lay_javascript(folder: &Path) {
    let shard = function("prefix/5");
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("SHARDING.data"), format!("{shard}\n")).unwrap();
    for (key, value) in held() {
        // The function of JavaScript sees the slash, too.
        let place = folder.join(&key[1..key.len().min(5)]);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join(format!("{}.data", &key[1..])), value).unwrap();
    }
}

#[test]
fn imports() {
    let victim = Victim {
        test: "conversions::imports",
        prepare: |folder| {
            lay_javascript(&folder.join("js"));
            0
        },
        step: |folder, step| import(folder, step),
        look: |folder, unfinished: &mut u64, start, told: Told| {
            let last = told.begun.unwrap_or(start);
            let copied = folder.join(format!("flat{last}"));
            let is_whole = told.done == Some(last);
            *unfinished += u64::from(!is_whole);
            import(folder, last);
            whole(&copied);
        },
        steps: 2,
        pause: Duration::from_millis(60),
    };
    enough(victim.kill());
}

fn import(folder: &Path, number: u64) {
    let (from, to) = (folder.join("js"), folder.join(format!("flat{number}")));
    convert::import_javascript(&from, &to, &options(), &mut go_on).unwrap();
}

#[test]
fn adopting() {
    let victim = Victim {
        test: "conversions::adopting",
        prepare: |_| 0,
        step: |folder, step| {
            let path = folder.join(format!("js{step}"));
            lay_javascript(&folder.join("laid"));
            std::fs::rename(folder.join("laid"), &path).unwrap();
            convert::adopt_javascript(&path, &options(), &mut go_on).unwrap();
        },
        look: |folder, unfinished: &mut u64, start, told: Told| {
            let path = folder.join(format!("js{}", told.begun.unwrap_or(start)));
            let _ = std::fs::remove_dir_all(folder.join("laid"));
            if !path.exists() {
                return;
            }
            if !is_store(&path) {
                *unfinished += 1;
                match convert::resume(&path, &options(), &mut go_on) {
                    Ok(_) => {}
                    // It was not begun.
                    Err(error) if error.kind() == ErrorKind::InvalidArgument => {
                        convert::adopt_javascript(&path, &options(), &mut go_on).unwrap();
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            whole(&path);
        },
        steps: 2,
        pause: Duration::from_millis(60),
    };
    enough(victim.kill());
}
