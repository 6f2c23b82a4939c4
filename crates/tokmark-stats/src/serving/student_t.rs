//! Student's t distribution.

use std::f64::consts::FRAC_PI_2;

/// Pieces of Simpson's rule.
const STEPS: usize = 400;

/// The t with P(|T| <= t) = `level` at `freedom` degrees of freedom, 1 to 100, whole or not.
///
/// With x = sqrt(freedom) tan(a) the density becomes cos(a)^(freedom - 1), so that the
/// probability is a ratio of two integrals of it and needs no gamma function: Simpson's rule,
/// and Newton's, which never passes the solution because the integral is concave.
pub(super) fn two_sided_quantile(freedom: f64, level: f64) -> f64 {
    let target = level * integral(freedom, FRAC_PI_2);
    let mut angle = 0.0;
    for _ in 0..50 {
        let step = (target - integral(freedom, angle)) / f64::cos(angle).powf(freedom - 1.0);
        angle += step;
        if step < 1e-12 {
            break;
        }
    }
    freedom.sqrt() * angle.tan()
}

/// Integral of cos(a)^(freedom - 1) from 0 to `end`.
fn integral(freedom: f64, end: f64) -> f64 {
    let width = end / STEPS as f64;
    let height = |step: usize| (step as f64 * width).cos().max(0.0).powf(freedom - 1.0);
    let inner: f64 =
        (1..STEPS).map(|step| if step % 2 == 1 { 4.0 } else { 2.0 } * height(step)).sum();
    (height(0) + inner + height(STEPS)) * width / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_scipy() {
        let file: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/serving/student_t.json")).unwrap();
        for case in file["cases"].as_array().unwrap() {
            let number = |name: &str| case[name].as_f64().unwrap();
            let ours = two_sided_quantile(number("freedom"), number("level"));
            assert!((ours / number("t") - 1.0).abs() < 1e-6, "{case}: {ours}");
        }
    }
}
