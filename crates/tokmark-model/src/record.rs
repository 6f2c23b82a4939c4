use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Bytes, EngineFacts, EngineParams, Estimate, Experiment, Grade, MachineFacts, ModelFacts, Nanos,
    ProcessParams, RECORD_VERSION, Repetition, Repetitions, Serving, Signature, Summary, Test,
    TokenSource, TokensPerSecond, Visit,
};

/// A record's name: UUID version 7, so that names sort by time.
pub type RecordId = Uuid;

/// How a record came to be. Kinds are never pooled or ranked together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// Measured by Tokmark.
    Measured,
    /// Measured by another tool, with its samples.
    Imported,
    /// Measured by another tool, without samples: no interval beyond the source's, no grade.
    ImportedSummary,
    /// A published figure: source and date, no samples, no grade.
    Published,
}

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All repetitions were made.
    Ok,
    /// The engine refused or failed.
    Failed,
    /// The engine's process died: abort, signal, out of memory.
    Crashed,
    /// The time limit ended it.
    TimedOut,
    /// The memory limit ended it.
    OutOfMemory,
    /// The user ended it; finished repetitions are kept.
    Interrupted,
    /// Not run, for a reason that the record names.
    Skipped,
    /// This engine cannot do it.
    Unsupported,
}

/// Why a test did not end with `ok`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StatusReason {
    /// One line for people.
    pub message: String,
    /// Signal that ended the process, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// Exit code of the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Last lines that the engine logged, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log_tail: Vec<String>,
}

/// The program that wrote a record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// `tokmark`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Process start to first decode possible.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadTime {
    /// The whole span.
    pub duration_ns: Nanos,
    /// Share of the file that was in the page cache before, 0 to 1; absent where unreadable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resident_share: Option<f64>,
}

/// Peak memory of one test.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MemoryUse {
    /// Peak resident set of the worker.
    pub host_peak_bytes: Option<Bytes>,
    /// Of that, pages of mapped files, sampled between repetitions.
    pub host_file_bytes: Option<Bytes>,
    /// Whether the system let the peak be reset before this test; otherwise it covers
    /// the worker's life so far.
    pub host_peak_is_per_test: bool,
    /// Peak over all devices, from the back ends' buffers.
    pub device_peak_bytes: Option<Bytes>,
    /// Weights on GPU devices / all weights x 100.
    pub gpu_share_percent: Option<f64>,
}

/// Speculative decoding, filled by the engines that do it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Speculation {
    /// Method or draft model.
    pub method: String,
    /// Tokens drafted.
    pub n_drafted: u64,
    /// Of those, accepted.
    pub n_accepted: u64,
}

/// Where a published figure stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Published {
    /// Name of the source.
    pub source: String,
    /// Address of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Date of the source, as written there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Output rate, where the source gives one figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_tps: Option<TokensPerSecond>,
    /// Lowest of its workloads, where the source gives a range over several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_low_tps: Option<TokensPerSecond>,
    /// Highest of its workloads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_high_tps: Option<TokensPerSecond>,
    /// The workload, where the source names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
    /// The hardware, as the source calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<String>,
    /// What is known against the figure: `back end disputed by its own source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disputed: Option<String>,
}

/// A dated remark that somebody made on a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// When it was made.
    pub at: Timestamp,
    /// What it says.
    pub text: String,
}

/// One test: measured, imported or published. The unit of everything that is kept,
/// sent, shown and compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Version of this format, [`crate::RECORD_VERSION`] when written by this crate.
    pub record_version: u32,
    /// Name of the record.
    pub id: RecordId,
    /// Run that it belongs to: one command line, many records.
    pub run_id: Uuid,
    /// How it came to be.
    pub kind: RecordKind,
    /// When the test began.
    pub created_at: Timestamp,
    /// Who wrote it.
    pub tool: Tool,
    /// How it ended.
    pub status: Status,
    /// Why it did not end with `ok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<StatusReason>,
    /// What was done.
    pub test: Test,
    /// Under which settings.
    pub params: EngineParams,
    /// Settings of the engine's process.
    #[serde(default)]
    pub process: ProcessParams,
    /// How many repetitions were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetitions: Option<Repetitions>,
    /// Which tokens were fed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokenSource>,
    /// The model.
    pub model: ModelFacts,
    /// The engine.
    pub engine: EngineFacts,
    /// Devices that held weights or computed, by name, as the engine reported them.
    #[serde(default)]
    pub devices_used: Vec<String>,
    /// Ways of tensor parallelism, where an engine splits a layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor_parallel: Option<u32>,
    /// The machine.
    pub machine: MachineFacts,
    /// Loading of the model for this test's process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadTime>,
    /// Peak memory.
    #[serde(default)]
    pub memory: MemoryUse,
    /// Durations of the untimed warm-up repetitions, in order.
    #[serde(default)]
    pub warmup_ns: Vec<Nanos>,
    /// Probe times of the baseline taken before the first test.
    #[serde(default)]
    pub probe_baseline_ns: Vec<Nanos>,
    /// The timed repetitions, in order.
    #[serde(default)]
    pub samples: Vec<Repetition>,
    /// What the statistics make of them; absent without samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// How far it can be believed; measured records only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
    /// Flags that do not change the grade, e.g. `threads_over_cores`, `context_over_trained`.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Speculative decoding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speculation: Option<Speculation>,
    /// A load point on a server. `test` then holds its nominal size: prompt and output tokens
    /// aimed at, and requests at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<Box<Serving>>,
    /// The visit of an experiment that this record belongs to; `run_id` names the experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Visit>,
    /// An experiment, whose visits are the records of the same `run_id`. `test` then holds the
    /// first of its tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Box<Experiment>>,
    /// Source of a published record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
    /// Signature of the machine that measured it, over [`Record::signed_bytes`]: facts and
    /// samples, not what is made of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Remarks, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Fields of a newer version, kept as they came.
    #[serde(flatten)]
    pub newer: BTreeMap<String, serde_json::Value>,
}

impl Record {
    /// A record with a name of its own, without any facts or figures: of a test that ended well
    /// and did nothing.
    pub fn new(run_id: Uuid, kind: RecordKind, created_at: Timestamp, tool: Tool) -> Record {
        Record {
            record_version: RECORD_VERSION,
            id: Uuid::now_v7(),
            run_id,
            kind,
            created_at,
            tool,
            status: Status::Ok,
            status_reason: None,
            test: Test { n_prompt: 0, n_gen: 0, n_depth: 0, n_parallel: 1 },
            params: EngineParams::default(),
            process: ProcessParams::default(),
            repetitions: None,
            tokens: None,
            model: ModelFacts::default(),
            engine: EngineFacts::default(),
            devices_used: Vec::new(),
            tensor_parallel: None,
            machine: MachineFacts::default(),
            load: None,
            memory: MemoryUse::default(),
            warmup_ns: Vec::new(),
            probe_baseline_ns: Vec::new(),
            samples: Vec::new(),
            summary: None,
            grade: None,
            flags: Vec::new(),
            speculation: None,
            serving: None,
            visit: None,
            experiment: None,
            published: None,
            signature: None,
            notes: Vec::new(),
            tags: Vec::new(),
            newer: BTreeMap::new(),
        }
    }

    /// What was measured, as tables name it: `tg128 @ d512`, `chat x 4` of a load point, `ab`
    /// of an experiment.
    pub fn label(&self) -> String {
        if let Some(experiment) = &self.experiment {
            return experiment.label();
        }
        match &self.serving {
            Some(serving) => serving.workload.label(),
            None => self.test.label(),
        }
    }

    /// The rate that lists show and sort by: of a test its rate, of a load point the output
    /// rate of the whole system.
    pub fn rate(&self) -> Option<Estimate> {
        let Some(serving) = &self.serving else {
            return self.summary.as_ref().map(|summary| summary.rate);
        };
        let rate = serving.summary.as_ref()?.output_rate_tps?;
        Some(Estimate {
            rate_tps: TokensPerSecond(rate.per_s),
            interval: rate.interval,
            no_interval: rate.no_interval,
        })
    }

    /// The record without what statistics made of its samples.
    pub fn without_figures(mut self) -> Record {
        (self.summary, self.grade) = (None, None);
        if let Some(serving) = &mut self.serving {
            serving.summary = None;
        }
        if let Some(experiment) = &mut self.experiment {
            experiment.statistics_version = 0;
            (experiment.n_disturbed, experiment.overall) = (0, None);
            experiment.contests.clear();
            experiment.resources.clear();
        }
        self
    }

    /// Version of the statistics that made the summary.
    pub fn statistics_version(&self) -> Option<u32> {
        match (&self.experiment, &self.serving) {
            (Some(experiment), _) => Some(experiment.statistics_version),
            (None, Some(serving)) => serving.summary.as_ref().map(|made| made.statistics_version),
            (None, None) => self.summary.as_ref().map(|made| made.statistics_version),
        }
    }
}
