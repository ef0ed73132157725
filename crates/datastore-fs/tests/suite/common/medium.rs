//! A disk for the harness: one whose calls fail and whose power goes as told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use datastore_files::Fs;
use datastore_files::sim::{self, Errno, FaultHook, FaultyFs, FsOp, NoFaults, OpKind, PowerLossFs};
use datastore_fs::{Blocking, FsDatastore, FsOptions};
use interface_datastore::{BoxFuture, Datastore, Result};
use interface_datastore_tests::{CrashSubject, Fault, FaultSubject, Subject};

const ROOT: &str = "/store";

/// Options for a store on `fs`; inline, so that the order of its calls is always the same.
fn options(fs: Arc<dyn Fs>) -> FsOptions {
    FsOptions::new().with_blocking(Blocking::Inline).with_fs(fs)
}

/// A store on a disk that fails and loses power as the harness tells it.
pub(crate) async fn subject() -> Subject {
    let power = PowerLossFs::new();
    let faulty = power.with_faults(NoFaults);
    let store = FsDatastore::open(ROOT, options(Arc::new(faulty.clone())))
        .await
        .unwrap();
    let again = faulty.clone();
    let open = move || {
        let fs = again.clone();
        async move { FsDatastore::open(ROOT, options(Arc::new(fs))).await }
    };
    let failing = Failing {
        fs: faulty,
        armed: Mutex::default(),
    };
    Subject::new(store)
        .with_reopen(open)
        .with_faults(failing)
        .with_power_loss(Cut(power))
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
            Fault::OpenLimit => (&[OpKind::OpenFile], fail(Errno::TooManyFiles)),
            Fault::ReadError => (&[OpKind::Read], fail(Errno::Io)),
            Fault::RemoveError => (&[OpKind::RemoveFile, OpKind::RemoveDir], fail(Errno::Io)),
            _ => return false,
        };
        let hook = Arc::new(Strike {
            calls,
            how,
            left: AtomicU64::new(nth),
        });
        self.fs.set_hook(Arc::clone(&hook));
        *self.armed.lock().unwrap() = Some(hook);
        true
    }

    fn disarm(&self) -> bool {
        self.fs.set_hook(NoFaults);
        self.armed
            .lock()
            .unwrap()
            .take()
            .is_some_and(|hook| hook.left.load(Ordering::SeqCst) == 0)
    }
}

struct Cut(PowerLossFs);

impl CrashSubject for Cut {
    fn moment(&self) -> u64 {
        self.0.history_len() as u64
    }

    fn restart(&self, moment: u64, seed: u64) -> BoxFuture<'static, Result<Arc<dyn Datastore>>> {
        let cut = self.0.power_cut(usize::try_from(moment).unwrap());
        let fs = if seed == 1 {
            PowerLossFs::from_image(&cut.survivor())
        } else {
            // The corners come first, and the choices that the seed draws last.
            let mut states = cut.states(seed, 8);
            let chosen = if seed == 0 { 0 } else { states.len() - 1 };
            states.swap_remove(chosen).mount()
        };
        Box::pin(async move {
            let store = FsDatastore::open(ROOT, options(Arc::new(fs))).await?;
            Ok(Arc::new(store) as Arc<dyn Datastore>)
        })
    }
}
