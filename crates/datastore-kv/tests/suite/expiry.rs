//! Expiry by a clock of the test.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Wake},
    time::Duration,
};

use datastore_engine::{Engine, EngineReader, Scan};
use datastore_kv::{KvDatastore, KvOptions, MemoryEngine};
use futures::{StreamExt, TryStreamExt, channel::mpsc};
use interface_datastore::{
    Datastore, DatastoreExt, Key, MaintainOptions, Maintenance, Query, Timestamp, WatchEvent,
};
use pollster::block_on;

#[derive(Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn set(&self, millis: u64) {
        self.0.store(millis, Ordering::SeqCst);
    }

    async fn store(&self, engine: &MemoryEngine) -> KvDatastore<MemoryEngine> {
        let now = self.0.clone();
        let clock = move || Timestamp::from_millis(now.load(Ordering::SeqCst));
        let options = KvOptions::new().clock(clock);
        options.open(engine.clone()).await.unwrap()
    }
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// How many keys the engine holds besides the marker.
async fn held(engine: &MemoryEngine) -> usize {
    let keys = engine.scan(Scan::all().keys_only());
    keys.try_collect::<Vec<_>>().await.unwrap().len() - 1
}

async fn listed(store: &KvDatastore<MemoryEngine>, query: Query) -> Vec<String> {
    let keys = store.query_keys(query).map_ok(|key| key.to_string());
    keys.try_collect().await.unwrap()
}

#[test]
fn limits_count_what_is_there() {
    block_on(async {
        let (hand, engine) = (Hand::default(), MemoryEngine::new());
        let store = hand.store(&engine).await;
        for n in 0..10 {
            let moment = at(if n % 2 == 0 { 10 } else { 20 });
            let key = Key::new(format!("/{n}"));
            store.put_expiring(&key, "value", moment).await.unwrap();
        }
        let rows: [(u64, &[&str]); 4] = [
            (9, &["/1", "/2"]),
            (10, &["/3", "/5"]),
            (19, &["/3", "/5"]),
            (20, &[]),
        ];
        for (now, expected) in rows {
            hand.set(now);
            let query = Query::all().with_offset(1).with_limit(2);
            assert_eq!(listed(&store, query).await, expected, "at {now}");
        }
    });
}

#[test]
fn writes_sweep_and_watchers_are_told() {
    block_on(async {
        let (hand, engine) = (Hand::default(), MemoryEngine::new());
        let store = hand.store(&engine).await;
        let (gone, kept) = (Key::new("/gone"), Key::new("/kept"));
        store.put_expiring(&gone, "value", at(10)).await.unwrap();
        store.put_expiring(&kept, "value", at(30)).await.unwrap();
        assert_eq!(held(&engine).await, 4);
        // Opened again it knows of them.
        let store = hand.store(&engine).await;
        let mut events = store.watch(&gone).await.unwrap();
        hand.set(10);
        store.put(&Key::new("/other"), "value").await.unwrap();
        assert_eq!(
            held(&engine).await,
            3,
            "one entry, its mark, and the new one"
        );
        let event = events.next().await.unwrap().unwrap();
        assert_eq!(event, WatchEvent::Delete { key: gone });
        assert!(store.has(&kept).await.unwrap());
    });
}

#[test]
fn renewing_leaves_no_trail() {
    block_on(async {
        let (hand, engine) = (Hand::default(), MemoryEngine::new());
        let store = hand.store(&engine).await;
        let key = Key::new("/session");
        for n in 0..100 {
            store
                .put_expiring(&key, "value", at(1000 + n))
                .await
                .unwrap();
        }
        assert_eq!(held(&engine).await, 2);
        // What does not expire any more leaves a mark, which does no harm when its moment comes.
        store.put(&key, "stays").await.unwrap();
        hand.set(5000);
        store.put(&Key::new("/other"), "value").await.unwrap();
        assert_eq!(store.get(&key).await.unwrap(), "stays");
        assert_eq!(held(&engine).await, 2);
    });
}

#[test]
fn collecting_keeps_to_its_scope() {
    block_on(async {
        let (hand, engine) = (Hand::default(), MemoryEngine::new());
        let store = hand.store(&engine).await;
        for n in 0..300 {
            for scope in ["/in", "/in-not"] {
                let key = Key::new(format!("{scope}/{n}"));
                store.put_expiring(&key, "value", at(10)).await.unwrap();
            }
        }
        hand.set(10);
        let rows = [("/in", 600), ("/none", 600), ("/", 0)];
        for (scope, left) in rows {
            let options = MaintainOptions::default();
            let events = store.maintain_opts(Maintenance::Gc, &Key::new(scope), options);
            events.try_collect::<Vec<_>>().await.unwrap();
            assert_eq!(held(&engine).await, left, "behind collecting {scope}");
        }
    });
}

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A sweeper that goes on only when it is told to, and writes down how long it wanted to sleep.
struct Sweeper {
    task: Pin<Box<dyn Future<Output = ()>>>,
    asked: Arc<Mutex<Vec<Duration>>>,
    ticks: mpsc::UnboundedSender<()>,
    woken: Arc<Woken>,
}

const EVERY: Duration = Duration::from_secs(60);

impl Sweeper {
    fn of<E: Engine>(store: &KvDatastore<E>) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (ticks, ticking) = mpsc::unbounded();
        let (spans, ticking) = (asked.clone(), Arc::new(async_lock::Mutex::new(ticking)));
        let sleep = move |span| {
            spans.lock().unwrap().push(span);
            let ticking = ticking.clone();
            async move {
                ticking.lock().await.next().await;
            }
        };
        Self {
            task: Box::pin(store.sweeper(EVERY, sleep)),
            asked,
            ticks,
            woken: Arc::default(),
        }
    }

    /// Whether it has ended.
    fn poll(&mut self) -> bool {
        let waker = self.woken.clone().into();
        self.task
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
    }

    /// Lets it go on this often, and gives how long it wanted to sleep meanwhile.
    fn tick(&mut self, times: usize) -> Vec<Duration> {
        for _ in 0..times {
            self.ticks.unbounded_send(()).unwrap();
        }
        assert!(!self.poll());
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[test]
fn a_sweeper_removes_what_has_expired_in_small_steps() {
    block_on(async {
        let (hand, engine) = (Hand::default(), MemoryEngine::new());
        let store = hand.store(&engine).await;
        for n in 0..300 {
            let key = Key::new(format!("/{n}"));
            store.put_expiring(&key, "value", at(10)).await.unwrap();
        }
        store
            .put_expiring(&Key::new("/later"), "value", at(20))
            .await
            .unwrap();
        let mut events = store.watch(&Key::new("/299")).await.unwrap();
        let mut sweeper = Sweeper::of(&store);
        let rest = Duration::from_millis(1);
        assert_eq!(sweeper.tick(2), [EVERY; 3]);
        assert_eq!(held(&engine).await, 602, "nothing has expired");
        hand.set(10);
        assert_eq!(sweeper.tick(1), [rest]);
        assert_eq!(held(&engine).await, 602 - 2 * 128, "a step has a bound");
        assert_eq!(sweeper.tick(2), [rest, EVERY]);
        assert_eq!(held(&engine).await, 2);
        let told = events.next().await.unwrap().unwrap();
        assert_eq!(
            told,
            WatchEvent::Delete {
                key: Key::new("/299")
            }
        );
        hand.set(20);
        assert_eq!(sweeper.tick(1), [EVERY]);
        assert_eq!(held(&engine).await, 0);
    });
}

#[test]
fn a_sweeper_ends_with_its_store() {
    type End = fn(KvDatastore<Arc<MemoryEngine>>);
    let ends: [End; 2] = [drop, |store| block_on(store.close()).unwrap()];
    for end in ends {
        let engine = Arc::new(MemoryEngine::new());
        let store = block_on(KvDatastore::open(engine.clone())).unwrap();
        let mut sweeper = Sweeper::of(&store);
        assert_eq!(sweeper.tick(0), [EVERY]);
        let before = sweeper.woken.0.load(Ordering::SeqCst);
        end(store);
        assert!(
            sweeper.woken.0.load(Ordering::SeqCst) > before,
            "it is woken"
        );
        assert_eq!(Arc::strong_count(&engine), 1, "it does not keep the engine");
        assert!(sweeper.poll(), "it ends");
    }
}
