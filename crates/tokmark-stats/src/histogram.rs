//! Quantiles of more values than are kept.

/// Buckets in each power of two: 2^11, so that a bucket is at most 0.05 % wide.
const MANTISSA_BITS: u32 = 11;
/// Bits of an `f64` below the ones that choose the bucket.
const DROPPED_BITS: u32 = 52 - MANTISSA_BITS;
/// Values below this count as 0: less than a nanosecond in every unit used for times.
const SMALLEST: f64 = 1.0 / (1u64 << 40) as f64;
/// Values above this are counted as this; only the exact maximum tells them apart.
const LARGEST: f64 = (1u64 << 62) as f64;

/// A log-linear histogram: every power of two cut into 2,048 equal buckets, so that a quantile
/// has three significant digits (its error is below 0.025 %). After HdrHistogram's layout (Tene
/// 2012), on the bits of a float instead of an integer. Memory grows with the ratio of the
/// largest to the smallest value, by 16 KiB for each factor of two, and never with their number:
/// at most 1.7 MB.
///
/// Number, mean, deviation, smallest and largest value do not come from the buckets.
///
/// ```
/// let mut histogram = tokmark_stats::Histogram::new();
/// for ms in 1..=1_000 {
///     histogram.record(f64::from(ms));
/// }
/// assert!((histogram.quantile(0.5).unwrap() / 500.5 - 1.0).abs() < 0.0005);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    n: u64,
    mean: f64,
    squares: f64,
    min: f64,
    max: f64,
    n_zero: u64,
    /// Bucket of `counts[0]`.
    first_bucket: usize,
    counts: Vec<u64>,
}

impl Histogram {
    /// One without values.
    pub fn new() -> Self {
        Histogram::default()
    }

    /// Adds a value; a negative one and one that is no number count as 0.
    pub fn record(&mut self, value: f64) {
        let value = value.max(0.0);
        self.n += 1;
        (self.min, self.max) = match self.n {
            1 => (value, value),
            _ => (self.min.min(value), self.max.max(value)),
        };
        // Welford 1962.
        let before = value - self.mean;
        self.mean += before / self.n as f64;
        self.squares += before * (value - self.mean);
        if value < SMALLEST {
            self.n_zero += 1;
        } else {
            *self.count_of(bucket(value)) += 1;
        }
    }

    /// Values recorded.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Their arithmetic mean; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then_some(self.mean)
    }

    /// Their sample standard deviation (n - 1), 0 for one; `None` without values.
    pub fn stddev(&self) -> Option<f64> {
        let freedom = self.n.checked_sub(1)?;
        Some(if freedom == 0 { 0.0 } else { (self.squares / freedom as f64).sqrt() })
    }

    /// The smallest; `None` without values.
    pub fn min(&self) -> Option<f64> {
        (self.n > 0).then_some(self.min)
    }

    /// The largest; `None` without values.
    pub fn max(&self) -> Option<f64> {
        (self.n > 0).then_some(self.max)
    }

    /// The `p` quantile as [`crate::quantile`] defines it, each order statistic taken from the
    /// middle of its bucket. `p` is clamped to 0..=1. `None` without values.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        let last = self.n.checked_sub(1)?;
        Some(self.at(p.clamp(0.0, 1.0) * last as f64))
    }

    /// The value at a position in the ascending order, counted from 0, between two positions
    /// on the straight line. There must be values.
    pub(crate) fn at(&self, position: f64) -> f64 {
        let below = position.floor();
        let low = self.order_statistic(below as u64);
        let high = self.order_statistic(below as u64 + 1);
        low + (position - below) * (high - low)
    }

    fn order_statistic(&self, position: u64) -> f64 {
        if position == 0 {
            return self.min;
        }
        if position >= self.n - 1 {
            return self.max;
        }
        let mut passed = self.n_zero;
        if position < passed {
            return self.min;
        }
        for (i, count) in self.counts.iter().enumerate() {
            passed += count;
            if position < passed {
                return middle(self.first_bucket + i).clamp(self.min, self.max);
            }
        }
        self.max
    }

    /// The count of a bucket, with room made for it.
    fn count_of(&mut self, bucket: usize) -> &mut u64 {
        if self.counts.is_empty() {
            self.first_bucket = bucket;
        }
        if bucket < self.first_bucket {
            let missing = self.first_bucket - bucket;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.first_bucket = bucket;
        }
        let index = bucket - self.first_bucket;
        if index >= self.counts.len() {
            self.counts.resize(index + 1, 0);
        }
        &mut self.counts[index]
    }
}

/// Sign, exponent and first bits of the mantissa: for positive numbers they rise with the
/// number.
fn bucket(value: f64) -> usize {
    (value.min(LARGEST).to_bits() >> DROPPED_BITS) as usize
}

fn middle(bucket: usize) -> f64 {
    let bound = |bucket: usize| f64::from_bits((bucket as u64) << DROPPED_BITS);
    0.5 * (bound(bucket) + bound(bucket + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{ascending, quantile};

    #[test]
    fn without_values_there_are_no_figures() {
        let histogram = Histogram::new();
        assert_eq!((histogram.n(), histogram.mean(), histogram.quantile(0.5)), (0, None, None));
        assert_eq!((histogram.stddev(), histogram.min(), histogram.max()), (None, None, None));
    }

    #[test]
    fn mean_deviation_and_extremes_are_exact() {
        let mut histogram = Histogram::new();
        for value in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
            histogram.record(value);
        }
        assert_eq!((histogram.n(), histogram.mean()), (8, Some(5.0)));
        assert!((histogram.stddev().unwrap() - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!((histogram.min(), histogram.max()), (Some(2.0), Some(9.0)));
        assert_eq!((histogram.quantile(0.0), histogram.quantile(1.0)), (Some(2.0), Some(9.0)));
    }

    #[test]
    fn quantiles_have_three_significant_digits_over_ten_decades() {
        let values: Vec<f64> =
            (0..10_007).map(|i| 10f64.powf(f64::from(i * 7 % 10_007) / 1_000.7 - 5.0)).collect();
        let mut histogram = Histogram::new();
        for value in &values {
            histogram.record(*value);
        }
        let sorted = ascending(&values);
        for p in [0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let (ours, exact) = (histogram.quantile(p).unwrap(), quantile(&sorted, p).unwrap());
            assert!((ours / exact - 1.0).abs() < 0.000_25, "{p}: {ours} is not {exact}");
        }
    }

    #[test]
    fn memory_does_not_grow_with_the_number_of_values() {
        let mut histogram = Histogram::new();
        for i in 0..200_000u32 {
            histogram.record(10.0 + f64::from(i % 1_000) * 0.01);
        }
        assert!(histogram.counts.len() <= 2 * 2_048, "{}", histogram.counts.len());
        histogram.record(f64::MAX);
        histogram.record(1e-300);
        histogram.record(f64::MIN_POSITIVE);
        histogram.record(1e-12);
        assert!(histogram.counts.len() <= 103 * 2_048, "{}", histogram.counts.len());
    }

    #[test]
    fn what_is_no_positive_number_counts_as_0() {
        let mut histogram = Histogram::new();
        for value in [-5.0, f64::NAN, 0.0, 3.0] {
            histogram.record(value);
        }
        assert_eq!((histogram.n(), histogram.min(), histogram.max()), (4, Some(0.0), Some(3.0)));
        assert_eq!(histogram.quantile(0.5), Some(0.0));
    }
}
