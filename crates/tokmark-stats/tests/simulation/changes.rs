//! Seeded simulation of histories: how often is a change seen where there is none, and are
//! known steps found? Shared by `tests/changes.rs` and `examples/changes.rs`.

use tokmark_stats::{ChangeOptions, Direction, change_points};

use super::Dice;

/// Points by which a change point may miss the step and still have found it.
pub const NEAR: usize = 2;

/// A series of rates: log-normal, first-order autoregressive, with steps.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Rates in the series.
    pub n: usize,
    /// Standard deviation of their logarithms.
    pub spread: f64,
    /// Correlation of successive rates.
    pub lag1: f64,
    /// Share of rates that are lower by another five spreads.
    pub wild: f64,
    /// First rate of each new level, in order, and its ratio to the level before.
    pub steps: Vec<(usize, f64)>,
}

impl History {
    /// A series without a step.
    pub fn steady(n: usize, spread: f64, lag1: f64) -> Self {
        History { n, spread, lag1, wild: 0.0, steps: Vec::new() }
    }

    /// One draw.
    pub fn draw(&self, dice: &mut Dice) -> Vec<f64> {
        let mut state = dice.normal();
        let mut level: f64 = 100.0;
        let mut steps = self.steps.iter().peekable();
        (0..self.n)
            .map(|i| {
                while let Some((_, ratio)) = steps.next_if(|(at, _)| *at <= i) {
                    level *= ratio;
                }
                let wild = if dice.uniform() < self.wild { 5.0 } else { 0.0 };
                let rate = level * (self.spread * (state - wild)).exp();
                state = self.lag1 * state + (1.0 - self.lag1.powi(2)).sqrt() * dice.normal();
                rate
            })
            .collect()
    }
}

/// What was found in many draws of one history.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Finds {
    /// Share of draws with a change point that is no step.
    pub false_alarms: f64,
    /// Share of draws with a false change point to a slower level: a false regression.
    pub false_regressions: f64,
    /// Steps found / steps; `None` without steps.
    pub recall: Option<f64>,
    /// Change points that are steps / change points; `None` without change points.
    pub precision: Option<f64>,
    /// Mean distance of the steps found from their change points, in values.
    pub distance: Option<f64>,
    /// Share of the steps found whose interval holds the true ratio.
    pub held: Option<f64>,
}

/// Searches `trials` draws. A step is found by the nearest change point of its direction that
/// lies within [`NEAR`]; a change point finds one step at most.
pub fn finds(history: &History, options: &ChangeOptions, trials: u32, seed: u64) -> Finds {
    let mut dice = Dice::new(seed);
    let (mut n_points, mut n_found, mut distance, mut n_held) = (0u32, 0u32, 0.0, 0u32);
    let (mut alarms, mut regressions) = (0u32, 0u32);
    for trial in 0..trials {
        let rates = history.draw(&mut dice);
        let options = ChangeOptions { seed: u64::from(trial), ..*options };
        let changes = change_points(&rates, &options);
        let mut points = changes.points().expect("the series is long enough").to_vec();
        n_points += points.len() as u32;
        for &(at, ratio) in &history.steps {
            let direction = if ratio < 1.0 { Direction::Slower } else { Direction::Faster };
            let near = points
                .iter()
                .enumerate()
                .filter(|(_, point)| point.direction == direction)
                .map(|(i, point)| (i, point.index.abs_diff(at)))
                .filter(|(_, distance)| *distance <= NEAR)
                .min_by_key(|(_, distance)| *distance);
            if let Some((i, missed_by)) = near {
                let point = points.remove(i);
                n_found += 1;
                distance += missed_by as f64;
                let held = point.interval.is_some_and(|i| i.low <= ratio && ratio <= i.high);
                n_held += u32::from(held);
            }
        }
        alarms += u32::from(!points.is_empty());
        let slower = points.iter().any(|point| point.direction == Direction::Slower);
        regressions += u32::from(slower);
    }
    let n_steps = trials * history.steps.len() as u32;
    let share = |part: u32, whole: u32| (whole > 0).then(|| f64::from(part) / f64::from(whole));
    Finds {
        false_alarms: f64::from(alarms) / f64::from(trials),
        false_regressions: f64::from(regressions) / f64::from(trials),
        recall: share(n_found, n_steps),
        precision: share(n_found, n_points),
        distance: (n_found > 0).then(|| distance / f64::from(n_found)),
        held: share(n_held, n_found),
    }
}

/// Series without a change: two lengths, three spreads, three correlations, and wild values;
/// with the share of false alarms promised at most, whatever the size of the step.
pub fn steady_histories() -> Vec<(History, Option<f64>)> {
    let mut table = Vec::new();
    for (lag1, bound) in [(0.0, Some(0.06)), (0.3, Some(0.13)), (0.6, None)] {
        for n in [30, 100] {
            table
                .extend([0.01, 0.02, 0.05].map(|spread| (History::steady(n, spread, lag1), bound)));
        }
    }
    let wild = |n| History { wild: 0.1, ..History::steady(n, 0.02, 0.0) };
    table.extend([30, 100].map(|n| (wild(n), Some(0.06))));
    table
}

/// Spread and correlation of the values.
pub const NOISES: [(f64, f64); 4] = [(0.01, 0.0), (0.02, 0.0), (0.05, 0.0), (0.02, 0.3)];

/// Series with known steps of 2, 5 and 10 %: one in the middle, one five values before the end,
/// and a dip of ten values that is mended; with the recall promised at least.
pub fn stepped_histories(noises: &[(f64, f64)]) -> Vec<(History, Option<f64>)> {
    let mut table = Vec::new();
    for step in [0.02, 0.05, 0.10] {
        let slower = 1.0 - step;
        for &(spread, lag1) in noises {
            // In the middle of a series, of a step of five spreads of independent values.
            let bound = (step >= 5.0 * spread && lag1 == 0.0).then_some(0.95);
            let of_stairs = bound.map(|_| 0.90);
            for (n, steps, bound) in [
                (30, vec![(15, slower)], bound),
                (30, vec![(25, slower)], None),
                (100, vec![(50, slower)], bound),
                (60, vec![(30, slower), (40, 1.0 / slower)], bound),
                (60, vec![(20, slower), (40, slower)], of_stairs),
            ] {
                table.push((History { steps, ..History::steady(n, spread, lag1) }, bound));
            }
        }
    }
    table
}
