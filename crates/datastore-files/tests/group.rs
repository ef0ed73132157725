//! Groups of jobs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use datastore_files::{Blocking, GroupCommit};
use tokio::runtime::{Builder, Runtime};

#[tokio::test(flavor = "multi_thread")]
async fn groups_give_each_its_own_outcome() {
    let groups = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&groups);
    let commit: GroupCommit<usize, usize> = GroupCommit::new(move |jobs: Vec<usize>| {
        counted.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(1));
        jobs.into_iter().map(|job| job * 2).collect()
    });
    let tasks = (0..200).map(|job| {
        let commit = commit.clone();
        tokio::spawn(async move {
            let outcome = commit.submit(Blocking::Never, Path::new(""), job).await;
            assert_eq!(outcome.unwrap(), job * 2);
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let groups = groups.load(Ordering::SeqCst);
    assert!((1..200).contains(&groups), "{groups} groups for 200 jobs");
}

/// A runtime with one thread for blocking work, which is busy until the sender is dropped.
fn busy_runtime() -> (Runtime, mpsc::Sender<()>) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let (busy, until) = mpsc::channel::<()>();
    let (started, wait) = mpsc::channel();
    runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        let _ = until.recv();
    });
    wait.recv().unwrap();
    (runtime, busy)
}

#[test]
fn a_runtime_that_ends_takes_no_job_along() {
    let (done, outcomes) = mpsc::channel();
    let commit: GroupCommit<usize, usize> = GroupCommit::new(move |jobs: Vec<usize>| {
        done.send(jobs.clone()).unwrap();
        jobs
    });
    let (ending, busy) = busy_runtime();
    let submit = |runtime: &Runtime, job| {
        let commit = commit.clone();
        let (polled, wait) = mpsc::channel();
        let task = runtime.spawn(async move {
            let submitted = commit.submit(Blocking::Never, Path::new(""), job);
            let mut submitted = std::pin::pin!(submitted);
            std::future::poll_fn(|context| {
                let poll = submitted.as_mut().poll(context);
                let _ = polled.send(());
                poll
            })
            .await
        });
        wait.recv().unwrap();
        task
    };
    // The first caller gets the turn, for which its runtime has no thread; the second waits for it.
    let _first = submit(&ending, 1);
    let going_on = Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let second = submit(&going_on, 2);
    ending.shutdown_background();
    drop(busy);
    assert_eq!(going_on.block_on(second).unwrap().unwrap(), 2);
    assert_eq!(outcomes.recv().unwrap(), [1, 2]);
}
