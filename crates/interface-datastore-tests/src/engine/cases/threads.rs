//! Several threads at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use datastore_engine::{CommitOptions, Durability, Engine};

use super::support::{PROVEN, batch_of, holds, pair};
use crate::{
    BlockOn, Failure, Outcome, Verdict,
    engine::EngineSubject,
    failure::{ensure, ensure_eq},
    run::run_to_end,
};

const WRITERS: u32 = 4;

/// The outcome of a thread, its panic included.
pub(super) fn joined(thread: JoinHandle<Outcome<Outcome>>) -> Outcome {
    thread
        .join()
        .unwrap_or_else(|_| Err(Failure::new("the engine panicked")))?
}

fn on_thread<F>(block_on: &Arc<dyn BlockOn>, work: F) -> JoinHandle<Outcome<Outcome>>
where
    F: Future<Output = Outcome> + Send + 'static,
{
    let block_on = block_on.clone();
    thread::spawn(move || run_to_end(&*block_on, work))
}

/// Keys that every batch sets to one value are seen equal, in every way of reading several at once.
pub(crate) async fn atomic_for_readers(subject: &EngineSubject) -> Outcome<Verdict> {
    if !subject.capabilities().snapshots {
        return Ok(Verdict::NotClaimed);
    }
    let (_, block_on) = subject.source()?;
    let done = Arc::new(AtomicBool::new(false));
    subject
        .engine()
        .commit(&trio("0"), CommitOptions::default())
        .await?;
    let writers = (0..WRITERS).map(|writer| {
        let engine = subject.shared();
        on_thread(
            &block_on,
            async move { write_trios(&*engine, writer).await },
        )
    });
    let writers: Vec<_> = writers.collect();
    let readers = (0..2).map(|_| {
        let (engine, done) = (subject.shared(), done.clone());
        on_thread(&block_on, async move { read_trios(&*engine, &done).await })
    });
    let readers: Vec<_> = readers.collect();
    let written: Outcome = writers.into_iter().try_for_each(joined);
    done.store(true, Ordering::SeqCst);
    readers.into_iter().try_for_each(joined)?;
    written?;
    PROVEN
}

const TRIO: [&[u8]; 3] = [b"a", b"m", b"z"];

fn trio(value: &str) -> datastore_engine::Batch {
    batch_of(&TRIO.map(|key| pair(key, value.to_owned())))
}

async fn write_trios(engine: &dyn Engine, writer: u32) -> Outcome {
    for round in 0..150 {
        engine
            .commit(
                &trio(&format!("{writer}.{round}")),
                CommitOptions::default(),
            )
            .await?;
    }
    Ok(())
}

async fn read_trios(engine: &dyn Engine, done: &AtomicBool) -> Outcome {
    while !done.load(Ordering::SeqCst) {
        let many = engine.get_many(&TRIO).await?;
        ensure!(
            many.windows(2).all(|two| two.first() == two.last()),
            "a multi-get sees a part of a batch"
        );
        let all = super::support::scanned(engine, datastore_engine::Scan::all()).await?;
        ensure!(
            all.windows(2)
                .all(|two| matches!(two, [(_, a), (_, b)] if a == b)),
            "a scan sees a part of a batch"
        );
        let snapshot = engine.snapshot().await?;
        let (first, last) = (snapshot.get(b"a").await?, snapshot.get(b"z").await?);
        ensure!(first == last, "a snapshot sees a part of a batch");
    }
    Ok(())
}

/// Who has seen one value of a batch sees the others, too, also by one get after the other.
pub(crate) async fn batches_for_single_gets(subject: &EngineSubject) -> Outcome<Verdict> {
    const ROUNDS: u32 = 300;
    let (_, block_on) = subject.source()?;
    let number = |value: Option<bytes::Bytes>| {
        let text = value.and_then(|value| String::from_utf8(value.to_vec()).ok());
        text.and_then(|text| text.parse::<u32>().ok()).unwrap_or(0)
    };
    let engine = subject.shared();
    let writer = on_thread(&block_on, async move {
        for round in 1..=ROUNDS {
            let batch = trio(&round.to_string());
            engine.commit(&batch, CommitOptions::default()).await?;
        }
        Ok(())
    });
    let engine = subject.shared();
    let reader = on_thread(&block_on, async move {
        let mut last = 0;
        while last < ROUNDS {
            for pair in [[b"a", b"z"], [b"z", b"a"]] {
                let [first, second] = pair;
                let seen = number(engine.get(first).await?);
                last = number(engine.get(second).await?);
                ensure!(
                    seen <= last,
                    "a get behind one that saw batch {seen} sees batch {last}"
                );
            }
        }
        Ok(())
    });
    joined(writer)?;
    joined(reader)?;
    PROVEN
}

/// Threads that commit at every durability: each sees what it committed, and in the end all is there.
pub(crate) async fn acknowledged_is_there(subject: &EngineSubject) -> Outcome<Verdict> {
    const ROUNDS: u32 = 60;
    let (_, block_on) = subject.source()?;
    let levels: Vec<Durability> = super::support::durabilities(subject.engine()).collect();
    let key = |writer: u32, round: u32| format!("{writer}/{round:03}");
    let writers = (0..WRITERS).map(|writer| {
        let (engine, levels) = (subject.shared(), levels.clone());
        on_thread(&block_on, async move {
            for (round, level) in (0..ROUNDS).zip(levels.into_iter().cycle()) {
                let batch = batch_of(&[
                    pair(key(writer, round), "v"),
                    pair(format!("last{writer}"), round.to_string()),
                ]);
                engine.commit(&batch, CommitOptions::at(level)).await?;
                let found = engine.get(format!("last{writer}").as_bytes()).await?;
                ensure_eq!(
                    found.as_deref(),
                    Some(round.to_string().as_bytes()),
                    "a value just committed at {level}"
                );
            }
            Ok(())
        })
    });
    writers
        .collect::<Vec<_>>()
        .into_iter()
        .try_for_each(joined)?;
    let mut expected: Vec<_> = (0..WRITERS)
        .flat_map(|writer| (0..ROUNDS).map(move |round| pair(key(writer, round), "v")))
        .collect();
    expected
        .extend((0..WRITERS).map(|writer| pair(format!("last{writer}"), (ROUNDS - 1).to_string())));
    holds(
        subject.engine(),
        &expected,
        "what several threads committed",
    )
    .await?;
    PROVEN
}
