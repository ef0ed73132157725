//! Parts that several engines need: for those who write one.

mod check;
mod flatten;
mod stream;

pub use self::{
    check::check_batch,
    flatten::{Change, flatten},
    stream::{Chunk, scan_stream},
};
