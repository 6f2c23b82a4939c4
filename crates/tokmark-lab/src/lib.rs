//! From a plan to records: experiments over engines in worker processes.
//!
//! A [`Subject`] is a model that lies on this machine, with its facts. A [`Session`]
//! measures planned tests on subjects, one after the other, and makes one record of each,
//! whatever happens to the engine. An [`Observer`] is told meanwhile what goes on. The
//! caller saves each record before the next test begins.
//!
//! [`measure_point`] does the same for a load point: a workload on an endpoint becomes one
//! record with all its requests.
//!
//! This crate deliberately knows no particular local engine, no database and no terminal.

mod advice;
mod experiment;
mod gap;
mod guard;
mod load;
mod measure;
mod record;
mod session;
mod subject;

pub use advice::{Advice, Comfort, advise, device_memory};
pub use experiment::{
    Arm, EndpointArm, ExperimentObserver, ExperimentPlan, LocalArm, experiment_length,
    rounds_within, run_experiment,
};
pub use gap::{Gap, GapPart, Overheads, Span, gap_between, server_overheads};
pub use guard::HostGuard;
pub use load::{
    Calibration, Live, LoadExtent, LoadObserver, LoadOptions, PREFILL_CEILING_FACTOR, Ramp,
    USUAL_ABORT_ERRORS, calibrate, failed_point, large_log, mark_crashed, measure_point,
    prefill_ceiling, ramp, searched_name, skipped_point, speed_ups, summarize_imported,
};
pub use measure::Measuring;
pub use record::{NOT_KEPT, is_secret, without_secrets};
pub use session::{Observer, Phase, Session, SessionOptions, Tally, WARM_UP_SHARE};
pub use subject::{Subject, SubjectError};
