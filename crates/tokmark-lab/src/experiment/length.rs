//! How long an experiment takes, and what of it fits into a budget.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokmark_model::Design;
use tokmark_run::PLANTED_EVERY;

/// Blocks for each one that is not planted.
fn blocks_for_one(is_planted: bool) -> f64 {
    let n = PLANTED_EVERY as f64;
    if is_planted { n / (n - 1.0) } else { 1.0 }
}

/// [`tokmark_stats::rounds_within`] of an experiment some of whose blocks may be planted.
pub fn rounds_within(
    budget: Duration,
    round: Duration,
    is_planted: bool,
    allowed: RangeInclusive<u32>,
) -> u32 {
    tokmark_stats::rounds_within(budget, round.mul_f64(blocks_for_one(is_planted)), allowed)
}

/// The longest that an experiment of this design takes, where a round takes `round`.
pub fn experiment_length(design: &Design, round: Duration) -> Duration {
    let is_planted = design.planted_delay.is_some();
    round.mul_f64(f64::from(design.n_rounds) * blocks_for_one(is_planted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_blocks_take_a_quarter_of_the_budget() {
        let (budget, round) = (Duration::from_secs(120), Duration::from_secs(2));
        assert_eq!(rounds_within(budget, round, false, 7..=100), 60);
        assert_eq!(rounds_within(budget, round, true, 7..=100), 45);
    }
}
