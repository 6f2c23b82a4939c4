//! Series of the history with their changes.

use std::collections::{BTreeMap, BTreeSet};

use tokmark_model::{GradeLetter, Interval};
use tokmark_plot::{
    Axis, LinePoint, LineSeries, Plot, Reading, TerminalOptions, TimeMark, TimeSeries, Unit, XAxis,
};
use tokmark_stats::{ChangePoint, Changes, Difference, Direction, SeriesKey, SeriesPoint, Watched};

use super::words::{counted, minute, note, number, printable, short_id, with_quantization};

/// Lag-1 correlation from which on a series is not called steady.
const ALIKE: f64 = 0.5;

/// Columns where no terminal tells.
const USUAL_WIDTH: usize = 100;
/// Lines of a plot.
const PLOT_LINES: usize = 16;
/// Differences that are named as a cause.
const NAMED: usize = 3;

/// For a terminal: each series with its changes, their causes and a plot; those without a change
/// in a line.
pub(crate) fn table(watched: &[Watched], all: bool) -> String {
    let width = crate::output::width().unwrap_or(USUAL_WIDTH).min(USUAL_WIDTH);
    let mut text = String::new();
    for series in in_order(watched) {
        text += &format!("{}\n", heading(series, watched));
        for line in lines(series) {
            text += &format!("  {line}\n");
        }
        let is_plotted = all || has_changed(series);
        if let Some(plot) = plot(series).filter(|_| is_plotted && series.points.len() > 1) {
            text += &plot.terminal(&TerminalOptions::new(width, PLOT_LINES));
            text.push('\n');
        }
    }
    if watched.is_empty() { text } else { text + &summary(watched) }
}

/// The same as Markdown, without plots.
pub(crate) fn markdown(watched: &[Watched], all: bool) -> String {
    let mut text = String::new();
    let is_told = |series: &&Watched| all || has_changed(series) || series.fails_now();
    for series in in_order(watched).filter(is_told) {
        text += &format!("### {}\n\n", heading(series, watched));
        for line in lines(series) {
            text += &format!("- {}\n", line.replace('<', "&lt;"));
        }
        text.push('\n');
    }
    text + &summary(watched)
}

/// Those with a change first.
fn in_order(watched: &[Watched]) -> impl Iterator<Item = &Watched> {
    let changed = watched.iter().filter(|series| has_changed(series));
    changed.chain(watched.iter().filter(|series| !has_changed(series)))
}

fn has_changed(series: &Watched) -> bool {
    series.changes.points().is_some_and(|points| !points.is_empty())
}

/// What the series is of; of its workload only what tells it from others of `all`.
fn heading(series: &Watched, all: &[Watched]) -> String {
    let key = &series.key;
    let machine = key.machine.get(..8).unwrap_or(&key.machine);
    let mut what = format!("{} {}", key.test, key.settings).trim_end().to_owned();
    for part in peculiar(&key.workload, alike(key, all)) {
        what += &format!(", {part}");
    }
    printable(&format!(
        "{}, {what}, {} on machine {machine}: {}",
        with_quantization(&key.model, None),
        key.engine,
        counted(series.points.len() as u64, "record")
    ))
}

/// Series that differ from this one in nothing that every heading has.
fn alike<'w>(
    key: &'w SeriesKey,
    all: &'w [Watched],
) -> impl Iterator<Item = &'w BTreeMap<String, String>> {
    let named =
        |key: &'w SeriesKey| (&key.model, &key.test, &key.settings, &key.engine, &key.machine);
    let keys = all.iter().map(|series| &series.key);
    keys.filter(move |other| named(other) == named(key)).map(|key| &key.workload)
}

/// The fields, with their values, in which not all are as this one.
fn peculiar<'w>(
    own: &BTreeMap<String, String>,
    others: impl Iterator<Item = &'w BTreeMap<String, String>>,
) -> BTreeSet<String> {
    let differing = others.flat_map(|other| {
        own.keys().chain(other.keys()).filter(|field| own.get(*field) != other.get(*field))
    });
    let value = |field: &String| own.get(field).map_or("unknown", String::as_str);
    differing.map(|field| format!("{} {}", field.replace('_', " "), value(field))).collect()
}

/// Records that follow each other are so much alike that a change from one to the next is no sign
/// of anything, nor is its absence.
fn is_alike(series: &Watched) -> bool {
    matches!(&series.changes, Changes::Searched { points, lag1 } if points.is_empty() && *lag1 >= ALIKE)
}

fn lines(series: &Watched) -> Vec<String> {
    let mut lines = match &series.changes {
        Changes::TooShort { n, needs } => {
            vec![format!("{n} of the {needs} records from which on a change can be told")]
        }
        Changes::NotARate { index } => {
            let id = series.points.get(*index).map(|point| short_id(point.id));
            vec![format!("record {} has no rate that can be compared", id.unwrap_or_default())]
        }
        Changes::Searched { points, lag1 } if points.is_empty() => vec![match is_alike(series) {
            true => format!(
                "no step stands out, but successive records are alike (lag 1: {lag1:.2}): the rate \
                 drifts or wanders"
            ),
            false => "no change".to_owned(),
        }],
        Changes::Searched { points, .. } => {
            points.iter().flat_map(|change| change_lines(series, change)).collect()
        }
    };
    for annotation in &series.annotations {
        let is_cause = series
            .changes
            .points()
            .into_iter()
            .flatten()
            .any(|change| series.causes(change).any(|cause| cause.index == annotation.index));
        if !is_cause {
            let at = when(series, annotation.index);
            // Where nothing was searched nothing is known of a change.
            let is_searched = series.changes.points().is_some() && !is_alike(series);
            let without = if is_searched { "; no change with it" } else { "" };
            lines.push(format!("{at}: {}{without}", named(&annotation.differences)));
        }
    }
    lines.extend(not_recovered(series));
    lines.extend(disturbed(series));
    lines.extend(failed(series));
    for point in &series.points {
        lines.extend(point.notes.iter().map(|text| format!("note: {}", printable(&note(text)))));
    }
    lines
}

/// A change for the worse that others followed, where it was not made good.
fn not_recovered(series: &Watched) -> Option<String> {
    let found = series.regression().filter(|found| found.now.start != found.index)?;
    let interval = found.interval.as_ref().map_or_else(String::new, |interval| {
        format!(" (ratio {:.3}, {:.3} to {:.3})", found.ratio, interval.low, interval.high)
    });
    Some(format!(
        "still {:.1} % slower{interval} than before {}",
        100.0 * (1.0 - found.ratio),
        when(series, found.index)
    ))
}

/// Records that have no rate.
fn failed(series: &Watched) -> Option<String> {
    let last = series.failed.last()?;
    let since = match series.fails_now() {
        true => ", and none succeeded since",
        false => "",
    };
    Some(format!(
        "{} failed and have no rate, the last at {}: {}{since}",
        counted(series.failed.len() as u64, "record"),
        minute(last.at),
        short_id(last.id)
    ))
}

/// Records during which the machine did much else; they are points like any other.
fn disturbed(series: &Watched) -> Option<String> {
    let is_worst = |point: &&SeriesPoint| point.grade == Some(GradeLetter::F);
    let ids: Vec<String> =
        series.points.iter().filter(is_worst).map(|point| short_id(point.id)).collect();
    let more = match ids.len().checked_sub(NAMED) {
        Some(n @ 1..) => format!(" and {n} more"),
        _ => String::new(),
    };
    (!ids.is_empty()).then(|| {
        format!(
            "{} graded F, disturbed while measured: {}{more}; --grade E leaves them out",
            counted(ids.len() as u64, "record"),
            ids[..ids.len().min(NAMED)].join(", ")
        )
    })
}

fn change_lines(series: &Watched, change: &ChangePoint) -> Vec<String> {
    let word = match change.direction {
        Direction::Slower => "slower",
        Direction::Faster => "faster",
    };
    let percent = 100.0 * (change.ratio - 1.0).abs();
    let interval = change.interval.as_ref().map_or_else(String::new, |interval| {
        format!(" (ratio {:.3}, {:.3} to {:.3})", change.ratio, interval.low, interval.high)
    });
    let id = series.points.get(change.index).map(|point| short_id(point.id)).unwrap_or_default();
    let mut lines = vec![format!(
        "{}: {percent:.1} % {word}{interval}, {} to {} tok/s, from record {id} on; p {:.3}",
        when(series, change.index),
        number(change.before.median),
        number(change.after.median),
        change.p_value,
    )];
    if series.is_within_own_intervals(change) == Some(true) {
        lines.push(
            "  smaller than the intervals of its records: only many of them together show it"
                .to_owned(),
        );
    }
    for cause in series.causes(change) {
        let at = when(series, cause.index);
        lines.push(format!("  with it, {at}: {}", named(&cause.differences)));
    }
    if series.causes(change).next().is_none() {
        lines.push(
            "  with it nothing that a record tells of engine, drivers, kernel or hardware"
                .to_owned(),
        );
    }
    lines
}

/// `kernel 6.1 -> 6.2, engine version b1 -> b2, and 2 more`.
fn named(differences: &[Difference]) -> String {
    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let one = |found: &Difference| {
        printable(&format!("{} {} -> {}", found.field, side(&found.a), side(&found.b)))
    };
    let mut text: Vec<String> = differences.iter().take(NAMED).map(one).collect();
    if let Some(more) = differences.len().checked_sub(NAMED).filter(|more| *more > 0) {
        text.push(format!("and {more} more (tokmark diff shows all)"));
    }
    text.join(", ")
}

fn when(series: &Watched, index: usize) -> String {
    let at = series.points.get(index).map(|point| point.at);
    at.map_or_else(String::new, |at| format!("{} UTC", minute(at)))
}

fn summary(watched: &[Watched]) -> String {
    let n_changed = watched.iter().filter(|series| has_changed(series)).count();
    let n_short =
        watched.iter().filter(|series| matches!(series.changes, Changes::TooShort { .. })).count();
    let n_worse = watched.iter().filter(|series| series.regression().is_some()).count();
    format!(
        "{}: {n_changed} changed, {n_worse} of them for the worse and not recovered, {n_short} too \
         short to tell\n",
        match watched.len() {
            1 => "1 series".to_owned(),
            n => format!("{n} series"),
        }
    )
}

/// The rates over time with their intervals, the changes and the notes as marks.
pub(crate) fn plot(series: &Watched) -> Option<Plot> {
    let seconds = |index: usize| series.points.get(index).map(|point| point.at.as_second() as f64);
    let reading = |rate: f64, interval: Option<Interval>| match interval {
        Some(interval) => Reading::within(rate, interval.low, interval.high),
        None => Reading::value(rate),
    };
    let points = series.points.iter().map(|point| LinePoint {
        x: point.at.as_second() as f64,
        reading: reading(point.rate.rate_tps.get(), point.rate.interval),
    });
    let changes = series.changes.points().into_iter().flatten().filter_map(|change| {
        let sign = if change.direction == Direction::Slower { '-' } else { '+' };
        let percent = 100.0 * (change.ratio - 1.0).abs();
        Some(TimeMark { x: seconds(change.index)?, label: format!("change, {sign}{percent:.1} %") })
    });
    let notes = series.points.iter().flat_map(|point| {
        point
            .notes
            .iter()
            .map(|note| TimeMark { x: point.at.as_second() as f64, label: printable(&note.text) })
    });
    let plot = TimeSeries {
        title: format!("{} over time", series.key.test),
        x: XAxis::Utc { title: "Begun".to_owned() },
        y: Axis::linear("Rate", Unit::symbol("tok/s")),
        series: vec![LineSeries { label: String::new(), points: points.collect() }],
        intervals: "95 % interval".to_owned(),
        marks: changes.chain(notes).collect(),
    };
    plot.plot().ok()
}

#[cfg(test)]
mod tests {
    use tokmark_model::{Note, Record, Timestamp, TokensPerSecond, Uuid};
    use tokmark_stats::{ChangeOptions, watch};

    use super::*;
    use crate::view::tests::records;

    /// Gives the rate an interval of this half width.
    fn within(rate: &mut tokmark_model::Estimate, share: f64) {
        let tps = rate.rate_tps.get();
        rate.interval = Some(Interval {
            low: (1.0 - share) * tps,
            high: (1.0 + share) * tps,
            level: 0.95,
            method: tokmark_model::IntervalMethod::OrderStatistic,
        });
    }

    /// A series that became slower with another kernel, one that stayed, and one of three records.
    fn history() -> Vec<Record> {
        let like = records().remove(1);
        let day = |n: usize| Timestamp::from_second(1_767_225_600 + 86_400 * n as i64).unwrap();
        let record = |model: usize, n: usize, rate: f64| {
            let id = Uuid::from_u128((1 + n as u128) << 80 | model as u128);
            let mut record = Record { id, created_at: day(n), ..like.clone() };
            record.model.name = format!("model-{model}");
            record.model.sha256 = Some(model.to_string());
            let summary = record.summary.as_mut().unwrap();
            summary.rate.rate_tps = TokensPerSecond(rate * (1.0 + 0.002 * ((n * 7) % 5) as f64));
            within(&mut summary.rate, 0.02);
            record
        };
        let mut all = Vec::new();
        for n in 0..20 {
            let mut changing = record(0, n, if n < 12 { 100.0 } else { 90.0 });
            if n >= 12 {
                changing.machine.os.kernel = Some("9.9.9".to_owned());
            }
            changing.grade = None;
            if n == 3 || n == 15 {
                let letter = tokmark_model::GradeLetter::F;
                changing.grade = Some(tokmark_model::Grade { letter, reasons: Vec::new() });
            }
            if n == 14 {
                changing.notes = vec![Note { at: day(14), text: "new kernel".to_owned() }];
            }
            all.extend([changing, record(1, n, 100.0)]);
        }
        all.extend((0..3).map(|n| record(2, n, 100.0)));
        all
    }

    #[test]
    fn a_step_within_the_records_own_intervals_is_marked() {
        let mut records = history();
        for record in &mut records {
            within(&mut record.summary.as_mut().unwrap().rate, 0.3);
        }
        let shown = table(&watch(&records, &ChangeOptions::default()), false);
        assert!(shown.contains("smaller than the intervals of its records"), "{shown}");
    }

    #[test]
    fn changes_come_with_their_causes_and_short_series_say_so() {
        let watched = watch(&history(), &ChangeOptions::default());
        insta::assert_snapshot!("watch", table(&watched, false));
        insta::assert_snapshot!("watch_md", markdown(&watched, true));
    }

    #[test]
    fn of_a_workload_only_what_differs_is_named() {
        let workload = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let cold = workload(&[("shape", "chat"), ("temperature", "0")]);
        let warm = workload(&[("shape", "chat"), ("temperature", "0.7"), ("prefix_cache", "kept")]);
        let said = |one: &BTreeMap<String, String>| {
            peculiar(one, [&cold, &warm].into_iter()).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(said(&cold), ["prefix cache unknown", "temperature 0"]);
        assert_eq!(said(&warm), ["prefix cache kept", "temperature 0.7"]);
        assert_eq!(peculiar(&cold, [&cold].into_iter()).len(), 0);
    }
}
