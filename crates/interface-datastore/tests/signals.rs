//! Aborting calls and streams that wait, and watchers: what wakes whom.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::{StreamExt, stream};
use interface_datastore::{
    AbortController, ErrorKind, Key, Operation, Result, WatchEvent, WatchOptions, abortable,
    abortable_stream, implement::Watchers,
};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker and how often it was woken.
fn counting() -> (Waker, Arc<Count>) {
    let count = Arc::new(Count::default());
    (Waker::from(count.clone()), count)
}

fn woken(count: &Count) -> usize {
    count.0.load(Ordering::SeqCst)
}

#[test]
fn aborting_wakes_a_waiting_call() {
    let controller = AbortController::new();
    let signal = controller.signal();
    let key = Key::new("/a");
    let mut call = pin!(abortable(
        Some(&signal),
        Operation::Get,
        Some(&key),
        pending::<Result<()>>()
    ));
    let (waker, count) = counting();
    let mut cx = Context::from_waker(&waker);
    assert!(call.as_mut().poll(&mut cx).is_pending());
    controller.abort();
    assert!(woken(&count) > 0);
    let Poll::Ready(Err(error)) = call.poll(&mut cx) else {
        panic!("should have ended")
    };
    assert_eq!(
        (error.kind(), error.key()),
        (ErrorKind::Aborted, Some(&key))
    );
}

#[test]
fn aborting_wakes_a_waiting_stream_and_ends_it() {
    let controller = AbortController::new();
    let items = stream::iter([Ok(1)]).chain(stream::pending());
    let mut items = abortable_stream(Some(controller.signal()), Operation::Query, Box::pin(items));
    let (waker, count) = counting();
    let mut cx = Context::from_waker(&waker);
    assert!(matches!(
        items.as_mut().poll_next(&mut cx),
        Poll::Ready(Some(Ok(1)))
    ));
    assert!(items.as_mut().poll_next(&mut cx).is_pending());
    controller.abort();
    assert!(woken(&count) > 0);
    assert!(
        matches!(items.as_mut().poll_next(&mut cx), Poll::Ready(Some(Err(e))) if e.is_aborted())
    );
    assert!(matches!(
        items.as_mut().poll_next(&mut cx),
        Poll::Ready(None)
    ));
}

#[test]
fn an_aborted_signal_does_not_begin_the_work() {
    let controller = AbortController::new();
    controller.abort();
    let work = async { panic!("must not run") };
    let outcome = pollster::block_on(abortable::<()>(
        Some(&controller.signal()),
        Operation::Put,
        None,
        work,
    ));
    assert!(outcome.unwrap_err().is_aborted());
}

fn put(key: &str) -> WatchEvent {
    WatchEvent::Put {
        key: Key::new(key),
        version: None,
    }
}

#[test]
fn watchers_hear_of_their_scope() {
    let watchers = Watchers::new();
    assert!(!watchers.any());
    let heard = watchers.subscribe(&Key::new("/a"), WatchOptions::default());
    for key in ["/a", "/a/b", "/ab", "/b", "/"] {
        watchers.tell(&put(key));
    }
    watchers.close();
    let heard: Vec<_> = pollster::block_on(heard.map(|event| event.unwrap()).collect());
    assert_eq!(heard, [put("/a"), put("/a/b")]);
    assert!(!watchers.any());
}

#[test]
fn a_slow_watcher_is_told_how_much_it_missed() {
    let watchers = Watchers::new();
    let mut heard =
        watchers.subscribe(&Key::root(), WatchOptions::default().with_capacity(2_usize));
    for i in 0..5 {
        watchers.tell(&put(&format!("/{i}")));
    }
    let mut next = || pollster::block_on(heard.next()).unwrap().unwrap();
    assert_eq!(
        [next(), next(), next()],
        [put("/0"), put("/1"), WatchEvent::Lagged(3)]
    );
    watchers.tell(&put("/9"));
    assert_eq!(next(), put("/9"));
}

#[test]
fn a_dropped_watcher_is_forgotten() {
    let watchers = Watchers::new();
    drop(watchers.subscribe(&Key::root(), WatchOptions::default()));
    watchers.tell(&put("/a"));
    assert!(!watchers.any());
}
