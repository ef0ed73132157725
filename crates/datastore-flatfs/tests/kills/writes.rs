//! Every way to write a value or to take it away, at every durability.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use datastore_flatfs::{Accuracy, Blocking, FlatfsDatastore, FlatfsOptions};
use fastrand::Rng;
use futures::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    Batch, Datastore, DatastoreExt, DeleteManyOptions, DeleteOptions, Durability, Key, Maintenance,
    MaintenanceEvent, PutManyOptions, PutOptions, Query, Severity, WriteOptions,
};
use pollster::block_on;

use crate::process::{Told, Victim};

const KEYS: usize = 14;

/// Key number and value; none where it is taken away.
type Changes = Vec<(usize, Option<Vec<u8>>)>;
/// What is known to be there.
type Held = BTreeMap<usize, Vec<u8>>;

fn key(number: usize) -> Key {
    // Some share a folder.
    Key::new(format!("/K{number}{}Z", ["AA", "BB", "CC"][number % 3]))
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Put,
    /// The same value, too, which need not be written again.
    PutTwice,
    Stream,
    Many,
    Delete,
    DeleteMany,
    Batch,
}

const WAYS: [Way; 7] = [
    Way::Put,
    Way::PutTwice,
    Way::Stream,
    Way::Many,
    Way::Delete,
    Way::DeleteMany,
    Way::Batch,
];

struct Step {
    way: Way,
    durability: Durability,
    changes: Changes,
}

impl Step {
    /// The same in parent and child.
    fn number(number: u64) -> Self {
        let mut random = Rng::with_seed(number ^ 0x5eed);
        let way = WAYS[random.usize(..WAYS.len())];
        let durabilities = [Durability::Process, Durability::Ordered, Durability::Power];
        let durability = durabilities[random.usize(..3)];
        let count = match way {
            Way::Many | Way::DeleteMany | Way::Batch => random.usize(2..6),
            _ => 1,
        };
        let first = random.usize(..KEYS);
        let changes = (0..count).map(|at| {
            let value = match way {
                Way::Delete | Way::DeleteMany => None,
                Way::Batch if random.u8(..3) == 0 => None,
                _ => Some(value(&mut random)),
            };
            ((first + at) % KEYS, value)
        });
        Self {
            way,
            durability,
            changes: changes.collect(),
        }
    }

    async fn run(self, store: &FlatfsDatastore) {
        let durability = self.durability;
        let put = PutOptions::default().with_durability(durability);
        let delete = DeleteOptions::default().with_durability(durability);
        let pairs: Vec<(Key, Vec<u8>)> = self.pairs().collect();
        let keys: Vec<Key> = self
            .changes
            .iter()
            .map(|(number, _)| key(*number))
            .collect();
        match self.way {
            Way::Put | Way::PutTwice => {
                let (key, value) = pairs[0].clone();
                let times = if matches!(self.way, Way::Put) { 1 } else { 2 };
                for _ in 0..times {
                    let value = value.clone().into();
                    store.put_opts(&key, value, put.clone()).await.unwrap();
                }
            }
            Way::Stream => {
                let (key, value) = pairs[0].clone();
                let pieces: Vec<_> = value
                    .chunks(1000)
                    .map(|piece| Ok(piece.to_vec().into()))
                    .collect();
                let body = stream::iter(pieces).boxed();
                store.put_stream_opts(&key, body, put).await.unwrap();
            }
            Way::Many => {
                let options = PutManyOptions::default().with_durability(durability);
                let pairs = pairs
                    .into_iter()
                    .map(|(key, value)| Ok((key, value.into())));
                let stored =
                    store.put_many_opts(stream::iter(pairs.collect::<Vec<_>>()).boxed(), options);
                stored.try_collect::<Vec<_>>().await.unwrap();
            }
            Way::Delete => store.delete_opts(&keys[0], delete).await.unwrap(),
            Way::DeleteMany => {
                let options = DeleteManyOptions::default().with_durability(durability);
                let keys: Vec<_> = keys.into_iter().map(Ok).collect();
                let deleted = store.delete_many_opts(stream::iter(keys).boxed(), options);
                deleted.try_collect::<Vec<_>>().await.unwrap();
            }
            Way::Batch => {
                let mut batch = Batch::new();
                for (number, value) in self.changes {
                    // What the last call says counts.
                    batch.put(key(number), "not this").delete(key(number));
                    if let Some(value) = value {
                        batch.put(key(number), value);
                    }
                }
                let options = WriteOptions::default().with_durability(durability);
                store.write_opts(batch, options).await.unwrap();
            }
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (Key, Vec<u8>)> + '_ {
        let changes = self.changes.iter();
        changes.filter_map(|(number, value)| Some((key(*number), value.clone()?)))
    }
}

fn value(random: &mut Rng) -> Vec<u8> {
    let len = if random.bool() {
        random.usize(..200)
    } else {
        random.usize(..30_000)
    };
    (0..len).map(|_| random.u8(..)).collect()
}

fn options() -> FlatfsOptions {
    FlatfsOptions::new()
}

fn prepare(folder: &Path) -> Held {
    let store = block_on(FlatfsDatastore::open(folder, options())).unwrap();
    block_on(store.close()).unwrap();
    Held::new()
}

/// The store that the child has open as long as it lives.
fn opened(folder: &Path, options: FlatfsOptions) -> &'static FlatfsDatastore {
    static STORE: OnceLock<FlatfsDatastore> = OnceLock::new();
    STORE.get_or_init(|| block_on(FlatfsDatastore::open(folder, options)).unwrap())
}

fn look(folder: &Path, held: &mut Held, start: u64, told: Told) {
    block_on(async {
        remove_nothing(folder);
        let store = FlatfsDatastore::open(folder, options()).await.unwrap();
        let done = told.done.map_or(start, |step| step + 1);
        for number in start..done {
            for (key, value) in Step::number(number).changes {
                match value {
                    Some(value) => drop(held.insert(key, value)),
                    None => drop(held.remove(&key)),
                }
            }
        }
        let begun = told.begun.filter(|step| *step >= done);
        let half_way: BTreeMap<_, _> = begun
            .map(|step| Step::number(step).changes)
            .into_iter()
            .flatten()
            .collect();
        let mut found = Held::new();
        for number in 0..KEYS {
            let value = store.try_get(&key(number)).await.unwrap();
            found.extend(value.map(|value| (number, value.to_vec())));
            let (before, now) = (held.get(&number), found.get(&number));
            let is_new = half_way
                .get(&number)
                .is_some_and(|after| after.as_ref() == now);
            let len = |value: Option<&Vec<u8>>| value.map(Vec::len);
            assert!(
                before == now || is_new,
                "key {number}: {:?}, {:?} of {begun:?}",
                len(before),
                len(now)
            );
        }
        let batch = begun.is_some_and(|step| matches!(Step::number(step).way, Way::Batch));
        if batch {
            let is_new =
                |(key, value): (&usize, &Option<Vec<u8>>)| value.as_ref() == found.get(key);
            let is_old = |(key, _): (&usize, &Option<Vec<u8>>)| held.get(key) == found.get(key);
            assert!(
                half_way.iter().all(is_new) || half_way.iter().all(is_old),
                "a batch in part"
            );
        }
        sound(&store, folder, found.len()).await;
        *held = found;
        store.close().await.unwrap();
    });
}

/// Deletions before a count was done may bring a number down to nothing. As the original, we then count the file that says so;
/// without it there is as little known, and the number can be compared.
fn remove_nothing(folder: &Path) {
    let stored = folder.join("diskUsage.cache");
    let text = std::fs::read_to_string(&stored).unwrap();
    if text.starts_with("{\"diskUsage\":0,") {
        std::fs::remove_file(stored).unwrap();
    }
}

/// Nothing is listed that is not there, nothing is amiss, and the number of bytes is right.
pub(crate) async fn sound(store: &FlatfsDatastore, folder: &Path, values: usize) {
    let listed: Vec<_> = store.query_keys(Query::all()).try_collect().await.unwrap();
    assert_eq!(listed.len(), values);
    let events: Vec<_> = store
        .maintain(Maintenance::Check)
        .try_collect()
        .await
        .unwrap();
    for event in events {
        let grave = matches!(&event, MaintenanceEvent::Finding(finding) if finding.severity == Severity::Error);
        assert!(!grave, "{event:?}");
    }
    store.counted().await;
    assert_eq!(store.usage(), (walked(folder), Accuracy::Exact));
    if let Ok(text) = std::fs::read_to_string(folder.join("diskUsage.cache")) {
        let cached: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(
            cached["diskUsage"].as_u64().is_some_and(|bytes| bytes > 0),
            "{text}"
        );
    }
}

/// The bytes of a directory as the original counts them, without notes of ours, temporary files and the number itself.
fn walked(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap());
    let below = entries.map(|entry| {
        let (name, file) = (entry.file_name(), entry.metadata().unwrap());
        match name.to_str().unwrap() {
            "diskUsage.cache" => 0,
            name if name.starts_with(".flatfs-") && file.is_file() => 0,
            ".temp" => file.len(),
            _ if file.is_dir() => walked(&entry.path()),
            _ => file.len(),
        }
    });
    std::fs::metadata(folder).unwrap().len() + below.sum::<u64>()
}

#[test]
fn ways_to_write() {
    let victim = Victim {
        test: "writes::ways_to_write",
        prepare,
        step: |folder, step| block_on(Step::number(step).run(opened(folder, options()))),
        look,
        steps: 40,
        pause: Duration::from_micros(1500),
    };
    victim.kill();
}

#[test]
fn ways_to_write_inline() {
    let victim = Victim {
        test: "writes::ways_to_write_inline",
        prepare,
        step: |folder, step| {
            let store = opened(folder, options().with_blocking(Blocking::Inline));
            block_on(Step::number(step).run(store));
        },
        look,
        steps: 40,
        pause: Duration::from_micros(1500),
    };
    victim.kill();
}

/// Folders are pruned, values looked over and counted while others are written.
#[test]
fn beside_upkeep() {
    let victim = Victim {
        test: "writes::beside_upkeep",
        prepare,
        step: |folder, step| {
            let store = opened(folder, options());
            static BESIDE: OnceLock<()> = OnceLock::new();
            BESIDE.get_or_init(|| drop(std::thread::spawn(move || keep_up(store))));
            block_on(Step::number(step).run(store));
        },
        look,
        steps: 40,
        pause: Duration::from_micros(1500),
    };
    victim.kill();
}

fn keep_up(store: &FlatfsDatastore) -> ControlFlow<()> {
    loop {
        for task in [Maintenance::Gc, Maintenance::Repair, Maintenance::Scrub] {
            let events = store.maintain(task);
            block_on(events.try_collect::<Vec<_>>()).unwrap();
        }
        block_on(store.recount()).unwrap();
        block_on(store.sync(&Key::root())).unwrap();
    }
}
