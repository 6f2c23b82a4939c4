//! What the commands measure, and within which ranges: one place for command line, wizard, jobs
//! and estimates.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::Test;

/// Models in one comparison.
pub const COMPARED_MODELS: RangeInclusive<usize> = 2..=4;
/// Prompt tokens of a comparison.
pub const COMPARED_CONTEXT: RangeInclusive<u32> = 256..=4096;
/// Tokens that a comparison generates.
pub const COMPARED_GENERATION: RangeInclusive<u32> = 32..=256;
/// Repetitions of a comparison, where their number is fixed.
pub const COMPARED_REPETITIONS: RangeInclusive<u32> = 1..=5;
/// Prompt tokens of a comparison where nothing is said.
pub const USUAL_CONTEXT: u32 = 512;
/// Tokens that a comparison generates where nothing is said.
pub const USUAL_GENERATION: u32 = 128;

/// Time for one test whose repetitions go on until its interval is narrow.
pub const TEST_BUDGET: Duration = Duration::from_secs(60);
/// Time for the visits of an experiment.
pub const EXPERIMENT_BUDGET: Duration = Duration::from_secs(600);
/// Timed repetitions of each test in a visit of an experiment.
pub const REPETITIONS_IN_VISIT: u32 = 3;

/// The tests of a quick look: `pp512` and `tg128`.
pub const QUICK_TESTS: [Test; 2] = [
    Test { n_prompt: 512, n_gen: 0, n_depth: 0, n_parallel: 1 },
    Test { n_prompt: 0, n_gen: 128, n_depth: 0, n_parallel: 1 },
];

/// The tests of a comparison: a prompt of `context` tokens, and a generation of `n_gen` after it.
pub fn compared_tests(context: u32, n_gen: u32) -> [Test; 2] {
    [Test::pp(context), Test::tg(n_gen).at_depth(context)]
}
