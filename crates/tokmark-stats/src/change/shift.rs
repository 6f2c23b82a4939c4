//! How far one sample lies from another, by ranks.

use crate::normal::upper_quantile;
use crate::order::{ascending, quantile};

/// Values of both samples up to which the distribution of the rank sum is counted out; above,
/// it is taken as normal. (All counts are whole numbers below 2^53.)
const COUNTED_UP_TO: usize = 50;

/// Hodges and Lehmann's shift from `first` to `second`, the median of all differences, with the
/// ends of its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    pub shift: f64,
    /// At the level asked for; `None` where even the extremes do not reach it.
    pub ends: Option<(f64, f64)>,
}

/// The shift between two samples. The interval's ends are the k-th smallest and the k-th largest
/// difference, k by [`difference_rank`] (Hodges and Lehmann 1963; Lehmann 1975, 2.5). `None` for
/// an empty sample.
pub(super) fn shift(first: &[f64], second: &[f64], level: f64) -> Option<Shift> {
    let differences: Vec<f64> =
        second.iter().flat_map(|y| first.iter().map(move |x| y - x)).collect();
    let differences = ascending(&differences);
    let ends = difference_rank(first.len(), second.len(), level)
        .map(|rank| (differences[rank - 1], differences[differences.len() - rank]));
    Some(Shift { shift: quantile(&differences, 0.5)?, ends })
}

/// The largest k with P(U < k) <= (1 - `level`) / 2, U the number of pairs of two samples of `n`
/// and `m` in which the first's value is the larger, all orders being equally likely. `None`
/// where that is 0. (Mann and Whitney 1947.)
pub(super) fn difference_rank(n: usize, m: usize, level: f64) -> Option<usize> {
    let allowed = 0.5 * (1.0 - level);
    let pairs = n as f64 * m as f64;
    let rank = if n + m <= COUNTED_UP_TO {
        let counts = rank_sum_counts(n, m);
        let allowed = allowed * counts.iter().sum::<f64>();
        let below = counts.iter().scan(0.0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        below.take_while(|sum| *sum <= allowed).count()
    } else {
        let deviation = (pairs * (n + m + 1) as f64 / 12.0).sqrt();
        (0.5 * pairs - upper_quantile(allowed) * deviation + 0.5).max(0.0) as usize
    };
    (rank > 0).then_some(rank)
}

/// `counts[u]`: orders of `n` and `m` values with U = u; the coefficients of the Gaussian
/// binomial, product over i = 1..m of (1 - x^(n+i)) / (1 - x^i).
fn rank_sum_counts(n: usize, m: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n * m + 1];
    counts[0] = 1.0;
    for i in 1..=m {
        for u in (n + i..counts.len()).rev() {
            counts[u] -= counts[u - n - i];
        }
        for u in i..counts.len() {
            counts[u] += counts[u - i];
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_sums_of_two_and_two_by_hand() {
        assert_eq!(rank_sum_counts(2, 2), [1.0, 1.0, 2.0, 1.0, 1.0]);
        assert_eq!(rank_sum_counts(0, 3), [1.0]);
        assert_eq!(rank_sum_counts(25, 25).iter().sum::<f64>(), 126_410_606_437_752.0);
    }

    #[test]
    fn three_and_three_have_no_interval() {
        assert_eq!(difference_rank(3, 3, 0.95), None);
        assert_eq!(difference_rank(4, 4, 0.95), Some(1));
        // Table J of Hollander and Wolfe's book, P(U <= 23) < 2.5 % < P(U <= 24).
        assert_eq!(difference_rank(10, 10, 0.95), Some(24));
    }

    #[test]
    fn ranks_are_those_of_scipys_exact_test() {
        let text = include_str!("../../tests/change/difference_ranks.json");
        let file: serde_json::Value = serde_json::from_str(text).unwrap();
        for case in file["cases"].as_array().unwrap() {
            let number = |key: &str| case[key].as_u64().map(|value| value as usize);
            let (n, m) = (number("n").unwrap(), number("m").unwrap());
            let ours = difference_rank(n, m, 0.95);
            if n + m <= COUNTED_UP_TO {
                assert_eq!(ours, number("rank"), "{n} {m}");
            } else {
                assert!(ours.unwrap().abs_diff(number("rank").unwrap()) <= 1, "{ours:?} {case}");
            }
        }
    }

    #[test]
    fn the_shift_is_the_median_difference() {
        let found = shift(&[1.0, 2.0, 3.0, 4.0], &[11.0, 12.0, 13.0, 14.0], 0.95).unwrap();
        assert_eq!(found, Shift { shift: 10.0, ends: Some((7.0, 13.0)) });
        assert_eq!(shift(&[], &[1.0], 0.95), None);
    }
}
