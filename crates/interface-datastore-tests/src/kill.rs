//! `kill -9` at random moments: what was acknowledged is there when the store is opened again.
//!
//! The test starts itself as a child process, which opens the store and writes without end, telling each write through
//! a pipe before it begins and after it was acknowledged. The parent kills the child, opens the store and looks.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use fastrand::Rng;
use futures_util::TryStreamExt;
use interface_datastore::{
    Batch, BoxFuture, Claim, Datastore, DatastoreExt, DeleteOptions, Durability, ErrorKind, Key,
    Maintenance, MaintenanceEvent, MaybeSend, MaybeSync, PutOptions, Query, Result, Severity,
    WriteOptions,
};

use crate::{
    BlockOn, Failure, Outcome, Verdict,
    cases::values::noise,
    effort::runs,
    failure::{ensure, ensure_eq, expect_error},
    keys::KeyMap,
    run::run_to_end,
};

/// Tells the child which test it is, and where the store lies.
const TEST: &str = "DATASTORE_TESTS_KILLED_TEST";
const FOLDER: &str = "DATASTORE_TESTS_KILLED_FOLDER";
const START: &str = "DATASTORE_TESTS_KILLED_START";

const KEYS: usize = 12;
/// The child ends by itself after so many writes, should its parent be gone.
const MOST_STEPS: u64 = 1_000_000;
/// Kills before the store is made anew.
const KILLS_PER_FOLDER: u64 = 10;

/// Opens or creates the store in a folder: any closure `|folder: PathBuf| async move { MyStore::open(folder) }`.
pub trait FolderOpener: MaybeSend + MaybeSync + 'static {
    /// Opens it.
    fn open(&self, folder: PathBuf) -> BoxFuture<'static, Result<Arc<dyn Datastore>>>;
}

impl<F, Fut, S> FolderOpener for F
where
    F: Fn(PathBuf) -> Fut + MaybeSend + MaybeSync + 'static,
    Fut: Future<Output = Result<S>> + MaybeSend + 'static,
    S: Datastore,
{
    fn open(&self, folder: PathBuf) -> BoxFuture<'static, Result<Arc<dyn Datastore>>> {
        let opened = self(folder);
        Box::pin(async move { Ok(Arc::new(opened.await?) as Arc<dyn Datastore>) })
    }
}

/// Makes a `#[test]` that kills a writing process again and again (500 times if `RS_STORES_RUNS` is `full`, else 50) and
/// checks what the store holds: every acknowledged write at [`Durability::Process`], no value that nobody stored.
///
/// The second argument opens or creates the store in a folder. `block_on` is as in [`conformance!`](crate::conformance).
///
/// ```no_run
/// # type MyStore = interface_datastore_tests::ReferenceDatastore;
/// # async fn open(_: std::path::PathBuf) -> interface_datastore::Result<MyStore> { Ok(MyStore::new()) }
/// use interface_datastore_tests::crash_conformance;
///
/// crash_conformance!(my_store_killed, |folder| open(folder));
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! crash_conformance {
    ($name:ident, $open:expr $(,)?) => {
        $crate::crash_conformance!($name, $open, block_on = $crate::block_on);
    };
    ($name:ident, $open:expr, block_on = $block_on:expr $(,)?) => {
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports, reason = "what is given may name all it needs in full")]
            use super::*;

            #[test]
            fn survives_kills() {
                let test = concat!(module_path!(), "::survives_kills");
                if let Err(failure) = $crate::survives_kills(test, $open, $block_on) {
                    panic!("{failure}");
                }
            }
        }
    };
}

/// What [`crash_conformance!`] calls: `test` is the full path of the `#[test]` that calls this, its crate included.
///
/// # Errors
/// The rule that the store breaks. In the child process this returns only when writing fails.
pub fn survives_kills(
    test: &str,
    opener: impl FolderOpener,
    block_on: impl BlockOn,
) -> Outcome<Verdict> {
    // The test runner knows its tests without the name of their crate.
    let test = test.split_once("::").map_or(test, |(_, path)| path);
    let opener: Arc<dyn FolderOpener> = Arc::new(opener);
    if env::var(TEST).is_ok_and(|asked| asked == test) {
        return run_to_end(&block_on, write_without_end(opener))?.map(|()| Verdict::Proven);
    }
    let kills = runs(500);
    for first in (0..kills).step_by(usize::try_from(KILLS_PER_FOLDER).unwrap_or(1)) {
        let folder = tempfile::tempdir()
            .map_err(|error| Failure::new(format!("no temporary folder: {error}")))?;
        let place = folder.path().join("store");
        if !run_to_end(&block_on, claims_process(opener.clone(), place.clone()))?? {
            return Ok(Verdict::Refused);
        }
        let mut known = Known::default();
        for kill in first..kills.min(first + KILLS_PER_FOLDER) {
            let during = |failure: Failure| failure.during(format_args!("kill {kill}"));
            let told = kill_a_writer(test, &place, known.next_step, kill).map_err(during)?;
            let look = look(opener.clone(), place.clone(), known, told);
            known = run_to_end(&block_on, look)?.map_err(during)?;
        }
    }
    Ok(Verdict::Proven)
}

/// Whether the store claims `Process`; if not it must refuse it.
async fn claims_process(opener: Arc<dyn FolderOpener>, place: PathBuf) -> Outcome<bool> {
    let store = opener.open(place).await?;
    let claims = store.capabilities(&Key::root()).max_durability >= Durability::Process;
    if !claims {
        let (key, options) = (keys(&*store)?.swap_remove(0), at_process());
        expect_error(
            store.put_opts(&key, "v".into(), options).await,
            ErrorKind::Unsupported,
            "put at process",
        )?;
    }
    store.close().await?;
    Ok(claims)
}

fn at_process() -> PutOptions {
    PutOptions::default().with_durability(Durability::Process)
}

fn keys(store: &dyn Datastore) -> Outcome<Vec<Key>> {
    let map = KeyMap::new(&store.capabilities(&Key::root()).keys)?;
    Ok((0..KEYS)
        .map(|i| map.key(&Key::new(format!("/killed/{}/{i}", i % 3))))
        .collect())
}

/// The changes of one step, the same in parent and child: several make a batch.
fn changes(step: u64) -> Vec<(usize, Option<Bytes>)> {
    let mut random = Rng::with_seed(step);
    let count = if random.u8(0..6) == 0 { 3 } else { 1 };
    let first = random.usize(0..KEYS);
    (0..count)
        .map(|i| {
            let stored = random.u8(0..5) > 0;
            let len = if random.bool() {
                random.usize(0..200)
            } else {
                random.usize(0..30_000)
            };
            ((first + i) % KEYS, stored.then(|| noise(len, step)))
        })
        .collect()
}

async fn write_without_end(opener: Arc<dyn FolderOpener>) -> Outcome {
    let number = |name| {
        env::var(name)
            .ok()
            .and_then(|text: String| text.parse::<u64>().ok())
    };
    let folder = env::var_os(FOLDER).ok_or_else(|| Failure::new("the child was told no folder"))?;
    let store = opener.open(folder.into()).await?;
    let keys = keys(&*store)?;
    let start = number(START).unwrap_or_default();
    for step in start..start + MOST_STEPS {
        tell("begin", step)?;
        write_step(&*store, &keys, step).await?;
        tell("done", step)?;
    }
    Ok(())
}

async fn write_step(store: &dyn Datastore, keys: &[Key], step: u64) -> Outcome {
    let changes = changes(step);
    let named = changes
        .into_iter()
        .filter_map(|(place, value)| Some((keys.get(place)?.clone(), value)));
    let mut named: Vec<(Key, Option<Bytes>)> = named.collect();
    if named.len() > 1 {
        let mut batch = Batch::new();
        for (key, value) in named {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            };
        }
        store
            .write_opts(
                batch,
                WriteOptions::default().with_durability(Durability::Process),
            )
            .await?;
        return Ok(());
    }
    match named.pop() {
        Some((key, Some(value))) => {
            store.put_opts(&key, value, at_process()).await?;
        }
        Some((key, None)) => {
            let options = DeleteOptions::default().with_durability(Durability::Process);
            store.delete_opts(&key, options).await?;
        }
        None => {}
    }
    Ok(())
}

/// One line in one write, so that a kill never cuts it.
fn tell(what: &str, step: u64) -> Outcome {
    let mut out = std::io::stdout().lock();
    let told = out
        .write_all(format!("\n@{what} {step}\n").as_bytes())
        .and_then(|()| out.flush());
    told.map_err(|error| Failure::new(format!("the pipe to the parent broke: {error}")))
}

/// How far the child came.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    begun: Option<u64>,
    done: Option<u64>,
}

impl Told {
    fn read(&mut self, line: &str) {
        if let Some(step) = line
            .strip_prefix("@begin ")
            .and_then(|step| step.parse().ok())
        {
            self.begun = Some(step);
        }
        if let Some(step) = line
            .strip_prefix("@done ")
            .and_then(|step| step.parse().ok())
        {
            self.done = Some(step);
        }
    }
}

/// When the writer is killed: a little after it began this step, or ended it.
#[derive(Clone, Copy)]
struct Moment {
    step: u64,
    at_begin: bool,
}

impl Moment {
    /// Half of them in batches, where a kill finds more than in single writes.
    fn choose(random: &mut Rng, start: u64) -> Self {
        let mut step = start + random.u64(0..60);
        let (at_begin, in_batch) = (random.bool(), random.bool());
        while in_batch && changes(step).len() < 2 {
            step += 1;
        }
        Self { step, at_begin }
    }

    fn is_reached(self, told: Told) -> bool {
        let told = if self.at_begin { told.begun } else { told.done };
        told.is_some_and(|step| step >= self.step)
    }
}

fn kill_a_writer(test: &str, place: &Path, start: u64, seed: u64) -> Outcome<Told> {
    let mut random = Rng::with_seed(seed);
    let moment = Moment::choose(&mut random, start);
    let pause = Duration::from_micros(random.u64(0..1500));
    let mut child = spawn(test, place, start)
        .map_err(|error| Failure::new(format!("no child process: {error}")))?;
    let out = child.stdout.take();
    let mut lines = out
        .map(BufReader::new)
        .map(BufRead::lines)
        .into_iter()
        .flatten();
    let mut told = Told::default();
    let reached = read_until(&mut lines, &mut told, moment);
    let end = Instant::now() + pause;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
    let killed = child.kill().and_then(|()| child.wait());
    // What the child told before it died still counts.
    lines
        .by_ref()
        .map_while(std::result::Result::ok)
        .for_each(|line| told.read(&line));
    killed.map_err(|error| Failure::new(format!("the child cannot be killed: {error}")))?;
    ensure!(
        reached,
        "the writer ended by itself after {told:?}: its output tells why"
    );
    Ok(told)
}

fn read_until(
    lines: &mut impl Iterator<Item = std::io::Result<String>>,
    told: &mut Told,
    moment: Moment,
) -> bool {
    for line in lines.by_ref().map_while(std::result::Result::ok) {
        told.read(&line);
        if moment.is_reached(*told) {
            return true;
        }
    }
    false
}

fn spawn(test: &str, place: &Path, start: u64) -> std::io::Result<Child> {
    Command::new(env::current_exe()?)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(TEST, test)
        .env(FOLDER, place)
        .env(START, start.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
}

/// What the store must hold, as far as the parent knows.
#[derive(Default)]
struct Known {
    values: BTreeMap<usize, Bytes>,
    next_step: u64,
}

/// Opens the store and compares it with what the child told.
async fn look(
    opener: Arc<dyn FolderOpener>,
    place: PathBuf,
    mut known: Known,
    told: Told,
) -> Outcome<Known> {
    let store = opener
        .open(place)
        .await
        .map_err(|error| Failure::from(error).during("opening after a kill"))?;
    let done = told.done.map_or(known.next_step, |step| step + 1);
    for step in known.next_step..done {
        apply(&mut known.values, changes(step));
    }
    let half_way = told
        .begun
        .filter(|step| *step >= done)
        .map(changes)
        .unwrap_or_default();
    let found = read_all(&*store).await?;
    check(&*store, &known.values, &half_way, &found).await?;
    known.values = found;
    known.next_step = told.begun.map_or(done, |step| done.max(step + 1));
    goes_on(&*store).await?;
    store.close().await?;
    Ok(known)
}

fn apply(values: &mut BTreeMap<usize, Bytes>, changes: Vec<(usize, Option<Bytes>)>) {
    for (place, value) in changes {
        match value {
            Some(value) => drop(values.insert(place, value)),
            None => drop(values.remove(&place)),
        }
    }
}

async fn read_all(store: &dyn Datastore) -> Outcome<BTreeMap<usize, Bytes>> {
    let mut found = BTreeMap::new();
    for (place, key) in keys(store)?.iter().enumerate() {
        found.extend(store.try_get(key).await?.map(|value| (place, value)));
    }
    let listed = store
        .query_keys(Query::all())
        .try_collect::<Vec<_>>()
        .await?
        .len();
    ensure_eq!(listed, found.len(), "number of keys listed after a kill");
    Ok(found)
}

/// Every key holds what was acknowledged, or what was being written when the child died; an atomic batch all or nothing.
async fn check(
    store: &dyn Datastore,
    acknowledged: &BTreeMap<usize, Bytes>,
    half_way: &[(usize, Option<Bytes>)],
    found: &BTreeMap<usize, Bytes>,
) -> Outcome {
    let (mut old, mut new) = (false, false);
    for place in 0..KEYS {
        let (before, now) = (acknowledged.get(&place), found.get(&place));
        let after = half_way
            .iter()
            .find(|(changed, _)| *changed == place)
            .map(|(_, value)| value.as_ref());
        let is_new = after.is_some_and(|after| after == now);
        let lens = (before.map(Bytes::len), now.map(Bytes::len));
        ensure!(
            before == now || is_new,
            "key {place} lost an acknowledged write (bytes acknowledged, found: {lens:?})"
        );
        if after.is_some_and(|after| after != before) {
            old |= !is_new;
            new |= is_new;
        }
    }
    let atomic = store.capabilities(&Key::root()).atomic_batch == Claim::Yes;
    ensure!(
        !(atomic && old && new),
        "a batch was applied in part, the store claims that batches are atomic"
    );
    Ok(())
}

/// The store works, leaves nothing of the probe, and finds no fault in itself.
async fn goes_on(store: &dyn Datastore) -> Outcome {
    let map = KeyMap::new(&store.capabilities(&Key::root()).keys)?;
    let probe = map.key(&Key::new("/killed/probe"));
    store.put(&probe, "probe").await?;
    ensure_eq!(store.get(&probe).await?, "probe", "value put after a kill");
    store.delete(&probe).await?;
    if store.capabilities(&Key::root()).maintenance.check == Claim::Yes {
        for event in store
            .maintain(Maintenance::Check)
            .try_collect::<Vec<_>>()
            .await?
        {
            let grave = matches!(&event, MaintenanceEvent::Finding(finding) if finding.severity == Severity::Error);
            ensure!(!grave, "a check after a kill finds {event:?}");
        }
    }
    Ok(())
}
