//! The vocabulary of Tokmark: what is planned, what is measured, what is kept.
//!
//! Three nouns carry everything. A [`Test`] says what one measurement does
//! (`pp512`, `tg128 @ d4096`). A [`Repetition`] is one timed run of it, with the
//! time of every token and what the machine was doing meanwhile. A [`Record`] is
//! one test measured, imported or published, with all its repetitions and every
//! fact needed to trust or repeat it.
//!
//! This crate deliberately knows no clock, no file, no engine and no statistics:
//! a [`Summary`] is a shape here and is filled by `tokmark-stats` alone.
//!
//! ```
//! use tokmark_model::Test;
//! let test = Test { n_prompt: 0, n_gen: 128, n_depth: 512, n_parallel: 1 };
//! assert_eq!(test.label(), "tg128 @ d512");
//! ```

mod chat;
mod comparison;
mod engine;
mod event;
mod experiment;
mod job;
mod leaderboard;
mod machine;
mod model;
mod noise;
mod params;
mod plan;
mod record;
mod request;
mod serving;
mod signature;
mod summary;
mod test;
mod units;
mod usual;
mod workload;

pub use chat::{Message, Role, ToolCall, ToolDefinition};
pub use comparison::{Comparison, Looks, Verdict};
pub use engine::{BuildFacts, Device, DeviceKind, EngineFacts};
pub use event::{EventLog, EventLogError, read_times, write_times};
pub use experiment::{
    Contest, Design, Experiment, FoundAs, Pairing, Power, PowerDoubt, Question, Resource,
    ResourceContest, ResourceUse, Standing, Variant, Visit, VisitRecords,
};
pub use job::{
    AgentHello, Job, JobEnd, JobOrder, JobOutcome, JobProgress, JobReport, JobSpec, JobState,
    UnsoundJob,
};
pub use leaderboard::{BoardRow, Conditions};
pub use machine::{Cache, CpuFacts, Gpu, MachineFacts, MemoryFacts, OsFacts, PowerSource};
pub use model::{ModelFacts, TensorTypeCount};
pub use noise::{Noise, Repetition};
pub use params::{
    BufferOverride, EngineParams, FlashAttention, KvType, LazyMode, LoadMode, Numa, ProcessParams,
    SplitMode,
};
pub use plan::{PlannedTest, Repetitions, TokenKind, TokenSource};
pub use record::{
    LoadTime, MemoryUse, Note, Published, Record, RecordId, RecordKind, Speculation, Status,
    StatusReason, Tool,
};
pub use request::{CountSource, RequestError, RequestSample, ServerTimes, TokenCount};
pub use serving::{
    ArrivalCheck, ClientCheck, Distribution, FoundRate, Goodput, KeptShare, Quantile,
    ReplicaSummary, ServerFacts, Serving, ServingSummary, SpeedUp, SystemRate, TimelinePoint,
};
pub use signature::Signature;
pub use summary::{
    Correlation, Drift, Estimate, Grade, GradeLetter, GradeReason, Interval, IntervalMethod,
    NoInterval, StopReason, Summary, TokenTimes,
};
pub use test::{Test, TestKind};
pub use units::{Bytes, Nanos, Tokens, TokensPerSecond};
pub use usual::{
    COMPARED_CONTEXT, COMPARED_GENERATION, COMPARED_MODELS, COMPARED_REPETITIONS,
    EXPERIMENT_BUDGET, QUICK_TESTS, REPETITIONS_IN_VISIT, TEST_BUDGET, USUAL_CONTEXT,
    USUAL_GENERATION, compared_tests,
};
pub use workload::{
    Api, Arrivals, CacheMode, LatencyKind, LengthControl, Load, ServiceLevel, Think, Workload,
};

pub use jiff::Timestamp;
pub use uuid::Uuid;

/// Version of the [`Record`] that this crate writes. Readers accept every older one.
pub const RECORD_VERSION: u32 = 1;
