#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod cases;
mod effort;
mod failure;
mod hooks;
mod keys;
mod linear;
mod list;
mod naive;
mod need;
mod reference;
mod refusals;
mod registry;
mod run;
mod subject;

#[doc(hidden)]
pub(crate) use self::registry::__table;
pub use self::{
    effort::runs,
    failure::{Failure, Outcome, Verdict},
    hooks::{BlockOn, CrashSubject, Factory, Fault, FaultSubject, Opener, block_on},
    need::Need,
    reference::ReferenceDatastore,
    registry::{CASES, Case},
    run::run_test,
    subject::Subject,
};
