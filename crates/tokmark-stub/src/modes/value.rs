//! Values of words.

use std::time::Duration;

const NANOSECONDS_OF_A_MILLISECOND: u32 = 1_000_000;

/// A whole number from `low` to `high`.
pub(super) fn bounded(value: &str, low: u32, high: u32) -> Result<u32, String> {
    let number = value.parse::<u32>().ok().filter(|number| (low..=high).contains(number));
    number.ok_or_else(|| format!("give a whole number from {low} to {high}"))
}

/// A number of ms with at most six decimals.
pub(super) fn milliseconds(value: &str, most: Duration) -> Result<Duration, String> {
    exact_milliseconds(value)
        .filter(|time| *time <= most)
        .ok_or_else(|| format!("give milliseconds up to {}, such as 50 or 0.25", most.as_millis()))
}

fn exact_milliseconds(value: &str) -> Option<Duration> {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || decimals.len() > 6 {
        return None;
    }
    let fraction: u64 = format!("{decimals:0<6}").parse().ok()?;
    let whole: u64 = whole.parse().ok()?;
    let nanoseconds = whole.checked_mul(NANOSECONDS_OF_A_MILLISECOND.into())?;
    Some(Duration::from_nanos(nanoseconds.checked_add(fraction)?))
}

/// The same number back: `50`, `0.25`.
pub(super) fn shown_milliseconds(time: Duration) -> String {
    let fraction = time.subsec_nanos() % NANOSECONDS_OF_A_MILLISECOND;
    if fraction == 0 {
        return time.as_millis().to_string();
    }
    let decimals = format!("{fraction:06}");
    format!("{}.{}", time.as_millis(), decimals.trim_end_matches('0'))
}
