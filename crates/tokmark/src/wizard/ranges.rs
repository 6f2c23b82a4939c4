//! What a comparison of models may be asked for: one place for the wizard and the flags.

use std::ops::RangeInclusive;

use tokmark_model::Looks;

/// Models in one comparison.
pub(crate) const MODELS: RangeInclusive<usize> = 2..=4;
/// Tokens of prompt.
pub(crate) const CONTEXT: RangeInclusive<u32> = 256..=4096;
/// Tokens generated.
pub(crate) const GENERATE: RangeInclusive<u32> = 32..=256;
/// Repetitions of a test, where their number is fixed.
pub(crate) const REPETITIONS: RangeInclusive<u32> = 1..=5;

/// Tokens of prompt where nothing is said.
pub(crate) const USUAL_CONTEXT: u32 = 512;
/// Tokens generated where nothing is said.
pub(crate) const USUAL_GENERATE: u32 = 128;

/// The same range as clap's `value_parser!(u32).range(...)` takes it.
pub(crate) fn of_flag(range: &RangeInclusive<u32>) -> RangeInclusive<i64> {
    i64::from(*range.start())..=i64::from(*range.end())
}

/// Fewest repetitions, each all models there and back, that can end with a verdict on a prompt
/// and a generation of `n_models`.
pub(crate) fn repetitions_needed(n_models: usize) -> u32 {
    let family = tokmark_stats::n_comparisons(n_models, 2);
    tokmark_stats::rounds_needed(family, Looks::Once).div_ceil(2)
}
