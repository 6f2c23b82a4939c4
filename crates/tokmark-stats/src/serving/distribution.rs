//! One figure over all requests or events.

use tokmark_model::{Distribution, Interval, IntervalMethod, NoInterval, Quantile};

use super::quantile_ranks::{quantile_ranks, upper_bound_rank};
use super::worth::Worth;
use crate::histogram::Histogram;
use crate::session::LEVEL;

/// Values above which a histogram takes their place.
pub const HISTOGRAM_ABOVE: usize = 1_000_000;

/// The quantiles of every distribution.
pub const SERVING_QUANTILES: [f64; 5] = [0.5, 0.9, 0.95, 0.99, 0.999];

/// Values of one figure: as they are up to [`HISTOGRAM_ABOVE`], in a histogram beyond.
#[derive(Debug)]
pub(super) struct Values {
    kept: Vec<f64>,
    histogram: Option<Histogram>,
}

impl Values {
    pub(super) const fn new() -> Self {
        Values { kept: Vec::new(), histogram: None }
    }

    pub(super) fn push(&mut self, value: f64) {
        match &mut self.histogram {
            Some(histogram) => histogram.record(value),
            None if self.kept.len() < HISTOGRAM_ABOVE => self.kept.push(value),
            None => {
                let mut histogram = Histogram::new();
                for kept in std::mem::take(&mut self.kept) {
                    histogram.record(kept);
                }
                histogram.record(value);
                self.histogram = Some(histogram);
            }
        }
    }

    /// In ascending order; `None` without values.
    pub(super) fn into_ordered(mut self) -> Option<Ordered> {
        if let Some(histogram) = self.histogram {
            return Some(Ordered::Histogram(histogram));
        }
        self.kept.sort_unstable_by(f64::total_cmp);
        (!self.kept.is_empty()).then_some(Ordered::Raw(self.kept))
    }
}

impl Extend<f64> for Values {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        for value in values {
            self.push(value);
        }
    }
}

/// Values in ascending order, at least one.
#[derive(Debug)]
pub(super) enum Ordered {
    Raw(Vec<f64>),
    Histogram(Histogram),
}

impl Ordered {
    pub(super) fn n(&self) -> u64 {
        match self {
            Ordered::Raw(sorted) => sorted.len() as u64,
            Ordered::Histogram(histogram) => histogram.n(),
        }
    }

    pub(super) fn max(&self) -> f64 {
        self.at((self.n() - 1) as f64)
    }

    /// Hyndman and Fan's type 7.
    pub(super) fn quantile(&self, p: f64) -> f64 {
        self.at(p * (self.n() - 1) as f64)
    }

    /// The value at a position counted from 0, on the straight line between two positions.
    fn at(&self, position: f64) -> f64 {
        match self {
            Ordered::Raw(sorted) => {
                let below = position.floor() as usize;
                let above = (below + 1).min(sorted.len() - 1);
                sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
            }
            Ordered::Histogram(histogram) => histogram.at(position),
        }
    }

    /// Mean and sample deviation.
    fn moments(&self) -> (f64, f64) {
        match self {
            Ordered::Raw(sorted) => {
                let n = sorted.len() as f64;
                let mean = sorted.iter().sum::<f64>() / n;
                let squares: f64 = sorted.iter().map(|value| (value - mean).powi(2)).sum();
                (mean, if sorted.len() > 1 { (squares / (n - 1.0)).sqrt() } else { 0.0 })
            }
            Ordered::Histogram(histogram) => {
                (histogram.mean().unwrap_or_default(), histogram.stddev().unwrap_or_default())
            }
        }
    }

    /// All figures; the intervals are those of as many values as these are worth, and absent where
    /// that is not known.
    pub(super) fn distribution(&self, worth: Option<Worth>) -> Distribution {
        let (mean, stddev) = self.moments();
        Distribution {
            n: self.n(),
            mean,
            stddev,
            min: self.at(0.0),
            max: self.max(),
            quantiles: (0..SERVING_QUANTILES.len())
                .map(|i| {
                    let worth = worth.map_or(0, |worth| worth[i]);
                    self.quantile_with_interval(SERVING_QUANTILES[i], worth)
                })
                .collect(),
            from_histogram: matches!(self, Ordered::Histogram(_)),
        }
    }

    fn quantile_with_interval(&self, q: f64, n_independent: u64) -> Quantile {
        let at_rank = |rank| self.at(self.position_of(rank, n_independent));
        let interval = quantile_ranks(n_independent, q, LEVEL).map(|(low, high)| Interval {
            low: at_rank(low),
            high: at_rank(high),
            level: LEVEL,
            method: IntervalMethod::OrderStatistic,
        });
        let upper_bound = match interval {
            Some(_) => None,
            None => upper_bound_rank(n_independent, q, LEVEL).map(at_rank),
        };
        let no_interval =
            (interval.is_none() && upper_bound.is_none()).then_some(NoInterval::TooFew);
        Quantile { q, value: self.quantile(q), interval, upper_bound, no_interval }
    }

    /// Where the order statistic of `rank` among `n_independent` values lies among all: at the
    /// same share of the way from the smallest to the largest.
    fn position_of(&self, rank: u64, n_independent: u64) -> f64 {
        let last = (self.n() - 1) as f64;
        if n_independent == self.n() {
            return (rank - 1) as f64;
        }
        (rank - 1) as f64 / (n_independent - 1) as f64 * last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(values: impl IntoIterator<Item = f64>) -> Distribution {
        let mut all = Values::new();
        all.extend(values);
        let all = all.into_ordered().unwrap();
        all.distribution(Some([all.n(); SERVING_QUANTILES.len()]))
    }

    #[test]
    fn the_millionth_value_is_kept_and_the_next_one_makes_a_histogram() {
        let raw = distribution((0..1_000_000).rev().map(f64::from));
        let histogram = distribution((0..=1_000_000).rev().map(f64::from));
        assert!(!raw.from_histogram && histogram.from_histogram);
        assert_eq!((raw.n, histogram.n), (1_000_000, 1_000_001));
        assert_eq!((raw.median().unwrap(), histogram.max), (499_999.5, 1_000_000.0));
        assert_eq!(histogram.mean, 500_000.0);
        for (ours, exact) in histogram.quantiles.iter().zip(&raw.quantiles) {
            assert!((ours.value / exact.value - 1.0).abs() < 0.000_25, "{ours:?}");
            let (ours, exact) = (ours.interval.unwrap(), exact.interval.unwrap());
            assert!((ours.low / exact.low - 1.0).abs() < 0.000_25, "{ours:?}");
            assert!((ours.high / exact.high - 1.0).abs() < 0.000_25, "{ours:?}");
        }
    }

    #[test]
    fn without_values_there_is_no_order_and_without_worth_no_interval() {
        assert!(Values::new().into_ordered().is_none());
        let mut some = Values::new();
        some.extend((0..900).map(f64::from));
        let found = some.into_ordered().unwrap().distribution(None);
        let is_absent = |q: &Quantile| q.no_interval == Some(NoInterval::TooFew);
        assert!(found.quantiles.iter().all(is_absent), "{found:?}");
    }

    #[test]
    fn repeated_values_get_the_interval_of_those_they_repeat() {
        let ones: Vec<f64> = (0..40).map(f64::from).collect();
        let mut many = Values::new();
        many.extend(ones.iter().flat_map(|value| [*value; 25]));
        let many = many.into_ordered().unwrap().distribution(Some([40; SERVING_QUANTILES.len()]));
        let ones = distribution(ones);
        for (ours, expected) in many.quantiles.iter().zip(&ones.quantiles) {
            assert_eq!(ours.interval, expected.interval);
            assert_eq!(ours.upper_bound, expected.upper_bound);
        }
    }

    /// NumPy and SciPy: `tests/serving/make.py` made the values.
    #[test]
    fn intervals_of_values_that_know_nothing_of_each_other_are_by_scipys_ranks() {
        let file: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/serving/spreads.json")).unwrap();
        for case in file["cases"].as_array().unwrap() {
            let values: Vec<f64> = serde_json::from_value(case["ns"].clone()).unwrap();
            let is_close = |ours: f64, theirs: &serde_json::Value| {
                (ours - theirs.as_f64().unwrap()).abs() <= 1e-9 * ours.max(1.0)
            };
            for (i, quantile) in distribution(values.clone()).quantiles.iter().enumerate() {
                let what = format!("n {}, q {}", values.len(), quantile.q);
                let (interval, bound) = (&case["intervals"][i], &case["bounds"][i]);
                assert_eq!(quantile.interval.is_some(), !interval.is_null(), "{what}");
                let shows_bound = interval.is_null() && !bound.is_null();
                assert_eq!(quantile.upper_bound.is_some(), shows_bound, "{what}");
                let is_absent = interval.is_null() && bound.is_null();
                assert_eq!(quantile.no_interval.is_some(), is_absent, "{what}");
                if let Some(ours) = quantile.interval {
                    assert!(is_close(ours.low, &interval[0]), "{what}");
                    assert!(is_close(ours.high, &interval[1]), "{what}");
                }
                if let Some(ours) = quantile.upper_bound {
                    assert!(is_close(ours, bound), "{what}");
                }
            }
        }
    }
}
