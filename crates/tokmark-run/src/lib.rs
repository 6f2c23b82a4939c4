//! The runner: engines, the clock, the loop, and the process that keeps them apart
//! from everything else.
//!
//! Three nouns. An [`Engine`] does work and reports progress to a [`Sink`]. The sink
//! takes the time stamps, into memory allocated before the clock starts. A worker
//! ([`serve`]) owns the engine, the sink and the repetition loop in a process of its
//! own; the parent ([`WorkerProcess`]) owns limits and survives whatever the worker does.
//!
//! This crate deliberately knows no particular engine, no sensor, no file format and no
//! store. The noise guard comes in through [`Guard`].
//!
//! ```
//! use tokmark_model::{EngineParams, Test};
//! use tokmark_run::{MonotonicClock, NullEngine, Recorder, TokenWork, Work, measure_repetition};
//!
//! let work = Work::Tokens(TokenWork::zeros(Test::tg(4)));
//! let mut recorder = Recorder::for_work(MonotonicClock::new(), &work);
//! let repetition = measure_repetition(&mut NullEngine::default(), &work, &mut recorder)?;
//! assert_eq!(repetition.token_ns.len(), 4);
//! # Ok::<(), tokmark_run::EngineError>(())
//! ```

mod arrival;
mod clock;
pub mod conformance;
mod engine;
mod fake;
mod interleave;
mod interrupt;
mod null;
mod protocol;
mod repetition;
mod schedule;
mod supervise;
mod tokens;
mod worker;

#[cfg(unix)]
pub use arrival::{read_arrived, stamp_arrivals};
pub use clock::{Clock, FakeClock, MonotonicClock};
pub use engine::{
    Engine, EngineError, Event, LoadRequest, Loaded, LocalEngine, Sink, Token, TokenWork,
    Vocabulary, Work,
};
pub use fake::{FakeEngine, Fault, Script};
pub use interleave::{Interleaving, PLANTED_EVERY, VisitOrder};
pub use interrupt::{Attention, Interrupt};
pub use null::NullEngine;
pub use protocol::{Command, Message, PROTOCOL_VERSION, Setup};
pub use repetition::{Recorder, measure_delayed_repetition, measure_repetition};
pub use schedule::{Bisection, BisectionResult, Due, Extent, RateSearch, Schedule, ScheduleError};
pub use supervise::{Failure, Limits, WorkerCommand, WorkerProcess};
pub use tokens::{TEXT, make_work};
pub use worker::{Guard, NoGuard, claim_stdout, serve};
