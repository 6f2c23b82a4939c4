//! The standard normal distribution.

use std::f64::consts::PI;

fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// P(Z > x). Relative error below 1e-12 for |x| < 30.
///
/// Taylor series around 0 (Marsaglia 2004, *Evaluating the normal distribution*), Laplace's
/// continued fraction in the tail.
pub(crate) fn upper_tail(x: f64) -> f64 {
    if x < 0.0 {
        return 1.0 - upper_tail(-x);
    }
    if x < 3.0 {
        let (mut term, mut sum, mut odd) = (x, x, 1.0);
        while term > sum * 1e-17 {
            odd += 2.0;
            term *= x * x / odd;
            sum += term;
        }
        return 0.5 - density(x) * sum;
    }
    let mut fraction = x;
    for k in (1..=120).rev() {
        fraction = x + f64::from(k) / fraction;
    }
    density(x) / fraction
}

/// The x with P(Z > x) = `p`; infinite for 0 and 1.
///
/// Bisection on [`upper_tail`]: slow beside a rational approximation, exact to the last bits
/// that matter, and never called in a loop over samples.
pub(crate) fn upper_quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::INFINITY;
    }
    if p >= 1.0 {
        return f64::NEG_INFINITY;
    }
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if upper_tail(middle) > p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_and_quantile_match_published_values() {
        assert!((upper_tail(1.959_963_984_540_054) - 0.025).abs() < 1e-14);
        assert!((upper_tail(5.0) / 2.866_515_718_791_939e-7 - 1.0).abs() < 1e-10);
        assert!((upper_tail(-1.0) - 0.841_344_746_068_543).abs() < 1e-13);
        assert!((upper_quantile(0.05) - 1.644_853_626_951_472_7).abs() < 1e-10);
        assert_eq!(upper_quantile(0.0), f64::INFINITY);
    }
}
