//! Why no plot could be made.

/// Why data make no plot. Missing data are no error: see [`Reading`](crate::Reading).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlotError {
    /// NaN or infinite.
    #[error("{what} is {value}, which is no finite number; leave it out or give it as missing")]
    NotFinite {
        /// What the value is of.
        what: String,
        /// The value.
        value: f64,
    },
    /// Finite, but outside what the axis can show.
    #[error("{what} is {value:e}; this axis shows {lower:e} to {upper:e}")]
    OutOfRange {
        /// What the value is of.
        what: String,
        /// The value.
        value: f64,
        /// Least value of the axis.
        lower: f64,
        /// Greatest value of the axis.
        upper: f64,
    },
    /// An interval whose ends are in the wrong order, or that does not hold its value.
    #[error("{what} is {value} with the interval {lower} to {upper}, which does not hold it")]
    BadInterval {
        /// What the interval is of.
        what: String,
        /// The value.
        value: f64,
        /// Lower end.
        lower: f64,
        /// Upper end.
        upper: f64,
    },
    /// A position on an axis of names that is not the index of one.
    #[error("{what} stands at position {position} of an axis with {n_labels} labels")]
    NoSuchLabel {
        /// What stands there.
        what: String,
        /// The position.
        position: f64,
        /// Labels of the axis.
        n_labels: usize,
    },
    /// Readings that do not belong one to one to the categories.
    #[error("{what} has {n_readings} readings for {n_categories} categories")]
    UnevenReadings {
        /// The series.
        what: String,
        /// Its readings.
        n_readings: usize,
        /// Categories of the plot.
        n_categories: usize,
    },
    /// More series, or limits, than can be told apart without colour.
    #[error("{n} series or limits, of which at most {most} can be told apart; make several plots")]
    TooManySeries {
        /// How many were given.
        n: usize,
        /// Most that the plot takes.
        most: usize,
    },
    /// A request's instants that do not follow each other.
    #[error("request {request}: {later} comes before {earlier}")]
    OutOfOrder {
        /// The request's label.
        request: String,
        /// The instant that should come first.
        earlier: &'static str,
        /// The instant that should follow.
        later: &'static str,
    },
    /// A row of a table with too few or too many cells.
    #[error("row {row} of the table has {n_cells} cells under {n_columns} columns")]
    UnevenTable {
        /// Position of the row, from 0.
        row: usize,
        /// Its cells.
        n_cells: usize,
        /// Columns of the header.
        n_columns: usize,
    },
}
