//! Ticks on the UTC calendar. Days are converted as in Howard Hinnant's "chrono-compatible
//! low-level date algorithms" (proleptic Gregorian calendar).

use crate::ticks::Tick;

/// 0001-01-01 00:00:00.
pub(crate) const FIRST_SECOND: f64 = -62_135_596_800.0;
/// 9999-12-31 23:59:59.
pub(crate) const LAST_SECOND: f64 = 253_402_300_799.0;

const DAY: i64 = 86_400;

/// Distance of ticks.
#[derive(Clone, Copy)]
enum Step {
    Seconds(i64),
    Months(i64),
}

const SECONDS: [i64; 21] = [
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1_800,
    3_600,
    7_200,
    10_800,
    21_600,
    43_200,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
];
const MONTHS: [i64; 4] = [1, 2, 3, 6];
const YEARS: [i64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];

/// Seconds from 1970-01-01 to the first Monday after it, so that weeks begin on Mondays.
const MONDAY: i64 = 4 * DAY;

/// Calendar ticks, the first at or before `lo`, the last at or after `hi`, with at most
/// `most` gaps where some step gives that.
pub(crate) fn calendar_ticks(lo: f64, hi: f64, most: usize) -> Vec<Tick> {
    let steps = SECONDS.into_iter().map(Step::Seconds);
    let months = MONTHS.into_iter().chain(YEARS.map(|years| 12 * years)).map(Step::Months);
    let steps: Vec<Step> = steps.chain(months).collect();
    let fitting = steps.iter().find(|step| n_gaps(**step, lo, hi) <= most as f64);
    let step = fitting.copied().unwrap_or(Step::Months(12 * 5_000));
    let instants = instants(step, lo, hi);
    let same_day = match (instants.first(), instants.last()) {
        (Some(first), Some(last)) => first.div_euclid(DAY) == last.div_euclid(DAY),
        _ => true,
    };
    instants
        .into_iter()
        .map(|second| Tick { at: second as f64, label: label(second, step, same_day) })
        .collect()
}

/// `2025-03-01 14:30`, with seconds where there are any.
pub(crate) fn utc_text(seconds: f64) -> String {
    let second = seconds.round() as i64;
    let (date, time) = (date_text(second), second.rem_euclid(DAY));
    match (time, time % 60) {
        (0, _) => date,
        (_, 0) => format!("{date} {}", clock_text(second, false)),
        _ => format!("{date} {}", clock_text(second, true)),
    }
}

/// `2025-03-01`.
pub(crate) fn date_text(second: i64) -> String {
    let (year, month, day) = civil(second.div_euclid(DAY));
    format!("{year:04}-{month:02}-{day:02}")
}

fn clock_text(second: i64, with_seconds: bool) -> String {
    let time = second.rem_euclid(DAY);
    let (hour, minute) = (time / 3_600, time / 60 % 60);
    if with_seconds {
        format!("{hour:02}:{minute:02}:{:02}", time % 60)
    } else {
        format!("{hour:02}:{minute:02}")
    }
}

fn label(second: i64, step: Step, same_day: bool) -> String {
    let (year, month, _) = civil(second.div_euclid(DAY));
    match step {
        Step::Months(n) if n % 12 == 0 => format!("{year:04}"),
        Step::Months(_) => format!("{year:04}-{month:02}"),
        Step::Seconds(n) if n >= DAY => date_text(second),
        Step::Seconds(n) => {
            let clock = clock_text(second, n < 60);
            if same_day { clock } else { format!("{} {clock}", &date_text(second)[5..]) }
        }
    }
}

/// Gaps between ticks at `step`.
fn n_gaps(step: Step, lo: f64, hi: f64) -> f64 {
    match step {
        Step::Seconds(n) => {
            let origin = if n % (7 * DAY) == 0 { MONDAY as f64 } else { 0.0 };
            let n = n as f64;
            ((hi - origin) / n).ceil() - ((lo - origin) / n).floor()
        }
        Step::Months(n) => {
            let month = |second: i64| {
                let (year, month, _) = civil(second.div_euclid(DAY));
                year * 12 + month - 1
            };
            let (first, last) = (month(lo.floor() as i64), month(hi.ceil() as i64 - 1) + 1);
            (last.div_euclid(n) + i64::from(last.rem_euclid(n) > 0) - first.div_euclid(n)) as f64
        }
    }
}

fn instants(step: Step, lo: f64, hi: f64) -> Vec<i64> {
    let (first, last) = (lo.floor() as i64, hi.ceil() as i64);
    let instant = |index: i64| match step {
        Step::Seconds(n) if n % (7 * DAY) == 0 => MONDAY + index * n,
        Step::Seconds(n) => index * n,
        Step::Months(n) => days((index * n).div_euclid(12), (index * n).rem_euclid(12) + 1) * DAY,
    };
    let mut index = match step {
        Step::Seconds(n) if n % (7 * DAY) == 0 => (first - MONDAY).div_euclid(n),
        Step::Seconds(n) => first.div_euclid(n),
        Step::Months(n) => {
            let (year, month, _) = civil(first.div_euclid(DAY));
            (year * 12 + month - 1).div_euclid(n)
        }
    };
    let mut instants = vec![instant(index)];
    while instants.last().is_some_and(|&instant| instant < last) {
        index += 1;
        instants.push(instant(index));
    }
    instants
}

/// Year, month and day of a day counted from 1970-01-01.
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The first day of a month, counted from 1970-01-01.
fn days(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * march_month + 2) / 5;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(lo: f64, hi: f64, most: usize) -> Vec<String> {
        calendar_ticks(lo, hi, most).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn instants_have_their_calendar_dates() {
        assert_eq!(utc_text(0.0), "1970-01-01");
        assert_eq!(utc_text(951_782_400.0), "2000-02-29");
        assert_eq!(utc_text(1_740_839_405.0), "2025-03-01 14:30:05");
        assert_eq!(utc_text(1_740_839_400.0), "2025-03-01 14:30");
        assert_eq!(utc_text(-1.0), "1969-12-31 23:59:59");
        assert_eq!(utc_text(FIRST_SECOND), "0001-01-01");
        assert_eq!(utc_text(LAST_SECOND), "9999-12-31 23:59:59");
    }

    #[test]
    fn ticks_fall_on_calendar_units() {
        let march = 1_740_787_200.0; // 2025-03-01
        assert_eq!(
            labels(march, march + 90.0 * 86_400.0, 5),
            ["2025-03", "2025-04", "2025-05", "2025-06"]
        );
        assert_eq!(labels(march, march + 3.0 * 86_400.0, 4).len(), 4);
        assert_eq!(
            labels(march, march + 3_600.0, 4),
            ["00:00", "00:15", "00:30", "00:45", "01:00"]
        );
        assert_eq!(
            labels(march - 3_600.0, march + 3_600.0, 2),
            ["02-28 23:00", "03-01 00:00", "03-01 01:00"]
        );
        assert_eq!(
            labels(march, march + 4.0, 4),
            ["00:00:00", "00:00:01", "00:00:02", "00:00:03", "00:00:04"]
        );
        assert_eq!(labels(march, march + 1e9, 4), ["2020", "2030", "2040", "2050", "2060"]);
    }

    #[test]
    fn weeks_begin_on_mondays() {
        let march = 1_740_787_200.0; // a Saturday
        let labels = labels(march, march + 20.0 * 86_400.0, 4);
        assert_eq!(labels, ["2025-02-24", "2025-03-03", "2025-03-10", "2025-03-17", "2025-03-24"]);
    }
}
