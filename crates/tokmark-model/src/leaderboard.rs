//! A row of the leaderboard: what a record says of one configuration, without its samples.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Bytes, GradeLetter, RecordId, RecordKind, Timestamp, TokensPerSecond};

/// One configuration with the figures of one of its records. Every figure is that record's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BoardRow {
    /// The record that the figures come from.
    pub id: RecordId,
    /// How it came to be; kinds are never ranked together.
    pub kind: RecordKind,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Family of the model, see `family()`.
    pub family: String,
    /// Name of the model.
    pub model_name: String,
    /// The name without family and quantization: `27B-Instruct`.
    pub variant: String,
    /// Hash of the model's file.
    pub model_sha256: Option<String>,
    /// Nominal quantization, else that by tensor census.
    pub quantization: Option<String>,
    /// Parameters.
    pub n_params: Option<u64>,
    /// Size of the file.
    pub file_size_bytes: Option<Bytes>,
    /// The devices that computed, else the processor: `2 x NVIDIA GeForce RTX 3090`.
    pub hardware: String,
    /// Fingerprint of the machine.
    pub machine_fingerprint: String,
    /// Cap set on the board power, in watts.
    pub power_cap_w: Option<f64>,
    /// Name of the engine.
    pub engine: String,
    /// Its version.
    pub engine_version: String,
    /// Device interfaces as the engine reported them: `CUDA`, `Metal,BLAS`.
    pub backends: String,
    /// GPUs that computed; above 1 it is tagged.
    pub n_gpus: u32,
    /// The engine's settings in llama-bench's short flags.
    pub settings: String,
    /// What was measured, as tables name it.
    pub label: String,
    /// Shape of a load point, else the test without its parallel sequences.
    pub shape: String,
    /// A load point on a server, not a test of an engine.
    pub is_serving: bool,
    /// Requests at once or sequences in parallel; absent for open loops.
    pub concurrency: Option<u32>,
    /// The rate; absent where a source gives a range alone.
    pub rate_tps: Option<TokensPerSecond>,
    /// Lower end of its interval, or of the source's range.
    pub rate_low_tps: Option<TokensPerSecond>,
    /// Upper end.
    pub rate_high_tps: Option<TokensPerSecond>,
    /// The ends are a range over workloads, not an interval.
    pub is_range: bool,
    /// Median time to first token of a load point.
    pub ttft_p50_ms: Option<f64>,
    /// How far it can be believed.
    pub grade: Option<GradeLetter>,
    /// Name of the source of a published figure.
    pub source: Option<String>,
    /// What is known against a published figure.
    pub disputed: Option<String>,
    /// What another record must have in common with it to be compared.
    #[serde(default)]
    pub conditions: Conditions,
}

/// What a level of comparability asks of a record, level by level: records with equal names have
/// all of it in common. Absent where the record leaves something unknown that the level needs.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub struct Conditions {
    /// The same work: test or workload, tokens, kind of record.
    pub workload: Option<Uuid>,
    /// The same model file in the same engine, built and set in the same way.
    pub stack: Option<Uuid>,
    /// Equal hardware with the same system.
    pub hardware: Option<Uuid>,
}
