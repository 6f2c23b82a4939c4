//! What a comparison of models may be asked for: as the wizard and the flags take it.

use std::ops::RangeInclusive;

use tokmark_model::Looks;
pub(crate) use tokmark_model::{
    COMPARED_CONTEXT as CONTEXT, COMPARED_GENERATION as GENERATE, COMPARED_MODELS as MODELS,
    COMPARED_REPETITIONS as REPETITIONS, USUAL_CONTEXT, USUAL_GENERATION as USUAL_GENERATE,
};

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
