//! Whether a series is worse than it was, whatever it did since.

use serde::{Deserialize, Serialize};

use super::{ChangeLevel, ChangeOptions, ChangePoint, Changes, Direction, RatioInterval, ratio_of};

/// A change for the worse that was not recovered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// Position of the first value after that change.
    pub index: usize,
    /// The level before it.
    pub before: ChangeLevel,
    /// The last level of the series, which is the one after the change only where nothing
    /// followed.
    pub now: ChangeLevel,
    /// Now over before, as [`ChangePoint::ratio`].
    pub ratio: f64,
    /// Its interval; absent where the levels have too few values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<RatioInterval>,
}

/// The last change of `values` for the worse that was not recovered; `None` where there is none
/// or the series could not be searched. `changes` is what [`super::change_points`] found with the
/// same options.
///
/// A change for the worse is *recovered* where the last level is no longer worse than the level
/// before it: where their ratio is less than the smallest step below 1, or its interval reaches
/// 1. So a series that fell by 20 % and rose by 10 % is still worse.
///
/// It is *outlived* where the level before it was the best so far, at least half of its lead over
/// the best one earlier (of the logarithms) was kept, and as many values came after the change
/// as that level had: of a gain of 20 % of which 3 % were lost, what was kept becomes the rule.
pub fn regression(
    values: &[f64],
    changes: &Changes,
    options: &ChangeOptions,
) -> Option<Regression> {
    let Changes::Searched { points, lag1 } = changes else { return None };
    let now = points.last()?.after;
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let of = |level: ChangeLevel| &logs[level.start..level.start + level.n];
    let beside = |level: ChangeLevel| ratio_of(of(level), of(now), *lag1);
    let is_worse = |(ratio, interval): (f64, Option<RatioInterval>)| {
        ratio * (1.0 + options.smallest_step.max(0.0)) <= 1.0
            && interval.is_none_or(|interval| interval.high < 1.0)
    };
    let is_outlived = |point: &ChangePoint| {
        let earlier = points.iter().map(|other| other.before);
        let earlier = earlier.filter(|level| level.start < point.before.start);
        let best = earlier.map(|level| level.median).reduce(f64::max);
        best.is_some_and(|best| {
            let (lead, kept) = ((point.before.median / best).ln(), (now.median / best).ln());
            lead > 0.0 && kept >= 0.5 * lead && values.len() - point.index >= point.before.n
        })
    };
    points
        .iter()
        .rev()
        .filter(|point| point.direction == Direction::Slower)
        .find(|point| is_worse(beside(point.before)) && !is_outlived(point))
        .map(|point| {
            let (ratio, interval) = beside(point.before);
            Regression { index: point.index, before: point.before, now, ratio, interval }
        })
}
