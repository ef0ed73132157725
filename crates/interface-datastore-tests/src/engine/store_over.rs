//! Stores over an engine that fails and loses power as the harness tells it.

use std::{future::Future, sync::Arc};

use interface_datastore::{BoxFuture, Datastore, Error, ErrorKind, Operation, Result};

use super::{EngineSubject, FailingEngine};
use crate::{CrashSubject, Subject};

type Opened = Result<Arc<dyn Datastore>>;

/// Opens a store over an engine: any closure `|engine: FailingEngine| async move { MyStore::open(engine).await }`.
pub trait EngineStoreOpener: Send + Sync + 'static {
    /// Opens it.
    fn open(&self, engine: FailingEngine) -> BoxFuture<'static, Opened>;
}

impl<F, Fut, S> EngineStoreOpener for F
where
    F: Fn(FailingEngine) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<S>> + Send + 'static,
    S: Datastore,
{
    fn open(&self, engine: FailingEngine) -> BoxFuture<'static, Opened> {
        let opened = self(engine);
        Box::pin(async move {
            let store = opened.await?;
            Ok(Arc::new(store) as Arc<dyn Datastore>)
        })
    }
}

/// A fresh store over a fresh, empty engine whose faults and power are put into the harness' hands, to be tested as any store.
///
/// # Panics
/// If the store cannot be opened over the engine.
pub async fn over_a_failing_engine(
    engine: impl Into<EngineSubject>,
    open: impl EngineStoreOpener,
) -> Subject {
    let engine = FailingEngine::over(engine);
    let open: Arc<dyn EngineStoreOpener> = Arc::new(open);
    let store = open.open(engine.clone()).await;
    let store = store.unwrap_or_else(|error| panic!("over an empty engine: {error}"));
    let mut subject = Subject::new(store);
    if engine.can_reopen() {
        let (engine, open) = (engine.clone(), open.clone());
        subject = subject.with_reopen(move || reopen(engine.clone(), open.clone()));
    }
    let power = Cut {
        engine: engine.clone(),
        open,
    };
    subject.with_faults(engine).with_power_loss(power)
}

async fn reopen(engine: FailingEngine, open: Arc<dyn EngineStoreOpener>) -> Opened {
    match engine.reopened().await {
        Some(Ok(engine)) => open.open(engine).await,
        Some(Err(error)) => Err(told(error)),
        None => Err(told(datastore_engine::Error::unsupported("opening again"))),
    }
}

fn told(error: datastore_engine::Error) -> Error {
    Error::new(ErrorKind::Failed, Operation::Open).with_source(error)
}

struct Cut {
    engine: FailingEngine,
    open: Arc<dyn EngineStoreOpener>,
}

impl CrashSubject for Cut {
    fn moment(&self) -> u64 {
        self.engine.moment()
    }

    fn restart(&self, moment: u64, seed: u64) -> BoxFuture<'static, Opened> {
        let (engine, open) = (self.engine.clone(), self.open.clone());
        Box::pin(async move {
            let restored = engine.cut(moment, seed).await;
            open.open(restored.map_err(told)?).await
        })
    }
}
