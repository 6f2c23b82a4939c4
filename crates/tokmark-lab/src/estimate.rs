//! How long a run will take, said before it starts.

use std::time::Duration;

use tokmark_model::{Nanos, Repetitions, Test};

/// Repetitions that an adaptive test usually needs on a machine with some noise.
const USUAL_REPETITIONS: f64 = 20.0;
/// Warm-up repetitions that usually agree.
const USUAL_WARM_UPS: f64 = 3.0;

/// Expected length of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Most likely.
    pub expected: Duration,
    /// What the budgets allow at most; `None` for a fixed number of repetitions.
    pub at_most: Option<Duration>,
}

impl Estimate {
    /// Nothing yet.
    pub const ZERO: Estimate = Estimate { expected: Duration::ZERO, at_most: None };

    /// That of `n_all` tests of which this is the estimate of `n_of_these`.
    pub fn of_all(self, n_all: u128, n_of_these: usize) -> Self {
        /// Longer than anyone waits, and short enough to be a `Duration`.
        const LONGEST_S: f64 = 1e15;
        let scale = n_all as f64 / n_of_these.max(1) as f64;
        let scaled =
            |time: Duration| Duration::from_secs_f64((time.as_secs_f64() * scale).min(LONGEST_S));
        Estimate { expected: scaled(self.expected), at_most: self.at_most.map(scaled) }
    }

    /// Adds one test whose single repetition takes `repetition`, after `depth` of filling
    /// the context.
    pub fn add(self, repetition: Duration, depth: Duration, ask: &Repetitions) -> Self {
        let one = repetition.as_secs_f64();
        match *ask {
            Repetitions::Fixed { n } => {
                let seconds = one * (f64::from(n) + USUAL_WARM_UPS) + depth.as_secs_f64();
                Estimate { expected: self.expected + Duration::from_secs_f64(seconds), ..self }
            }
            Repetitions::Adaptive { budget_ns, at_least, .. } => {
                // One to warm up; the last one may begin as the budget ends.
                let budget = Duration::from(budget_ns);
                let least = repetition * at_least.max(1).saturating_add(1);
                let usual = Duration::from_secs_f64(one * (USUAL_REPETITIONS + USUAL_WARM_UPS));
                let most = budget.max(least) + repetition + depth;
                Estimate {
                    expected: self.expected + usual.min(budget).max(least) + depth,
                    at_most: Some(self.at_most.unwrap_or_default() + most),
                }
            }
        }
    }
}

/// Rates of a model on this machine from one short calibration, or from its history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    pub(crate) prompt_token: Duration,
    pub(crate) step: Duration,
}

impl Pace {
    pub(crate) fn repetition(&self, test: &Test) -> Duration {
        self.prompt_token * test.n_prompt * test.n_parallel + self.step * test.n_gen
    }

    pub(crate) fn depth(&self, test: &Test) -> Duration {
        self.prompt_token * test.n_depth
    }
}

/// The estimate from how long the same tests took before on this machine; `None` when
/// one of them is not known. Each takes its `budget` at most, unless it took longer already:
/// then a few repetitions alone need that long.
pub fn estimate_from_history(before: &[Option<Nanos>], budget: Duration) -> Option<Estimate> {
    let before: Option<Vec<Duration>> =
        before.iter().map(|time| time.map(Duration::from)).collect();
    let before = before?;
    Some(Estimate {
        expected: before.iter().sum(),
        at_most: Some(before.iter().map(|time| budget.max(*time)).sum()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adaptive_test_takes_its_budget_and_what_one_repetition_needs() {
        let ask = Repetitions::Adaptive {
            half_width: 0.02,
            budget_ns: Nanos(60_000_000_000),
            at_least: 1,
        };
        let long = Estimate::ZERO.add(Duration::from_secs(10), Duration::ZERO, &ask);
        assert_eq!(long.expected, Duration::from_secs(60));
        assert_eq!(long.at_most, Some(Duration::from_secs(70)));
        // A repetition longer than the budget: one to warm up, and one at least.
        let slow = Estimate::ZERO.add(Duration::from_secs(90), Duration::ZERO, &ask);
        assert_eq!(slow.expected, Duration::from_secs(180));
        assert_eq!(slow.at_most, Some(Duration::from_secs(270)));
        let short = Estimate::ZERO.add(Duration::from_secs(1), Duration::from_secs(2), &ask);
        assert_eq!(short.expected, Duration::from_secs(25));
        assert_eq!(short.at_most, Some(Duration::from_secs(63)));
    }

    #[test]
    fn the_length_of_a_list_follows_from_a_sample_of_it() {
        let sample = Estimate { expected: Duration::from_secs(20), at_most: None };
        assert_eq!(sample.of_all(100, 10).expected, Duration::from_secs(200));
        assert!(sample.of_all(u128::MAX, 1).expected > Duration::from_secs(1 << 40));
    }

    #[test]
    fn history_counts_only_when_it_knows_every_test() {
        let budget = Duration::from_secs(1);
        assert_eq!(estimate_from_history(&[Some(Nanos(1)), None], budget), None);
        let both = estimate_from_history(&[Some(Nanos(1)), Some(Nanos(2))], budget).unwrap();
        assert_eq!(both.expected, Duration::from_nanos(3));
        assert_eq!(both.at_most, Some(Duration::from_secs(2)));
        let long = [Some(Nanos(5_000_000_000)), Some(Nanos(1))];
        let long = estimate_from_history(&long, budget).unwrap();
        assert_eq!(long.at_most, Some(Duration::from_secs(6)));
    }
}
