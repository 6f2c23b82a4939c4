//! From a plan to records: experiments over engines in worker processes.
//!
//! A [`Subject`] is a model that lies on this machine, with its facts. A [`Session`]
//! measures planned tests on subjects, one after the other, and makes one record of each,
//! whatever happens to the engine. An [`Observer`] is told meanwhile what goes on. The
//! caller saves each record before the next test begins.
//!
//! This crate deliberately knows no particular engine, no database and no terminal.

mod advice;
mod estimate;
mod guard;
mod measure;
mod record;
mod session;
mod subject;

pub use advice::{Advice, Comfort, advise};
pub use estimate::{Estimate, estimate_from_history};
pub use guard::HostGuard;
pub use measure::Measuring;
pub use session::{Observer, Phase, Session, SessionOptions, Tally};
pub use subject::{Subject, SubjectError};
