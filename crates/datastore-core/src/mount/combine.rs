//! What several mounted stores can do together.

use interface_datastore::{Alphabet, Capabilities, Claim, Key, KeyRules, Pushdown};

use super::Table;

pub(super) fn capabilities(table: &Table, scope: &Key) -> Capabilities {
    let parts = table.within(scope);
    let several = parts.len() > 1;
    let mut all = parts
        .into_iter()
        .map(|(_, mount, part)| mount.store.capabilities(&part));
    let Some(first) = all.next() else {
        return Capabilities::none();
    };
    let mut own = all.fold(first, |a, b| together(&a, &b));
    if several {
        own.snapshot_query = Claim::No;
        // Within one mount, but not over several.
        own.atomic_batch = at_most_varies(own.atomic_batch);
        own.batch_conditions = at_most_varies(own.batch_conditions);
    }
    if table.owner(scope).is_none() {
        // There are keys without a mount.
        own.writable = at_most_varies(own.writable);
    }
    own
}

fn at_most_varies(claim: Claim) -> Claim {
    claim.both(Claim::Varies)
}

/// Two stores, each for its own keys.
fn together(a: &Capabilities, b: &Capabilities) -> Capabilities {
    let mut own = Capabilities::none();
    own.writable = a.writable.either(b.writable);
    own.retains = a.retains.either(b.retains);
    own.persistent = a.persistent.either(b.persistent);
    own.linearizable = a.linearizable.either(b.linearizable);
    own.dropped_writes_settle = a.dropped_writes_settle.either(b.dropped_writes_settle);
    own.default_durability = a.default_durability.min(b.default_durability);
    own.max_durability = a.max_durability.min(b.max_durability);
    own.if_absent = a.if_absent.min(b.if_absent);
    own.if_match = a.if_match.min(b.if_match);
    own.versions = a.versions.either(b.versions);
    own.expiry = a.expiry.either(b.expiry);
    own.ranged_get = a.ranged_get.either(b.ranged_get);
    own.streaming_put = a.streaming_put.either(b.streaming_put);
    own.streaming_get = a.streaming_get.either(b.streaming_get);
    own.atomic_batch = a.atomic_batch.either(b.atomic_batch);
    own.batch_conditions = a.batch_conditions.either(b.batch_conditions);
    own.key_order = a.key_order.both(b.key_order);
    own.pushdown = pushdown(a.pushdown, b.pushdown);
    own.watch = a.watch.both(b.watch);
    own.disk_usage = a.disk_usage.both(b.disk_usage);
    own.maintenance = a.maintenance.combine(b.maintenance, Claim::either);
    own.keys = key_rules(&a.keys, &b.keys);
    own.max_value_len = less(a.max_value_len, b.max_value_len);
    own
}

fn pushdown(a: Pushdown, b: Pushdown) -> Pushdown {
    let mut own = Pushdown::default();
    own.prefix = a.prefix.either(b.prefix);
    own.range = a.range.either(b.range);
    own.reverse = a.reverse.either(b.reverse);
    own.sizes = a.sizes.either(b.sizes);
    own
}

/// The keys that either takes: others are refused wherever they go. Each write is checked by the store that it goes to.
fn key_rules(a: &KeyRules, b: &KeyRules) -> KeyRules {
    let mut own = KeyRules::any();
    own.max_len = more(a.max_len, b.max_len);
    own.max_namespaces = more(a.max_namespaces, b.max_namespaces);
    own.alphabet = alphabet(&a.alphabet, &b.alphabet);
    own.empty_namespaces = a.empty_namespaces || b.empty_namespaces;
    own.further = a.further || b.further || a != b;
    own
}

fn alphabet(a: &Alphabet, b: &Alphabet) -> Alphabet {
    match (a, b) {
        (Alphabet::Only(a), Alphabet::Only(b)) => {
            let mut bytes = [a.as_slice(), b].concat();
            bytes.sort_unstable();
            bytes.dedup();
            Alphabet::Only(bytes)
        }
        (Alphabet::Only(bytes), Alphabet::Utf8) | (Alphabet::Utf8, Alphabet::Only(bytes))
            if bytes.is_ascii() =>
        {
            Alphabet::Utf8
        }
        (Alphabet::Utf8, Alphabet::Utf8) => Alphabet::Utf8,
        _ => Alphabet::Any,
    }
}

/// The higher limit; none if either has none.
fn more(a: Option<usize>, b: Option<usize>) -> Option<usize> {
    Some(a?.max(b?))
}

fn less<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
