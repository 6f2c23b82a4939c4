//! Dependence between successive repetitions.

use tokmark_model::Correlation;

use crate::order::midranks;
use crate::trend::MIN_FOR_DEPENDENCE;

/// One-sided level of the test for positive lag-1 correlation.
pub const CORRELATION_ALPHA: f64 = 0.025;
/// Its normal quantile.
const CORRELATION_Z: f64 = 1.959_963_984_540_054;
/// Largest correlation believed when the effective size is computed: (1 - r) / (1 + r) = 1/39.
pub const MAX_LAG1: f64 = 0.95;

/// Lag-1 autocorrelation: `sum of (x[i] - mean)(x[i+1] - mean)` over `sum of (x[i] - mean)^2`.
/// `None` below two values or when all are equal. (Box and Jenkins 1970.)
pub fn autocorrelation_lag1(values: &[f64]) -> Option<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variation: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    if values.len() < 2 || variation <= 0.0 {
        return None;
    }
    let common: f64 = values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    Some(common / variation)
}

/// Lag-1 autocorrelation of the ranks of `values`, freed of its bias in short series, with a
/// one-sided test against 0 and the number of independent values that these are worth. `None`
/// below eight values or when all are equal.
///
/// Ranks, so that one wild repetition neither hides nor fakes dependence (Wald and Wolfowitz
/// 1943, Bartels 1982). With the raw estimate r: lag1 = (n r + 1) / (n - 4), from
/// E r = rho - (1 + 4 rho) / n (Marriott and Pope 1954), clamped to -0.95..=0.95; significant
/// when (r + 1/n) sqrt(n) exceeds the normal quantile of [`CORRELATION_ALPHA`]; effective n =
/// n (1 - lag1) / (1 + lag1) for positive lag1, else n.
pub fn correlation(values: &[f64]) -> Option<Correlation> {
    if values.len() < MIN_FOR_DEPENDENCE {
        return None;
    }
    let raw = autocorrelation_lag1(&midranks(values))?;
    let n = values.len() as f64;
    let lag1 = ((n * raw + 1.0) / (n - 4.0)).clamp(-MAX_LAG1, MAX_LAG1);
    let significant = (raw + 1.0 / n) * n.sqrt() > CORRELATION_Z;
    let shrink = if lag1 > 0.0 { (1.0 - lag1) / (1.0 + lag1) } else { 1.0 };
    Some(Correlation { lag1, significant, effective_n: n * shrink })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag1_of_a_short_series_by_hand() {
        // Mean 2: deviations -1 0 1, products 0 + 0, squares 2.
        assert_eq!(autocorrelation_lag1(&[1.0, 2.0, 3.0]), Some(0.0));
        assert_eq!(autocorrelation_lag1(&[1.0, -1.0, 1.0, -1.0]), Some(-0.75));
        assert_eq!(autocorrelation_lag1(&[2.0, 2.0]), None);
        assert_eq!(autocorrelation_lag1(&[]), None);
    }

    #[test]
    fn the_quantile_belongs_to_the_stated_level() {
        let exact = crate::normal::upper_quantile(CORRELATION_ALPHA);
        assert!((CORRELATION_Z - exact).abs() < 1e-9);
    }

    #[test]
    fn a_slow_wave_is_significant_and_worth_few_values() {
        let wave: Vec<f64> = (0..60).map(|i| (f64::from(i) / 6.0).sin()).collect();
        let found = correlation(&wave).unwrap();
        assert!(found.significant && found.effective_n < 5.0, "{found:?}");
    }

    #[test]
    fn alternation_is_no_positive_correlation() {
        let values: Vec<f64> = (0..40).map(|i| f64::from(i % 2) + f64::from(i) * 1e-6).collect();
        let found = correlation(&values).unwrap();
        assert!(!found.significant && found.effective_n == 40.0, "{found:?}");
    }

    #[test]
    fn one_wild_value_does_not_hide_correlation() {
        let mut wave: Vec<f64> = (0..60).map(|i| (f64::from(i) / 6.0).sin()).collect();
        wave[30] = 1e9;
        assert!(correlation(&wave).unwrap().significant);
    }
}
