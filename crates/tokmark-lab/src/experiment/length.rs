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

/// The most rounds that fit into `budget`, where one takes `round`, within `allowed`. Its start is
/// as many as a verdict needs ([`tokmark_stats::rounds_needed`]), made whatever the budget and
/// also where it lies above the end.
pub fn rounds_within(
    budget: Duration,
    round: Duration,
    is_planted: bool,
    allowed: RangeInclusive<u32>,
) -> u32 {
    let one = round.as_secs_f64().max(1e-3) * blocks_for_one(is_planted);
    ((budget.as_secs_f64() / one) as u32).min(*allowed.end()).max(*allowed.start())
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
        assert_eq!(rounds_within(budget, round, true, 7..=40), 40);
        assert_eq!(rounds_within(Duration::ZERO, round, true, 9..=40), 9);
        assert_eq!(rounds_within(budget, Duration::ZERO, false, 9..=100), 100);
        assert_eq!(rounds_within(budget, Duration::ZERO, false, RangeInclusive::new(9, 8)), 9);
    }
}
