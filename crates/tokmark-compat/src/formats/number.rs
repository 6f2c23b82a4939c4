//! Numbers as C and C++ print them.

/// `std::to_string(double)`: six decimals.
pub(super) fn six_decimals(value: f64) -> String {
    if value.is_finite() { format!("{value:.6}") } else { not_finite(value) }
}

/// An `ostream` at its defaults (`%g`): six significant digits, no zeros at the end,
/// an exponent below 0.0001 and from a million on.
pub(super) fn six_digits(value: f64) -> String {
    if !value.is_finite() {
        return not_finite(value);
    }
    // Rounding decides on the exponent, so it comes first: 999999.6 is 1e+06.
    let scientific = format!("{value:.5e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        let decimals = usize::try_from(5 - exponent).unwrap_or(0);
        return without_end_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_end_zeros(mantissa), exponent.unsigned_abs())
}

fn without_end_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

fn not_finite(value: f64) -> String {
    let word = if value.is_nan() { "nan" } else { "inf" };
    if value.is_sign_negative() { format!("-{word}") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_have_six_decimals() {
        assert_eq!(six_decimals(122.137_481_4), "122.137481");
        assert_eq!(six_decimals(0.0), "0.000000");
        assert_eq!(six_decimals(f64::INFINITY), "inf");
    }

    // Expected values printed by g++ 12's `std::cout << value`.
    #[test]
    fn stream_numbers_have_six_significant_digits() {
        let cases = [
            (138.413_112, "138.413"),
            (130.479_796, "130.48"),
            (97.519_769, "97.5198"),
            (161.11, "161.11"),
            (0.0, "0"),
            (-0.5, "-0.5"),
            (100_000.0, "100000"),
            (999_999.4, "999999"),
            (999_999.6, "1e+06"),
            (1_234_567.0, "1.23457e+06"),
            (1e100, "1e+100"),
            (0.000_123_456_78, "0.000123457"),
            (0.000_012_345_678, "1.23457e-05"),
            (12.0, "12"),
        ];
        for (value, text) in cases {
            assert_eq!(six_digits(value), text);
        }
    }
}
