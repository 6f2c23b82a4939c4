//! What a plot draws, given away as numbers and text.

use serde::Serialize;

use crate::axis::{Scale, XAxis};
use crate::drawing::{Drawing, Field, FieldSeries, Guide, Row, Rows};
use crate::extent::Extent;
use crate::plot::Plot;
use crate::unit::Shown;

/// Gaps between the ticks of a level axis, at most.
const MOST_ALONG: usize = 10;
/// Gaps between the ticks of an upright axis, at most.
const MOST_UP: usize = 8;

/// What a plot draws, as numbers and text, for a program that draws it itself. All text is
/// hostile. Numbers are in the unit that the title of their axis names, instants in seconds since
/// 1970-01-01 00:00 UTC, and places among names are indexes from 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlotData {
    /// What a reader must know beside the axes.
    pub notes: Vec<String>,
    /// The picture.
    pub drawing: DrawingData,
}

/// Contents of a plot.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DrawingData {
    /// Nothing.
    Empty {
        /// Why.
        reason: String,
    },
    /// Series over two axes.
    Field(FieldData),
    /// Rows along one axis.
    Rows(RowsData),
}

/// How values lie on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AxisKind {
    /// Equal differences, equal lengths.
    Linear,
    /// Equal ratios, equal lengths.
    Log,
    /// Instants.
    Utc,
    /// Names at equal distances.
    Names,
}

/// An axis with its ticks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AxisData {
    /// What it shows, with the unit.
    pub title: String,
    /// Unit of its numbers; empty for bare ones, instants and names.
    pub unit: String,
    /// How values lie on it.
    pub kind: AxisKind,
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Places with their labels, rising, between the ends.
    pub ticks: Vec<(f64, String)>,
    /// All names of an axis of names.
    pub names: Vec<String>,
}

/// Series over two axes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldData {
    /// The level axis.
    pub x: AxisData,
    /// The upright axis.
    pub y: AxisData,
    /// The series; the place in the list gives colour, dash and marker.
    pub series: Vec<SeriesData>,
    /// Straight lines across the plot.
    pub guides: Vec<GuideData>,
}

/// One series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeriesData {
    /// Its name; may be empty for an only series.
    pub label: String,
    /// Connected points (x, y), in pieces where data are missing.
    pub lines: Vec<Vec<(f64, f64)>>,
    /// The line goes in steps: first across, then up or down.
    pub steps: bool,
    /// Below the line is shaded.
    pub filled: bool,
    /// Shaded intervals (x, lower, upper), in pieces.
    pub bands: Vec<Vec<(f64, f64, f64)>>,
    /// Single intervals (x, lower, upper).
    pub whiskers: Vec<(f64, f64, f64)>,
    /// Marked points (x, y, name), the name mostly empty.
    pub points: Vec<(f64, f64, String)>,
    /// Points were left out: a place of a band holds the intervals of several.
    pub thinned: bool,
}

/// A straight line across the plot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GuideData {
    /// Where it crosses its axis: the level one if it is upright.
    pub at: f64,
    /// Its name.
    pub label: String,
    /// Whether it is upright.
    pub upright: bool,
}

/// Rows along one axis, from top to bottom.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowsData {
    /// The axis.
    pub x: AxisData,
    /// The rows, under their labels.
    pub groups: Vec<GroupData>,
    /// What spans are called and how they are filled; spans refer to them by their place.
    pub patterns: Vec<PatternData>,
    /// Name of the crosses, where there are any.
    pub cross: Option<String>,
}

/// Rows under one label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupData {
    /// The label.
    pub label: String,
    /// The rows.
    pub rows: Vec<RowData>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowData {
    /// Filled pieces.
    pub spans: Vec<SpanData>,
    /// An interval (lower, upper).
    pub whisker: Option<(f64, f64)>,
    /// A cross and what it means.
    pub cross: Option<(f64, String)>,
    /// Written behind the row, with its unit; may be empty.
    pub text: String,
}

/// A filled piece of a row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpanData {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Which pattern it has.
    pub pattern: usize,
}

/// A kind of span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PatternData {
    /// Its name; may be empty for an only one.
    pub label: String,
    /// Gives colour and tile.
    pub style: usize,
}

/// `plot` as data.
pub(crate) fn data(plot: &Plot) -> PlotData {
    let drawing = match &plot.drawing {
        Drawing::Empty(reason) => DrawingData::Empty { reason: reason.clone() },
        Drawing::Field(drawn) => DrawingData::Field(field(drawn)),
        Drawing::Rows(drawn) => DrawingData::Rows(rows(drawn)),
    };
    PlotData { notes: plot.notes.clone(), drawing }
}

/// In what the numbers of an axis are given.
enum Given {
    Multiple(Shown),
    Instants,
    Places,
}

impl Given {
    fn of(extent: &Extent) -> Given {
        match extent.axis() {
            XAxis::Numeric(axis) => {
                let (lo, hi) = extent.ends();
                Given::Multiple(axis.unit.shown(lo.abs().max(hi.abs())))
            }
            XAxis::Utc { .. } => Given::Instants,
            XAxis::Ordinal { .. } => Given::Places,
        }
    }

    /// Nine digits, or milliseconds, tell apart whatever a picture shows.
    fn number(&self, value: f64) -> f64 {
        match self {
            Given::Multiple(shown) => {
                let value = shown.scale(value);
                format!("{value:.8e}").parse().unwrap_or(value)
            }
            Given::Instants => (value * 1e3).round() / 1e3,
            Given::Places => value,
        }
    }

    fn axis(&self, extent: &Extent, most: usize) -> AxisData {
        let (kind, names) = match extent.axis() {
            XAxis::Numeric(axis) if axis.scale == Scale::Log => (AxisKind::Log, Vec::new()),
            XAxis::Numeric(_) => (AxisKind::Linear, Vec::new()),
            XAxis::Utc { .. } => (AxisKind::Utc, Vec::new()),
            XAxis::Ordinal { labels, .. } => (AxisKind::Names, labels.clone()),
        };
        let fitted = extent.fit(most.max(names.len()));
        let (low, high) = fitted.ends();
        let ticks = fitted.ticks.into_iter().map(|tick| (self.number(tick.at), tick.label));
        AxisData {
            title: fitted.title,
            unit: match self {
                Given::Multiple(shown) => shown.symbol.clone(),
                Given::Instants | Given::Places => String::new(),
            },
            kind,
            low: self.number(low),
            high: self.number(high),
            ticks: ticks.collect(),
            names,
        }
    }
}

fn field(field: &Field) -> FieldData {
    let (x, y) = (Given::of(&field.x), Given::of(&field.y));
    let guide = |guide: &Guide| GuideData {
        at: if guide.upright { x.number(guide.at) } else { y.number(guide.at) },
        label: guide.label.clone(),
        upright: guide.upright,
    };
    FieldData {
        x: x.axis(&field.x, MOST_ALONG),
        y: y.axis(&field.y, MOST_UP),
        series: field.series.iter().map(|one| series(one, &x, &y)).collect(),
        guides: field.guides.iter().map(guide).collect(),
    }
}

fn series(series: &FieldSeries, x: &Given, y: &Given) -> SeriesData {
    let place = |&(at, value): &(f64, f64)| (x.number(at), y.number(value));
    let interval =
        |&(at, lower, upper): &(f64, f64, f64)| (x.number(at), y.number(lower), y.number(upper));
    let points = series.points.iter();
    SeriesData {
        label: series.label.clone(),
        lines: series.lines.iter().map(|line| line.iter().map(place).collect()).collect(),
        steps: series.steps,
        filled: series.filled,
        bands: series.bands.iter().map(|band| band.iter().map(interval).collect()).collect(),
        whiskers: series.whiskers.iter().map(interval).collect(),
        points: points
            .map(|point| (x.number(point.x), y.number(point.y), point.label.clone()))
            .collect(),
        thinned: series.thinned,
    }
}

fn rows(rows: &Rows) -> RowsData {
    let x = Given::of(&rows.x);
    let row = |row: &Row| RowData {
        spans: row
            .spans
            .iter()
            .map(|span| SpanData {
                from: x.number(span.from),
                to: x.number(span.to),
                pattern: span.pattern,
            })
            .collect(),
        whisker: row.whisker.map(|(lower, upper)| (x.number(lower), x.number(upper))),
        cross: row.cross.as_ref().map(|(at, what)| (x.number(*at), what.clone())),
        text: row.text.clone(),
    };
    let patterns = rows.patterns.iter();
    RowsData {
        x: x.axis(&rows.x, MOST_ALONG),
        groups: rows
            .groups
            .iter()
            .map(|group| GroupData {
                label: group.label.clone(),
                rows: group.rows.iter().map(row).collect(),
            })
            .collect(),
        patterns: patterns
            .map(|pattern| PatternData { label: pattern.label.clone(), style: pattern.style })
            .collect(),
        cross: rows.cross.clone(),
    }
}
