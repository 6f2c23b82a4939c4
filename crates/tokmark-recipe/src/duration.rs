//! Durations as recipes write them: `500ms`, `60s`, `2m`, `1h`.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Longer limits than a week are taken for mistakes, and would overflow clocks.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Reads a whole number followed by its unit.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let milliseconds_per_unit = match unit.trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return Err(format!("`{text}` is no duration; write 500ms, 60s, 2m or 1h")),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(milliseconds_per_unit))
        .map(Duration::from_millis)
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(|| format!("`{text}` is no duration up to a week; write 60s or 2m"))
}

/// For `#[serde(deserialize_with)]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(from)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_read() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse(" 1 h "), Ok(Duration::from_secs(3600)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn a_number_without_unit_is_refused() {
        for text in ["60", "", "s", "1.5s", "-1s", "1d", "1s1s", "é"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn more_than_a_week_is_refused() {
        assert_eq!(parse("168h"), Ok(LONGEST));
        for text in ["169h", "18446744073709551615h", "99999999999999999999ms"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
