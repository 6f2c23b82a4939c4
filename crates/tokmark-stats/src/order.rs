//! Quantiles, and the exact binomial statements about the median that order gives.

/// The `p` quantile of `sorted` (ascending) by linear interpolation between order statistics:
/// Hyndman and Fan's type 7 (1996), the default of R and NumPy.
///
/// `p` is clamped to 0..=1. `None` for an empty slice.
pub fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = p.clamp(0.0, 1.0) * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    let share = position - below as f64;
    Some(sorted[below] + share * (sorted[above] - sorted[below]))
}

/// The middle value, or the mean of the two middle ones; in any order. `None` when empty.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(&ascending(values), 0.5)
}

/// Median absolute deviation from the median, unscaled (times 1.4826 it estimates a normal
/// standard deviation). `None` when empty.
pub fn mad(values: &[f64]) -> Option<f64> {
    let centre = median(values)?;
    let distances: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    median(&distances)
}

/// Ranks `(l, u)`, counted from 1, of the order statistics that enclose the population median
/// with probability `level` at least: the largest `l` with `u = n + 1 - l` and
/// 1 - 2 P(Bin(n, 1/2) < l) >= `level`.
///
/// Exact for independent samples of any continuous distribution, conservative with ties
/// (David and Nagaraja 2003, *Order Statistics*, section 7.1). `None` where even the extremes
/// do not reach the level: below n = 6 at 95 %.
pub fn order_statistic_ranks(n: usize, level: f64) -> Option<(usize, usize)> {
    let allowed = 0.5 * (1.0 - level);
    let mut below = 0.0;
    let mut rank = 0;
    for mass in HalfBinomial::new(n).take(n / 2) {
        below += mass;
        if below > allowed {
            break;
        }
        rank += 1;
    }
    (rank > 0).then_some((rank, n + 1 - rank))
}

/// Two-sided p value of the sign test that the median is 0; zeros count half to each side.
/// 1 for an empty slice. (Dixon and Mood 1946.)
pub fn sign_test(values: &[f64]) -> f64 {
    let positive = values.iter().filter(|value| **value > 0.0).count() as f64;
    let zero = values.iter().filter(|value| **value == 0.0).count() as f64;
    let n = values.len();
    // A half is rounded towards the middle, which errs to the larger p value.
    let smaller = (positive + 0.5 * zero).min(n as f64 - positive - 0.5 * zero).ceil() as usize;
    let tail: f64 = HalfBinomial::new(n).take(smaller + 1).sum();
    (2.0 * tail).min(1.0)
}

/// Probabilities of 0, 1, 2, ... successes in `n` fair throws. In logarithms, since 2^-n
/// underflows above n = 1,074.
struct HalfBinomial {
    n: usize,
    k: usize,
    ln_mass: f64,
}

impl HalfBinomial {
    fn new(n: usize) -> Self {
        HalfBinomial { n, k: 0, ln_mass: -(n as f64) * std::f64::consts::LN_2 }
    }
}

impl Iterator for HalfBinomial {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        if self.k > self.n {
            return None;
        }
        let mass = self.ln_mass.exp();
        self.ln_mass += ((self.n - self.k) as f64 / (self.k + 1) as f64).ln();
        self.k += 1;
        Some(mass)
    }
}

/// A sorted copy.
pub(crate) fn ascending(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The rank of each value, counted from 1, ties sharing their mean rank; `ranks[i]` belongs to
/// `values[i]`.
pub(crate) fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let shared = start as f64 + 0.5 * (tied.len() + 1) as f64;
        for &position in tied {
            ranks[position] = shared;
        }
        start += tied.len();
    }
    ranks
}

/// Modified z score from which on a value is an outlier.
pub const OUTLIER_MODIFIED_Z: f64 = 3.5;

/// Positions of outliers: |0.6745 (x - median) / MAD| > 3.5, and where more than half of the
/// values are equal (MAD 0) |x - median| / (1.2533 x mean absolute deviation) > 3.5.
///
/// A flag only, nothing is ever dropped. Nothing is flagged below five values. (Iglewicz and
/// Hoaglin 1993, *How to Detect and Handle Outliers*.)
pub fn outliers(values: &[f64]) -> Vec<usize> {
    let (Some(centre), Some(spread)) = (median(values), mad(values)) else {
        return Vec::new();
    };
    if values.len() < 5 {
        return Vec::new();
    }
    let distance = |value: &f64| (value - centre).abs();
    let scale = if spread > 0.0 {
        spread / 0.6745
    } else {
        1.2533 * values.iter().map(distance).sum::<f64>() / values.len() as f64
    };
    let far = |value: &f64| distance(value) > OUTLIER_MODIFIED_Z * scale;
    values.iter().enumerate().filter(|(_, value)| far(value)).map(|(i, _)| i).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_samples_are_the_fewest_with_a_95_percent_interval() {
        assert_eq!(order_statistic_ranks(5, 0.95), None);
        assert_eq!(order_statistic_ranks(6, 0.95), Some((1, 6)));
        assert_eq!(order_statistic_ranks(20, 0.95), Some((6, 15)));
    }

    #[test]
    fn ranks_survive_sizes_where_two_to_the_minus_n_underflows() {
        let (low, high) = order_statistic_ranks(4000, 0.95).unwrap();
        assert_eq!(low + high, 4001);
        assert!((1930..1945).contains(&low), "{low}");
    }

    #[test]
    fn sign_test_counts_throws_by_hand() {
        assert!((sign_test(&[1.0; 7]) - 2.0 / 128.0).abs() < 1e-15);
        assert!((sign_test(&[1.0, 1.0, 1.0, -1.0]) - 2.0 * 5.0 / 16.0).abs() < 1e-15);
        assert_eq!(sign_test(&[0.0; 4]), 1.0);
        assert_eq!(sign_test(&[]), 1.0);
    }

    #[test]
    fn tied_values_share_their_mean_rank() {
        assert_eq!(midranks(&[5.0, 1.0, 5.0, 9.0]), vec![2.5, 1.0, 2.5, 4.0]);
    }

    #[test]
    fn a_slow_repetition_is_flagged_even_among_equal_ones() {
        assert_eq!(outliers(&[10.0, 10.1, 9.9, 10.05, 30.0, 9.95]), vec![4]);
        assert_eq!(outliers(&[10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 30.0]), vec![8]);
        assert!(outliers(&[1.0, 1.0, 9.0]).is_empty());
    }
}
