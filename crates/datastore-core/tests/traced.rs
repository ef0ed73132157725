//! What a measuring store tells `tracing`: a span for each call, an event at its end, and never a value.
//!
//! A program of its own: whether a place in the code tells anything is decided once for all threads, and a test without
//! a subscriber beside this one would decide it.

use std::{
    fmt::{self, Write},
    sync::{Arc, Mutex},
};

use datastore_core::{
    FaultDatastore, MeasureDatastore, MemoryDatastore,
    fault::{Fault, Gate, Rule},
};
use futures::{FutureExt, StreamExt};
use interface_datastore::{DatastoreExt, ErrorKind, Key, Operation, Query};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::with_default,
};

/// Takes down each span and event as a line: level, name or message, fields.
#[derive(Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Times differ from run to run.
        let written = match field.name() {
            "micros" => Ok(()),
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        written.expect("a string takes all");
    }
}

impl Lines {
    fn add(&self, metadata: &Metadata<'_>, name: &str, record: impl FnOnce(&mut Line)) {
        let mut line = Line(format!("{}{name}", metadata.level()));
        record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "datastore"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let name = format!(" {}", span.metadata().name());
        self.add(span.metadata(), &name, |line| span.record(line));
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        self.add(event.metadata(), "", |line| event.record(line));
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn tells_of_each_call_and_its_end() {
    let stuck = Rule::new(Operation::Delete, Fault::none().gated_before(&Gate::new()));
    let failing = Rule::new(Operation::Has, Fault::fail(ErrorKind::Failed));
    let inner = FaultDatastore::new(&MemoryDatastore::new(), vec![failing, stuck]);
    let store = MeasureDatastore::new(&inner, "blocks");
    let (lines, a) = (Lines::default(), Key::new("/a"));
    let told = lines.0.clone();
    with_default(lines, || {
        pollster::block_on(async {
            store.put(&a, "a secret").await.unwrap();
            store.get(&a).await.unwrap();
            store.get(&Key::new("/none")).await.unwrap_err();
            store.has(&a).await.unwrap_err();
            assert!(store.delete(&a).now_or_never().is_none());
            assert_eq!(store.query(Query::all()).count().await, 1);
        });
    });
    let call =
        |operation, key| format!("DEBUG call store=\"blocks\" operation=\"{operation}\"{key}");
    let expected = [
        (call("put", " key=/a"), "TRACE done"),
        (call("get", " key=/a"), "TRACE done"),
        (call("get", " key=/none"), "TRACE not found"),
        (call("has", " key=/a"), "DEBUG failed error="),
        (call("delete", " key=/a"), "TRACE dropped"),
        (call("query", ""), "TRACE done"),
    ];
    let told = told.lock().unwrap().clone();
    assert_eq!(told.len(), 2 * expected.len(), "{told:#?}");
    for ((begun, ended), told) in expected.iter().zip(told.chunks(2)) {
        assert_eq!(&told[0], begun);
        assert!(told[1].starts_with(ended), "{told:?}");
        assert!(!told.concat().contains("secret"), "{told:?}");
    }
}
