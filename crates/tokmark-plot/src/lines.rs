//! Lines with interval bands: latency against load.

use crate::appearance::MOST_SERIES;
use crate::axis::{Axis, XAxis};
use crate::drawing::{Drawing, Field, Guide};
use crate::error::PlotError;
use crate::plot::Plot;
use crate::series::{CheckedSeries, Intervals, LineSeries, check_number};
use crate::text::clean;
use crate::unit::quantity;

/// Series as lines over numbers, names or instants, with bands for their intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    /// Title of the plot.
    pub title: String,
    /// The horizontal axis.
    pub x: XAxis,
    /// The vertical axis.
    pub y: Axis,
    /// At most 24 series.
    pub series: Vec<LineSeries>,
    /// What the intervals are: `95 % interval`. Empty where there are none.
    pub intervals: String,
    /// Levels drawn across the plot, such as a service level; at most 24.
    pub limits: Vec<Limit>,
}

/// A level on the vertical axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// Its name.
    pub label: String,
    /// The level, in the unit of the vertical axis.
    pub value: f64,
}

impl Lines {
    /// The finished plot.
    ///
    /// # Errors
    ///
    /// A value, place or interval that the axes cannot show; too many series or limits.
    pub fn plot(&self) -> Result<Plot, PlotError> {
        let checked = CheckedSeries::new(&self.x, &self.y, &self.series)?;
        check_number(self.limits.len(), MOST_SERIES)?;
        let title = clean(&self.title);
        let mut guides = Vec::new();
        for limit in &self.limits {
            let name = clean(&limit.label);
            checked.y.check(&name, limit.value)?;
            let label = format!("{name} {}", quantity(limit.value, &checked.y.unit));
            guides.push(Guide { at: limit.value, label, upright: false });
        }
        if checked.is_empty() {
            return Ok(Plot::empty(&title, checked.reason().unwrap_or("no points were given")));
        }
        let x = checked.x_extent(std::iter::empty());
        let y = checked.y_extent(guides.iter().map(|guide| guide.at));
        let (series, mut notes) = checked.drawn(&x, Intervals::Bands);
        let mut table = checked.table(&title);
        if checked.has_intervals() {
            let name = interval_name(&self.intervals);
            notes.insert(0, format!("shaded: {name}"));
            table = table.with_note(format!("in brackets: {name}"));
        }
        for guide in &guides {
            table = table.with_note(format!("limit: {}", guide.label));
        }
        let sentence = checked.sentence();
        let drawing = Drawing::Field(Field { x, y, series, guides });
        Ok(Plot { title, sentence, table, drawing, notes })
    }
}

/// What intervals are called in notes.
pub(crate) fn interval_name(given: &str) -> String {
    let name = clean(given);
    if name.is_empty() { "interval".to_owned() } else { name }
}
