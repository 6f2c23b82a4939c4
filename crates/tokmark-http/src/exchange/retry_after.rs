//! The header `Retry-After`, RFC 9110 section 10.2.3: seconds, or a date.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::connection::Head;

/// More seconds are nothing that a server means.
const MOST_SECONDS: f64 = 1e6;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How long the server wants to be left alone. A date is compared with the answer's own `Date`,
/// which is by the same clock, and with `now` only where there is none.
pub(super) fn retry_after(head: &Head, now: SystemTime) -> Option<Duration> {
    let value = head.header("retry-after")?.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        let is_meant = (0.0..MOST_SECONDS).contains(&seconds);
        return is_meant.then(|| Duration::from_secs_f64(seconds));
    }
    let since_epoch = now.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs() as i64);
    let sent = head.header("date").and_then(unix_seconds).or(since_epoch)?;
    let seconds = unix_seconds(value)?.saturating_sub(sent);
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// Seconds since 1970 of a date as RFC 9110 section 5.6.7 has them:
/// `Sun, 06 Nov 1994 08:49:37 GMT`, and the obsolete `Sunday, 06-Nov-94 08:49:37 GMT` and
/// `Sun Nov  6 08:49:37 1994`.
fn unix_seconds(date: &str) -> Option<i64> {
    let parts: Vec<&str> =
        date.split([' ', '-', ',']).filter(|part| !part.is_empty()).skip(1).collect();
    let (day, month, year, time) = match parts[..] {
        [day, month, year, time, "GMT" | "UTC"] => (day, month, year, time),
        [month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let day: i64 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = MONTHS.iter().position(|own| own.eq_ignore_ascii_case(month))? as i64 + 1;
    let year: i64 = match (year.len(), year.parse().ok()?) {
        (4, year @ 1601..) => year,
        (2, year @ 0..70) => 2000 + year,
        (2, year @ 70..) => 1900 + year,
        _ => return None,
    };
    let [hour, minute, second] = time.split(':').collect::<Vec<_>>()[..] else { return None };
    let number = |text: &str, below: i64| text.parse().ok().filter(|n| (0..below).contains(n));
    let seconds = number(hour, 24)? * 3600 + number(minute, 60)? * 60 + number(second, 61)?;
    Some(days(year, month, day) * 86_400 + seconds)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar. Years begin in March here, so that a
/// leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> Head {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Head { status: 429, headers: headers.iter().map(own).collect() }
    }

    fn seconds(headers: &[(&str, &str)]) -> Option<f64> {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        retry_after(&head(headers), now).map(|pause| pause.as_secs_f64())
    }

    #[test]
    fn the_three_forms_of_a_date_are_the_same_second() {
        // The example of RFC 9110.
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(unix_seconds(date), Some(784_111_777), "{date}");
        }
        assert_eq!(unix_seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(unix_seconds("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199));
        for wrong in ["", "soon", "Sun, 06 Nov 1994", "Sun, 40 Nov 1994 08:49:37 GMT", "a b c d e"]
        {
            assert_eq!(unix_seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_pause_is_given_in_seconds_or_until_a_date() {
        let later = ("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT");
        assert_eq!(seconds(&[("retry-after", "1.5")]), Some(1.5));
        assert_eq!(seconds(&[later]), Some(10.0));
        // The server's clock is 8 s behind.
        assert_eq!(seconds(&[later, ("date", "Sun, 06 Nov 1994 08:49:45 GMT")]), Some(2.0));
        assert_eq!(seconds(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]), Some(0.0));
        for wrong in ["-1", "1e9", "NaN", "tomorrow"] {
            assert_eq!(seconds(&[("retry-after", wrong)]), None, "{wrong}");
        }
        assert_eq!(seconds(&[]), None);
    }
}
