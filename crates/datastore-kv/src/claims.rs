//! What a store over an engine can do.

use datastore_engine::{EngineCapabilities, ScanCost};
use interface_datastore::{Capabilities, Claim, ConditionScope, Durability, KeyRules};

use crate::{expiry, record};

pub(crate) fn over(engine: &EngineCapabilities) -> Capabilities {
    let mut can = Capabilities::none();
    can.writable = Claim::Yes;
    can.retains = Claim::Yes;
    can.persistent = engine.persistent.into();
    can.linearizable = Claim::Yes;
    can.dropped_writes_settle = Claim::Yes;
    can.default_durability = of_engine(engine.default_durability);
    can.max_durability = of_engine(engine.max_durability);
    // An engine is open in one process at a time.
    can.if_absent = ConditionScope::InProcess;
    can.if_match = ConditionScope::InProcess;
    can.versions = Claim::Yes;
    can.expiry = Claim::Yes;
    can.atomic_batch = Claim::Yes;
    can.batch_conditions = Claim::Yes;
    can.key_order = Claim::Yes;
    can.snapshot_query = engine.snapshots.into();
    let seeks = Claim::from(engine.scan_cost == ScanCost::Seek);
    can.pushdown.prefix = seeks;
    can.pushdown.range = seeks;
    can.pushdown.reverse = seeks;
    can.watch = Claim::Yes;
    can.disk_usage = Claim::Yes;
    can.maintenance.check = Claim::Yes;
    can.maintenance.gc = Claim::Yes;
    can.maintenance.compact = engine.compact.into();
    can.keys = KeyRules::any();
    can.keys.max_len = engine
        .max_key_len
        .map(|max| usize::try_from(max.saturating_sub(expiry::MARK_LEN)).unwrap_or(usize::MAX));
    can.max_value_len = engine
        .max_value_len
        .map(|max| max.saturating_sub(record::MOST_HEAD as u64));
    can
}

pub(crate) fn of_engine(durability: datastore_engine::Durability) -> Durability {
    match durability {
        datastore_engine::Durability::Power => Durability::Power,
        datastore_engine::Durability::Ordered => Durability::Ordered,
        datastore_engine::Durability::Process => Durability::Process,
        _ => Durability::Volatile,
    }
}

/// The weakest level of an engine that withstands as much.
pub(crate) fn for_engine(durability: Durability) -> datastore_engine::Durability {
    match durability {
        Durability::Volatile => datastore_engine::Durability::Volatile,
        Durability::Process => datastore_engine::Durability::Process,
        Durability::Ordered => datastore_engine::Durability::Ordered,
        _ => datastore_engine::Durability::Power,
    }
}
