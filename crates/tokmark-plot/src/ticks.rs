//! Where ticks stand on axes of numbers: at 1, 2 and 5 times powers of ten.

use crate::number::{fixed, number};

/// A place on an axis with its label.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    /// Where, in the axis's unit.
    pub(crate) at: f64,
    /// What stands there.
    pub(crate) label: String,
}

/// The distance of linear ticks: `mantissa` x 10^`exponent`.
#[derive(Clone, Copy)]
struct Step {
    mantissa: f64,
    exponent: i32,
}

impl Step {
    /// The step after this one in 1, 2, 5, 10, ...
    fn next(self) -> Step {
        match self.mantissa {
            1.0 => Step { mantissa: 2.0, ..self },
            2.0 => Step { mantissa: 5.0, ..self },
            _ => Step { mantissa: 1.0, exponent: self.exponent + 1 },
        }
    }

    /// `index` steps, rounded once.
    fn times(self, index: f64) -> f64 {
        let power = 10f64.powi(self.exponent.abs());
        let many = index * self.mantissa;
        if self.exponent < 0 { many / power } else { many * power }
    }

    /// Indexes of the last tick at or before `lo` and the first at or after `hi`.
    fn around(self, lo: f64, hi: f64) -> (f64, f64) {
        let (first, last) = (lo / self.times(1.0), hi / self.times(1.0));
        let (near_first, near_last) = (first.round(), last.round());
        let is_near =
            |exact: f64, near: f64| (exact - near).abs() <= (1e-12 * near.abs()).max(1e-9);
        (
            if is_near(first, near_first) { near_first } else { first.floor() },
            if is_near(last, near_last) { near_last } else { last.ceil() },
        )
    }
}

/// Ticks at equal distances, the first at or before `lo`, the last at or after `hi`, with at
/// most `most` gaps (two at least may be needed around zero). `whole`: at whole numbers only.
/// `lo < hi`.
pub(crate) fn linear_ticks(lo: f64, hi: f64, most: usize, whole: bool) -> Vec<Tick> {
    let most = most.max(2) as f64;
    let exponent = ((hi - lo) / most).log10().floor() as i32 - 1;
    let mut step = Step { mantissa: 1.0, exponent };
    if whole && exponent < 0 {
        step = Step { mantissa: 1.0, exponent: 0 };
    }
    let (mut first, mut last) = step.around(lo, hi);
    while last - first > most {
        step = step.next();
        (first, last) = step.around(lo, hi);
    }
    let decimals = usize::try_from(-step.exponent).unwrap_or(0);
    (0..=(last - first) as usize)
        .map(|n| step.times(first + n as f64))
        .map(|at| Tick { at, label: fixed(at, decimals) })
        .collect()
}

/// Ticks at 1, 2 and 5 times powers of ten where these are few enough, else at every power
/// of ten, every second, every fifth and so on. A range that no such ticks divide gets those
/// of a linear axis. `0 < lo < hi`.
pub(crate) fn log_ticks(lo: f64, hi: f64, most: usize) -> Vec<Tick> {
    let most = most.max(2);
    let (from, to) = (lo.log10().floor() as i32, hi.log10().ceil() as i32);
    let fine: Vec<f64> = (from..=to)
        .flat_map(|power| [1.0, 2.0, 5.0].map(|m| Step { mantissa: m, exponent: power }.times(1.0)))
        .collect();
    let fine = covering(&fine, lo, hi);
    if fine.len() == 2 || (fine.len() <= 4 && hi / lo < 2.5) {
        let linear = linear_ticks(lo, hi, most, false);
        if linear.first().is_some_and(|tick| tick.at > 0.0) {
            return linear;
        }
    }
    if fine.len() <= most + 1 {
        return labelled(fine);
    }
    let mut every = 1;
    loop {
        let (first, last) = (from.div_euclid(every), (to + every - 1).div_euclid(every));
        if (last - first) as usize <= most {
            let powers = (first..=last).map(|n| n * every);
            return labelled(
                powers.map(|power| Step { mantissa: 1.0, exponent: power }.times(1.0)).collect(),
            );
        }
        every += 1;
    }
}

/// Of rising places, those from the last at or before `lo` to the first at or after `hi`.
fn covering(places: &[f64], lo: f64, hi: f64) -> Vec<f64> {
    let first = places.iter().rposition(|&place| place <= lo * (1.0 + 1e-9)).unwrap_or(0);
    let last = places.iter().position(|&place| place >= hi * (1.0 - 1e-9));
    places[first..=last.unwrap_or(places.len() - 1)].to_vec()
}

fn labelled(places: Vec<f64>) -> Vec<Tick> {
    places.into_iter().map(|at| Tick { at, label: number(at) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(lo: f64, hi: f64, most: usize) -> Vec<String> {
        linear_ticks(lo, hi, most, false).into_iter().map(|tick| tick.label).collect()
    }

    fn log(lo: f64, hi: f64, most: usize) -> Vec<String> {
        log_ticks(lo, hi, most).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn linear_ticks_are_nice_and_cover_the_range() {
        assert_eq!(linear(0.0, 410.0, 5), ["0", "100", "200", "300", "400", "500"]);
        assert_eq!(linear(0.0, 0.3, 3), ["0.0", "0.1", "0.2", "0.3"]);
        assert_eq!(linear(-3.0, 4.0, 4), ["-4", "-2", "0", "2", "4"]);
        assert_eq!(linear(1_000_001.0, 1_000_004.0, 3).len(), 4);
        assert_eq!(linear(0.0, 12_000.0, 3), ["0", "5,000", "10,000", "15,000"]);
    }

    #[test]
    fn counted_things_have_whole_ticks() {
        let labels: Vec<_> =
            linear_ticks(1.0, 3.0, 8, true).into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels, ["1", "2", "3"]);
    }

    #[test]
    fn log_ticks_are_ones_twos_and_fives_or_powers() {
        assert_eq!(log(1.0, 16.0, 6), ["1", "2", "5", "10", "20"]);
        assert_eq!(log(1.0, 16.0, 2), ["1", "10", "100"]);
        assert_eq!(
            log(0.003, 4_000.0, 8),
            ["0.001", "0.01", "0.1", "1", "10", "100", "1,000", "10,000"]
        );
        assert_eq!(log(1e-20, 1e20, 4), ["1e-20", "1e-10", "1", "10G", "1e20"]);
    }

    #[test]
    fn a_short_range_of_a_log_axis_has_linear_ticks() {
        assert_eq!(log(48.0, 52.0, 4), ["48", "49", "50", "51", "52"]);
        assert_eq!(log(99.0, 101.0, 4), ["99.0", "99.5", "100.0", "100.5", "101.0"]);
    }
}
