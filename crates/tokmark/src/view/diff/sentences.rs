//! What `tokmark diff` says in words.

use tokmark_model::{Record, RecordKind, Verdict};
use tokmark_stats::{Better, Difference, Explanation, Figure, Level, NoVerdict, Unit};

use super::{UNKNOWN, owner, value_text};
use crate::view::words::printable;

/// How far the two may be compared, and the most telling difference.
pub(super) fn heading(a: &Record, b: &Record, found: &Explanation) -> Vec<String> {
    if a.id == b.id {
        return vec!["A and B are the same record: nothing differs.".to_owned()];
    }
    let comparable = match found.comparability.level {
        Level::None if a.kind != b.kind => format!(
            "Not comparable: records of different kinds, {} and {}, are never set side by side.",
            kind(a.kind),
            kind(b.kind)
        ),
        Level::None => "Not comparable: A and B did different work.".to_owned(),
        Level::WorkloadOnly => {
            format!("Comparable by workload only: the same work; {}.", what_differs(found))
        }
        Level::SameStack => format!(
            "Comparable on the same stack: model, engine and settings are equal; {}.",
            what_differs(found)
        ),
        Level::SameHardwareAndStack => "Comparable on the same hardware and stack: what is left \
                                        is what changed in time."
            .to_owned(),
    };
    let telling = found.differences.first().map_or_else(
        || "Nothing that explains a figure differs.".to_owned(),
        |first| {
            let value = |value: &Option<String>| match value {
                Some(_) => value_text(value.as_deref(), false),
                None => UNKNOWN.to_owned(),
            };
            format!(
                "Most telling: {} of {} is {} in A and {} in B.",
                printable(&first.field),
                owner(first.group),
                value(&first.a),
                value(&first.b)
            )
        },
    );
    vec![comparable, telling]
}

/// `the engine and the parameters differ; the model is not known to be equal`: what keeps the
/// two from the next level.
fn what_differs(found: &Explanation) -> String {
    let needed = &found.comparability.needed;
    let is_known = |need: &&Difference| need.a.is_some() || need.b.is_some();
    let owners = |needs: Vec<&Difference>| {
        let mut owners: Vec<&str> = Vec::new();
        for need in needs {
            if !owners.contains(&owner(need.group)) {
                owners.push(owner(need.group));
            }
        }
        owners
    };
    let differing = owners(needed.iter().filter(is_known).collect());
    let mut unknown = owners(needed.iter().filter(|need| !is_known(need)).collect());
    unknown.retain(|owner| !differing.contains(owner));
    let said = |owners: &[&str], one: &str, several: &str| match owners {
        [] => None,
        [owner] if owner.ends_with('s') => Some(format!("{owner} {several}")),
        [owner] => Some(format!("{owner} {one}")),
        [first @ .., last] => Some(format!("{} and {last} {several}", first.join(", "))),
    };
    let parts = [
        said(&differing, "differs", "differ"),
        said(&unknown, "is not known to be equal", "are not known to be equal"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// What the verdicts mean, and why there are none.
pub(super) fn remarks(a: &Record, b: &Record, found: &Explanation) -> Vec<String> {
    let figures = &found.figures;
    if found.comparability.level == Level::None || a.id == b.id {
        return Vec::new();
    }
    if figures.is_empty() {
        return vec!["Neither record has figures of its own.".to_owned()];
    }
    let mut remarks = Vec::new();
    if let Some(text) = figures.first().and_then(main_verdict) {
        remarks.push(text);
    }
    let has = |reason| figures.iter().any(|figure| figure.no_verdict == Some(reason));
    if has(NoVerdict::StatisticsVersions) {
        let version = |record: &Record| {
            record.statistics_version().map_or_else(|| UNKNOWN.to_owned(), |n| n.to_string())
        };
        remarks.push(format!(
            "No verdicts: the figures were made by different versions of the statistics, {} in A \
             and {} in B; measure again with one of them.",
            version(a),
            version(b)
        ));
    }
    if has(NoVerdict::NoSamples) {
        remarks
            .push("No verdicts: a record without samples says nothing of its spread.".to_owned());
    }
    remarks
}

/// `B's session was faster by 12.0 % (8.1 % to 16.0 %); ...`.
fn main_verdict(main: &Figure) -> Option<String> {
    let comparison = main.comparison?;
    let (by, ends) = comparison.lead();
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let said = match comparison.verdict {
        Verdict::Same => format!(
            "By the {} the two sessions are the same within {:.0} %",
            main.name,
            comparison.same_within * 100.0
        ),
        Verdict::Undecided => {
            format!("By the {} it is undecided which session was faster", main.name)
        }
        verdict @ (Verdict::Faster | Verdict::Slower) => format!(
            "By the {}, {}'s session was faster by {} ({} to {})",
            main.name,
            if verdict == Verdict::Faster { "B" } else { "A" },
            percent(by),
            percent(ends.low),
            percent(ends.high)
        ),
    };
    Some(format!(
        "{said}. A and B were not measured in turns: an interval of a session says nothing of \
         other days."
    ))
}

/// A verdict as it fits a cell, or why there is none.
pub(super) fn verdict(figure: &Figure) -> String {
    let Some(comparison) = figure.comparison else {
        return match figure.no_verdict {
            Some(NoVerdict::OneSideOnly) => "in one record only",
            Some(NoVerdict::OneValue) => "one value a session",
            Some(NoVerdict::StatisticsVersions) => "other statistics version",
            Some(NoVerdict::NoSamples) => "no samples",
            Some(NoVerdict::ServiceLevels) => "other service levels",
            Some(NoVerdict::PerEvent) => "per event and per token",
            Some(NoVerdict::NoInterval) => "no interval",
            None => "-",
        }
        .to_owned();
    };
    let (by, ends) = comparison.lead();
    let word = match (figure.unit, figure.better) {
        (Unit::Percent | Unit::Count, _) => "better",
        (_, Better::Higher | Better::Lower) => "faster",
    };
    let side = match comparison.verdict {
        Verdict::Same => return format!("same within {:.0} %", comparison.same_within * 100.0),
        Verdict::Undecided => return "undecided".to_owned(),
        Verdict::Faster => "B",
        Verdict::Slower => "A",
    };
    let percent = |share: f64| format!("{:.1}", share * 100.0);
    format!("{side} {word} by {} % ({} to {})", percent(by), percent(ends.low), percent(ends.high))
}

/// A level after "on".
pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::None => "no level",
        Level::WorkloadOnly => "the same workload",
        Level::SameStack => "the same stack",
        Level::SameHardwareAndStack => "the same hardware and stack",
    }
}

pub(super) fn kind(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Measured => "measured",
        RecordKind::Imported => "imported",
        RecordKind::ImportedSummary => "imported without samples",
        RecordKind::Published => "published",
    }
}
