//! How long an experiment takes, and what of it fits into a budget.

use std::time::Duration;

use tokmark_model::Design;
use tokmark_run::PLANTED_EVERY;

/// Fewest rounds from which a verdict can come.
const FEWEST_ROUNDS: u32 = 7;

/// Blocks for each one that is not planted.
fn blocks_for_one(is_planted: bool) -> f64 {
    let n = PLANTED_EVERY as f64;
    if is_planted { n / (n - 1.0) } else { 1.0 }
}

/// The most rounds that fit into `budget`, where one takes `round`: at least as many as a verdict
/// needs, and not more than `at_most`.
pub fn rounds_within(budget: Duration, round: Duration, is_planted: bool, at_most: u32) -> u32 {
    let one = round.as_secs_f64().max(1e-3) * blocks_for_one(is_planted);
    ((budget.as_secs_f64() / one) as u32).clamp(FEWEST_ROUNDS, at_most)
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
        assert_eq!(rounds_within(budget, round, false, 100), 60);
        assert_eq!(rounds_within(budget, round, true, 100), 45);
        assert_eq!(rounds_within(budget, round, true, 40), 40);
        assert_eq!(rounds_within(Duration::ZERO, round, true, 40), FEWEST_ROUNDS);
        assert_eq!(rounds_within(budget, Duration::ZERO, false, 100), 100);
    }
}
