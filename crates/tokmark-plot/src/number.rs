//! Numbers as people read them: three significant digits, thousands apart.

use std::time::Duration;

/// Large numbers that get a letter: (from, letter).
const LETTERS: [(f64, &str); 3] = [(1e12, "T"), (1e9, "G"), (1e6, "M")];

/// `value` with three significant digits and without trailing zeros: `0.0521`, `52`, `1,234`,
/// `12.3M`. Below a million no digit before the point is rounded away; from 10^15 on, and below
/// 0.0001, in powers of ten: `1.2e-7`. What is no finite number is said in words.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        return "not a number".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "infinite" } else { "minus infinite" }.to_owned();
    }
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..999.5e12).contains(&size) {
        return scientific(value);
    }
    match LETTERS.iter().find(|(from, _)| size * 1.0005 >= *from) {
        Some((from, letter)) => format!("{}{letter}", significant(value / from)),
        None => significant(value),
    }
}

/// A span of time for an announcement, rounded up: `12 s`, `3 min`, `2.5 h`, `3 days`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        "a second".to_owned()
    } else if seconds < 100.0 {
        format!("{:.0} s", seconds.ceil())
    } else if seconds < 100.0 * 60.0 {
        format!("{:.0} min", (seconds / 60.0).ceil())
    } else if seconds < 48.0 * 3600.0 {
        format!("{:.1} h", seconds / 3600.0)
    } else {
        format!("{} days", fixed((seconds / 86_400.0).ceil(), 0))
    }
}

/// `value` with exactly `decimals` digits after the point, thousands apart.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let is_zero = !text.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    grouped(if is_zero { text.trim_start_matches('-') } else { &text })
}

/// `n` with thousands apart.
pub(crate) fn count(n: usize) -> String {
    grouped(&n.to_string())
}

fn significant(value: f64) -> String {
    let exponent = value.abs().log10().floor();
    let decimals = (2.0 - exponent).clamp(0.0, 9.0) as usize;
    grouped(without_zeros(&format!("{value:.decimals$}")))
}

fn scientific(value: f64) -> String {
    let text = format!("{value:.2e}");
    match text.split_once('e') {
        Some((digits, exponent)) => format!("{}e{exponent}", without_zeros(digits)),
        None => text,
    }
}

/// Digits without zeros that end a fraction.
pub(crate) fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

fn grouped(digits: &str) -> String {
    let (sign, rest) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    let (whole, fraction) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
    let mut text = sign.to_owned();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_announced_in_their_unit() {
        let shown = [0.2, 11.2, 130.0, 9_000.0, 9e9].map(Duration::from_secs_f64).map(duration);
        assert_eq!(shown, ["a second", "12 s", "3 min", "2.5 h", "104,167 days"]);
    }

    #[test]
    fn three_significant_digits_without_trailing_zeros() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (52.0, "52"),
            (52.04, "52"),
            (52.06, "52.1"),
            (0.052_149, "0.0521"),
            (1.3, "1.3"),
            (9.996, "10"),
            (99.96, "100"),
            (999.6, "1,000"),
            (-410.4, "-410"),
            (0.000_123_4, "0.000123"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text, "{value}");
        }
    }

    #[test]
    fn whole_digits_stay_below_a_million() {
        assert_eq!(number(1_234.4), "1,234");
        assert_eq!(number(999_499.0), "999,499");
        assert_eq!(number(999_600.0), "1M");
        assert_eq!(number(12_345_678.0), "12.3M");
        assert_eq!(number(-1.5e9), "-1.5G");
        assert_eq!(number(2e12), "2T");
    }

    #[test]
    fn the_very_large_and_very_small_are_powers_of_ten() {
        assert_eq!(number(1.5e15), "1.5e15");
        assert_eq!(number(-1.234e-7), "-1.23e-7");
        assert_eq!(number(5e-324), "4.94e-324");
        assert_eq!(number(f64::MAX), "1.8e308");
    }

    #[test]
    fn what_is_no_number_is_said() {
        assert_eq!(number(f64::NAN), "not a number");
        assert_eq!(number(f64::INFINITY), "infinite");
        assert_eq!(number(f64::NEG_INFINITY), "minus infinite");
    }

    #[test]
    fn fixed_digits_are_grouped_and_zero_has_no_sign() {
        assert_eq!(fixed(1_234_567.5, 1), "1,234,567.5");
        assert_eq!(fixed(-0.001, 1), "0.0");
        assert_eq!(fixed(-1234.0, 0), "-1,234");
        assert_eq!(count(100_000), "100,000");
        assert_eq!(count(999), "999");
    }
}
