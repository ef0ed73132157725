//! Work that tells its outcome before it ends.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use datastore_files::{Blocking, GroupCommit, Reason, Tell};

/// Blocks until the sender is dropped.
fn held_up() -> (mpsc::Sender<()>, impl Fn() + Clone + Send + Sync + 'static) {
    let (go_on, wait) = mpsc::channel();
    let wait = Arc::new(Mutex::new(wait));
    (go_on, move || {
        let _ = wait.lock().unwrap().recv();
    })
}

#[tokio::test]
async fn nobody_waits_for_what_follows_the_outcome() {
    let (go_on, wait) = held_up();
    let work = move |tell: Tell<'_, u8>| {
        tell(7);
        wait();
    };
    let told = Blocking::Never.run_until_told(Path::new(""), work);
    assert_eq!(told.await.unwrap(), 7);
    drop(go_on);
}

#[tokio::test]
async fn no_group_waits_for_what_follows_its_outcomes() {
    let (go_on, wait) = held_up();
    let commit: GroupCommit<u8, u8> = GroupCommit::telling(move |jobs: Vec<u8>, tell| {
        jobs.into_iter().for_each(|job| tell(job + 1));
        wait();
    });
    let told = commit.submit(Blocking::Never, Path::new(""), 6);
    assert_eq!(told.await.unwrap(), 7);
    drop(go_on);
}

#[tokio::test]
async fn work_inline_ends_before_the_call() {
    let (ended, end) = mpsc::channel();
    let work = move |tell: Tell<'_, u8>| {
        tell(7);
        ended.send(()).unwrap();
    };
    let told = Blocking::Inline.run_until_told(Path::new(""), work).await;
    assert_eq!(told.unwrap(), 7);
    end.try_recv().unwrap();
}

#[tokio::test]
async fn work_that_tells_nothing_is_an_error_and_a_panic_is_passed_on() {
    for blocking in [Blocking::Never, Blocking::Inline] {
        let silent = blocking.run_until_told(Path::new("x"), |_: Tell<'_, u8>| {});
        assert_eq!(silent.await.unwrap_err().reason(), Reason::Interrupted);
        let task = tokio::spawn(async move {
            let work = |_: Tell<'_, u8>| std::panic::panic_any("on purpose");
            blocking.run_until_told(Path::new("x"), work).await
        });
        let panic = AssertUnwindSafe(task).await.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref(), Some(&"on purpose"), "{blocking:?}");
    }
}
