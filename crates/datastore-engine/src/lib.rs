#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod capabilities;
mod durability;
mod engine;
mod error;
pub mod implement;
mod maybe_send;
mod report;
mod scan;

pub use bytes::Bytes;

pub use self::{
    batch::{Batch, BatchOp, BatchValue},
    capabilities::{EngineCapabilities, RangeDelete, ScanCost},
    durability::Durability,
    engine::{CommitOptions, Engine, EngineReader},
    error::{Error, ErrorKind, Result},
    maybe_send::{BoxFuture, BoxStream, MaybeSend, MaybeSync},
    report::CheckReport,
    scan::{Entry, KeyRange, Scan},
};
