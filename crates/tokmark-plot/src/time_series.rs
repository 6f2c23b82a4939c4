//! Values over time with marks: a history with change points.

use crate::axis::{Axis, XAxis};
use crate::drawing::{Drawing, Field, Guide};
use crate::error::PlotError;
use crate::lines::interval_name;
use crate::number::count;
use crate::plot::Plot;
use crate::series::{CheckedSeries, Intervals, LineSeries};
use crate::text::clean;
use crate::wording::counted;

/// Marks that are drawn.
const MOST_MARKS: usize = 50;

/// Series over time, runs or commits, with whiskers for their intervals and marks at instants.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeSeries {
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
    /// Instants that matter.
    pub marks: Vec<TimeMark>,
}

/// An instant on the horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeMark {
    /// The instant, or the index of a name.
    pub x: f64,
    /// What happened: `change, +4 %`.
    pub label: String,
}

impl TimeSeries {
    /// The finished plot.
    ///
    /// # Errors
    ///
    /// A value, place or interval that the axes cannot show; too many series.
    pub fn plot(&self) -> Result<Plot, PlotError> {
        let checked = CheckedSeries::new(&self.x, &self.y, &self.series)?;
        let title = clean(&self.title);
        let mut guides = Vec::new();
        for mark in &self.marks {
            let label = clean(&mark.label);
            checked.x.check(&label, mark.x)?;
            guides.push(Guide { at: mark.x, label, upright: true });
        }
        if checked.is_empty() {
            return Ok(Plot::empty(&title, checked.reason().unwrap_or("no points were given")));
        }
        let n_marks = guides.len();
        guides.truncate(MOST_MARKS);
        let x = checked.x_extent(guides.iter().map(|guide| guide.at));
        let y = checked.y_extent(std::iter::empty());
        let (series, mut notes) = checked.drawn(&x, Intervals::Whiskers);
        let mut table = checked.table(&title);
        if checked.has_intervals() {
            let name = interval_name(&self.intervals);
            notes.insert(0, format!("upright lines through points: {name}"));
            table = table.with_note(format!("in brackets: {name}"));
        }
        let mut sentence = checked.sentence();
        if !guides.is_empty() {
            let text = |guide: &Guide| format!("{} ({})", guide.label, checked.x.text(guide.at));
            let named: Vec<_> = guides.iter().take(3).map(text).collect();
            let more = if guides.len() > 3 { ", ..." } else { "" };
            let n_named = counted(n_marks, "mark", "marks");
            let marks = format!("; {n_named}: {}{more}", named.join(", "));
            sentence.insert_str(sentence.len() - 1, &marks);
            for guide in &guides {
                table = table.with_note(format!("mark: {}", text(guide)));
            }
        }
        if guides.len() < n_marks {
            let note = format!("the first {MOST_MARKS} of {} marks", count(n_marks));
            table = table.with_note(&note);
            notes.push(note);
        }
        let drawing = Drawing::Field(Field { x, y, series, guides });
        Ok(Plot { title, sentence, table, drawing, notes })
    }
}
