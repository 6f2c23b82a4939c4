//! What a plot draws, in the units of its axes: the one thing that all renderers read.

use crate::extent::Extent;

/// Contents of a plot.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Drawing {
    /// Nothing, and why.
    Empty(String),
    /// Series over two axes.
    Field(Field),
    /// Rows along one axis.
    Rows(Rows),
}

/// Series over two axes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) x: Extent,
    pub(crate) y: Extent,
    pub(crate) series: Vec<FieldSeries>,
    pub(crate) guides: Vec<Guide>,
}

/// One series; its place in the list gives colour, dash and marker.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FieldSeries {
    pub(crate) label: String,
    /// Connected points, in pieces where data are missing.
    pub(crate) lines: Vec<Vec<(f64, f64)>>,
    /// The line goes in steps: first across, then up or down.
    pub(crate) steps: bool,
    /// Below the line is shaded.
    pub(crate) filled: bool,
    /// Shaded intervals as (x, lower, upper), in pieces like `lines`.
    pub(crate) bands: Vec<Vec<(f64, f64, f64)>>,
    /// Single intervals as (x, lower, upper).
    pub(crate) whiskers: Vec<(f64, f64, f64)>,
    /// Marked points.
    pub(crate) points: Vec<FieldPoint>,
    /// Points were left out of lines or bands.
    pub(crate) thinned: bool,
}

/// A marked point.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FieldPoint {
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// Written beside the marker where there is room; empty for none.
    pub(crate) label: String,
}

/// A straight line across the plot with its name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Guide {
    pub(crate) at: f64,
    pub(crate) label: String,
    pub(crate) upright: bool,
}

/// Rows along one axis, from top to bottom.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows {
    pub(crate) x: Extent,
    pub(crate) groups: Vec<Group>,
    /// Patterns of spans, which refer to them by their place.
    pub(crate) patterns: Vec<Pattern>,
    /// Name of the crosses, where there are any.
    pub(crate) cross: Option<String>,
}

/// What a kind of span is called and how it is filled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern {
    pub(crate) label: String,
    /// Gives colour and tile.
    pub(crate) style: usize,
}

/// Rows under one label.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    pub(crate) label: String,
    pub(crate) rows: Vec<Row>,
}

/// One row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) spans: Vec<Span>,
    /// An interval as (lower, upper).
    pub(crate) whisker: Option<(f64, f64)>,
    /// A cross and what it means: `http 429`.
    pub(crate) cross: Option<(f64, String)>,
    /// Written behind the row.
    pub(crate) text: String,
}

/// A filled piece of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) pattern: usize,
}

impl Rows {
    /// Rows of all groups.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.groups.iter().flat_map(|group| &group.rows)
    }

    /// Whether values stand behind the rows.
    pub(crate) fn has_text(&self) -> bool {
        self.rows().any(|row| !row.text.is_empty())
    }

    /// Whether the patterns need names.
    pub(crate) fn has_legend(&self) -> bool {
        self.patterns.len() > 1 || self.cross.is_some()
    }
}
