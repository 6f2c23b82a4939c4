//! Plots of finished numbers: as an SVG image, as lines of text for a terminal, as a table,
//! as one sentence, and as data for a program that draws. All are made from one value and say
//! the same.
//!
//! Three nouns: a [`Plot`] is finished and bounded in size; an [`Axis`] says what its numbers
//! are and in which [`Unit`] they come; a [`Table`] is the twin for readers who do not see the
//! picture. Each kind of plot is a struct of plain fields with a method `plot`, which refuses
//! what cannot be drawn.
//!
//! Values are bare `f64` in the unit of their axis, because a plot draws whatever is given.
//! Series differ by dash, marker or pattern as well as by colour; text and lines keep the
//! contrast of WCAG 2.2 AA in light and dark mode.
//!
//! The crate is pure and deliberately knows no record, no file, no clock and no statistics: a
//! quantile or an interval comes from the caller. Only what a picture needs is derived here:
//! order, counts in bins, and the ratio of two given numbers in a sentence.
//!
//! ```
//! use tokmark_plot::{
//!     Axis, LinePoint, LineSeries, Lines, Reading, SvgOptions, TerminalOptions, Unit, XAxis,
//! };
//!
//! let series = |label: &str, values: [f64; 2]| LineSeries {
//!     label: label.to_owned(),
//!     points: [1.0, 16.0]
//!         .into_iter()
//!         .zip(values)
//!         .map(|(x, value)| LinePoint { x, reading: Reading::value(value) })
//!         .collect(),
//! };
//! let plot = Lines {
//!     title: "Time to first token against load".to_owned(),
//!     x: XAxis::Numeric(Axis::log("Concurrency", Unit::counted("request", "requests"))),
//!     y: Axis::linear("TTFT", Unit::Seconds),
//!     series: vec![series("p50", [0.052, 0.41]), series("p99", [0.06, 0.533])],
//!     intervals: String::new(),
//!     limits: Vec::new(),
//! }
//! .plot()?;
//!
//! assert_eq!(
//!     plot.sentence(),
//!     "TTFT p50 rises from 52 ms at 1 request to 410 ms at 16; p99 rises from 60 ms at \
//!      1 request to 533 ms at 16; p99 is 1.3 times p50 at 16."
//! );
//! assert!(plot.svg(&SvgOptions::default()).starts_with("<svg"));
//! assert_eq!(plot.table().rows()[1], ["16", "410", "533"]);
//! assert!(plot.terminal(&TerminalOptions::new(60, 16)).lines().count() <= 16);
//! # Ok::<(), tokmark_plot::PlotError>(())
//! ```

mod appearance;
mod axis;
mod bars;
mod calendar;
mod data;
mod distribution;
mod drawing;
mod error;
mod extent;
mod lines;
mod number;
mod page;
mod plot;
mod scatter;
mod series;
mod svg;
mod table;
mod terminal;
mod text;
mod thin;
mod ticks;
mod time_series;
mod timeline;
mod unit;
mod wording;

pub use appearance::stylesheet;
pub use axis::{Axis, Reading, Scale, XAxis};
pub use bars::{BarSeries, Bars};
pub use data::{
    AxisData, AxisKind, DrawingData, FieldData, GroupData, GuideData, PatternData, PlotData,
    RowData, RowsData, SeriesData, SpanData,
};
pub use distribution::{Distribution, DistributionShape, QuantileMark, Sample};
pub use error::PlotError;
pub use lines::{Limit, Lines};
pub use number::{duration, number};
pub use page::{Block, Section, page};
pub use plot::Plot;
pub use scatter::{Scatter, ScatterGroup, ScatterPoint};
pub use series::{LinePoint, LineSeries};
pub use svg::{Mode, StyleSheet, SvgOptions};
pub use table::Table;
pub use terminal::{Characters, TerminalOptions};
pub use time_series::{TimeMark, TimeSeries};
pub use timeline::{RequestSpan, Timeline};
pub use unit::{Unit, quantity};
