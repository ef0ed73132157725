//! Stores of files on a disk that fails and loses power as the harness tells it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use datastore_files::{
    Fs,
    sim::{self, Errno, FaultHook, FaultyFs, FsOp, NoFaults, OpKind, PowerLossFs},
};
use interface_datastore::{BoxFuture, Datastore, Result};

#[cfg(not(target_family = "wasm"))]
use crate::engine::{EngineCrashSubject, EngineSubject};
use crate::{CrashSubject, Fault, FaultSubject, Subject};
#[cfg(not(target_family = "wasm"))]
use datastore_engine::Engine;

/// Opens or creates a store at one and the same path of a file system: any closure
/// `|fs: Arc<dyn Fs>| async move { MyStore::open("/store", fs).await }`.
///
/// The store must do its calls on the thread that polls, so that their order is always the same.
pub trait DiskOpener: Send + Sync + 'static {
    /// Opens it.
    fn open(&self, fs: Arc<dyn Fs>) -> BoxFuture<'static, Result<Arc<dyn Datastore>>>;
}

impl<F, Fut, S> DiskOpener for F
where
    F: Fn(Arc<dyn Fs>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<S>> + Send + 'static,
    S: Datastore,
{
    fn open(&self, fs: Arc<dyn Fs>) -> BoxFuture<'static, Result<Arc<dyn Datastore>>> {
        let opened = self(fs);
        Box::pin(async move { Ok(Arc::new(opened.await?) as Arc<dyn Datastore>) })
    }
}

/// A fresh store on a simulated disk, with its faults and its power in the harness' hands.
///
/// # Panics
/// If the store cannot be opened on the empty disk.
pub async fn on_a_failing_disk(open: impl DiskOpener) -> Subject {
    let open = Arc::new(open);
    let power = PowerLossFs::new();
    let faulty = power.with_faults(NoFaults);
    let store = open.open(Arc::new(faulty.clone())).await;
    let store = store.unwrap_or_else(|error| panic!("on an empty disk: {error}"));
    let (again, opener) = (faulty.clone(), Arc::clone(&open));
    Subject::new(store)
        .with_reopen(move || opener.open(Arc::new(again.clone())))
        .with_faults(Failing {
            fs: faulty,
            armed: Mutex::default(),
        })
        .with_power_loss(Cut { power, open })
}

struct Failing {
    fs: FaultyFs,
    armed: Mutex<Option<Arc<Strike>>>,
}

/// Has one call among those of some kinds meet a fault: the one that counts `left` down to 0.
struct Strike {
    calls: &'static [OpKind],
    how: sim::Fault,
    left: AtomicU64,
}

impl FaultHook for Strike {
    fn before(&self, op: &FsOp<'_>) -> sim::Fault {
        if !self.calls.contains(&op.kind) {
            return sim::Fault::Pass;
        }
        let count = |left: u64| left.checked_sub(1);
        match self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, count)
        {
            Ok(1) => self.how,
            _ => sim::Fault::Pass,
        }
    }
}

impl FaultSubject for Failing {
    fn arm(&self, fault: Fault, nth: u64) -> bool {
        let fail = sim::Fault::Fail;
        let (calls, how): (&[OpKind], _) = match fault {
            Fault::WriteNoSpace => (&[OpKind::Write], fail(Errno::NoSpace)),
            Fault::WriteError => (&[OpKind::Write], fail(Errno::Io)),
            Fault::ShortWrite => (&[OpKind::Write], sim::Fault::Short(7)),
            Fault::SyncError => (&[OpKind::SyncFile, OpKind::SyncDir], fail(Errno::Io)),
            Fault::PublishError => (&[OpKind::Rename], fail(Errno::Io)),
            Fault::OpenLimit => (
                &[OpKind::OpenFile, OpKind::CreateFile, OpKind::OpenDir],
                fail(Errno::TooManyFiles),
            ),
            Fault::ReadError => (&[OpKind::Read], fail(Errno::Io)),
            Fault::RemoveError => (&[OpKind::RemoveFile, OpKind::RemoveDir], fail(Errno::Io)),
        };
        let hook = Arc::new(Strike {
            calls,
            how,
            left: AtomicU64::new(nth),
        });
        self.fs.set_hook(Arc::clone(&hook));
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = Some(hook);
        true
    }

    fn disarm(&self) -> bool {
        self.fs.set_hook(NoFaults);
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        armed
            .take()
            .is_some_and(|hook| hook.left.load(Ordering::SeqCst) == 0)
    }
}

struct Cut<O> {
    power: PowerLossFs,
    open: Arc<O>,
}

impl<O: DiskOpener> CrashSubject for Cut<O> {
    fn moment(&self) -> u64 {
        self.power.history_len() as u64
    }

    fn restart(&self, moment: u64, seed: u64) -> BoxFuture<'static, Result<Arc<dyn Datastore>>> {
        self.open.open(Arc::new(left_of(&self.power, moment, seed)))
    }
}

/// What may be left on a disk whose power goes after so many changes.
fn left_of(power: &PowerLossFs, moment: u64, seed: u64) -> PowerLossFs {
    let cut = power.power_cut(usize::try_from(moment).unwrap_or(usize::MAX));
    if seed == 1 {
        return PowerLossFs::from_image(&cut.survivor());
    }
    // The corners come first, and the choices that the seed draws last.
    let mut states = cut.states(seed, 8);
    let state = if seed == 0 {
        states.drain(..1).next()
    } else {
        states.pop()
    };
    state.map(|state| state.mount()).unwrap_or_default()
}

/// A fresh engine on a simulated disk, with its faults and its power in the harness' hands: as [`on_a_failing_disk`], with a
/// closure that opens or creates an engine.
///
/// # Panics
/// If the engine cannot be opened on the empty disk.
#[cfg(not(target_family = "wasm"))]
pub async fn engine_on_a_failing_disk<O, Fut, E>(open: O) -> EngineSubject
where
    O: Fn(Arc<dyn Fs>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = datastore_engine::Result<E>> + Send + 'static,
    E: Engine,
{
    let open = Arc::new(open);
    let power = PowerLossFs::new();
    let faulty = power.with_faults(NoFaults);
    let engine = open(Arc::new(faulty.clone())).await;
    let engine = engine.unwrap_or_else(|error| panic!("on an empty disk: {error}"));
    let (again, opener) = (faulty.clone(), open.clone());
    EngineSubject::new(engine)
        .with_reopen(move || opener(Arc::new(again.clone())))
        .with_faults(Failing {
            fs: faulty,
            armed: Mutex::default(),
        })
        .with_power_loss(Cut { power, open })
}

#[cfg(not(target_family = "wasm"))]
impl<O, Fut, E> EngineCrashSubject for Cut<O>
where
    O: Fn(Arc<dyn Fs>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = datastore_engine::Result<E>> + Send + 'static,
    E: Engine,
{
    fn moment(&self) -> u64 {
        self.power.history_len() as u64
    }

    fn restart(
        &self,
        moment: u64,
        seed: u64,
    ) -> BoxFuture<'static, datastore_engine::Result<Arc<dyn Engine>>> {
        let opened = (self.open)(Arc::new(left_of(&self.power, moment, seed)));
        Box::pin(async move { Ok(Arc::new(opened.await?) as Arc<dyn Engine>) })
    }
}
