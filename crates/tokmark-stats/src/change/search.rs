//! The search: one significant split after the other.

use std::ops::Range;

use super::energy::{Split, Splitter, mean_distance};
use super::permutation::p_value;
use super::residual::{degrees, residual_lag1, residuals};
use super::{ChangeOptions, Dependence};

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
    loop {
        let candidate = best
            .iter()
            .enumerate()
            .filter_map(|(at, split)| Some((at, split.as_ref()?)))
            .max_by(|(_, a), (_, b)| a.q.total_cmp(&b.q));
        let Some((at, split)) = candidate else { return found };
        let tested = Tested { logs, segments: &segments, at, split, pass: found.len() };
        let Some(p_value) = tested.p_value(options) else { return found };
        let index = split.index;
        found.push(Significant { index, q: split.q, p_value });
        let (left, right) = (segments[at].start..index, index..segments[at].end);
        best.splice(at..=at, [best_of(left.clone()), best_of(right.clone())]);
        segments.splice(at..=at, [left, right]);
    }
}

/// A split to be tested.
struct Tested<'a> {
    logs: &'a [f64],
    segments: &'a [Range<usize>],
    /// Which segment it splits.
    at: usize,
    split: &'a Split,
    /// Splits found before.
    pass: usize,
}

impl Tested<'_> {
    /// `None` where it exceeds alpha: then it was not counted to the end.
    fn p_value(&self, options: &ChangeOptions) -> Option<f64> {
        let Tested { logs, segments, split, pass, .. } = *self;
        let plain = p_value(logs, segments, split.q - split.rounding, pass, options)?;
        let lag1 = match options.dependence {
            Dependence::Ignored => 0.0,
            Dependence::Estimated => residual_lag1(logs, &self.parts()),
        };
        if lag1 <= 0.0 {
            return Some(plain);
        }
        let q = self.q_at_effective_size(lag1) - split.rounding;
        let allowing = p_value(&self.noise(), segments, q, pass, options)?;
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
    fn noise(&self) -> Vec<f64> {
        let (n, parts) = (self.logs.len(), self.parts());
        let scale = (n as f64 / degrees(n, parts.len())).sqrt();
        residuals(self.logs, &parts).iter().map(|residual| residual * scale).collect()
    }

    /// The segments with the split one in its parts: what lies outside the window is one too.
    fn parts(&self) -> Vec<Range<usize>> {
        let Range { start, end } = self.segments[self.at];
        let Split { index, window, .. } = self.split;
        let cuts = [start, window.start, *index, window.end, end];
        let parts = cuts.windows(2).map(|cut| cut[0]..cut[1]).filter(|part| !part.is_empty());
        let mut all = self.segments.to_vec();
        all.splice(self.at..=self.at, parts);
        all
    }
}
