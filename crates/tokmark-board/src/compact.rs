//! The compact form of a run, as people write it by hand.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a figure was published or made by one's own run of another tool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// It stands on a page, in a paper, in a repository.
    #[default]
    Published,
    /// Another tool printed it, and its samples are lost.
    ImportedSummary,
}

/// A figure with what is known about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FigureOf {
    /// Output tokens per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Lowest of several workloads, where the source gives a range. Not an interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Highest of several workloads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Median time to the first token in milliseconds; of load points only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_ms: Option<f64>,
}

/// A rate, the lowest and the highest of several workloads, or a figure with more about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RateOf {
    /// Output tokens per second.
    Rate(f64),
    /// Lowest and highest of several workloads, in tokens per second.
    Range([f64; 2]),
    /// With more about it.
    Figure(FigureOf),
}

impl RateOf {
    /// The same with every field named.
    pub fn figure(&self) -> FigureOf {
        let none = FigureOf { rate: None, low: None, high: None, ttft_ms: None };
        match self {
            RateOf::Rate(rate) => FigureOf { rate: Some(*rate), ..none },
            RateOf::Range([low, high]) => FigureOf { low: Some(*low), high: Some(*high), ..none },
            RateOf::Figure(figure) => figure.clone(),
        }
    }
}

/// A run in its compact form: one model on one machine in one engine, and its rates. It becomes
/// one record for each rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompactRun {
    /// Version of this form.
    #[schemars(range(min = 1, max = 1))]
    pub tokmark_run: u32,
    /// How the figures came to be; `published` where it is left out.
    #[serde(default, skip_serializing_if = "is_published")]
    pub kind: SourceKind,
    /// Name of the model with its size, without its quantization: `Gemma-4-E2B-it`. What stands
    /// before the size is its family.
    #[schemars(length(min = 1, max = 200))]
    pub model: String,
    /// The nominal quantization: `Q4_K_M`. Left out where the source does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 80))]
    pub quantization: Option<String>,
    /// Parameters in billions, as the model's name has them: `27` of a 27B.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params_billion: Option<f64>,
    /// Size of the model's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_size_bytes: Option<u64>,
    /// SHA-256 of the model's file, 64 lower-case hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub model_sha256: Option<String>,
    /// Whoever published the model's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub publisher: Option<String>,
    /// The hardware, as the source calls it.
    #[schemars(length(min = 1, max = 200))]
    pub hardware: String,
    /// Name of its file in `hardware/`, without `.yaml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9-]{0,79}$"))]
    pub rig: Option<String>,
    /// GPUs that computed together; 1 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub n_gpus: Option<u32>,
    /// Cap set on the board power of each GPU, in watts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_cap_w: Option<f64>,
    /// Name of the engine: `llama.cpp`, `vLLM`.
    #[schemars(length(min = 1, max = 80))]
    pub engine: String,
    /// Its version or build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 120))]
    pub engine_version: Option<String>,
    /// The device interface that computed: `CUDA`, `ROCm`, `Vulkan`, `Metal`, `CPU`.
    #[schemars(length(min = 1, max = 80))]
    pub backend: String,
    /// Threads of the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65536))]
    pub threads: Option<u32>,
    /// Layers on the GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1, max = 100000))]
    pub gpu_layers: Option<i32>,
    /// Environment that the engine was given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Requests at once, or sequences in parallel; 1 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000000))]
    pub concurrency: Option<u32>,
    /// Shape -> output tokens per second: `tg128: 80.0` of llama-bench, `chat: 85.2` of a load
    /// point, `all workloads: [181.1, 195.1]` where the source gives a range over its workloads.
    pub rates_tps: BTreeMap<String, RateOf>,
    /// Name of the source.
    #[schemars(length(min = 1, max = 200))]
    pub source: String,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub url: Option<String>,
    /// Its date: `2026-04-30`, `2026-04` or a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub date: Option<String>,
    /// The earliest date that it can have, where it has none: `2026-04`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub not_before: Option<String>,
    /// What is known against the figures: `back end disputed by its own source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub disputed: Option<String>,
    /// Remarks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

fn is_published(kind: &SourceKind) -> bool {
    *kind == SourceKind::Published
}
