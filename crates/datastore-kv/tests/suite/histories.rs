//! Histories of several transactions side by side, over each engine.

use std::collections::BTreeMap;

use datastore_engine::Engine;
use datastore_fjall::FjallOptions;
use datastore_kv::{KvDatastore, MemoryEngine, Transaction, TransactionOptions};
use datastore_redb::RedbOptions;
use futures::TryStreamExt;
use interface_datastore::{BoxStream, Bytes, DatastoreExt, Entry, ErrorKind, Key, Query, Result};
use pollster::block_on;

/// Steps of transactions, named by numbers, and of the store itself, `s`. A transaction begins with its first step.
/// `read /a=x` and `list /p/=/p/a+/p/b` tell what must be found, and `commit`, `conflict` how the transaction must end.
const HISTORIES: &[(&str, &str)] = &[
    (
        "own writes are seen",
        "1 put /a=new, 1 read /a=new, 1 delete /b, 1 read /b, 1 put /p/c=x, 1 delete /p/a, 1 list /p/=/p/b+/p/c, \
         1 commit, s read /a=new, s read /b, s list /p/=/p/b+/p/c",
    ),
    (
        "writes of others are not seen",
        "1 read /b=b, s put /a=new, s put /p/c=x, s delete /b, 1 read /a=a, 1 read /b=b, 1 list /p/=/p/a+/p/b, 1 commit",
    ),
    (
        "nothing is seen before the commit",
        "1 put /a=new, s read /a=a, 1 commit, s read /a=new",
    ),
    (
        "dropped",
        "1 put /a=new, 1 delete /b, 1 drop, s read /a=a, s read /b=b",
    ),
    (
        "rolled back",
        "1 put /a=new, 1 delete /b, 1 rollback, s read /a=a, s read /b=b",
    ),
    (
        "blind writes do not meet",
        "1 put /a=1, 2 put /a=2, 2 commit, 1 commit, s read /a=1",
    ),
    (
        "apart",
        "1 read /a=a, 2 read /b=b, 1 put /a=1, 2 put /b=2, 1 commit, 2 commit, s read /a=1, s read /b=2",
    ),
    (
        "lost update",
        "1 read /a=a, 2 read /a=a, 1 put /a=1, 2 put /a=2, 1 commit, 2 conflict, s read /a=1",
    ),
    (
        "write skew",
        "1 read /a=a, 1 read /b=b, 2 read /a=a, 2 read /b=b, 1 delete /a, 2 delete /b, 1 commit, 2 conflict, s read /b=b",
    ),
    (
        "what was absent",
        "1 read /new, 1 put /a=1, s put /new=x, 1 conflict, s read /a=a",
    ),
    (
        "what was there",
        "1 read /b=b, 1 put /a=1, s delete /b, 1 conflict, s read /a=a",
    ),
    (
        "the same value again",
        "1 read /b=b, 1 put /a=1, s delete /b, s put /b=b, 1 conflict, s read /a=a",
    ),
    (
        "a read of one's own write depends on nothing",
        "1 put /a=1, 1 read /a=1, s put /a=2, 1 commit, s read /a=1",
    ),
    (
        "phantom",
        "1 list /p/=/p/a+/p/b, 1 put /a=1, s put /p/aa=x, 1 conflict, s read /a=a",
    ),
    (
        "phantom at the end",
        "1 list /p/=/p/a+/p/b, 1 put /a=1, s put /p/z=x, 1 conflict",
    ),
    (
        "phantom in nothing",
        "1 list /none/=, 1 put /a=1, s put /none/x=x, 1 conflict",
    ),
    (
        "a listed entry goes",
        "1 list /p/=/p/a+/p/b, 1 put /a=1, s delete /p/b, 1 conflict",
    ),
    (
        "a listed entry changes",
        "1 list /p/=/p/a+/p/b, 1 put /a=1, s put /p/b=x, 1 conflict",
    ),
    (
        "one for another",
        "1 list /p/=/p/a+/p/b, 1 put /a=1, s delete /p/b, s put /p/c=x, 1 conflict",
    ),
    (
        "beside the range",
        "1 list /p/=/p/a+/p/b, 1 put /a=1, s put /q/a=x, s put /p=x, 1 commit, s read /a=1",
    ),
    (
        "beyond what was read",
        "1 first /p/=/p/a, 1 put /a=1, s put /p/b=x, s put /p/c=x, 1 commit",
    ),
    (
        "within what was read",
        "1 first /p/=/p/a, 1 put /a=1, s put /p/A=x, 1 conflict",
    ),
    (
        "before what was read backwards",
        "1 last /p/=/p/b, 1 put /a=1, s put /p/a=x, 1 commit",
    ),
    (
        "behind what was read backwards",
        "1 last /p/=/p/b, 1 put /a=1, s put /p/c=x, 1 conflict",
    ),
    (
        "phantoms of each other",
        "1 list /p/=/p/a+/p/b, 2 list /q/=, 1 put /q/x=1, 2 put /p/x=2, 1 commit, 2 conflict, s read /p/x",
    ),
    (
        "reading alone never fails",
        "1 read /a=a, 1 list /p/=/p/a+/p/b, s put /a=x, s put /p/c=x, 1 commit",
    ),
    (
        "a batch is seen whole",
        "1 read /a=a, 2 put /a=2, 2 put /b=2, 2 commit, 1 read /b=b, 1 put /c=1, 1 conflict, s read /c",
    ),
];

pub(crate) async fn filled<E: Engine>(engine: E) -> KvDatastore<E> {
    let store = KvDatastore::open(engine).await.unwrap();
    for key in ["/a", "/b", "/p/a", "/p/b"] {
        let value = key.rsplit('/').next().unwrap().to_owned();
        store.put(&Key::new(key), value).await.unwrap();
    }
    store
}

pub(crate) async fn begun<E: Engine>(store: &KvDatastore<E>) -> Transaction<E> {
    let begun = store.transaction(TransactionOptions::default()).await;
    begun.unwrap()
}

pub(crate) async fn keys(entries: BoxStream<'static, Result<Entry>>) -> String {
    let keys: Vec<_> = entries
        .map_ok(|entry| entry.key.to_string())
        .try_collect()
        .await
        .unwrap();
    keys.join("+")
}

/// Does the steps of a history.
async fn follow<E: Engine>(store: KvDatastore<E>, (name, history): (&str, &str)) {
    let mut running = BTreeMap::new();
    for step in history.split(',').map(str::trim) {
        let mut words = step.splitn(3, ' ');
        let (who, verb, rest) = (
            words.next().unwrap(),
            words.next().unwrap(),
            words.next().unwrap_or(""),
        );
        let (text, value) = rest.split_once('=').unwrap_or((rest, ""));
        let step = &*format!("{name}: {step}");
        let key = Key::new(text);
        let found = |value: Option<Bytes>| {
            value.map_or(String::new(), |value| {
                String::from_utf8(value.to_vec()).unwrap()
            })
        };
        if who == "s" {
            match verb {
                "put" => drop(store.put(&key, value.to_owned()).await.unwrap()),
                "delete" => store.delete(&key).await.unwrap(),
                "read" => assert_eq!(found(store.try_get(&key).await.unwrap()), value, "{step}"),
                "list" => assert_eq!(
                    keys(store.query(Query::prefix(text))).await,
                    value,
                    "{step}"
                ),
                _ => panic!("{step}"),
            }
            continue;
        }
        let transaction = match running.remove(who) {
            Some(running) => running,
            None => begun(&store).await,
        };
        let list = Query::prefix(text);
        match verb {
            "put" => transaction.put(&key, value.to_owned()).unwrap(),
            "delete" => transaction.delete(&key).unwrap(),
            "read" => assert_eq!(
                found(transaction.try_get(&key).await.unwrap()),
                value,
                "{step}"
            ),
            "list" => assert_eq!(keys(transaction.query(list)).await, value, "{step}"),
            "first" => assert_eq!(
                keys(transaction.query(list.with_limit(1))).await,
                value,
                "{step}"
            ),
            "last" => assert_eq!(
                keys(transaction.query(list.reversed().with_limit(1))).await,
                value,
                "{step}"
            ),
            "drop" => {
                drop(transaction);
                continue;
            }
            "rollback" => {
                transaction.rollback();
                continue;
            }
            "commit" => {
                transaction.commit().await.unwrap();
                continue;
            }
            "conflict" => {
                let error = transaction.commit().await.expect_err(step);
                assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{error}");
                assert!(
                    error.to_string().contains("run the transaction again"),
                    "{error}"
                );
                continue;
            }
            _ => panic!("{step}"),
        }
        running.insert(who, transaction);
    }
}

#[test]
fn histories_end_as_if_one_came_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    for (at, history) in HISTORIES.iter().enumerate() {
        let path = |engine: &str| folder.path().join(format!("{engine}{at}"));
        block_on(async {
            follow(filled(MemoryEngine::new()).await, *history).await;
            let redb = RedbOptions::new().open(path("redb")).await.unwrap();
            follow(filled(redb).await, *history).await;
            let fjall = FjallOptions::new().open(path("fjall")).await.unwrap();
            follow(filled(fjall).await, *history).await;
        });
    }
}
