//! What maintenance of a store finds.

use futures_util::TryStreamExt;
use interface_datastore::{
    Action, Datastore, Finding, Key, MaintainOptions, Maintenance, MaintenanceEvent, Severity,
};

use crate::{context::Context, failure::Outcome, key_text::printable, output::Output};

/// Runs a task, tells what it finds, and gives the number of faults that are still there.
pub(super) async fn maintain(
    store: &dyn Datastore,
    task: Maintenance,
    scope: &Key,
    context: &Context,
    out: &mut Output,
) -> Outcome<u64> {
    let options = MaintainOptions::default().with_abort(context.abort.clone());
    let mut events = store.maintain_opts(task, scope, options);
    let meter = context.screen.meter(task.as_str());
    let mut faults = 0;
    while let Some(event) = events.try_next().await? {
        match event {
            MaintenanceEvent::Finding(finding) => {
                faults += u64::from(is_fault(&finding));
                tell(&finding, out)?;
            }
            MaintenanceEvent::Progress { done, total } => meter.at(done, total),
            _ => {}
        }
    }
    Ok(faults)
}

/// Whether something is wrong and was not mended.
pub(super) fn is_fault(finding: &Finding) -> bool {
    finding.severity == Severity::Error && finding.action == Action::None
}

pub(super) fn tell(finding: &Finding, out: &mut Output) -> Outcome<()> {
    let text = |out: &Output| {
        let severity = format!("{:?}", finding.severity).to_lowercase();
        let mut line = format!(
            "{severity}: {}: {}",
            finding.code,
            printable(&finding.detail)
        );
        if let Some(key) = &finding.key {
            line += &format!(", key {}", out.key(key));
        }
        if let Some(path) = &finding.path {
            line += &format!(", file {}", printable(&path.to_string_lossy()));
        }
        if finding.action != Action::None {
            line += &format!(" ({})", format!("{:?}", finding.action).to_lowercase());
        }
        line
    };
    out.line(text, finding)
}
