//! Series over an axis: what lines and time series share.

use crate::appearance::MOST_SERIES;
use crate::axis::{Axis, Reading, XAxis};
use crate::drawing::{FieldPoint, FieldSeries};
use crate::error::PlotError;
use crate::extent::Extent;
use crate::number::count;
use crate::table::{MOST_ROWS, Table};
use crate::text::clean;
use crate::thin::{every_nth, thin_band, thin_line};
use crate::wording::{course, preposition, sentence, times};

/// Points of all lines of a plot, roughly.
const MOST_POINTS: usize = 4_000;
/// A series of more points has markers at some of them only.
const MOST_MARKERS: usize = 60;
/// Markers on a series that has more points.
const FEW_MARKERS: usize = 12;
/// Missing values that are told one by one.
const MOST_GAPS: usize = 2;
/// Intervals of more points are drawn as a band.
const MOST_WHISKERS: usize = 200;

/// A point of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct LinePoint {
    /// Place on the x axis.
    pub x: f64,
    /// The value there, or why there is none.
    pub reading: Reading,
}

/// Points that belong together, in any order.
#[derive(Debug, Clone, PartialEq)]
pub struct LineSeries {
    /// Name in the legend; may be empty for an only series.
    pub label: String,
    /// The points.
    pub points: Vec<LinePoint>,
}

/// How intervals are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intervals {
    Bands,
    Whiskers,
}

/// Series that were checked, cleaned and sorted along the x axis.
pub(crate) struct CheckedSeries {
    pub(crate) x: XAxis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<LineSeries>,
}

/// Refuses more series than can be told apart.
pub(crate) fn check_number(n: usize, most: usize) -> Result<(), PlotError> {
    if n > most { Err(PlotError::TooManySeries { n, most }) } else { Ok(()) }
}

impl CheckedSeries {
    pub(crate) fn new(
        x: &XAxis,
        y: &Axis,
        series: &[LineSeries],
    ) -> Result<CheckedSeries, PlotError> {
        check_number(series.len(), MOST_SERIES)?;
        let (x, y) = (x.cleaned()?, y.cleaned()?);
        let checked = |series: &LineSeries| -> Result<LineSeries, PlotError> {
            let label = clean(&series.label);
            let mut points = Vec::with_capacity(series.points.len());
            for point in &series.points {
                x.check(&label, point.x)?;
                points.push(LinePoint { x: point.x, reading: point.reading.cleaned(&label, &y)? });
            }
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            Ok(LineSeries { label, points })
        };
        let series = series.iter().map(checked).collect::<Result<_, _>>()?;
        Ok(CheckedSeries { x, y, series })
    }

    /// Whether no series has a value.
    pub(crate) fn is_empty(&self) -> bool {
        self.points().all(|point| point.reading.known().is_none())
    }

    /// The first reason for a missing value, where there is one.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.points().find_map(|point| match &point.reading {
            Reading::Missing { reason } => Some(reason.as_str()),
            Reading::Value { .. } | Reading::Range { .. } => None,
        })
    }

    pub(crate) fn has_intervals(&self) -> bool {
        self.points().any(|point| point.reading.interval().is_some())
    }

    fn points(&self) -> impl Iterator<Item = &LinePoint> {
        self.series.iter().flat_map(|series| &series.points)
    }

    /// Range of the x axis, `more` included.
    pub(crate) fn x_extent(&self, more: impl Iterator<Item = f64>) -> Extent {
        Extent::along(&self.x, self.points().map(|point| point.x).chain(more))
    }

    /// Range of the y axis with all intervals, `more` included.
    pub(crate) fn y_extent(&self, more: impl Iterator<Item = f64>) -> Extent {
        let values = self.points().flat_map(|point| point.reading.numbers());
        Extent::of(&self.y, values.chain(more))
    }

    /// The series as they are drawn, and what was left out.
    pub(crate) fn drawn(
        &self,
        x: &Extent,
        intervals: Intervals,
    ) -> (Vec<FieldSeries>, Vec<String>) {
        let columns = (MOST_POINTS / 4 / self.series.len().max(1)).max(25);
        let mut notes: Vec<String> = self.gaps().into_iter().collect();
        let series = self.series.iter().map(|series| {
            let (drawn, n_kept) = draw(series, x, columns, intervals);
            let n_all = series.points.iter().filter(|p| p.reading.known().is_some()).count();
            if n_kept < n_all {
                notes.push(format!(
                    "{}drawn from {} of {} points: the lowest and highest of each stretch",
                    if series.label.is_empty() {
                        String::new()
                    } else {
                        format!("{}: ", series.label)
                    },
                    count(n_kept),
                    count(n_all)
                ));
            }
            drawn
        });
        (series.collect(), notes)
    }

    /// What the series do along the axis, and how the last compares with the first.
    pub(crate) fn sentence(&self) -> String {
        let title = &self.y.title;
        let mut parts = Vec::new();
        for (n, series) in self.series.iter().enumerate() {
            let name = match (n, series.label.as_str()) {
                (_, "") => title.clone(),
                (0, label) if !title.is_empty() => format!("{title} {label}"),
                (_, label) => label.to_owned(),
            };
            let points = known_points(series);
            parts.push(if points.is_empty() {
                format!("{name} has no data")
            } else {
                format!("{name} {}", course(&points, &self.x, &self.y.unit))
            });
        }
        let mut text = sentence(parts, "series");
        for more in [self.ratio(), self.gaps()].into_iter().flatten() {
            text.insert_str(text.len() - 1, &format!("; {more}"));
        }
        text
    }

    /// Where data are missing and why, in short.
    pub(crate) fn gaps(&self) -> Option<String> {
        let mut gaps: Vec<(f64, &str, Vec<&str>)> = Vec::new();
        for series in &self.series {
            for point in &series.points {
                let Reading::Missing { reason } = &point.reading else { continue };
                match gaps.iter_mut().find(|gap| gap.0 == point.x && gap.1 == reason) {
                    Some((.., labels)) => labels.push(&series.label),
                    None => gaps.push((point.x, reason, vec![&series.label])),
                }
            }
        }
        let text = |(x, reason, labels): &(f64, &str, Vec<&str>)| {
            let (at, x) = (preposition(&self.x), self.x.text(*x));
            let of_all = labels.len() == self.series.len();
            let of = if of_all { String::new() } else { format!(" of {}", labels.join(", ")) };
            format!("no data{of} {at} {x} ({reason})")
        };
        let mut texts: Vec<String> = gaps.iter().take(MOST_GAPS).map(text).collect();
        if gaps.len() > MOST_GAPS {
            texts.push(format!("no data at {} more places", count(gaps.len() - MOST_GAPS)));
        }
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    /// `p99 is 1.3 times p50 at 16`.
    fn ratio(&self) -> Option<String> {
        let (first, last) = (self.series.first()?, self.series.last()?);
        if self.series.len() < 2 {
            return None;
        }
        let (first_points, last_points) = (known_points(first), known_points(last));
        let (x, base) = *first_points.last()?;
        let (_, other) = *last_points.iter().rev().find(|(other_x, _)| *other_x == x)?;
        let (times, at) = (times(other, base)?, preposition(&self.x));
        let x = self.x.short_text(x);
        Some(format!("{} is {times} {} {at} {x}", last.label, first.label))
    }

    /// Rows along the x axis, one column a series.
    pub(crate) fn table(&self, caption: &str) -> Table {
        let size = |(lo, hi): (f64, f64)| lo.abs().max(hi.abs());
        let shown = self.y.unit.shown(size(self.y_extent(std::iter::empty()).ends()));
        let mut header = vec![self.x_header()];
        header.extend(self.series.iter().map(|series| {
            shown.titled(if series.label.is_empty() { &self.y.title } else { &series.label })
        }));
        let all = self.row_places();
        let kept = every_nth(all.len(), MOST_ROWS);
        let cell = |series: &LineSeries, x: f64, nth: usize| {
            let from = series.points.partition_point(|point| point.x < x);
            match series.points.get(from + nth).filter(|point| point.x == x) {
                None => "–".to_owned(),
                Some(LinePoint { reading: Reading::Missing { reason }, .. }) => {
                    format!("no data: {reason}")
                }
                Some(LinePoint { reading: Reading::Range { lower, upper }, .. }) => {
                    format!("{} to {}", shown.number(*lower), shown.number(*upper))
                }
                Some(LinePoint { reading: Reading::Value { value, interval }, .. }) => {
                    let interval = interval.map(|(lower, upper)| {
                        format!(" ({} to {})", shown.number(lower), shown.number(upper))
                    });
                    shown.number(*value) + &interval.unwrap_or_default()
                }
            }
        };
        let rows = kept.iter().map(|&row| {
            let (x, nth) = all[row];
            let cells = self.series.iter().map(|series| cell(series, x, nth));
            std::iter::once(self.x_cell(x)).chain(cells).collect()
        });
        let table = Table::cleaned(caption, &header, rows.collect());
        with_rows_note(table, kept.len(), all.len())
    }

    /// Each place of the x axis as often as the series with the most points there.
    fn row_places(&self) -> Vec<(f64, usize)> {
        let mut places: Vec<(f64, usize)> = Vec::new();
        for series in &self.series {
            for part in series.points.chunk_by(|a, b| a.x == b.x) {
                places.extend((0..part.len()).map(|nth| (part[0].x, nth)));
            }
        }
        places.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        places.dedup_by(|a, b| a.0 == b.0 && a.1 == b.1);
        places
    }

    fn x_header(&self) -> String {
        match &self.x {
            XAxis::Numeric(axis) => {
                let (lo, hi) = self.x_extent(std::iter::empty()).ends();
                axis.unit.shown(lo.abs().max(hi.abs())).titled(&axis.title)
            }
            XAxis::Utc { title } => format!("{title} (UTC)").trim_start().to_owned(),
            XAxis::Ordinal { title, .. } => title.clone(),
        }
    }

    fn x_cell(&self, x: f64) -> String {
        match &self.x {
            XAxis::Numeric(axis) => {
                let (lo, hi) = self.x_extent(std::iter::empty()).ends();
                axis.unit.shown(lo.abs().max(hi.abs())).place(x, hi - lo)
            }
            other => other.text(x),
        }
    }
}

/// The remark on a thinned table.
pub(crate) fn with_rows_note(table: Table, n_kept: usize, n_all: usize) -> Table {
    if n_kept == n_all {
        return table;
    }
    let every = (n_all - 1).div_ceil(MOST_ROWS - 1);
    let (kept, all) = (count(n_kept), count(n_all));
    table.with_note(format!("{kept} of {all} rows: one in {} and the last", count(every)))
}

fn known_points(series: &LineSeries) -> Vec<(f64, f64)> {
    series.points.iter().filter_map(|point| Some((point.x, point.reading.known()?))).collect()
}

fn draw(
    series: &LineSeries,
    x: &Extent,
    columns: usize,
    intervals: Intervals,
) -> (FieldSeries, usize) {
    let share = |place: f64| x.share(place);
    let mut drawn = FieldSeries { label: series.label.clone(), ..FieldSeries::default() };
    let is_known = |point: &LinePoint| point.reading.known().is_some();
    for piece in series.points.split(|point| !is_known(point)).filter(|piece| !piece.is_empty()) {
        let line: Vec<_> =
            piece.iter().filter_map(|point| Some((point.x, point.reading.known()?))).collect();
        let thinned = thin_line(&line, columns, share);
        drawn.thinned |= thinned.len() < line.len();
        drawn.lines.push(thinned);
    }
    let n_kept = drawn.lines.iter().map(Vec::len).sum();
    let spread =
        |point: &LinePoint| point.reading.interval().map(|(lower, upper)| (point.x, lower, upper));
    let all: Vec<_> = series.points.iter().filter_map(spread).collect();
    if intervals == Intervals::Whiskers && all.len() <= MOST_WHISKERS {
        drawn.whiskers = all;
    } else {
        for piece in series.points.split(|point| spread(point).is_none()) {
            let band: Vec<_> = piece.iter().filter_map(spread).collect();
            if band.len() == 1 {
                drawn.whiskers.push(band[0]);
            } else if !band.is_empty() {
                let thinned = thin_band(&band, columns, share);
                drawn.thinned |= thinned.len() < band.len();
                drawn.bands.push(thinned);
            }
        }
    }
    let places: Vec<_> = drawn.lines.iter().flatten().copied().collect();
    let most = if places.len() <= MOST_MARKERS { MOST_MARKERS } else { FEW_MARKERS };
    let point = |n: usize| FieldPoint { x: places[n].0, y: places[n].1, label: String::new() };
    drawn.points = every_nth(places.len(), most).into_iter().map(point).collect();
    (drawn, n_kept)
}
