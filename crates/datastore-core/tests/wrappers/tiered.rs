use datastore_core::{
    FaultDatastore, MemoryDatastore, ReadOnlyDatastore, TieredDatastore, WritePolicy,
    fault::{Fault, Gate, Rule},
};
use futures::{FutureExt, join};
use interface_datastore::{
    Batch, Claim, Datastore, DatastoreExt, Durability, ErrorKind, GetOptions, Key, Operation,
    PutOptions, Query, Timestamp,
};

use crate::support::{all, faulty, key, kind, listed, pieces, tiers};

fn two() -> (MemoryDatastore, MemoryDatastore, TieredDatastore) {
    let (upper, lower) = (MemoryDatastore::new(), MemoryDatastore::new());
    let store = TieredDatastore::new(tiers([&upper, &lower])).unwrap();
    (upper, lower, store)
}

#[test]
fn no_tier_is_refused() {
    assert_eq!(kind(TieredDatastore::new([])), ErrorKind::InvalidArgument);
}

/// What each of two tiers answers to a get, and what the store then answers.
#[test]
fn not_found_only_if_every_tier_says_so() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Says {
        Value,
        Nothing,
        Fails(ErrorKind),
    }
    use ErrorKind::{Damaged, Failed, NotFound};
    use Says::{Fails, Nothing, Value};
    let cases = [
        (Value, Value, Ok("upper")),
        (Nothing, Value, Ok("lower")),
        (Value, Fails(Failed), Ok("upper")),
        (Fails(Failed), Value, Ok("lower")),
        (Nothing, Nothing, Err(NotFound)),
        (Fails(Damaged), Nothing, Err(Damaged)),
        (Nothing, Fails(Damaged), Err(Damaged)),
        (Fails(Damaged), Fails(Failed), Err(Damaged)),
    ];
    for (upper, lower, expected) in cases {
        pollster::block_on(async {
            let mut stores = Vec::new();
            for (says, value) in [(upper, "upper"), (lower, "lower")] {
                let rules = match says {
                    Fails(kind) => [Operation::Get, Operation::Has]
                        .map(|operation| Rule::new(operation, Fault::fail(kind)))
                        .into(),
                    _ => vec![],
                };
                let (memory, tier) = faulty(rules);
                if says == Value {
                    memory.put(&key("/a"), value).await.unwrap();
                }
                stores.push(tier.handle());
            }
            let store = TieredDatastore::new(stores).unwrap();
            let a = key("/a");
            let got = store.get(&a).await.map_err(|error| error.kind());
            assert_eq!(got, expected.map(Into::into), "{upper:?} {lower:?}");
            let stream = match store.get_stream(&a).await {
                Ok(stream) => Ok(all(stream.body).await.unwrap().concat()),
                Err(error) => Err(error.kind()),
            };
            assert_eq!(stream.is_ok(), expected.is_ok(), "{upper:?} {lower:?}");
            let has = store.has(&a).await.map_err(|error| error.kind());
            let expected = match expected {
                Ok(_) => Ok(true),
                Err(NotFound) => Ok(false),
                Err(kind) => Err(kind),
            };
            assert_eq!(has, expected, "{upper:?} {lower:?}");
        });
    }
}

#[test]
fn every_write_reaches_all_tiers() {
    pollster::block_on(async {
        let (upper, lower, store) = two();
        let mut batch = Batch::new();
        batch
            .put(key("/batch"), "1")
            .put(key("/gone"), "1")
            .delete(key("/gone"));
        store.put(&key("/gone"), "0").await.unwrap();
        store.put(&key("/put"), "1").await.unwrap();
        all(store.put_many([(key("/many"), "1".into())]))
            .await
            .unwrap();
        store.write(batch).await.unwrap();
        for name in ["/batch", "/many", "/put"] {
            for (tier, place) in [(&upper, 0), (&lower, 1)] {
                assert_eq!(
                    tier.get(&key(name)).await.unwrap(),
                    "1",
                    "{name} in tier {place}"
                );
            }
        }
        assert_eq!(listed(&store, Query::all()).await.unwrap().len(), 3);
        store.delete(&key("/put")).await.unwrap();
        all(store.delete_many([key("/many")])).await.unwrap();
        for tier in [&upper, &lower] {
            assert_eq!(listed(tier, Query::all()).await.unwrap().len(), 1);
        }
    });
}

#[test]
fn streamed_values_stay_below_and_hide_what_is_above() {
    pollster::block_on(async {
        let (upper, _, store) = two();
        let a = key("/a");
        store.put(&a, "old").await.unwrap();
        store.put_stream(&a, pieces(&["n", "ew"])).await.unwrap();
        assert!(!upper.has(&a).await.unwrap());
        assert_eq!(store.get(&a).await.unwrap(), "new");
    });
}

/// How a write fails, and what is read afterwards: never what the authority no longer holds.
#[test]
fn no_failed_write_leaves_a_stale_tier() {
    let put = |fault: Fault| Rule::new(Operation::Put, fault);
    let cases = [
        (
            "authority refuses",
            vec![],
            vec![put(Fault::fail(ErrorKind::NoSpace))],
            true,
        ),
        (
            "authority does it unsaid",
            vec![],
            vec![put(Fault::fail_after(ErrorKind::OutcomeUnknown))],
            true,
        ),
        (
            "authority tears it",
            vec![],
            vec![put(Fault::tear(1, ErrorKind::Failed))],
            true,
        ),
        (
            "upper is not filled",
            vec![put(Fault::fail(ErrorKind::NoSpace))],
            vec![],
            false,
        ),
        (
            "upper is filled unsaid",
            vec![put(Fault::fail_after(ErrorKind::Failed))],
            vec![],
            false,
        ),
        (
            "upper cannot be cleared",
            vec![Rule::new(Operation::Delete, Fault::fail(ErrorKind::Failed))],
            vec![],
            true,
        ),
    ];
    for (what, upper_rules, lower_rules, fails) in cases {
        pollster::block_on(async {
            let (upper_memory, upper) = faulty(upper_rules);
            let (lower_memory, lower) = faulty(lower_rules);
            let a = key("/a");
            for memory in [&upper_memory, &lower_memory] {
                memory.put(&a, "old").await.unwrap();
            }
            let store = TieredDatastore::new(tiers([&upper, &lower]))
                .unwrap()
                .promote_on_read(true);
            assert_eq!(store.put(&a, "new").await.is_err(), fails, "{what}");
            let truth = lower_memory.get(&a).await.unwrap();
            for read in 0..2 {
                assert_eq!(store.get(&a).await.unwrap(), truth, "{what}, read {read}");
            }
        });
    }
}

#[test]
fn a_write_dropped_half_way_leaves_no_stale_tier() {
    for point in [Operation::Put, Operation::Delete] {
        pollster::block_on(async {
            let gate = Gate::new();
            let (upper, lower_memory) = (MemoryDatastore::new(), MemoryDatastore::new());
            let held = Fault::none().gated_after(&gate);
            let lower = FaultDatastore::new(&lower_memory, vec![Rule::new(point, held)]);
            let store = TieredDatastore::new(tiers([&upper, &lower])).unwrap();
            let a = key("/a");
            for memory in [&upper, &lower_memory] {
                memory.put(&a, "old").await.unwrap();
            }
            let outcome = match point {
                Operation::Put => store.put(&a, "new").now_or_never().map(drop),
                _ => store.delete(&a).now_or_never().map(drop),
            };
            assert!(outcome.is_none());
            assert_eq!(
                store.try_get(&a).await.unwrap(),
                lower_memory.try_get(&a).await.unwrap()
            );
        });
    }
}

#[test]
fn values_move_up_only_if_asked() {
    pollster::block_on(async {
        for promotes in [false, true] {
            let (upper, lower, store) = two();
            let store = store.promote_on_read(promotes);
            let (a, part) = (key("/a"), key("/part"));
            for name in [&a, &part] {
                lower.put(name, "value").await.unwrap();
            }
            store.get(&a).await.unwrap();
            store.get_range(&part, 0..1).await.unwrap();
            assert!(store.has(&part).await.unwrap());
            assert_eq!(upper.has(&a).await.unwrap(), promotes);
            assert!(!upper.has(&part).await.unwrap(), "a part is not promoted");
        }
    });
}

#[test]
fn a_value_moves_up_with_its_expiry_or_not_at_all() {
    pollster::block_on(async {
        let (upper, lower, store) = two();
        let store = store.promote_on_read(true);
        let moment = Timestamp::after(std::time::Duration::from_secs(3600));
        lower.put_expiring(&key("/a"), "1", moment).await.unwrap();
        store.get(&key("/a")).await.unwrap();
        assert_eq!(
            upper.metadata(&key("/a")).await.unwrap().expires,
            Some(moment)
        );
    });
}

/// A read finds the old value below; a write comes between and the upper tier is left empty. The read must not put the
/// old value there.
#[test]
fn promotion_does_not_bring_an_old_value_up() {
    for way in ["put", "delete"] {
        pollster::block_on(async {
            let gate = Gate::new();
            let (upper, lower_memory) = (MemoryDatastore::new(), MemoryDatastore::new());
            let slow = Fault::none().gated_after(&gate);
            let lower = FaultDatastore::new(
                &lower_memory,
                vec![Rule::new(Operation::Get, slow).times(1)],
            );
            let store = TieredDatastore::new(tiers([&upper, &lower]))
                .unwrap()
                .promote_on_read(true)
                .with_write_policy(WritePolicy::Around);
            let a = key("/a");
            lower_memory.put(&a, "old").await.unwrap();
            let write = async {
                gate.reached_by(1).await;
                match way {
                    "put" => drop(store.put(&a, "new").await.unwrap()),
                    _ => store.delete(&a).await.unwrap(),
                }
                gate.open();
            };
            let (read, ()) = join!(store.get(&a), write);
            assert_eq!(read.unwrap(), "old");
            assert!(!upper.has(&a).await.unwrap(), "{way}");
            assert_eq!(
                store.try_get(&a).await.unwrap(),
                lower_memory.try_get(&a).await.unwrap()
            );
        });
    }
}

/// The read begins while a write is under way, and ends after it.
#[test]
fn promotion_does_not_overtake_a_write_under_way() {
    pollster::block_on(async {
        let (write_gate, read_gate) = (Gate::new(), Gate::new());
        let (upper, lower_memory) = (MemoryDatastore::new(), MemoryDatastore::new());
        let lower = FaultDatastore::new(
            &lower_memory,
            vec![
                Rule::new(Operation::Delete, Fault::none().gated_before(&write_gate)),
                Rule::new(Operation::Get, Fault::none().gated_after(&read_gate)).times(1),
            ],
        );
        let store = TieredDatastore::new(tiers([&upper, &lower]))
            .unwrap()
            .promote_on_read(true);
        let a = key("/a");
        lower_memory.put(&a, "old").await.unwrap();
        let delete = async {
            store.delete(&a).await.unwrap();
            read_gate.open();
        };
        let read = async {
            write_gate.reached_by(1).await;
            store.get(&a).await
        };
        let conductor = async {
            read_gate.reached_by(1).await;
            write_gate.open();
        };
        let ((), read, ()) = join!(delete, read, conductor);
        assert_eq!(read.unwrap(), "old");
        assert!(!upper.has(&a).await.unwrap());
        assert_eq!(kind(store.get(&a).await), ErrorKind::NotFound);
    });
}

#[test]
fn writes_of_one_key_pass_one_after_another() {
    pollster::block_on(async {
        let gate = Gate::new();
        let (lower_memory, upper) = (MemoryDatastore::new(), MemoryDatastore::new());
        let first_is_slow = Rule::new(Operation::Put, Fault::none().gated_after(&gate)).times(1);
        let lower = FaultDatastore::new(&lower_memory, vec![first_is_slow]);
        let store = TieredDatastore::new(tiers([&upper, &lower])).unwrap();
        let a = key("/a");
        let conductor = async {
            gate.reached_by(1).await;
            assert!(
                store.put(&key("/b"), "other").now_or_never().is_some(),
                "other keys go on"
            );
            gate.open();
        };
        let (first, second, ()) = join!(store.put(&a, "first"), store.put(&a, "second"), conductor);
        first.and(second).unwrap();
        for tier in [&upper, &lower_memory] {
            assert_eq!(tier.get(&a).await.unwrap(), "second");
        }
    });
}

#[test]
fn the_authority_decides_on_conditions_and_versions() {
    pollster::block_on(async {
        let (upper, lower, store) = two();
        let a = key("/a");
        lower.put(&a, "below").await.unwrap();
        let refused = store
            .put_opts(&a, "new".into(), PutOptions::if_absent())
            .await;
        assert_eq!(kind(refused), ErrorKind::PreconditionFailed);
        let version = store.metadata(&a).await.unwrap().version.unwrap();
        let written = store
            .put_opts(&a, "new".into(), PutOptions::if_match(version))
            .await
            .unwrap();
        assert_eq!(upper.get(&a).await.unwrap(), "new");
        let plain = store.get_opts(&a, GetOptions::default()).await.unwrap();
        assert_eq!(plain.version, written.version, "not the upper tier's own");
        let named = GetOptions::default().with_if_version(written.version.clone());
        let named = store.get_opts(&a, named).await.unwrap();
        assert_eq!(
            (named.version, named.value),
            (written.version, Some("new".into()))
        );
        let of_upper = upper.metadata(&a).await.unwrap().version;
        assert_ne!(of_upper, plain.version, "the tiers count on their own");
        let named = GetOptions::default().with_if_version(of_upper);
        let refused = store.get_opts(&a, named).await;
        assert_eq!(kind(refused), ErrorKind::PreconditionFailed);
    });
}

#[test]
fn a_failed_close_closes_the_others_too() {
    pollster::block_on(async {
        let (_, upper) = faulty(vec![Rule::new(
            Operation::Close,
            Fault::fail(ErrorKind::Failed),
        )]);
        let lower = MemoryDatastore::new();
        let store = TieredDatastore::new(tiers([&upper, &lower])).unwrap();
        assert_eq!(kind(store.close().await), ErrorKind::Failed);
        assert_eq!(kind(lower.get(&key("/a")).await), ErrorKind::Closed);
    });
}

#[test]
fn claims_are_those_of_the_authority_as_far_as_the_tiers_allow() {
    let (_, lower, store) = two();
    let (own, inner) = (
        store.capabilities(&Key::root()),
        lower.capabilities(&Key::root()),
    );
    assert_eq!(
        (own.writable, own.linearizable),
        (Claim::Yes, inner.linearizable)
    );
    assert_eq!(own.versions, Claim::Varies);
    assert_eq!(own.max_durability, Durability::Volatile);
    let fixed = ReadOnlyDatastore::new(&MemoryDatastore::new());
    let store = TieredDatastore::new(tiers([&fixed, &lower])).unwrap();
    assert_eq!(store.capabilities(&Key::root()).writable, Claim::No);
    let alone = TieredDatastore::new(tiers([&lower])).unwrap();
    assert_eq!(alone.capabilities(&Key::root()), inner);
}
