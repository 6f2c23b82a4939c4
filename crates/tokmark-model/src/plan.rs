use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{EngineParams, Nanos, Test};

/// How many repetitions a test gets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Repetitions {
    /// Exactly `n`.
    Fixed {
        /// Number of timed repetitions.
        n: u32,
    },
    /// Until the interval is narrow enough or the budget is spent.
    Adaptive {
        /// Asked relative half width of the 95 % interval, e.g. 0.02.
        half_width: f64,
        /// Time for one test, warm-up included.
        budget_ns: Nanos,
        /// Repetitions made in any case, also when the budget is spent.
        at_least: u32,
    },
}

/// What kind of tokens the model is fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Uniform over the vocabulary, BOS only at position 0.
    Random,
    /// A shipped public-domain text, repeated as needed.
    Text,
}

/// The tokens of a test: reproducible from kind and seed, proven by the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenSource {
    /// Random or text.
    pub kind: TokenKind,
    /// Seed of the generator, or of the offset into the text.
    pub seed: u64,
    /// SHA-256 over the tokens as little-endian i32: depth, prompt, generation.
    /// Absent before the tokens were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// One line of a plan: a test with the settings it runs under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedTest {
    /// Which of the plan's models, counted from 0.
    pub model: usize,
    /// What is done.
    pub test: Test,
    /// Under which settings.
    pub params: EngineParams,
}
