//! Two records beside each other.

mod sentences;
#[cfg(test)]
mod tests;

use serde::Serialize;
use tokmark_model::{Bytes, Nanos, Record, RecordId, RecordKind, Status, Timestamp};
use tokmark_plot::Table;
use tokmark_stats::{
    Comparability, Difference, Explanation, Figure, FigureValue, Group, Level, Unit,
};

use super::load::rows::Rows;
use super::table::status_word;
use super::words::{grade_of, minute, number, printable, short_id, time};
use sentences::{heading, remarks, verdict};

/// Differences of a group that are shown unless all are asked for.
const MOST_OF_A_GROUP: usize = 6;
/// Letters of a value that are shown unless all is asked for.
const MOST_LETTERS: usize = 44;
/// What would have to be equal, unless all is asked for.
const MOST_NEEDED: usize = 8;
/// What stands for a value that a record lacks.
const UNKNOWN: &str = "unknown";

/// One of the two records, as the JSON document names it.
#[derive(Serialize)]
pub(crate) struct Side<'a> {
    id: RecordId,
    label: String,
    kind: RecordKind,
    status: Status,
    created_at: Timestamp,
    grade: Option<&'a tokmark_model::Grade>,
}

/// Everything as one JSON document.
#[derive(Serialize)]
pub(crate) struct Document<'a> {
    a: Side<'a>,
    b: Side<'a>,
    #[serde(flatten)]
    explanation: &'a Explanation,
}

pub(crate) fn document<'a>(a: &'a Record, b: &'a Record, found: &'a Explanation) -> Document<'a> {
    let side = |record: &'a Record| Side {
        id: record.id,
        label: record.label(),
        kind: record.kind,
        status: record.status,
        created_at: record.created_at,
        grade: record.grade.as_ref(),
    };
    Document { a: side(a), b: side(b), explanation: found }
}

/// For a terminal: how far they compare, the differences by group, the figures, and what would
/// have to be equal.
pub(crate) fn table(a: &Record, b: &Record, found: &Explanation, all: bool) -> String {
    let mut text = format!("A  {}\nB  {}\n\n", side(a), side(b));
    for line in heading(a, b, found) {
        text += &format!("{line}\n");
    }
    for rows in rows_of(a, b, found, all) {
        text += &rows.map_or_else(String::new, |rows| format!("\n{}", rows.text()));
    }
    for line in remarks(a, b, found) {
        text += &format!("\n{line}\n");
    }
    if let Some((title, lines)) = needed(&found.comparability, all) {
        text += &format!("\n{title}\n");
        for line in lines {
            text += &format!("  {line}\n");
        }
    }
    text
}

/// The same in Markdown.
pub(crate) fn markdown(a: &Record, b: &Record, found: &Explanation, all: bool) -> String {
    let mut text = format!("- A: {}\n- B: {}\n", side(a), side(b));
    for line in heading(a, b, found) {
        text += &format!("\n{line}\n");
    }
    for table in rows_of(a, b, found, all).into_iter().flatten().filter_map(|rows| rows.table()) {
        text += &format!("\n{}", Table::markdown(&table));
    }
    for line in remarks(a, b, found) {
        text += &format!("\n{line}\n");
    }
    if let Some((title, lines)) = needed(&found.comparability, all) {
        text += &format!("\n{title}\n\n");
        for line in lines {
            text += &format!("- {line}\n");
        }
    }
    text
}

/// Differences and figures; those of a record beside itself say nothing.
fn rows_of(a: &Record, b: &Record, found: &Explanation, all: bool) -> [Option<Rows>; 2] {
    let shown: &[Figure] = if a.id == b.id { &[] } else { &found.figures };
    [differences(&found.differences, all), figures(shown)]
}

/// `01a200ad-bf58  pp512  2026-11-22 00:34  grade D`.
fn side(record: &Record) -> String {
    let mut parts = vec![
        short_id(record.id),
        printable(&record.label()),
        format!("{} UTC", minute(record.created_at)),
    ];
    parts.extend(match grade_of(record) {
        "-" => None,
        grade => Some(format!("grade {grade}")),
    });
    if record.kind != RecordKind::Measured {
        parts.push(sentences::kind(record.kind).to_owned());
    }
    if record.status != Status::Ok {
        parts.push(status_word(record.status).to_owned());
    }
    parts.join("  ")
}

fn differences(found: &[Difference], all: bool) -> Option<Rows> {
    let mut sorted: Vec<&Difference> = found.iter().collect();
    // The group with the most telling difference first; stable, so within a group as well.
    sorted.sort_by_key(|one| found.iter().position(|other| other.group == one.group));
    let mut cells = Vec::new();
    for group in sorted.chunk_by(|one, next| one.group == next.group) {
        let shown = if all { group.len() } else { group.len().min(MOST_OF_A_GROUP) };
        for (n, one) in group[..shown].iter().enumerate() {
            let title = if n == 0 { title(one.group) } else { "" };
            let [a, b] = [&one.a, &one.b].map(|value| value_text(value.as_deref(), all));
            cells.push(vec![title.to_owned(), printable(&one.field), a, b]);
        }
        if shown < group.len() {
            let more = format!("{} more: --all", group.len() - shown);
            cells.push(vec![String::new(), more, String::new(), String::new()]);
        }
    }
    rows("Differences", &["about", "field", "A", "B"], cells)
}

fn rows(caption: &str, header: &[&str], cells: Vec<Vec<String>>) -> Option<Rows> {
    let header = header.iter().map(|title| ((*title).to_owned(), String::new())).collect();
    (!cells.is_empty()).then(|| Rows { caption: caption.to_owned(), header, cells })
}

/// A value, cut in the middle where it is long: builds differ at the end of their names.
fn value_text(value: Option<&str>, all: bool) -> String {
    let Some(value) = value else { return UNKNOWN.to_owned() };
    let text = printable(value);
    let n = text.chars().count();
    if all || n <= MOST_LETTERS {
        return text;
    }
    let half = MOST_LETTERS / 2 - 1;
    let first: String = text.chars().take(half).collect();
    let last: String = text.chars().skip(n - half).collect();
    format!("{first}..{last}")
}

fn title(group: Group) -> &'static str {
    match group {
        Group::Measured => "what is measured",
        Group::Model => "model",
        Group::Engine => "engine",
        Group::Parameters => "parameters",
        Group::Hardware => "hardware",
        Group::Software => "software",
        Group::Noise => "noise",
        Group::Versions => "versions",
        Group::Remarks => "remarks",
    }
}

fn figures(found: &[Figure]) -> Option<Rows> {
    let row = |figure: &Figure| {
        let [a, b] = [figure.a, figure.b].map(|value| figure_text(figure.unit, value));
        let change = figure.change.map_or_else(|| "-".to_owned(), change);
        vec![figure.name.clone(), a, b, change, verdict(figure)]
    };
    let cells = found.iter().map(row).collect();
    rows("Figures", &["figure", "A", "B", "change", "verdict"], cells)
}

/// `+3.2 %`, of the value itself: of a time more is slower.
fn change(share: f64) -> String {
    format!("{:+.1} %", share * 100.0)
}

/// `102 tok/s (98.0 to 103)`.
fn figure_text(unit: Unit, value: Option<FigureValue>) -> String {
    let Some(FigureValue { value, interval }) = value else { return "-".to_owned() };
    let span = |ms: f64| time(Nanos((ms * 1e6).max(0.0).round() as u64));
    let bare: &dyn Fn(f64) -> String = match unit {
        Unit::Milliseconds => &span,
        Unit::Bytes => &|bytes| Bytes(bytes as u64).to_string(),
        Unit::Count => &|n| super::words::thousands(&format!("{n:.0}")),
        _ => &number,
    };
    let word = match unit {
        Unit::TokensPerSecond => " tok/s",
        Unit::RequestsPerSecond => " per s",
        Unit::Percent => " %",
        Unit::TokensPerSecondPerGb => " tok/s/GB",
        Unit::Milliseconds | Unit::Bytes | Unit::Count => "",
    };
    let ends = interval
        .map_or_else(String::new, |ends| format!(" ({} to {})", bare(ends.low), bare(ends.high)));
    format!("{}{word}{ends}", bare(value))
}

/// What would have to be equal for the next level, and how it is now.
fn needed(found: &Comparability, all: bool) -> Option<(String, Vec<String>)> {
    let next = found.next?;
    let title = match next {
        Level::WorkloadOnly => "To be compared at all, these would have to be equal:".to_owned(),
        next => format!(
            "For a fair comparison on {}, these would have to be equal:",
            sentences::level(next)
        ),
    };
    let shown = if all { found.needed.len() } else { found.needed.len().min(MOST_NEEDED) };
    let mut lines: Vec<String> =
        found.needed[..shown].iter().map(|need| need_text(need, all)).collect();
    match found.needed.len() - shown {
        0 => {}
        n => lines.push(format!("and {n} more: --all")),
    }
    Some((title, lines))
}

fn need_text(need: &Difference, all: bool) -> String {
    let values = match (&need.a, &need.b) {
        (None, None) => "unknown in both".to_owned(),
        (a, b) => {
            let [a, b] = [a, b].map(|value| value_text(value.as_deref(), all));
            format!("{a} in A, {b} in B")
        }
    };
    format!("{} of {}: {values}", printable(&need.field), owner(need.group))
}

/// Whose field it is, in a sentence.
fn owner(group: Group) -> &'static str {
    match group {
        Group::Measured => "the measurement",
        Group::Model => "the model",
        Group::Engine => "the engine",
        Group::Parameters => "the parameters",
        Group::Hardware => "the hardware",
        Group::Software => "the system",
        Group::Noise => "the session",
        Group::Versions => "the program",
        Group::Remarks => "the remarks",
    }
}
