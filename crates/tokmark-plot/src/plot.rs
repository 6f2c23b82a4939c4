//! A finished plot.

use crate::data::{self, PlotData};
use crate::drawing::Drawing;
use crate::svg::{self, SvgOptions};
use crate::table::Table;
use crate::terminal::{self, TerminalOptions};
use crate::text::clean;

/// A plot with its table twin and its sentence. Made by [`Distribution`](crate::Distribution),
/// [`Lines`](crate::Lines), [`Scatter`](crate::Scatter), [`Timeline`](crate::Timeline),
/// [`Bars`](crate::Bars) and [`TimeSeries`](crate::TimeSeries). Its size is bounded: long data
/// are thinned when it is made, and [`notes`](Plot::notes) say how.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    pub(crate) title: String,
    pub(crate) sentence: String,
    pub(crate) table: Table,
    pub(crate) drawing: Drawing,
    pub(crate) notes: Vec<String>,
}

impl Plot {
    /// A plot without data, which says why: `no request brought an answer`.
    pub fn empty(title: &str, reason: &str) -> Plot {
        let (title, reason) = (clean(title), clean(reason));
        let table = Table::cleaned(&title, &["No data"], vec![vec![reason.clone()]]);
        let sentence = format!("No data: {reason}.");
        Plot { title, sentence, table, drawing: Drawing::Empty(reason), notes: Vec::new() }
    }

    /// Title, on one line.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// One sentence that states what the plot shows.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The same data as text in rows.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// What a reader must know beside the axes: what was left out, what bands are. Both
    /// renderings show them.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The plot as an SVG image without script, with its title and sentence for screen readers.
    pub fn svg(&self, options: &SvgOptions) -> String {
        svg::render(self, options)
    }

    /// What is drawn, as numbers and text.
    pub fn data(&self) -> PlotData {
        data::data(self)
    }

    /// The plot as lines of text, none wider than asked and not more than asked, without
    /// colour. Where there is no room for a plot, the sentence.
    pub fn terminal(&self, options: &TerminalOptions) -> String {
        terminal::render(self, options)
    }
}
