//! The same store from several threads at once.

use interface_datastore::DatastoreExt;

use super::{
    conditions::one_winner,
    histories::{Recorder, TASKS},
};
use crate::{
    Failure, Outcome, Subject,
    effort::{runs, unless_stalled},
    run::run_to_end,
};

fn on_threads(subject: &Subject, round: u64, may_drop: bool) -> Outcome {
    let recorder = Recorder::new(subject, round, may_drop)?;
    let patience = subject.patience();
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..TASKS as u64)
            .map(|task| {
                let (recorder, store, block_on) = (
                    recorder.clone(),
                    subject.store().handle(),
                    subject.block_on().clone(),
                );
                scope.spawn(move || {
                    let work = async move {
                        let task = recorder.task(&*store, round << 8 | task);
                        unless_stalled(patience, task).await?
                    };
                    run_to_end(&*block_on, work)?
                })
            })
            .collect();
        let panicked = || Err(Failure::new("the store panicked on one of several threads"));
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| panicked()))
            .collect()
    });
    outcomes.into_iter().collect::<Outcome<Vec<()>>>()?;
    recorder.judge(round)
}

/// Tasks on threads of their own.
pub(crate) async fn histories(subject: &Subject) -> Outcome {
    (0..runs(500)).try_for_each(|round| on_threads(subject, round, false))
}

/// The same, and some writes are dropped half way.
pub(crate) async fn histories_with_drops(subject: &Subject) -> Outcome {
    (0..runs(500)).try_for_each(|round| on_threads(subject, round, true))
}

/// Sixteen threads put if absent at once: exactly one does.
pub(crate) async fn if_absent(subject: &Subject) -> Outcome {
    for round in 0..runs(200) {
        let key = subject.key(format!("/race/{round}"))?;
        let outcomes: Vec<Outcome<bool>> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..16)
                .map(|i| {
                    let (store, key, block_on) = (
                        subject.store().handle(),
                        key.clone(),
                        subject.block_on().clone(),
                    );
                    scope.spawn(move || {
                        let put =
                            async move { store.put_if_absent(&key, format!("racer {i}")).await };
                        Ok(run_to_end(&*block_on, put)??)
                    })
                })
                .collect();
            let panicked = || Err(Failure::new("the store panicked on one of several threads"));
            racers
                .into_iter()
                .map(|racer| racer.join().unwrap_or_else(|_| panicked()))
                .collect()
        });
        let outcomes = outcomes.into_iter().collect::<Outcome<Vec<bool>>>()?;
        one_winner(&outcomes, subject.store().get(&key).await?)?;
    }
    Ok(())
}
