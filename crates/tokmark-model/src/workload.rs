//! What a load point asks of a server: the requests' shape and how they arrive.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Nanos;

/// How requests follow each other. Data for the schedule in `tokmark-run`; the client is the
/// same for all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "load", rename_all = "snake_case")]
pub enum Load {
    /// Closed loop: always `n` requests under way, the next is due when one ends.
    Concurrency {
        /// Requests under way.
        n: u32,
    },
    /// Open loop: due whether or not earlier ones have ended.
    Rate {
        /// Requests per second.
        per_s: f64,
        /// How the gaps between due times are spread.
        arrivals: Arrivals,
    },
    /// Due times of a trace.
    Replay {
        /// Due times are divided by this; 1 replays as recorded.
        speed: f64,
    },
}

impl Load {
    /// `x 4`, `2/s poisson`, `replay`: what tells one point of a run from the next.
    pub fn label(&self) -> String {
        match self {
            Load::Concurrency { n } => format!("x {n}"),
            Load::Rate { per_s, arrivals } => format!("{per_s}/s {}", arrivals.label()),
            Load::Replay { speed } if *speed == 1.0 => "replay".to_owned(),
            Load::Replay { speed } => format!("replay at {speed} x"),
        }
    }
}

/// Distribution of the gaps between due times in an open loop, all with mean 1 / rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "arrivals", rename_all = "snake_case")]
pub enum Arrivals {
    /// Equal gaps; coefficient of variation 0.
    Constant,
    /// Exponential gaps; coefficient of variation 1.
    Poisson,
    /// Gamma-distributed gaps of a chosen coefficient of variation: below 1 calmer than
    /// Poisson, above 1 in bursts.
    Gamma {
        /// Standard deviation / mean of the gaps.
        cv: f64,
    },
}

impl Arrivals {
    /// Coefficient of variation of the gaps.
    pub fn cv(&self) -> f64 {
        match self {
            Arrivals::Constant => 0.0,
            Arrivals::Poisson => 1.0,
            Arrivals::Gamma { cv } => *cv,
        }
    }

    /// `constant`, `poisson`, `gamma:0.5`.
    pub fn label(&self) -> String {
        match self {
            Arrivals::Constant => "constant".to_owned(),
            Arrivals::Poisson => "poisson".to_owned(),
            Arrivals::Gamma { cv } => format!("gamma:{cv}"),
        }
    }
}

/// What the requests do with the server's prefix cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "cache", rename_all = "snake_case")]
pub enum CacheMode {
    /// Each conversation begins with something unique, so that none can reuse another's. Its
    /// later turns re-send their history as it was, as real ones do.
    #[default]
    Bust,
    /// The same first share of every prompt.
    Share {
        /// Share of the prompt's tokens, 0 to 1.
        share: f64,
    },
    /// Prompts share among themselves what a trace or a shape repeats, and nothing with those
    /// of earlier points and runs: all of a point begin with the same new words.
    Own,
    /// Prompts may repeat, as a trace or a shape has them, those of earlier points and runs
    /// included.
    Keep,
}

/// Whether a model that can reason is told to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Think {
    /// As the server does by itself.
    #[default]
    Auto,
    /// Reasoning switched on.
    On,
    /// Reasoning switched off, and checked.
    Off,
}

/// What makes a request end at its asked length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LengthControl {
    /// The server ignores the end-of-sequence token.
    IgnoreEos,
    /// The server takes a least number of tokens.
    MinTokens,
    /// Nothing: answers may be shorter than asked.
    #[default]
    LimitOnly,
}

/// A time that a service level limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LatencyKind {
    /// Time to the first token, from sent.
    Ttft,
    /// Time to the first answer token, from sent.
    Ttfo,
    /// Time per output token.
    Tpot,
    /// Median gap between text events of a request.
    Itl,
    /// Last text event, from sent.
    E2e,
}

impl LatencyKind {
    /// The word of flags and tables: `ttft`.
    pub fn word(self) -> &'static str {
        match self {
            LatencyKind::Ttft => "ttft",
            LatencyKind::Ttfo => "ttfo",
            LatencyKind::Tpot => "tpot",
            LatencyKind::Itl => "itl",
            LatencyKind::E2e => "e2e",
        }
    }
}

/// A limit that a good request keeps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceLevel {
    /// What is limited.
    pub kind: LatencyKind,
    /// Longest good time.
    pub limit_ns: Nanos,
}

/// Which of a server's ways to be asked is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// OpenAI `/v1/chat/completions`.
    #[default]
    Chat,
    /// OpenAI `/v1/completions`.
    Completions,
    /// Ollama `/api/chat`.
    OllamaChat,
    /// Ollama `/api/generate`.
    OllamaGenerate,
}

/// One load point: everything that decides which requests are made and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Workload {
    /// Name of the shape: `chat`, `rag`, `codegen`, `agent`, a file's stem, `trace`.
    pub shape: String,
    /// SHA-256 of the shape's or trace's text, lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape_sha256: Option<String>,
    /// How requests arrive.
    pub arrival: Load,
    /// Prompt tokens aimed at, template excluded; the mean where they vary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_prompt: Option<u32>,
    /// Output tokens asked for; the mean where they vary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_output: Option<u32>,
    /// Requests of one conversation; 1 for single requests.
    pub turns: u32,
    /// Tool definitions sent with each request.
    #[serde(default)]
    pub n_tools: u32,
    /// Which API.
    #[serde(default)]
    pub api: Api,
    /// Answers are streamed.
    pub stream: bool,
    /// Sampling temperature; absent where the server's own stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Seed of prompts and schedule.
    pub seed: u64,
    /// What makes the prompts of this point others than those of earlier runs: the beginnings
    /// of prompts depend on it and on `seed`. The first point of a run has the run's own, each
    /// later one 1 more. Absent in records of before it was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u32>,
    /// Reasoning.
    #[serde(default)]
    pub think: Think,
    /// Prefix cache.
    #[serde(default)]
    pub cache: CacheMode,
    /// Share of the first prompts' text that a trace itself repeats from its earlier ones, and
    /// that a server's cache may therefore know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated_share: Option<f64>,
    /// How output lengths are held.
    #[serde(default)]
    pub length_control: LengthControl,
    /// Requests before the measured ones.
    #[serde(default)]
    pub n_warmup: u32,
    /// Time in which requests became due, where that was asked for instead of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ns: Option<Nanos>,
    /// Longest time for one request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ns: Option<Nanos>,
    /// Times that a request refused by the server is tried again.
    #[serde(default)]
    pub n_retries: u32,
    /// Connections are kept for further requests.
    pub reuse_connections: bool,
    /// What a good request keeps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_levels: Vec<ServiceLevel>,
}

impl Workload {
    /// Single streamed chat requests of this shape, and nothing else asked.
    pub fn new(shape: &str, arrival: Load) -> Self {
        Workload {
            shape: shape.to_owned(),
            shape_sha256: None,
            arrival,
            n_prompt: None,
            n_output: None,
            turns: 1,
            n_tools: 0,
            api: Api::default(),
            stream: true,
            temperature: None,
            seed: 0,
            nonce: None,
            think: Think::default(),
            cache: CacheMode::default(),
            repeated_share: None,
            length_control: LengthControl::default(),
            n_warmup: 0,
            duration_ns: None,
            timeout_ns: None,
            n_retries: 0,
            reuse_connections: true,
            service_levels: Vec::new(),
        }
    }

    /// What was asked of the requests beside shape and load, in the flags that ask for it; empty
    /// where nothing was.
    pub fn settings(&self) -> String {
        let mut words = Vec::new();
        match self.api {
            Api::Chat => {}
            Api::Completions => words.push("--api completions".to_owned()),
            Api::OllamaChat => words.push("--api ollama-chat".to_owned()),
            Api::OllamaGenerate => words.push("--api ollama-generate".to_owned()),
        }
        match self.think {
            Think::Auto => {}
            Think::On => words.push("--think on".to_owned()),
            Think::Off => words.push("--think off".to_owned()),
        }
        match self.cache {
            CacheMode::Bust => {}
            CacheMode::Share { share } => words.push(format!("--cache share:{}%", share * 100.0)),
            CacheMode::Own => words.push("--cache own".to_owned()),
            CacheMode::Keep => words.push("--cache keep".to_owned()),
        }
        words.extend(self.temperature.map(|degrees| format!("--temperature {degrees}")));
        words.extend((!self.stream).then(|| "--no-stream".to_owned()));
        words.extend((!self.reuse_connections).then(|| "--no-reuse".to_owned()));
        words.join(" ")
    }

    /// `chat x 4`, `rag 2/s poisson`: the name of the point in tables.
    pub fn label(&self) -> String {
        format!("{} {}", self.shape, self.arrival.label())
    }
}
