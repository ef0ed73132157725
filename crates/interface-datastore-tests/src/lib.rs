#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod cases;
#[cfg(feature = "disk")]
mod disk;
mod effort;
#[cfg(not(target_family = "wasm"))]
pub mod engine;
mod failure;
mod hooks;
mod keys;
#[cfg(not(target_family = "wasm"))]
mod kill;
mod linear;
mod list;
mod naive;
mod need;
mod reference;
mod refusals;
mod registry;
mod report;
mod run;
#[cfg(all(feature = "tokio", not(target_family = "wasm")))]
mod runtime;
mod subject;
mod views;

#[cfg(all(feature = "disk", not(target_family = "wasm")))]
#[cfg_attr(docsrs, doc(cfg(feature = "disk")))]
pub use self::disk::engine_on_a_failing_disk;
#[cfg(feature = "disk")]
#[cfg_attr(docsrs, doc(cfg(feature = "disk")))]
pub use self::disk::{DiskOpener, on_a_failing_disk};
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
pub(crate) use self::engine::__engine_table;
#[cfg(not(target_family = "wasm"))]
pub use self::kill::{FolderOpener, survives_kills};
#[cfg(all(feature = "tokio", not(target_family = "wasm")))]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub use self::runtime::on_tokio;
pub use self::{
    effort::runs,
    failure::{Failure, Outcome, Verdict},
    hooks::{BlockOn, CrashSubject, Factory, Fault, FaultSubject, Opener, block_on},
    need::Need,
    reference::ReferenceDatastore,
    registry::{CASES, Case},
    report::{Report, Row, report},
    run::run_test,
    subject::Subject,
    views::{check_read_only, check_view, run_view_test, view_cases},
};
#[doc(hidden)]
pub(crate) use self::{registry::__table, views::__view_table};
