//! Maintenance: check, repair, scrub and gc.

use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::implement::refuse_stream;
use interface_datastore::{
    Action, BoxStream, Finding, Key, Maintenance, MaintenanceEvent, Operation, Result, Severity,
};

use crate::check::{CheckEvent, CheckOptions, Scope};
use crate::store::FlatfsDatastore;

impl FlatfsDatastore {
    /// Looks after the part of the store at or under `scope`.
    pub(crate) fn maintain(
        &self,
        task: Maintenance,
        scope: &Key,
    ) -> BoxStream<'static, Result<MaintenanceEvent>> {
        let options = CheckOptions::new();
        let options = match task {
            Maintenance::Check => options,
            Maintenance::Repair => options.with_repair(true),
            Maintenance::Scrub => options.with_hashes(true),
            Maintenance::Gc => options.with_tidy(true),
            _ => {
                let what = format!("maintenance of kind {task}");
                return refuse_stream(Operation::Maintain, Some(scope), what);
            }
        };
        let everything = scope.is_root();
        let scope = match everything {
            true => Scope::Everything,
            false if self.inner.sharding.place(scope).is_some() => Scope::Key(scope.clone()),
            false => Scope::Nothing,
        };
        let events = self.check_scope(options, scope).map_ok(told);
        if task == Maintenance::Scrub && everything {
            let recount = stream::once(self.clone().compared_count());
            let recount = recount.try_filter_map(|event| std::future::ready(Ok(event)));
            return events.chain(recount).boxed();
        }
        events.boxed()
    }

    /// Counts the space taken and tells if another number was kept.
    async fn compared_count(self) -> Result<Option<MaintenanceEvent>> {
        // Until the count that opening may have begun is over, the number kept is only what was found.
        self.counted().await;
        let (kept, _) = self.usage();
        let (bytes, _) = self.recount().await?;
        if kept == bytes {
            return Ok(None);
        }
        let detail = format!("the space taken was kept as {kept} bytes and is {bytes}");
        let finding = Finding::new(Severity::Info, "wrong-usage", detail)
            .with_path(self.path().join(crate::usage::cache::FILE))
            .with_action(Action::Repaired);
        Ok(Some(MaintenanceEvent::Finding(finding)))
    }
}

fn told(event: CheckEvent) -> MaintenanceEvent {
    match event {
        CheckEvent::Finding(finding) => MaintenanceEvent::Finding(finding),
        CheckEvent::Progress(progress) => MaintenanceEvent::Progress {
            done: progress.files,
            total: None,
        },
    }
}
