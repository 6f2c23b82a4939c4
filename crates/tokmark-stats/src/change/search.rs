//! The search: one significant split after the other.

use std::ops::Range;

use super::energy::{Split, Splitter, mean_distance};
use super::permutation::p_value;
use super::residual::{degrees, residual_lag1, residuals};
use super::shift::shift;
use super::{ChangeOptions, Dependence};
use crate::order::median;
use crate::session::LEVEL;

/// A step of so many spreads between neighbouring levels is no correlation.
const CLEAR: f64 = 4.0;
/// Standard deviation of a normal distribution over its median absolute deviation.
const SPREAD_OF_MAD: f64 = 1.4826;

/// A split that passed its test.
#[derive(Debug, Clone, Copy)]
pub(super) struct Significant {
    /// First value of the new level.
    pub index: usize,
    /// Its statistic.
    pub q: f64,
    /// Its p value.
    pub p_value: f64,
}

/// The splits in the order found: each time the best of all segments, until one fails its test.
pub(super) fn significant_splits(logs: &[f64], options: &ChangeOptions) -> Vec<Significant> {
    let mut splitter = Splitter::default();
    let mut best_of = |segment: Range<usize>| {
        let start = segment.start;
        let split = splitter.best(&logs[segment], options.min_segment, options.windows)?;
        let window = split.window.start + start..split.window.end + start;
        Some(Split { index: split.index + start, window, ..split })
    };
    let mut found: Vec<Significant> = Vec::new();
    // In order; `best[i]` belongs to `segments[i]`.
    let whole = 0..logs.len();
    let mut best = vec![best_of(whole.clone())];
    let mut segments = Vec::from([whole]);
    let mut clear = None;
    loop {
        let candidate = best
            .iter()
            .enumerate()
            .filter_map(|(at, split)| Some((at, split.as_ref()?)))
            .max_by(|(_, a), (_, b)| a.q.total_cmp(&b.q));
        let Some((at, split)) = candidate else { return found };
        let tested = Tested { logs, segments: &segments, split, pass: found.len() };
        let mut clear = || clear.get_or_insert_with(|| clear_steps(logs, options)).clone();
        let Some(p_value) = tested.p_value(options, &mut clear) else { return found };
        let index = split.index;
        found.push(Significant { index, q: split.q, p_value });
        let (left, right) = (segments[at].start..index, index..segments[at].end);
        best.splice(at..=at, [best_of(left.clone()), best_of(right.clone())]);
        segments.splice(at..=at, [left, right]);
    }
}

/// Where a search that takes values as independent finds steps of [`CLEAR`] spreads of the
/// values about their levels. Until they are found here, they would look like correlation.
fn clear_steps(logs: &[f64], options: &ChangeOptions) -> Vec<usize> {
    let ignored = ChangeOptions { dependence: Dependence::Ignored, ..*options };
    let mut bounds: Vec<usize> =
        significant_splits(logs, &ignored).iter().map(|split| split.index).collect();
    bounds.extend([0, logs.len()]);
    bounds.sort_unstable();
    let levels: Vec<Range<usize>> = bounds.windows(2).map(|ends| ends[0]..ends[1]).collect();
    let sizes: Vec<f64> = residuals(logs, &levels).into_iter().map(f64::abs).collect();
    let spread = SPREAD_OF_MAD * median(&sizes).unwrap_or(0.0);
    let step = |beside: &[Range<usize>]| {
        let (before, after) = (&logs[beside[0].clone()], &logs[beside[1].clone()]);
        shift(before, after, LEVEL).map_or(0.0, |found| found.shift.abs())
    };
    let clear = levels.windows(2).filter(|beside| step(beside) >= CLEAR * spread);
    clear.map(|beside| beside[1].start).collect()
}

/// A split to be tested.
struct Tested<'a> {
    logs: &'a [f64],
    segments: &'a [Range<usize>],
    split: &'a Split,
    /// Splits found before.
    pass: usize,
}

impl Tested<'_> {
    /// `None` where it exceeds alpha: then it was not counted to the end.
    fn p_value(
        &self,
        options: &ChangeOptions,
        clear: &mut dyn FnMut() -> Vec<usize>,
    ) -> Option<f64> {
        let Tested { logs, segments, split, pass, .. } = *self;
        let plain = p_value(logs, segments, split.q - split.rounding, pass, options)?;
        if options.dependence == Dependence::Ignored || residual_lag1(logs, &self.parts(&[])) <= 0.0
        {
            return Some(plain);
        }
        let parts = self.parts(&clear());
        let lag1 = residual_lag1(logs, &parts);
        if lag1 <= 0.0 {
            return Some(plain);
        }
        let q = self.q_at_effective_size(lag1) - split.rounding;
        let allowing = p_value(&self.noise(&parts), segments, q, pass, options)?;
        Some(plain.max(allowing))
    }

    /// The statistic of so many independent values as the split's own are worth.
    ///
    /// With n^2 and m^2 for n (n - 1) and m (m - 1) the statistic would be larger by
    /// c = (m v + n w) / (n + m), v and w the mean distances within. That form is positive and
    /// grows with correlation as the variance of a mean does, by (1 + lag1) / (1 - lag1).
    fn q_at_effective_size(&self, lag1: f64) -> f64 {
        let Split { index, window, q, .. } = self.split;
        let (first, second) = (&self.logs[window.start..*index], &self.logs[*index..window.end]);
        let (n, m) = (first.len() as f64, second.len() as f64);
        let within = (m * mean_distance(first) + n * mean_distance(second)) / (n + m);
        (q + within) * (1.0 - lag1) / (1.0 + lag1) - within
    }

    /// The values without the step: about the medians of the parts, spread as before these took
    /// their share.
    fn noise(&self, parts: &[Range<usize>]) -> Vec<f64> {
        let n = self.logs.len();
        let scale = (n as f64 / degrees(n, parts.len())).sqrt();
        residuals(self.logs, parts).iter().map(|residual| residual * scale).collect()
    }

    /// The segments with the split one in its parts, what lies outside the window being one too,
    /// and all of them cut at `clear` steps.
    fn parts(&self, clear: &[usize]) -> Vec<Range<usize>> {
        let Split { index, window, .. } = self.split;
        let mut cuts = vec![window.start, *index, window.end, self.logs.len()];
        cuts.extend(self.segments.iter().map(|segment| segment.start));
        cuts.extend(clear);
        cuts.sort_unstable();
        cuts.dedup();
        cuts.windows(2).map(|cut| cut[0]..cut[1]).collect()
    }
}
