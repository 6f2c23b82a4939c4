//! Figures of a summary in our shapes. None gets an interval that its source doesn't give.

use tokmark_model::{Distribution, Interval, NoInterval, Quantile, SystemRate};

/// A distribution as a tool sums it up, in its own unit.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Values; 0 where the tool doesn't tell.
    pub(super) n: u64,
    pub(super) mean: Option<f64>,
    pub(super) stddev: Option<f64>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    /// Levels with their values, rising.
    pub(super) quantiles: Vec<(f64, f64, Option<Interval>)>,
}

impl Figures {
    /// The distribution, every figure put through `scale`; `None` without a mean. The second
    /// part says whether smallest and largest value were there.
    pub(super) fn distribution(self, scale: impl Fn(f64) -> f64) -> Option<(Distribution, bool)> {
        let mean = self.mean?;
        let known = self.quantiles.iter().map(|(_, value, _)| *value).chain([mean]);
        let lowest = known.clone().fold(mean, f64::min);
        let highest = known.fold(mean, f64::max);
        let has_ends = self.min.is_some() && self.max.is_some();
        let quantiles = self.quantiles.into_iter().map(|(q, value, interval)| Quantile {
            q,
            value: scale(value),
            interval: interval.map(|interval| Interval {
                low: scale(interval.low),
                high: scale(interval.high),
                ..interval
            }),
            upper_bound: None,
            no_interval: interval.is_none().then_some(NoInterval::NoSamples),
        });
        let distribution = Distribution {
            n: self.n,
            mean: scale(mean),
            stddev: scale(self.stddev.unwrap_or(0.0)),
            min: scale(self.min.unwrap_or(lowest)),
            max: scale(self.max.unwrap_or(highest)),
            quantiles: quantiles.collect(),
            from_histogram: false,
        };
        Some((distribution, has_ends))
    }
}

/// A rate without an interval.
pub(super) fn rate(per_s: f64) -> SystemRate {
    SystemRate { per_s, interval: None, no_interval: Some(NoInterval::NoSamples) }
}
