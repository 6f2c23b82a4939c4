//! Monotone trends that a few wild values cannot fake: Theil-Sen and Mann-Kendall.

use tokmark_model::Drift;

use crate::normal::upper_tail;
use crate::order::{ascending, median};

/// Points above which a series is cut into medians of equal blocks before the quadratic
/// estimators see it.
const MAX_POINTS: usize = 128;

/// Two-sided level of Mann and Kendall's test for the drift flag.
pub const DRIFT_ALPHA: f64 = 0.01;
/// Smallest drift over the session, as a share of the median, that is flagged.
pub const DRIFT_RELATIVE: f64 = 0.02;
/// Fewest repetitions for a statement about drift or correlation.
pub const MIN_FOR_DEPENDENCE: usize = 8;

/// Median of the slopes between all pairs `(x[i], y[i])` with different `x`, in units of `y`
/// per unit of `x`. `None` if there is no such pair. O(n^2). (Theil 1950, Sen 1968.)
///
/// # Panics
///
/// If the slices differ in length.
pub fn theil_sen(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "one x for each y");
    let mut slopes = Vec::with_capacity(x.len() * x.len().saturating_sub(1) / 2);
    for i in 0..x.len() {
        for j in i + 1..x.len() {
            if x[j] != x[i] {
                slopes.push((y[j] - y[i]) / (x[j] - x[i]));
            }
        }
    }
    median_in_place(&mut slopes)
}

fn median_in_place(values: &mut [f64]) -> Option<f64> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    let (below, &mut upper, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return Some(upper);
    }
    let lower = below.iter().copied().max_by(f64::total_cmp).expect("n is even and not 0");
    Some(0.5 * (lower + upper))
}

/// Two-sided p value of Mann and Kendall's test against a monotone trend over the order of
/// `values`: normal approximation with correction for ties and continuity. 1 below three
/// values or when all are equal. O(n log n). (Mann 1945, Kendall 1975; counting as Knight 1966.)
pub fn mann_kendall(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let score = rises(values) as f64 - rises(&values.iter().map(|v| -v).collect::<Vec<_>>()) as f64;
    let ties: f64 = ascending(values)
        .chunk_by(|a, b| a == b)
        .map(|tied| tied.len() as f64)
        .map(|t| t * (t - 1.0) * (2.0 * t + 5.0))
        .sum();
    let variance = (n * (n - 1.0) * (2.0 * n + 5.0) - ties) / 18.0;
    if values.len() < 3 || variance <= 0.0 {
        return 1.0;
    }
    let distance = (score.abs() - 1.0).max(0.0);
    (2.0 * upper_tail(distance / variance.sqrt())).min(1.0)
}

/// Number of pairs whose later value is the larger one, counted while merging sorted halves.
fn rises(values: &[f64]) -> u64 {
    fn sort(values: &mut [f64], merged: &mut Vec<f64>) -> u64 {
        if values.len() < 2 {
            return 0;
        }
        let (left, right) = values.split_at_mut(values.len() / 2);
        let mut count = sort(left, merged) + sort(right, merged);
        merged.clear();
        let mut smaller = 0;
        for &later in right.iter() {
            while smaller < left.len() && left[smaller] < later {
                merged.push(left[smaller]);
                smaller += 1;
            }
            merged.push(later);
            count += smaller as u64;
        }
        merged.extend_from_slice(&left[smaller..]);
        values.copy_from_slice(merged);
        count
    }
    sort(&mut values.to_vec(), &mut Vec::with_capacity(values.len()))
}

/// Whether Mann and Kendall's test finds a trend at [`DRIFT_ALPHA`]: without it [`drift`] is not
/// significant, and its slope need not be computed.
pub(crate) fn may_drift(values: &[f64]) -> bool {
    values.len() >= MIN_FOR_DEPENDENCE && mann_kendall(&block_medians(values).1) < DRIFT_ALPHA
}

/// Trend of `values`, in the order measured, over the session, as a share of `scale` (their
/// median; 1 for logarithms). `None` below eight values. Above 128 both estimators see medians
/// of equal blocks.
pub(crate) fn drift(values: &[f64], scale: f64) -> Option<Drift> {
    if values.len() < MIN_FOR_DEPENDENCE {
        return None;
    }
    let (positions, levels) = block_medians(values);
    let slope = theil_sen(&positions, &levels)?;
    let relative = slope * values.len() as f64 / scale;
    let p_value = mann_kendall(&levels);
    let significant = p_value < DRIFT_ALPHA && relative.abs() >= DRIFT_RELATIVE;
    Some(Drift { relative, p_value, significant })
}

/// At most [`MAX_POINTS`] points `(mean position, median)` of consecutive equal blocks, the
/// last one possibly shorter. Positions count from 0.
pub(crate) fn block_medians(values: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let length = values.len().div_ceil(MAX_POINTS).max(1);
    values
        .chunks(length)
        .enumerate()
        .map(|(block, chunk)| {
            let position = (block * length) as f64 + 0.5 * (chunk.len() - 1) as f64;
            (position, median(chunk).expect("chunks are not empty"))
        })
        .unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wild_point_does_not_move_the_slope() {
        let x = [0.0, 1.0, 2.0, 3.0, 4.0];
        assert_eq!(theil_sen(&x, &[1.0, 3.0, 5.0, 700.0, 9.0]), Some(2.0));
        assert_eq!(theil_sen(&[1.0, 1.0], &[1.0, 2.0]), None);
    }

    #[test]
    fn even_numbers_of_slopes_give_the_mean_of_the_middle_two() {
        let mut slopes = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(median_in_place(&mut slopes), Some(2.5));
    }

    #[test]
    fn equal_values_show_no_trend() {
        assert_eq!(mann_kendall(&[3.0; 20]), 1.0);
        assert_eq!(drift(&[3.0; 20], 3.0).unwrap().relative, 0.0);
    }

    #[test]
    fn ten_percent_over_the_session_is_reported_as_ten_percent() {
        let times: Vec<f64> = (0..40).map(|i| 100.0 + 10.0 * f64::from(i) / 40.0).collect();
        let drift = drift(&times, 105.0).unwrap();
        assert!(drift.significant);
        assert!((drift.relative - 0.0955).abs() < 0.001, "{}", drift.relative);
    }

    #[test]
    fn long_series_are_cut_into_blocks_without_losing_the_slope() {
        let values: Vec<f64> = (0..5000).map(f64::from).collect();
        let (x, y) = block_medians(&values);
        assert!(x.len() <= 128);
        assert!((theil_sen(&x, &y).unwrap() - 1.0).abs() < 1e-12);
    }
}
