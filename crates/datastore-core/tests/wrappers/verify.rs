use datastore_core::{MemoryDatastore, VerifyDatastore, verify::Mismatch};
use futures::StreamExt;
use interface_datastore::{
    Batch, Datastore, DatastoreExt, ErrorKind, Key, Maintenance, MaintenanceEvent, Query,
    query::Filter,
};

use crate::support::{all, key, kind, listed, pieces};

/// The value must be the last namespace, written the other way round.
fn reversed_name(key: &Key, value: &[u8]) -> Result<(), Mismatch> {
    if key.base_namespace().iter().rev().eq(value) {
        Ok(())
    } else {
        Err(Mismatch::new("not the name reversed"))
    }
}

async fn stores() -> (MemoryDatastore, VerifyDatastore) {
    let memory = MemoryDatastore::new();
    memory.put(&key("/good"), "doog").await.unwrap();
    memory.put(&key("/bad"), "bad").await.unwrap();
    let store = VerifyDatastore::new(&memory, reversed_name);
    (memory, store)
}

#[test]
fn writes_must_fit() {
    pollster::block_on(async {
        let (memory, store) = stores().await;
        for (name, value, fits) in [
            ("/ab", "ba", true),
            ("/ab", "ab", false),
            ("/ab", "", false),
        ] {
            let name = key(name);
            let mut batch = Batch::new();
            batch.put(key("/xy"), "yx").put(name.clone(), value);
            let pairs = [(key("/xy"), "yx".into()), (name.clone(), value.into())];
            let (start, end) = value.split_at(value.len() / 2);
            let streamed = store.put_stream(&name, pieces(&[start, end]));
            let outcomes = [
                store.put(&name, value).await.map(drop),
                streamed.await.map(drop),
                all(store.put_many(pairs)).await.map(drop),
                store.write(batch).await.map(drop),
            ];
            for (place, outcome) in outcomes.into_iter().enumerate() {
                let got = outcome.err().map(|error| error.kind());
                assert_eq!(
                    got,
                    (!fits).then_some(ErrorKind::InvalidArgument),
                    "{value:?} {place}"
                );
            }
            memory.delete(&name).await.unwrap();
        }
    });
}

#[test]
fn a_batch_with_a_misfit_does_nothing() {
    pollster::block_on(async {
        let (memory, store) = stores().await;
        let mut batch = Batch::new();
        batch.put(key("/ab"), "ba").put(key("/cd"), "cd");
        let error = store.write(batch).await.unwrap_err();
        assert_eq!(error.key(), Some(&key("/cd")));
        assert!(!memory.has(&key("/ab")).await.unwrap());
    });
}

#[test]
fn nothing_unverified_is_given() {
    pollster::block_on(async {
        let (_, store) = stores().await;
        assert_eq!(store.get(&key("/good")).await.unwrap(), "doog");
        assert_eq!(store.get_range(&key("/good"), 1..3).await.unwrap(), "oo");
        let bad = key("/bad");
        let refused = [
            kind(store.get(&bad).await),
            kind(store.get_range(&bad, 0..1).await),
            kind(store.get_stream(&bad).await),
            kind(all(store.get_many([bad.clone()])).await),
            kind(listed(&store, Query::all()).await),
            kind(
                listed(
                    &store,
                    Query::all()
                        .with_filter(Filter::value_equals("x"))
                        .keys_only(),
                )
                .await,
            ),
        ];
        assert_eq!(refused, [ErrorKind::Damaged; 6]);
        assert_eq!(store.get_size(&bad).await.unwrap(), 3);
        assert!(store.has(&bad).await.unwrap());
        assert_eq!(
            all(store.query_keys(Query::all())).await.unwrap(),
            [bad, key("/good")]
        );
        assert_eq!(listed(&store, Query::prefix("/g")).await.unwrap().len(), 1);
    });
}

#[test]
fn scrub_names_the_damaged_keys_of_its_scope() {
    pollster::block_on(async {
        let (memory, store) = stores().await;
        memory.put(&key("/bad/er"), "x").await.unwrap();
        memory.put(&key("/badx"), "x").await.unwrap();
        for (scope, damaged) in [("/", 3), ("/bad", 2), ("/good", 0)] {
            let events = store.maintain_opts(Maintenance::Scrub, &key(scope), Default::default());
            let found = all(events).await.unwrap().into_iter().filter(|event| {
                matches!(event, MaintenanceEvent::Finding(finding) if finding.code == "value-mismatch")
            });
            assert_eq!(found.count(), damaged, "{scope}");
        }
        let first_error = store.query(Query::all()).collect::<Vec<_>>().await;
        assert_eq!(
            first_error.len(),
            1,
            "a listing ends with its first damaged value"
        );
    });
}

#[test]
fn streamed_values_are_limited() {
    pollster::block_on(async {
        let store = VerifyDatastore::new(&MemoryDatastore::new(), |_: &Key, _: &[u8]| Ok(()))
            .with_max_value_len(3);
        assert_eq!(store.capabilities(&Key::root()).max_value_len, Some(3));
        assert!(
            store
                .put_stream(&key("/a"), pieces(&["12", "3"]))
                .await
                .is_ok()
        );
        let outcome = store.put_stream(&key("/a"), pieces(&["12", "34"])).await;
        assert_eq!(kind(outcome), ErrorKind::InvalidArgument);
        assert_eq!(
            kind(store.put(&key("/a"), "1234").await),
            ErrorKind::InvalidArgument
        );
    });
}
