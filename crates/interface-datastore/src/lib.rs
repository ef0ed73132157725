#![doc = include_str!("../README.md")]

mod key;

#[cfg(feature = "encodings")]
pub use key::{Encoding, UnknownEncoding};
pub use key::{InvalidKey, Key, Namespaces, RandomError, prefix_upper_bound};
