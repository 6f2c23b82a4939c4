//! Correlation of a series about its levels.

use std::ops::Range;

use crate::dependence::MAX_LAG1;
use crate::order::{median, midranks};

/// `values` less the medians of `segments`, which cover them in order.
pub(super) fn residuals(values: &[f64], segments: &[Range<usize>]) -> Vec<f64> {
    segments
        .iter()
        .flat_map(|segment| {
            let centre = median(&values[segment.clone()]).unwrap_or(0.0);
            values[segment.clone()].iter().map(move |value| value - centre)
        })
        .collect()
}

/// Lag-1 autocorrelation of `values` about the medians of `segments`, which cover them in order;
/// 0 where it is not positive.
///
/// Of the ranks of the residuals, over neighbours in one segment; with the raw estimate r and k
/// segments it is (n r + k) / [`degrees`], from the bias of one segment (Marriott and Pope 1954).
pub(super) fn residual_lag1(values: &[f64], segments: &[Range<usize>]) -> f64 {
    let n = values.len() as f64;
    let ranks: Vec<f64> = midranks(&residuals(values, segments))
        .into_iter()
        .map(|rank| rank - 0.5 * (n + 1.0))
        .collect();
    let variation: f64 = ranks.iter().map(|rank| rank * rank).sum();
    if variation <= 0.0 {
        return 0.0;
    }
    let products = |segment: &Range<usize>| -> f64 {
        ranks[segment.clone()].windows(2).map(|pair| pair[0] * pair[1]).sum()
    };
    let raw = segments.iter().map(products).sum::<f64>() / variation;
    let corrected = (n * raw + segments.len() as f64) / degrees(values.len(), segments.len());
    corrected.clamp(0.0, MAX_LAG1)
}

/// What `n` values about the levels of `k` segments are worth: n - 4 k, but n / 2 at least.
/// Segments that were chosen for their levels take more than one value each.
pub(super) fn degrees(n: usize, k: usize) -> f64 {
    (n as f64 - 4.0 * k as f64).max(0.5 * n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_no_correlation_when_its_levels_are_known() {
        let noise = |i: u32| f64::from(i * 7919 % 101);
        let values: Vec<f64> = (0..40).map(|i| noise(i) + if i < 20 { 0.0 } else { 1e4 }).collect();
        let whole = residual_lag1(&values, std::slice::from_ref(&(0..40)));
        let parts = residual_lag1(&values, &[0..20, 20..40]);
        assert!(whole > 0.6 && parts < 0.3, "{whole} {parts}");
    }

    #[test]
    fn a_wave_is_correlated_and_equal_values_are_not() {
        let wave: Vec<f64> = (0..60).map(|i| (f64::from(i) / 6.0).sin()).collect();
        assert!(residual_lag1(&wave, std::slice::from_ref(&(0..60))) > 0.9);
        assert_eq!(residual_lag1(&[1.0; 9], std::slice::from_ref(&(0..9))), 0.0);
        assert_eq!(residual_lag1(&[], &[]), 0.0);
    }
}
