//! Capability records of wrappers, field by field.

/// A record with the named claims of the inner store; all others are "no" until the wrapper sets them.
///
/// Each wrapper names what it takes over, so that a claim added to the record is decided on anew for each.
macro_rules! claims {
    ($inner:ident: $($field:ident)*) => {{
        let mut own = ::interface_datastore::Capabilities::none();
        $(own.$field = ::std::clone::Clone::clone(&$inner.$field);)*
        own
    }};
}

pub(crate) use claims;
