//! How long a run will take, said before it starts.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokmark_model::{Looks, Nanos, Record, Repetitions, Test};

use crate::rounds::{n_comparisons, rounds_needed};

/// Repetitions that an adaptive test usually needs on a machine with some noise.
const USUAL_REPETITIONS: f64 = 20.0;
/// Warm-up repetitions that usually agree.
const USUAL_WARM_UPS: f64 = 3.0;
/// Most rounds of a comparison that the budget alone decides on.
const MOST_ROUNDS: u32 = 40;
/// A repetition of a comparison measures all models there and back.
pub const ROUNDS_IN_REPETITION: u32 = 2;

/// Expected length of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Length {
    /// Most likely.
    pub expected: Duration,
    /// What the budgets allow at most; `None` for a fixed number of repetitions.
    pub at_most: Option<Duration>,
}

impl Length {
    /// Nothing yet.
    pub const ZERO: Length = Length { expected: Duration::ZERO, at_most: None };

    /// That of `n_all` tests, where this is the length of `n_of_these`.
    pub fn of_all(self, n_all: u128, n_of_these: usize) -> Self {
        /// Longer than anyone waits, and short enough to be a `Duration`.
        const LONGEST_S: f64 = 1e15;
        let scale = n_all as f64 / n_of_these.max(1) as f64;
        let scaled =
            |time: Duration| Duration::from_secs_f64((time.as_secs_f64() * scale).min(LONGEST_S));
        Length { expected: scaled(self.expected), at_most: self.at_most.map(scaled) }
    }

    /// Adds one test whose single repetition takes `repetition`, after `depth` of filling
    /// the context.
    pub fn add(self, repetition: Duration, depth: Duration, ask: &Repetitions) -> Self {
        let one = repetition.as_secs_f64();
        match *ask {
            Repetitions::Fixed { n } => {
                let seconds = one * (f64::from(n) + USUAL_WARM_UPS) + depth.as_secs_f64();
                Length { expected: self.expected + Duration::from_secs_f64(seconds), ..self }
            }
            Repetitions::Adaptive { budget_ns, at_least, .. } => {
                // One to warm up; the last one may begin as the budget ends.
                let budget = Duration::from(budget_ns);
                let least = repetition * at_least.max(1).saturating_add(1);
                let usual = Duration::from_secs_f64(one * (USUAL_REPETITIONS + USUAL_WARM_UPS));
                let most = budget.max(least) + repetition + depth;
                Length {
                    expected: self.expected + usual.min(budget).max(least) + depth,
                    at_most: Some(self.at_most.unwrap_or_default() + most),
                }
            }
        }
    }
}

/// How fast a model computes on a machine, as far as the length of a run is concerned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// One token of a prompt.
    pub prompt_token: Duration,
    /// One step of generation, of all sequences.
    pub step: Duration,
    /// Loading the model; zero where it is not known.
    pub load: Duration,
}

impl Pace {
    /// That of a model by a record of a prompt and one of a generation; `None` where one of them
    /// has no rate or is of something else.
    pub fn of(prompt: &Record, generation: &Record) -> Option<Pace> {
        let token = |record: &Record| {
            let rate = record.summary.as_ref()?.rate.rate_tps.get();
            (rate > 0.0).then(|| Duration::try_from_secs_f64(1.0 / rate).ok()).flatten()
        };
        let is_prompt = prompt.test.n_prompt > 0 && prompt.test.n_gen == 0;
        let is_generation = generation.test.n_gen > 0 && generation.test.n_prompt == 0;
        if !(is_prompt && is_generation) {
            return None;
        }
        let load = generation.load.as_ref().or(prompt.load.as_ref());
        Some(Pace {
            prompt_token: token(prompt)?,
            step: token(generation)? * generation.test.n_parallel.max(1),
            load: load.map_or(Duration::ZERO, |load| load.duration_ns.into()),
        })
    }

    /// That of another model whose file is `factor` times as large: what decodes reads all of it.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Pace {
        Pace {
            prompt_token: self.prompt_token.mul_f64(factor),
            step: self.step.mul_f64(factor),
            load: self.load.mul_f64(factor),
        }
    }

    /// One repetition of a test, without its depth.
    pub fn repetition(&self, test: &Test) -> Duration {
        self.prompt_token * test.n_prompt * test.n_parallel + self.step * test.n_gen
    }

    /// Filling the context before a test.
    pub fn depth(&self, test: &Test) -> Duration {
        self.prompt_token * test.n_depth
    }

    /// One visit of an experiment: the load, and each test warmed up once and repeated `n` times.
    pub fn visit(&self, tests: &[Test], n: u32) -> Duration {
        let one = |test: &Test| self.repetition(test) * (n + 1) + self.depth(test);
        self.load + tests.iter().map(one).sum::<Duration>()
    }
}

/// The length from how long the same tests took before on this machine; `None` when
/// one of them is not known. Each takes its `budget` at most, unless it took longer already:
/// then a few repetitions alone need that long.
pub fn length_from_history(before: &[Option<Nanos>], budget: Duration) -> Option<Length> {
    let before: Option<Vec<Duration>> =
        before.iter().map(|time| time.map(Duration::from)).collect();
    let before = before?;
    Some(Length {
        expected: before.iter().sum(),
        at_most: Some(before.iter().map(|time| budget.max(*time)).sum()),
    })
}

/// The most rounds that fit into `budget`, where one takes `round`, within `allowed`. Its start is
/// as many as a verdict needs ([`rounds_needed`]), made whatever the budget and also where it
/// lies above the end.
pub fn rounds_within(budget: Duration, round: Duration, allowed: RangeInclusive<u32>) -> u32 {
    let one = round.as_secs_f64().max(1e-3);
    // What fits but for a rounding of the last digit fits.
    ((budget.as_secs_f64() / one + 1e-6) as u32).min(*allowed.end()).max(*allowed.start())
}

/// How many rounds a comparison of `n_models` in `n_tests` makes, and when its pairs are looked
/// at: `repetitions` times there and back, or until every verdict is there or `budget` is spent,
/// where a round takes `round`.
pub fn compared_rounds(
    n_models: usize,
    n_tests: usize,
    repetitions: Option<u32>,
    round: Duration,
    budget: Duration,
) -> (u32, Looks) {
    match repetitions {
        Some(n) => (n * ROUNDS_IN_REPETITION, Looks::Once),
        None => {
            let adaptive = Looks::Sequential { max_pairs: MOST_ROUNDS };
            let needed = rounds_needed(n_comparisons(n_models, n_tests), adaptive);
            let n_rounds = rounds_within(budget, round, needed..=MOST_ROUNDS);
            (n_rounds, Looks::Sequential { max_pairs: n_rounds })
        }
    }
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
        let long = Length::ZERO.add(Duration::from_secs(10), Duration::ZERO, &ask);
        assert_eq!(long.expected, Duration::from_secs(60));
        assert_eq!(long.at_most, Some(Duration::from_secs(70)));
        // A repetition longer than the budget: one to warm up, and one at least.
        let slow = Length::ZERO.add(Duration::from_secs(90), Duration::ZERO, &ask);
        assert_eq!(slow.expected, Duration::from_secs(180));
        assert_eq!(slow.at_most, Some(Duration::from_secs(270)));
        let short = Length::ZERO.add(Duration::from_secs(1), Duration::from_secs(2), &ask);
        assert_eq!(short.expected, Duration::from_secs(25));
        assert_eq!(short.at_most, Some(Duration::from_secs(63)));
    }

    #[test]
    fn the_length_of_a_list_follows_from_a_sample_of_it() {
        let sample = Length { expected: Duration::from_secs(20), at_most: None };
        assert_eq!(sample.of_all(100, 10).expected, Duration::from_secs(200));
        assert!(sample.of_all(u128::MAX, 1).expected > Duration::from_secs(1 << 40));
    }

    #[test]
    fn history_counts_only_when_it_knows_every_test() {
        let budget = Duration::from_secs(1);
        assert_eq!(length_from_history(&[Some(Nanos(1)), None], budget), None);
        let both = length_from_history(&[Some(Nanos(1)), Some(Nanos(2))], budget).unwrap();
        assert_eq!(both.expected, Duration::from_nanos(3));
        assert_eq!(both.at_most, Some(Duration::from_secs(2)));
        let long = [Some(Nanos(5_000_000_000)), Some(Nanos(1))];
        let long = length_from_history(&long, budget).unwrap();
        assert_eq!(long.at_most, Some(Duration::from_secs(6)));
    }

    #[test]
    fn a_visit_loads_fills_the_context_and_warms_up() {
        let millis = Duration::from_millis;
        let pace = Pace { prompt_token: millis(1), step: millis(10), load: millis(500) };
        let tests = [Test::pp(100), Test::tg(10).at_depth(100)];
        // 500 + 4 x 100 + 4 x 100 + 100 of depth.
        assert_eq!(pace.visit(&tests, 3), millis(1_400));
        assert_eq!(pace.scaled(2.0).visit(&tests, 3), millis(2_800));
        assert_eq!(pace.repetition(&Test { n_parallel: 4, ..Test::pp(100) }), millis(400));
    }

    #[test]
    fn rounds_fit_into_the_budget_and_suffice_for_a_verdict() {
        let (budget, round) = (Duration::from_secs(120), Duration::from_secs(2));
        assert_eq!(rounds_within(budget, round, 7..=100), 60);
        assert_eq!(rounds_within(budget, round, 7..=40), 40);
        assert_eq!(rounds_within(Duration::ZERO, round, 9..=40), 9);
        assert_eq!(rounds_within(budget, Duration::ZERO, 9..=100), 100);
        assert_eq!(rounds_within(budget, Duration::ZERO, RangeInclusive::new(9, 8)), 9);

        assert_eq!(compared_rounds(2, 2, Some(3), round, budget), (6, Looks::Once));
        let adaptive = |n| (n, Looks::Sequential { max_pairs: n });
        assert_eq!(compared_rounds(2, 2, None, round, budget), adaptive(40));
        assert_eq!(compared_rounds(2, 2, None, round * 10, budget), adaptive(7));
        assert_eq!(compared_rounds(3, 2, None, round * 5, budget), adaptive(12));
    }
}
