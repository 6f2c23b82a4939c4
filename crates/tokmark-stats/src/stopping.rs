//! When to stop repeating.

use tokmark_model::Nanos;

use crate::session::half_width_at_look;

/// The first looks; each further pair is twice the pair before: 20, 28, 40, 56, 80, 112, ...
const FIRST_LOOKS: [u32; 3] = [7, 10, 14];

/// Smallest number of repetitions above `n` at which the interval is looked at:
/// 7, 10, 14, 20, 28, 40, 56, 80, 112, 160, ... `u32::MAX` beyond the last that fits.
pub fn next_look(n: u32) -> u32 {
    if n < FIRST_LOOKS[0] {
        return FIRST_LOOKS[0];
    }
    let (mut look, mut following) = (FIRST_LOOKS[1], FIRST_LOOKS[2]);
    while look <= n {
        let Some(doubled) = look.checked_mul(2) else {
            return u32::MAX;
        };
        (look, following) = (following, doubled);
    }
    look
}

/// Whether `n` is one of the looks of [`next_look`].
pub fn is_look(n: u32) -> bool {
    n > 0 && next_look(n - 1) == n
}

/// Stops when the 95 % interval of the median time is narrow enough that the rate is known to
/// the asked share on both sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoppingRule {
    half_width: f64,
}

impl StoppingRule {
    /// A rule for the asked relative half width of the rate, e.g. 0.02 for 2 %.
    ///
    /// # Panics
    ///
    /// If it is not a positive number.
    pub fn new(half_width: f64) -> Self {
        assert!(half_width > 0.0 && half_width.is_finite(), "half width {half_width}");
        StoppingRule { half_width }
    }

    /// The half width of the time at which the asked one of the rate is reached: e / (1 + e),
    /// since a time shorter by that share means a rate higher by e.
    pub fn time_half_width(&self) -> f64 {
        self.half_width / (1.0 + self.half_width)
    }

    /// See [`next_look`].
    pub fn next_look(&self, n: u32) -> u32 {
        next_look(n)
    }

    /// See [`is_look`].
    pub fn is_look(&self, n: u32) -> bool {
        is_look(n)
    }

    /// max(upper - median, median - lower) / median of `times`, in the order measured, with
    /// the interval that the summary will show. `None` below six.
    pub fn half_width(&self, times: &[Nanos]) -> Option<f64> {
        let values: Vec<f64> = times.iter().copied().map(positive).collect();
        half_width_at_look(&values)
    }

    /// Whether `times` are known well enough. Ask only at a look, and once more when the
    /// budget ends: the interval pays for that many questions.
    pub fn converged(&self, times: &[Nanos]) -> bool {
        self.half_width(times).is_some_and(|half_width| half_width <= self.time_half_width())
    }
}

/// Nanoseconds as a number; a time of 0 counts as 1 ns, so that no rate is infinite.
pub(crate) fn positive(time: Nanos) -> f64 {
    time.0.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_follow_the_stated_pattern() {
        let mut looks = vec![];
        let mut n = 0;
        while looks.len() < 12 {
            n = next_look(n);
            looks.push(n);
        }
        assert_eq!(looks, [7, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320]);
        assert!(is_look(7) && is_look(160) && !is_look(0) && !is_look(8) && !is_look(13));
        assert_eq!(next_look(u32::MAX), u32::MAX);
    }

    #[test]
    fn five_repetitions_never_converge() {
        let rule = StoppingRule::new(0.02);
        assert_eq!(rule.half_width(&[Nanos(100); 5]), None);
        assert!(!rule.converged(&[Nanos(100); 5]));
        assert!(rule.converged(&[Nanos(100); 7]));
    }
}
