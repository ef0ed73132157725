//! Parts that several engines need: for those who write one.

mod check;
mod flatten;
mod handle;
mod place;
mod stream;

pub use self::{
    check::check_batch,
    flatten::{Change, flatten, too_many_keys},
    handle::{Handle, guarded},
    place::{folder_of, sync_name},
    stream::{Chunk, MayWait, scan_stream},
};
