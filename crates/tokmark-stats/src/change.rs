//! Change points: where a series of rates moves to another level.
//!
//! E-divisive (Matteson and James 2014): the best split of every segment by the energy
//! statistic, the best of these tested by permutation, and so on with one segment more until a
//! test fails. Works on the logarithms, so a step is a ratio.

mod energy;
mod permutation;
mod regression;
mod residual;
mod search;
mod shift;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use self::energy::energy_statistic;
pub use self::regression::{Regression, regression};
use self::residual::residual_lag1;
use self::search::{Significant, significant_splits};
use self::shift::shift;
use crate::order::median;
use crate::session::LEVEL;

/// Level of each permutation test, unless asked otherwise.
pub const DEFAULT_CHANGE_ALPHA: f64 = 0.05;
/// Fewest permutations of a test: 199 give p values in steps of 0.005.
pub const MIN_PERMUTATIONS: u32 = 199;
/// Fewest values between two change points, unless asked otherwise.
pub const DEFAULT_MIN_SEGMENT: usize = 3;
/// Smallest step that counts, as a share, unless asked otherwise.
pub const DEFAULT_SMALLEST_STEP: f64 = 0.02;
/// Levels below this are taken as this.
const SMALLEST_ALPHA: f64 = 1e-6;

/// Which pairs of neighbouring parts of a segment are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Windows {
    /// Those that begin where the segment begins, as Matteson and James do. A series and the
    /// same read backwards may then have different change points.
    FromStart,
    /// These, and those that end where the segment ends.
    #[default]
    BothEnds,
}

/// What is done about correlation between successive values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dependence {
    /// Nothing, as Matteson and James, who take values as independent.
    Ignored,
    /// A positive lag-1 correlation of the residuals shrinks the statistic to that of the
    /// effective number of values.
    #[default]
    Estimated,
}

/// What is asked of a search for change points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangeOptions {
    /// Level of each permutation test, 1e-6 to 1 (what lies outside is moved there). For a
    /// series without a change this is also the chance of any false alarm; each true change
    /// that is found is followed by one more test at this level.
    pub alpha: f64,
    /// Permutations of a test; more are made where fewer than [`MIN_PERMUTATIONS`] are asked
    /// for, or where `alpha` could not be reached.
    pub n_permutations: u32,
    /// Seed of the permutations. Two values lead to other p values, seldom to other points.
    pub seed: u64,
    /// Fewest values between two change points, and before the first and after the last. At
    /// least 1.
    pub min_segment: usize,
    /// Smallest step that counts, as a share: 0.02 for ratios below 1/1.02 or above 1.02.
    pub smallest_step: f64,
    /// Which parts are compared.
    pub windows: Windows,
    /// What is done about correlation.
    pub dependence: Dependence,
}

impl Default for ChangeOptions {
    fn default() -> Self {
        ChangeOptions {
            alpha: DEFAULT_CHANGE_ALPHA,
            n_permutations: MIN_PERMUTATIONS,
            seed: 1,
            min_segment: DEFAULT_MIN_SEGMENT,
            smallest_step: DEFAULT_SMALLEST_STEP,
            windows: Windows::default(),
            dependence: Dependence::default(),
        }
    }
}

impl ChangeOptions {
    /// Fewest values with which a change can be found: both segments must have their fewest,
    /// and two levels without overlap must be able to reach `alpha`. They reach
    /// 2 / (n over n/2) at best, so the answer is 8 at 0.05.
    pub fn needs(&self) -> usize {
        let alpha = self.bounded().alpha;
        let mut n = 2usize;
        let mut arrangements = 2.0;
        while 2.0 / arrangements > alpha {
            n += 1;
            // (n over n/2) from the one before, both rounded down.
            arrangements *= n as f64 / n.div_ceil(2) as f64;
        }
        n.max(self.min_segment.saturating_mul(2))
    }

    /// With everything within its bounds.
    fn bounded(&self) -> Self {
        ChangeOptions {
            alpha: if self.alpha.is_nan() { SMALLEST_ALPHA } else { self.alpha }
                .clamp(SMALLEST_ALPHA, 1.0),
            min_segment: self.min_segment.max(1),
            smallest_step: self.smallest_step.max(0.0),
            ..*self
        }
    }
}

/// Which way a rate went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The rate fell: a regression.
    Slower,
    /// The rate rose.
    Faster,
}

/// The values between two change points, or between one and an end of the series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangeLevel {
    /// Position of its first value.
    pub start: usize,
    /// Number of its values.
    pub n: usize,
    /// Their median, in the unit of the values.
    pub median: f64,
}

/// Interval of a ratio of levels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RatioInterval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Nominal confidence, 0.95, for a change at just this place. That the place was chosen
    /// because of the values is not paid for.
    pub level: f64,
}

/// A place where the level changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangePoint {
    /// Position of the first value of the new level.
    pub index: usize,
    /// Which way the rate went.
    pub direction: Direction,
    /// p value of the permutation test that found it, not corrected for the tests before.
    pub p_value: f64,
    /// Energy statistic of the split, of the logarithms.
    pub q: f64,
    /// The level that ends here.
    pub before: ChangeLevel,
    /// The level that begins here.
    pub after: ChangeLevel,
    /// After over before: exp of the median of all differences of logarithms (Hodges and
    /// Lehmann), which need not be the ratio of the medians.
    pub ratio: f64,
    /// Its interval by rank sums, wider where the values are correlated. Absent where the
    /// segments have too few values: three and three do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<RatioInterval>,
}

impl ChangePoint {
    /// Whether the step is smaller than the typical half width that the values carry
    /// themselves: the median of those of both levels; `half_widths[i]` belongs to `values[i]`.
    /// `None` where no value has one.
    ///
    /// A remark, not a veto: many values of wide intervals can show a step that no two of them
    /// show. What is reported was significant and at least the smallest step in any case.
    pub fn is_within_own_intervals(&self, half_widths: &[Option<f64>]) -> Option<bool> {
        let end = (self.after.start + self.after.n).min(half_widths.len());
        let of_both = half_widths.get(self.before.start..end)?;
        let known: Vec<f64> = of_both.iter().flatten().copied().collect();
        Some(self.ratio.max(1.0 / self.ratio) - 1.0 < median(&known)?)
    }
}

/// What a search for change points says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Changes {
    /// The series was searched.
    Searched {
        /// The change points in order; empty where there is no evidence of any.
        points: Vec<ChangePoint>,
        /// Lag-1 correlation allowed for, 0 where it is not positive.
        lag1: f64,
    },
    /// No test of so short a series could find anything. Not the same as no change.
    TooShort {
        /// Values that there are.
        n: usize,
        /// Values from which on there is an answer.
        needs: usize,
    },
    /// A value is not a rate: zero, negative, infinite or no number.
    NotARate {
        /// Position of the first such value.
        index: usize,
    },
}

impl Changes {
    /// The change points; `None` where the series could not be searched.
    pub fn points(&self) -> Option<&[ChangePoint]> {
        match self {
            Changes::Searched { points, .. } => Some(points),
            Changes::TooShort { .. } | Changes::NotARate { .. } => None,
        }
    }

    /// The change points at which the rate fell; none where the series could not be searched.
    pub fn regressions(&self) -> impl Iterator<Item = &ChangePoint> {
        let points = self.points().unwrap_or_default();
        points.iter().filter(|point| point.direction == Direction::Slower)
    }
}

/// The change points of `values`, rates in the order measured.
///
/// E-divisive on the logarithms, tested by permutation within the segments found so far; see
/// `docs/statistics.md`. A significant split whose step is below the smallest that counts is
/// taken out afterwards, the smallest first, and the levels beside it become one. The same
/// options give the same answer; the unit of the values does not matter, and the series read
/// backwards has the same points mirrored. O(permutations x n^2) for each point.
///
/// ```
/// use tokmark_stats::{ChangeOptions, Changes, Direction, change_points};
///
/// let rates = [50.1, 49.9, 50.2, 50.0, 49.8, 50.1, 45.2, 45.0, 44.9, 45.1, 45.0];
/// let found = change_points(&rates, &ChangeOptions::default());
/// let point = found.points().unwrap()[0];
/// assert_eq!((point.index, point.direction), (6, Direction::Slower));
/// assert!((point.ratio - 0.9).abs() < 0.005);
///
/// let found = change_points(&rates[..3], &ChangeOptions::default());
/// assert_eq!(found, Changes::TooShort { n: 3, needs: 8 });
/// ```
pub fn change_points(values: &[f64], options: &ChangeOptions) -> Changes {
    let options = options.bounded();
    if let Some(index) = values.iter().position(|value| !(value.is_finite() && *value > 0.0)) {
        return Changes::NotARate { index };
    }
    let needs = options.needs();
    if values.len() < needs {
        return Changes::TooShort { n: values.len(), needs };
    }
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let mut splits = significant_splits(&logs, &options);
    splits.sort_by_key(|split| split.index);
    drop_small_steps(&logs, &mut splits, options.smallest_step);
    let segments = segments(splits.iter().map(|split| split.index), logs.len());
    let lag1 = match options.dependence {
        Dependence::Ignored => 0.0,
        Dependence::Estimated => residual_lag1(&logs, &segments),
    };
    let points = splits
        .iter()
        .zip(segments.windows(2))
        .map(|(split, beside)| change_point(values, &logs, split, beside, lag1))
        .collect();
    Changes::Searched { points, lag1 }
}

/// Takes out splits, the smallest step first, until every step counts.
fn drop_small_steps(logs: &[f64], splits: &mut Vec<Significant>, smallest_step: f64) {
    loop {
        let segments = segments(splits.iter().map(|split| split.index), logs.len());
        let steps = segments.windows(2).filter_map(|beside| {
            let (before, after) = (&logs[beside[0].clone()], &logs[beside[1].clone()]);
            shift(before, after, LEVEL).map(|found| found.shift.abs())
        });
        let smallest = steps.enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b));
        match smallest {
            Some((at, step)) if step < smallest_step.ln_1p() => splits.remove(at),
            _ => return,
        };
    }
}

/// The segments that begin at 0 and at `starts`, which ascend.
fn segments(starts: impl Iterator<Item = usize>, n: usize) -> Vec<Range<usize>> {
    let bounds: Vec<usize> = std::iter::once(0).chain(starts).chain(std::iter::once(n)).collect();
    bounds.windows(2).map(|bound| bound[0]..bound[1]).collect()
}

/// The point between the two segments of `beside`.
fn change_point(
    values: &[f64],
    logs: &[f64],
    split: &Significant,
    beside: &[Range<usize>],
    lag1: f64,
) -> ChangePoint {
    let (before, after) = (beside[0].clone(), beside[1].clone());
    let level = |segment: Range<usize>| ChangeLevel {
        start: segment.start,
        n: segment.len(),
        median: median(&values[segment]).expect("no segment is empty"),
    };
    let (ratio, interval) = ratio_of(&logs[before.clone()], &logs[after.clone()], lag1);
    let direction = if ratio < 1.0 { Direction::Slower } else { Direction::Faster };
    ChangePoint {
        index: split.index,
        direction,
        p_value: split.p_value,
        q: split.q,
        before: level(before),
        after: level(after),
        ratio,
        interval,
    }
}

/// The second level over the first, with its interval, stretched for a correlation of `lag1`.
///
/// # Panics
/// If one is empty.
fn ratio_of(first: &[f64], second: &[f64], lag1: f64) -> (f64, Option<RatioInterval>) {
    let found = shift(first, second, LEVEL).expect("no segment is empty");
    let stretch = ((1.0 + lag1) / (1.0 - lag1)).sqrt();
    let end = |end: f64| (found.shift + (end - found.shift) * stretch).exp();
    let interval = found.ends.map(|(low, high)| RatioInterval {
        low: end(low),
        high: end(high),
        level: LEVEL,
    });
    (found.shift.exp(), interval)
}
