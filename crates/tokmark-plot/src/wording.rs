//! Parts of sentences.

use crate::axis::XAxis;
use crate::number::{count, number};
use crate::unit::{Unit, quantity};

/// Values this close to each other, as a share of the greatest, are said to stay.
const STAYS: f64 = 0.05;
/// A peak or dip is told when it stands out by this share of the whole range.
const STANDS_OUT: f64 = 0.1;

/// Parts of a sentence that are told one by one; the others are counted.
pub(crate) const MOST_PARTS: usize = 3;

/// How values go along an axis: `rises from 52 ms at 1 request to 410 ms at 16`. At least one
/// point, in the order of the axis.
pub(crate) fn course(points: &[(f64, f64)], x: &XAxis, unit: &Unit) -> String {
    let (first, last) = (points[0], points[points.len() - 1]);
    let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
    let lowest = *points.iter().min_by(by_height).unwrap_or(&first);
    let highest = *points.iter().max_by(by_height).unwrap_or(&first);
    let at = preposition(x);
    let (from, to) = (quantity(first.1, unit), quantity(last.1, unit));
    let (low, high) = (quantity(lowest.1, unit), quantity(highest.1, unit));
    let (start, end) = (x.text(first.0), x.short_text(last.0));
    if points.len() == 1 {
        return format!("is {from} {at} {start}");
    }
    let range = highest.1 - lowest.1;
    if low == high {
        return format!("is {low} from {start} to {end}");
    }
    if range <= STAYS * lowest.1.abs().max(highest.1.abs()) {
        return format!("stays between {low} and {high} from {start} to {end}");
    }
    let peaks = highest.1 - first.1.max(last.1) > STANDS_OUT * range;
    let dips = first.1.min(last.1) - lowest.1 > STANDS_OUT * range;
    match (peaks, dips) {
        (true, true) => format!(
            "goes from {from} {at} {start} to {to} {at} {end}, between {low} {at} {} and {high} \
             {at} {}",
            x.short_text(lowest.0),
            x.short_text(highest.0)
        ),
        (true, false) => format!(
            "rises from {from} {at} {start} to {high} {at} {} and ends at {to} {at} {end}",
            x.short_text(highest.0)
        ),
        (false, true) => format!(
            "falls from {from} {at} {start} to {low} {at} {} and ends at {to} {at} {end}",
            x.short_text(lowest.0)
        ),
        (false, false) => {
            let verb = if last.1 > first.1 { "rises" } else { "falls" };
            format!("{verb} from {from} {at} {start} to {to} {at} {end}")
        }
    }
}

/// The word before a place on the axis.
pub(crate) fn preposition(x: &XAxis) -> &'static str {
    match x {
        XAxis::Numeric(_) => "at",
        XAxis::Ordinal { .. } => "for",
        XAxis::Utc { .. } => "on",
    }
}

/// The first parts, joined by `;`, and how many `others` there are more, as one sentence.
pub(crate) fn sentence(mut parts: Vec<String>, others: &str) -> String {
    let n_others = parts.len().saturating_sub(MOST_PARTS);
    if n_others > 0 {
        parts.truncate(MOST_PARTS);
        parts.push(format!("{} more {others} in the table", count(n_others)));
    }
    let text = parts.join("; ");
    let mut characters = text.chars();
    let capital = match characters.next() {
        Some(first) if !is_name(&text) => first.to_uppercase().chain(characters).collect(),
        _ => text,
    };
    format!("{capital}.")
}

/// Whether a text begins with a name that keeps its small letter: `p50`.
fn is_name(text: &str) -> bool {
    text.split(' ').next().is_some_and(|word| word.contains(|c: char| c.is_ascii_digit()))
}

/// `1.3 times`, where both values are positive and their ratio is a number.
pub(crate) fn times(value: f64, base: f64) -> Option<String> {
    let ratio = value / base;
    (value > 0.0 && base > 0.0 && ratio.is_normal()).then(|| format!("{} times", number(ratio)))
}

/// `1 request`, `2,000 requests`.
pub(crate) fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::Axis;

    fn told(values: &[f64]) -> String {
        let requests = Unit::counted("request", "requests");
        let x = XAxis::Numeric(Axis::linear("Concurrency", requests));
        let points: Vec<_> =
            values.iter().enumerate().map(|(n, value)| (f64::from(1 << n), *value)).collect();
        course(&points, &x, &Unit::Seconds)
    }

    #[test]
    fn a_course_is_told_by_its_shape() {
        assert_eq!(told(&[0.052]), "is 52 ms at 1 request");
        assert_eq!(told(&[0.052, 0.1, 0.41]), "rises from 52 ms at 1 request to 410 ms at 4");
        assert_eq!(told(&[0.41, 0.052]), "falls from 410 ms at 1 request to 52 ms at 2");
        assert_eq!(told(&[0.1, 0.102]), "stays between 100 ms and 102 ms from 1 request to 2");
        assert_eq!(told(&[0.1, 0.1]), "is 100 ms from 1 request to 2");
        assert_eq!(
            told(&[0.1, 0.9, 0.4]),
            "rises from 100 ms at 1 request to 900 ms at 2 and ends at 400 ms at 4"
        );
        assert_eq!(
            told(&[0.5, 0.1, 0.4]),
            "falls from 500 ms at 1 request to 100 ms at 2 and ends at 400 ms at 4"
        );
        assert_eq!(
            told(&[0.5, 0.1, 0.9, 0.4]),
            "goes from 500 ms at 1 request to 400 ms at 8, between 100 ms at 2 and 900 ms at 4"
        );
    }

    #[test]
    fn a_ratio_is_told_only_where_there_is_one() {
        assert_eq!(times(0.533, 0.41).as_deref(), Some("1.3 times"));
        for (value, base) in [(1.0, 0.0), (0.0, 1.0), (-1.0, 1.0), (1e100, 1e-300), (1e-300, 1e100)]
        {
            assert_eq!(times(value, base), None);
        }
    }

    #[test]
    fn parts_beyond_the_third_are_counted() {
        let parts = |n: usize| (0..n).map(|n| format!("part {n}")).collect::<Vec<_>>();
        assert_eq!(sentence(parts(2), "series"), "Part 0; part 1.");
        assert_eq!(
            sentence(parts(5), "series"),
            "Part 0; part 1; part 2; 2 more series in the table."
        );
        assert_eq!(sentence(vec!["p50 rises".into()], "series"), "p50 rises.");
    }
}
