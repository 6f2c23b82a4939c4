//! Bars with intervals, for comparisons.

use crate::appearance::MOST_PATTERNS;
use crate::axis::{Axis, Reading};
use crate::drawing::{Drawing, Group, Pattern, Row, Rows, Span};
use crate::error::PlotError;
use crate::extent::Extent;
use crate::lines::interval_name;
use crate::number::count;
use crate::plot::Plot;
use crate::series::{check_number, with_rows_note};
use crate::table::{MOST_ROWS, Table};
use crate::text::clean;
use crate::thin::every_nth;
use crate::unit::{Unit, interval, quantity};
use crate::wording::{MOST_PARTS, sentence, times};

/// Bars that are drawn.
const MOST_BARS: usize = 120;

/// Level bars from zero, grouped by category.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// Title of the plot.
    pub title: String,
    /// What the categories are: `Model`.
    pub category: String,
    /// What the bars show: `Generation rate`.
    pub value: String,
    /// Unit of the values.
    pub unit: Unit,
    /// Names of the groups of bars, from top to bottom.
    pub categories: Vec<String>,
    /// At most 6 series: one bar in each group.
    pub series: Vec<BarSeries>,
    /// What the intervals are: `95 % interval`. Empty where there are none.
    pub intervals: String,
}

/// One bar in each category.
#[derive(Debug, Clone, PartialEq)]
pub struct BarSeries {
    /// Name in the legend; may be empty for an only series.
    pub label: String,
    /// `readings[i]` belongs to `categories[i]`.
    pub readings: Vec<Reading>,
}

impl Bars {
    /// The finished plot.
    ///
    /// # Errors
    ///
    /// A value or interval that the axis cannot show; too many series; a series with more or
    /// fewer readings than there are categories.
    pub fn plot(&self) -> Result<Plot, PlotError> {
        check_number(self.series.len(), MOST_PATTERNS)?;
        let axis = Axis::linear(self.value.as_str(), self.unit.clone()).from_zero().cleaned()?;
        let categories: Vec<String> = self.categories.iter().map(|name| clean(name)).collect();
        let series = self
            .series
            .iter()
            .map(|series| checked(series, &axis, &categories))
            .collect::<Result<Vec<_>, _>>()?;
        let title = clean(&self.title);
        let readings = || series.iter().flat_map(|series| &series.readings);
        if readings().all(|reading| reading.numbers().next().is_none()) {
            let reason = readings().find_map(|reading| match reading {
                Reading::Missing { reason } => Some(reason.as_str()),
                Reading::Value { .. } | Reading::Range { .. } => None,
            });
            return Ok(Plot::empty(&title, reason.unwrap_or("no bars were given")));
        }
        let x = Extent::of(&axis, readings().flat_map(Reading::numbers));
        let mut table = self.tabled(&title, &axis, &categories, &series);
        let mut notes = Vec::new();
        if readings().any(|reading| reading.interval().is_some()) {
            let name = interval_name(&self.intervals);
            notes.push(format!("thin lines with ends: {name}"));
            table = table.with_note(format!("in brackets: {name}"));
        }
        let n_drawn = categories.len().min((MOST_BARS / series.len()).max(1));
        if n_drawn < categories.len() {
            let (drawn, all) = (count(n_drawn), count(categories.len()));
            notes.push(format!("the first {drawn} of {all} drawn"));
        }
        let groups = (0..n_drawn).map(|n| group(n, &categories[n], &series, &axis.unit)).collect();
        let pattern =
            |(style, series): (usize, &BarSeries)| Pattern { label: series.label.clone(), style };
        let patterns = series.iter().enumerate().map(pattern).collect();
        let sentence = told(&axis, &categories, &series);
        let drawing = Drawing::Rows(Rows { x, groups, patterns, cross: None });
        Ok(Plot { title, sentence, table, drawing, notes })
    }

    fn tabled(
        &self,
        title: &str,
        axis: &Axis,
        categories: &[String],
        series: &[BarSeries],
    ) -> Table {
        let numbers = series.iter().flat_map(|s| &s.readings).flat_map(Reading::numbers);
        let shown = axis.unit.shown(numbers.map(f64::abs).fold(0.0, f64::max));
        let named = |series: &BarSeries| {
            shown.titled(if series.label.is_empty() { &axis.title } else { &series.label })
        };
        let header: Vec<String> =
            std::iter::once(self.category.clone()).chain(series.iter().map(named)).collect();
        let cell = |reading: &Reading| match reading {
            Reading::Missing { reason } => format!("no data: {reason}"),
            Reading::Range { lower, upper } => {
                format!("{} to {}", shown.number(*lower), shown.number(*upper))
            }
            Reading::Value { value, interval: None } => shown.number(*value),
            Reading::Value { value, interval: Some((lower, upper)) } => format!(
                "{} ({} to {})",
                shown.number(*value),
                shown.number(*lower),
                shown.number(*upper)
            ),
        };
        let kept = every_nth(categories.len(), MOST_ROWS);
        let row = |&n: &usize| -> Vec<String> {
            let cells = series.iter().map(|series| cell(&series.readings[n]));
            std::iter::once(categories[n].clone()).chain(cells).collect()
        };
        let table = Table::cleaned(title, &header, kept.iter().map(row).collect());
        with_rows_note(table, kept.len(), categories.len())
    }
}

fn checked(series: &BarSeries, axis: &Axis, categories: &[String]) -> Result<BarSeries, PlotError> {
    let what = clean(&series.label);
    let (n_readings, n_categories) = (series.readings.len(), categories.len());
    if n_readings != n_categories {
        return Err(PlotError::UnevenReadings { what, n_readings, n_categories });
    }
    let named = series.readings.iter().zip(categories);
    let readings = named
        .map(|(reading, category)| reading.cleaned(format!("{what} {category}").trim(), axis))
        .collect::<Result<_, _>>()?;
    Ok(BarSeries { label: what, readings })
}

fn group(n: usize, category: &str, series: &[BarSeries], unit: &Unit) -> Group {
    let row = |(pattern, series): (usize, &BarSeries)| match &series.readings[n] {
        Reading::Missing { reason } => Row { text: format!("no data: {reason}"), ..Row::default() },
        Reading::Range { lower, upper } => Row {
            whisker: Some((*lower, *upper)),
            text: interval(*lower, *upper, unit),
            ..Row::default()
        },
        Reading::Value { value, interval } => Row {
            spans: vec![Span { from: value.min(0.0), to: value.max(0.0), pattern }],
            whisker: *interval,
            text: quantity(*value, unit),
            ..Row::default()
        },
    };
    Group { label: category.to_owned(), rows: series.iter().enumerate().map(row).collect() }
}

fn told(axis: &Axis, categories: &[String], series: &[BarSeries]) -> String {
    let mut known: Vec<(String, f64, &Reading)> = Vec::new();
    let (mut n_missing, mut ranges) = (0, Vec::new());
    for series in series {
        for (reading, category) in series.readings.iter().zip(categories) {
            let name = format!("{category} {}", series.label).trim().to_owned();
            match reading {
                Reading::Value { value, .. } => known.push((name, *value, reading)),
                Reading::Range { lower, upper } => ranges.push((name, *lower, *upper)),
                Reading::Missing { .. } => n_missing += 1,
            }
        }
    }
    let text = |(name, value, reading): &(String, f64, &Reading)| {
        let interval = reading
            .interval()
            .map(|(lower, upper)| format!(" ({})", interval(lower, upper, &axis.unit)));
        format!("{name} with {}{}", quantity(*value, &axis.unit), interval.unwrap_or_default())
    };
    let highest = known.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let lowest = known.iter().min_by(|a, b| a.1.total_cmp(&b.1));
    let mut parts = match (highest, lowest) {
        (Some(highest), Some(_)) if known.len() == 1 => vec![text(highest)],
        (Some(highest), Some(lowest)) if highest.1 == lowest.1 => {
            vec![format!("all {} are {}", known.len(), quantity(lowest.1, &axis.unit))]
        }
        (Some(highest), Some(lowest)) => {
            let times = times(highest.1, lowest.1)
                .map(|times| format!(", the highest is {times} the lowest"));
            vec![
                format!("highest {}", text(highest)),
                format!("lowest {}{}", text(lowest), times.unwrap_or_default()),
            ]
        }
        _ => Vec::new(),
    };
    let ranged = |(name, lower, upper): &(String, f64, f64)| {
        format!("{name} between {}", interval(*lower, *upper, &axis.unit).replace(" to ", " and "))
    };
    match ranges.len() {
        n if n <= MOST_PARTS => parts.extend(ranges.iter().map(ranged)),
        n => parts.push(format!("{} as ranges without a value", count(n))),
    }
    if let Some(first) = parts.first_mut() {
        first.insert_str(0, &format!("{}: ", axis.title));
    }
    if n_missing > 0 {
        parts.push(format!("{} without data", count(n_missing)));
    }
    sentence(parts, "")
}
