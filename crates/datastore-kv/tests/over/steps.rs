//! The store stops at a step of a commit, each in turn: what was acknowledged is there, and each commit whole or not at all.

use std::collections::BTreeMap;

use datastore_engine::{Batch, BatchOp, CommitOptions, Engine, EngineReader, Scan};
use datastore_kv::DatastoreEngine;
use futures::TryStreamExt;
use pollster::block_on;

use crate::store::{PlainStore, Stop};

pub(crate) type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a batch means.
pub(crate) fn applied(state: &State, batch: &Batch) -> State {
    let mut state = state.clone();
    for op in batch.iter() {
        match op {
            BatchOp::Put { key, value } => {
                state.insert(key.to_vec(), value.as_slice().to_vec());
            }
            BatchOp::Delete { key } => drop(state.remove(key)),
            BatchOp::DeleteRange(range) => state.retain(|key, _| !range.contains(key)),
        }
    }
    state
}

pub(crate) fn batch(make: impl FnOnce(&mut Batch) -> &mut Batch) -> Batch {
    let mut batch = Batch::new();
    make(&mut batch);
    batch
}

pub(crate) async fn commit(
    engine: &DatastoreEngine,
    batch: &Batch,
) -> datastore_engine::Result<()> {
    engine.commit(batch, CommitOptions::default()).await
}

pub(crate) async fn held(engine: &DatastoreEngine) -> datastore_engine::Result<State> {
    let entries = engine.scan(Scan::all());
    entries
        .map_ok(|entry| (entry.key.to_vec(), entry.value.to_vec()))
        .try_collect()
        .await
}

/// Commits of every kind, each of which can be told from the others.
fn script() -> Vec<Batch> {
    vec![
        batch(|b| {
            b.put(b"a", b"1")
                .put(b"b", b"1")
                .put(b"c", b"1")
                .put(b"\0", b"1")
        }),
        batch(|b| b.put(b"a", b"2").delete(b"b").put(b"d", b"2")),
        batch(|b| b.put(b"a", b"3")),
        batch(|b| {
            b.delete_range(b"a", Some(b"d"))
                .put(b"c", b"4")
                .put(b"e/f", b"4")
        }),
        batch(|b| b.delete(b"d")),
        batch(|b| b.put(b"a", b"6").put(b"b", b"6").delete_range(b"e", None)),
    ]
}

/// The states that may be there behind commits of which some are not certain.
#[derive(Clone)]
struct Possible(Vec<State>);

impl Possible {
    fn only(state: State) -> Self {
        Self(vec![state])
    }

    fn after(self, batch: &Batch, acknowledged: bool) -> Self {
        let with: Vec<State> = self.0.iter().map(|state| applied(state, batch)).collect();
        let without = if acknowledged { Vec::new() } else { self.0 };
        Self(without.into_iter().chain(with).collect())
    }

    /// What has been seen stays. A commit that failed and was not seen may still be there when the store is opened again.
    fn since(self, found: &State) -> Self {
        let at = self.0.iter().position(|state| state == found);
        Self(self.0.into_iter().skip(at.unwrap_or(0)).collect())
    }

    #[track_caller]
    fn check(&self, found: &State, what: &str) {
        assert!(
            self.0.contains(found),
            "{what}: {found:?} is none of {:?}",
            self.0
        );
    }
}

/// Opens the engine and runs the script; gives what may be there behind it.
async fn work(store: &PlainStore, mut possible: Possible, what: &str) -> Possible {
    let Ok(engine) = DatastoreEngine::open(store).await else {
        return possible;
    };
    for batch in script() {
        let outcome = commit(&engine, &batch).await;
        possible = possible.after(&batch, outcome.is_ok());
        // A reader that gets an answer gets a right one, and what it has seen stays.
        if let Ok(found) = held(&engine).await {
            possible.check(&found, what);
            let keys: [&[u8]; 6] = [b"\0", b"a", b"b", b"c", b"d", b"e/f"];
            if let Ok(values) = engine.get_many(&keys).await {
                let there = keys.into_iter().zip(values);
                let there = there.filter_map(|(key, value)| Some((key.to_vec(), value?.to_vec())));
                assert_eq!(there.collect::<State>(), found, "{what}");
            }
            possible = possible.since(&found);
        }
    }
    // As when a process ends: there is no close.
    possible
}

/// Opens the engine anew; it holds what may be there, and goes on.
async fn survives(store: &PlainStore, possible: &Possible, what: &str) -> State {
    let engine = DatastoreEngine::open(store).await.expect(what);
    let found = held(&engine).await.expect(what);
    possible.check(&found, what);
    let more = batch(|b| b.put(b"more", b"1").put(b"most", b"1"));
    commit(&engine, &more).await.expect(what);
    engine.close().await.expect(what);
    let engine = DatastoreEngine::open(&store.another()).await.expect(what);
    let after = held(&engine).await.expect(what);
    assert_eq!(after, applied(&found, &more), "{what}");
    found
}

/// Runs `check` with the store stopped at each step, until one is not reached.
fn at_every_step(mut check: impl FnMut(u64, Stop) -> bool) {
    for how in Stop::ALL {
        let reached = (1..10_000).take_while(|nth| check(*nth, how)).count();
        assert!((5..9_999).contains(&reached), "{how:?}: {reached} steps");
    }
}

#[test]
fn a_commit_stopped_at_any_step_is_whole_or_not_there() {
    at_every_step(|nth, how| {
        block_on(async {
            let (store, what) = (PlainStore::new(), format!("step {nth}, {how:?}"));
            store.stop_at(nth, how);
            let possible = work(&store, Possible::only(State::new()), &what).await;
            let reached = store.taken() >= nth;
            survives(&store.another(), &possible, &what).await;
            reached
        })
    });
}

/// The process that replays a journal may end, too.
#[test]
fn a_replay_stopped_at_any_step_is_done_again() {
    let before = batch(|b| b.put(b"a", b"0").put(b"b", b"0").put(b"d", b"0"));
    let halted = batch(|b| b.put(b"a", b"1").put(b"c", b"1").delete(b"b").delete(b"d"));
    let states = Possible::only(applied(&State::new(), &before)).after(&halted, false);
    let mut replayed = 0;
    for cut in 1.. {
        let store = PlainStore::new();
        let reached = block_on(async {
            let engine = DatastoreEngine::open(&store).await.unwrap();
            commit(&engine, &before).await.unwrap();
            store.stop_at(cut, Stop::Before);
            commit(&engine, &halted).await.is_err()
        });
        if !reached {
            break;
        }
        let left = store.copy();
        at_every_step(|nth, how| {
            block_on(async {
                let (store, what) = (left.copy(), format!("cut {cut}, step {nth}, {how:?}"));
                store.stop_at(nth, how);
                // Nobody has opened it since who did not come to an end.
                drop(DatastoreEngine::open(&store).await);
                let reached = store.taken() >= nth;
                let found = survives(&store.another(), &states, &what).await;
                replayed += u32::from(found.contains_key(&b"c"[..]));
                reached
            })
        });
    }
    assert!(replayed > 100, "journals were replayed {replayed} times");
}

/// Behind a failure that passes, the same engine goes on, and what it could not finish is not lost.
#[test]
fn commits_go_on_behind_a_failure() {
    for how in Stop::ALL.into_iter().filter(|how| !how.is_final()) {
        // A journal, a look at the owner, three puts, a delete.
        for nth in 1..=6 {
            block_on(async {
                let (store, what) = (PlainStore::new(), format!("step {nth}, {how:?}"));
                let engine = DatastoreEngine::open(&store).await.unwrap();
                let [first, second] = [b"1", b"2"]
                    .map(|value| batch(|b| b.put(b"a", value).put(b"b", value).put(b"c", value)));
                commit(&engine, &first).await.unwrap();
                store.stop_at(nth, how);
                commit(&engine, &second).await.expect_err(&what);
                let mut possible =
                    Possible::only(applied(&State::new(), &first)).after(&second, false);
                if how == Stop::Twice {
                    // This one may meet the second failure.
                    let other = batch(|b| b.put(b"z", b"1"));
                    let outcome = commit(&engine, &other).await;
                    possible = possible.after(&other, outcome.is_ok());
                }
                while store.taken() <= nth {
                    // So may a read.
                    drop(held(&engine).await);
                }
                let found = held(&engine).await.expect(&what);
                possible.check(&found, &what);
                let third = batch(|b| b.put(b"b", b"3").delete(b"c"));
                commit(&engine, &third).await.expect(&what);
                assert_eq!(
                    held(&engine).await.unwrap(),
                    applied(&found, &third),
                    "{what}"
                );
                engine.close().await.expect(&what);
                let left = store.names().await;
                assert!(
                    !left.iter().any(|name| name.starts_with("/j/c")),
                    "{what}: {left:?}"
                );
            });
        }
    }
}

/// A close ends what a commit has left half done.
#[test]
fn a_close_leaves_no_journal() {
    for nth in 1..=6 {
        block_on(async {
            let store = PlainStore::new();
            let engine = DatastoreEngine::open(&store).await.unwrap();
            store.stop_at(nth, Stop::OnceBefore);
            let whole = batch(|b| b.put(b"a", b"1").put(b"b", b"1").put(b"c", b"1"));
            commit(&engine, &whole).await.unwrap_err();
            engine.close().await.unwrap();
            let left = store.names().await;
            assert!(
                !left.iter().any(|name| name.starts_with("/j/c")),
                "step {nth}: {left:?}"
            );
            // Engine's marker, owner and end of opening; behind the journal and the look at the owner, all three.
            assert_eq!(
                left.len(),
                if nth <= 2 { 3 } else { 6 },
                "step {nth}: {left:?}"
            );
        });
    }
}
