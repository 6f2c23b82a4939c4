//! Numbers as people read them.

use tokmark_model::{
    Estimate, GradeLetter, ModelFacts, Nanos, NoInterval, Note, Record, Summary, Timestamp,
};

/// Three significant digits: `7.13`, `128`, `4,821`.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{}.{fraction}", thousands(whole)),
        None => thousands(&text),
    }
}

/// `2`, or `1.5` under a quota.
pub(crate) fn cpus(n: f64) -> String {
    if n.fract() == 0.0 { format!("{n:.0}") } else { format!("{n:.1}") }
}

/// `4821` as `4,821`.
pub(crate) fn thousands(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{sign}{text}")
}

/// `2026-11-22 00:34`, in UTC.
pub(crate) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// `7.31 ms`, `812 µs`, `12.0 s`.
pub(crate) fn time(time: Nanos) -> String {
    match time.get() as f64 {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{} µs", number(ns / 1e3)),
        ns if ns < 1e9 => format!("{} ms", number(ns / 1e6)),
        ns => format!("{} s", number(ns / 1e9)),
    }
}

/// `412 (405 to 419)`, or why there is no interval.
pub(crate) fn estimate(estimate: &Estimate) -> String {
    let rate = number(estimate.rate_tps.get());
    match (&estimate.interval, estimate.no_interval) {
        (Some(interval), _) => {
            format!("{rate} ({} to {})", number(interval.low), number(interval.high))
        }
        (None, Some(NoInterval::TooFew)) => format!("{rate} (no interval: too few)"),
        (None, _) => rate,
    }
}

/// `, ±1.9 %`, or nothing where there is no interval.
pub(crate) fn half_width(summary: &Summary) -> String {
    let width = summary.rate_half_width;
    width.map_or_else(String::new, |width| format!(", ±{:.1} %", width * 100.0))
}

/// `1 repetition`, `7 repetitions`.
pub(crate) fn counted(n: impl Into<u64>, noun: &str) -> String {
    match n.into() {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    }
}

pub(crate) fn grade(letter: GradeLetter) -> &'static str {
    match letter {
        GradeLetter::A => "A",
        GradeLetter::B => "B",
        GradeLetter::C => "C",
        GradeLetter::D => "D",
        GradeLetter::E => "E",
        GradeLetter::F => "F",
    }
}

/// The grade of a record, or a dash.
pub(crate) fn grade_of(record: &Record) -> &'static str {
    record.grade.as_ref().map_or("-", |found| grade(found.letter))
}

/// What people call a model: its file's name without the ending, with the quantization.
pub(crate) fn model(facts: &ModelFacts) -> String {
    let name = if facts.file_name.is_empty() { &facts.name } else { &facts.file_name };
    with_quantization(name.trim_end_matches(".gguf"), facts.quantization.as_deref())
}

/// `name`, with the quantization behind it where it isn't in the name.
pub(crate) fn with_quantization(name: &str, quantization: Option<&str>) -> String {
    match quantization {
        Some(quantization) if !name.to_uppercase().contains(&quantization.to_uppercase()) => {
            format!("{name} {quantization}")
        }
        _ => name.to_owned(),
    }
}

/// A dated remark: `2026-11-21 no gain, reverted`.
pub(crate) fn note(note: &Note) -> String {
    format!("{} {}", note.at.strftime("%Y-%m-%d"), note.text)
}

/// The first 13 characters of a record's id: the millisecond in which it was made.
pub(crate) fn short_id(id: uuid::Uuid) -> String {
    id.to_string().chars().take(13).collect()
}

/// Text without control characters, for a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits_and_their_thousands() {
        let shown = [0.1234, 7.128, 71.28, 712.8, 71_284.0].map(number);
        assert_eq!(shown, ["0.12", "7.13", "71.3", "713", "71,284"]);
    }

    #[test]
    fn times_choose_their_unit() {
        let shown = [12, 12_345, 12_345_678, 12_345_678_901].map(|ns| time(Nanos(ns)));
        assert_eq!(shown, ["12 ns", "12.3 µs", "12.3 ms", "12.3 s"]);
    }
}
