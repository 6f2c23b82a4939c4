//! Work that a server wrote down and an agent does: what the two say to each other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::usual::{
    COMPARED_CONTEXT, COMPARED_GENERATION, COMPARED_MODELS, COMPARED_REPETITIONS, QUICK_TESTS,
    compared_tests,
};
use crate::{MachineFacts, ModelFacts, Test, Timestamp, Tool};

/// What is to be measured. A model is the name under which an agent announced it in
/// [`AgentHello::models`]: never a path, an address or a flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum JobSpec {
    /// As `tokmark quick`: pp512 and tg128.
    Quick {
        /// The model.
        model: String,
    },
    /// As `tokmark bench`: every combination is a test.
    Suite {
        /// The model.
        model: String,
        /// Prompt tokens of each test.
        n_prompt: Vec<u32>,
        /// Generated tokens of each test.
        n_gen: Vec<u32>,
        /// llama.cpp's logical batch sizes.
        n_batch: Vec<u32>,
        /// Sequences in parallel.
        n_parallel: Vec<u32>,
        /// Layers on GPUs; negative means all.
        n_gpu_layers: Vec<i32>,
        /// Repetitions of each test; absent for as many as its interval needs.
        repetitions: Option<u32>,
    },
    /// As `tokmark compare`: 2 to 4 models, interleaved.
    Compare {
        /// The models.
        models: Vec<String>,
        /// Prompt tokens, 256 to 4096.
        n_prompt: u32,
        /// Generated tokens, 32 to 256.
        n_gen: u32,
        /// Repetitions, 1 to 5; absent for as many as the verdicts need.
        repetitions: Option<u32>,
    },
}

/// Tests of one suite at most.
const MOST_TESTS: usize = 200;

/// Why a job is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsoundJob {
    /// The field at fault, as in JSON.
    pub field: &'static str,
    /// What is wrong with it and what is allowed.
    pub reason: String,
}

impl JobSpec {
    /// Its models.
    pub fn models(&self) -> &[String] {
        match self {
            JobSpec::Quick { model } | JobSpec::Suite { model, .. } => std::slice::from_ref(model),
            JobSpec::Compare { models, .. } => models,
        }
    }

    /// One line for people: `compare A, B`.
    pub fn label(&self) -> String {
        let what = match self {
            JobSpec::Quick { .. } => "quick test of",
            JobSpec::Suite { .. } => "full suite of",
            JobSpec::Compare { .. } => "comparison of",
        };
        format!("{what} {}", self.models().join(", "))
    }

    /// The tests of each of its models; under several settings of the engine each stands several
    /// times.
    pub fn tests(&self) -> Vec<Test> {
        match self {
            JobSpec::Quick { .. } => QUICK_TESTS.into(),
            JobSpec::Compare { n_prompt, n_gen, .. } => compared_tests(*n_prompt, *n_gen).into(),
            JobSpec::Suite { n_prompt, n_gen, n_batch, n_parallel, n_gpu_layers, .. } => {
                let lengths = n_prompt.iter().map(|&n| Test::pp(n));
                let lengths: Vec<Test> =
                    lengths.chain(n_gen.iter().map(|&n| Test::tg(n))).collect();
                let parallel = if n_parallel.is_empty() { &[1][..] } else { n_parallel };
                let n_settings = n_batch.len().max(1) * n_gpu_layers.len().max(1);
                let all = parallel.iter().flat_map(|&n_parallel| {
                    lengths.iter().map(move |&test| Test { n_parallel, ..test })
                });
                all.flat_map(|test| std::iter::repeat_n(test, n_settings)).collect()
            }
        }
    }

    /// Whether every field is within its range.
    ///
    /// # Errors
    /// Names the first field that is not, with its range.
    pub fn check(&self) -> Result<(), UnsoundJob> {
        for model in self.models() {
            let is_name = !model.is_empty()
                && model.len() <= 200
                && !model.starts_with(['-', '.'])
                && !model.contains(['/', '\\', '\0', '\n'])
                && !model.contains("://");
            ensure(is_name, "models", "a model is named as the agent's list names it")?;
        }
        match self {
            JobSpec::Quick { .. } => Ok(()),
            JobSpec::Suite {
                model: _,
                n_prompt,
                n_gen,
                n_batch,
                n_parallel,
                n_gpu_layers,
                repetitions,
            } => {
                let tokens = "takes at most 8 numbers from 1 to 131072";
                let within = |list: &[u32], most: u32| {
                    list.len() <= 8 && list.iter().all(|n| (1..=most).contains(n))
                };
                ensure(within(n_prompt, 131_072), "n_prompt", tokens)?;
                ensure(within(n_gen, 131_072), "n_gen", tokens)?;
                let some = !(n_prompt.is_empty() && n_gen.is_empty());
                ensure(some, "n_prompt", "prompt or generated tokens must be given")?;
                ensure(within(n_batch, 131_072), "n_batch", tokens)?;
                let parallel = "takes at most 8 numbers from 1 to 1024";
                ensure(within(n_parallel, 1024), "n_parallel", parallel)?;
                let layers = n_gpu_layers.len() <= 8
                    && n_gpu_layers.iter().all(|n| (-1..=10_000).contains(n));
                let range = "takes at most 8 numbers from -1 (all) to 10000";
                ensure(layers, "n_gpu_layers", range)?;
                let n_tests = (n_prompt.len() + n_gen.len())
                    * n_batch.len().max(1)
                    * n_parallel.len().max(1)
                    * n_gpu_layers.len().max(1);
                let few = n_tests <= MOST_TESTS;
                let most = format!(
                    "and the other lists together make {n_tests} tests, more than {MOST_TESTS}"
                );
                ensure(few, "n_prompt", &most)?;
                let n = repetitions.is_none_or(|n| (1..=1000).contains(&n));
                ensure(n, "repetitions", "is 1 to 1000, or absent")
            }
            JobSpec::Compare { models, n_prompt, n_gen, repetitions } => {
                ensure(COMPARED_MODELS.contains(&models.len()), "models", "takes 2 to 4 models")?;
                let mut sorted: Vec<&String> = models.iter().collect();
                sorted.sort();
                sorted.dedup();
                ensure(sorted.len() == models.len(), "models", "takes each model once")?;
                ensure(COMPARED_CONTEXT.contains(n_prompt), "n_prompt", "is 256 to 4096")?;
                ensure(COMPARED_GENERATION.contains(n_gen), "n_gen", "is 32 to 256")?;
                let n = repetitions.is_none_or(|n| COMPARED_REPETITIONS.contains(&n));
                ensure(n, "repetitions", "is 1 to 5, or absent")
            }
        }
    }
}

fn ensure(holds: bool, field: &'static str, reason: &str) -> Result<(), UnsoundJob> {
    if holds { Ok(()) } else { Err(UnsoundJob { field, reason: reason.to_owned() }) }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for an agent.
    Queued,
    /// An agent holds its lease.
    Running,
    /// Measured.
    Done,
    /// Could not be measured.
    Failed,
    /// Ended by its user.
    Cancelled,
}

impl JobState {
    /// Nothing more will happen to it.
    pub fn is_over(self) -> bool {
        matches!(self, JobState::Done | JobState::Failed | JobState::Cancelled)
    }
}

/// How far a job is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct JobProgress {
    /// Share that is done, 0 to 1.
    pub share: f64,
    /// What is done now, one line.
    pub doing: String,
    /// Seconds that remain, where that can be told.
    pub remaining_s: Option<f64>,
}

/// A job as the server keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// Its name, UUID version 7.
    pub id: Uuid,
    /// What is to be measured.
    pub spec: JobSpec,
    /// Where it stands.
    pub state: JobState,
    /// Fingerprint of the machine that is to measure; absent for any that has the models.
    pub machine: Option<String>,
    /// The agent that holds or held it.
    pub agent: Option<Uuid>,
    /// How often an agent took it.
    pub n_attempts: u32,
    /// Its user wants it ended.
    pub cancel: bool,
    /// How far it is.
    pub progress: JobProgress,
    /// Why it failed, or what else is to be said of its end.
    pub message: Option<String>,
    /// Run that its records belong to, once there are any.
    pub run_id: Option<Uuid>,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
    /// Until when the agent holds it without saying anything.
    pub leased_until: Option<Timestamp>,
}

/// What an agent says of itself when it asks for work.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentHello {
    /// Its machine.
    pub machine: MachineFacts,
    /// Models that lie there, by [`ModelFacts::name`].
    pub models: Vec<ModelFacts>,
    /// Its program.
    pub tool: Tool,
}

/// What an agent reports while it measures; each report renews its lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobReport {
    /// Who reports.
    pub agent: Uuid,
    /// How far it is.
    pub progress: JobProgress,
}

/// The server's answer to a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobOrder {
    /// End it, keep what is measured.
    pub cancel: bool,
}

/// How a job ended, for its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobOutcome {
    /// Measured.
    Done,
    /// Could not be measured.
    Failed,
    /// Ended as ordered.
    Cancelled,
}

/// An agent's last word on a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobEnd {
    /// Who ends it.
    pub agent: Uuid,
    /// How.
    pub outcome: JobOutcome,
    /// One line: why it failed.
    pub message: Option<String>,
    /// Run that its records belong to.
    pub run_id: Option<Uuid>,
}
