use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Tokens;

/// What one measurement does: process `n_prompt` tokens, then generate `n_gen`, both
/// in one clock, starting with `n_depth` tokens already in the context, in
/// `n_parallel` sequences at once.
///
/// Either count may be 0, not both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Test {
    /// Prompt tokens processed inside the clock.
    pub n_prompt: u32,
    /// Tokens generated inside the clock, one decode step each.
    pub n_gen: u32,
    /// Context depth: tokens already in memory when the clock starts.
    #[serde(default)]
    pub n_depth: u32,
    /// Parallel sequences, 1 for an ordinary test. Not llama.cpp's `n_batch`.
    #[serde(default = "one")]
    pub n_parallel: u32,
}

fn one() -> u32 {
    1
}

/// The family a [`Test`] belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestKind {
    /// Prompt processing only.
    Pp,
    /// Text generation only.
    Tg,
    /// Prompt processing and generation in one clock.
    Pg,
}

impl Test {
    /// Prompt processing of `n` tokens at depth 0.
    pub fn pp(n: u32) -> Self {
        Test { n_prompt: n, n_gen: 0, n_depth: 0, n_parallel: 1 }
    }

    /// Generation of `n` tokens at depth 0.
    pub fn tg(n: u32) -> Self {
        Test { n_prompt: 0, n_gen: n, n_depth: 0, n_parallel: 1 }
    }

    /// The same test with `n_depth` tokens in the context.
    pub fn at_depth(self, n_depth: u32) -> Self {
        Test { n_depth, ..self }
    }

    /// The family of this test.
    pub fn kind(&self) -> TestKind {
        match (self.n_prompt, self.n_gen) {
            (_, 0) => TestKind::Pp,
            (0, _) => TestKind::Tg,
            _ => TestKind::Pg,
        }
    }

    /// Tokens counted by the rate: all sequences together.
    pub fn n_tokens(&self) -> Tokens {
        let per_sequence = u64::from(self.n_prompt) + u64::from(self.n_gen);
        Tokens(per_sequence * u64::from(self.n_parallel))
    }

    /// Context positions that one sequence needs.
    pub fn n_ctx(&self) -> u64 {
        u64::from(self.n_prompt) + u64::from(self.n_gen) + u64::from(self.n_depth)
    }

    /// llama-bench's name of the test, with the number of parallel sequences appended
    /// when there are several: `pp512`, `tg128 @ d512`, `pp16+tg8`, `tg128 x 4`.
    pub fn label(&self) -> String {
        let mut label = match self.kind() {
            TestKind::Pp => format!("pp{}", self.n_prompt),
            TestKind::Tg => format!("tg{}", self.n_gen),
            TestKind::Pg => format!("pp{}+tg{}", self.n_prompt, self.n_gen),
        };
        if self.n_depth > 0 {
            label += &format!(" @ d{}", self.n_depth);
        }
        if self.n_parallel > 1 {
            label += &format!(" x {}", self.n_parallel);
        }
        label
    }
}
