//! Parts that several engines need: for those who write one.

mod check;
mod flatten;
mod handle;
mod stream;

pub use self::{
    check::check_batch,
    flatten::{Change, flatten, too_many_keys},
    handle::{Handle, guarded},
    stream::{Chunk, MayWait, scan_stream},
};
