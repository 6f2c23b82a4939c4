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
                let budget = Duration::from(budget_ns).max(repetition * at_least);
                let usual = Duration::from_secs_f64(one * (USUAL_REPETITIONS + USUAL_WARM_UPS));
                Estimate {
                    expected: self.expected + usual.min(budget) + depth,
                    at_most: Some(self.at_most.unwrap_or_default() + budget + depth),
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
/// one of them is not known. Each may take its `budget` at most.
pub fn estimate_from_history(before: &[Option<Nanos>], budget: Duration) -> Option<Estimate> {
    let total: u64 = before.iter().copied().sum::<Option<NanosSum>>()?.0;
    let at_most = budget * u32::try_from(before.len()).ok()?;
    Some(Estimate { expected: Duration::from_nanos(total).min(at_most), at_most: Some(at_most) })
}

struct NanosSum(u64);

impl std::iter::Sum<Nanos> for NanosSum {
    fn sum<I: Iterator<Item = Nanos>>(times: I) -> Self {
        NanosSum(times.map(Nanos::get).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adaptive_test_never_expects_more_than_its_budget() {
        let ask = Repetitions::Adaptive {
            half_width: 0.02,
            budget_ns: Nanos(60_000_000_000),
            at_least: 1,
        };
        let long = Estimate::ZERO.add(Duration::from_secs(10), Duration::ZERO, &ask);
        assert_eq!(long.expected, Duration::from_secs(60));
        assert_eq!(long.at_most, Some(Duration::from_secs(60)));
        let short = Estimate::ZERO.add(Duration::from_secs(1), Duration::from_secs(2), &ask);
        assert_eq!(short.expected, Duration::from_secs(25));
        assert_eq!(short.at_most, Some(Duration::from_secs(62)));
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
    }
}
