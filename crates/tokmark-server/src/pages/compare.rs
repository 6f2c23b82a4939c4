//! Records side by side.

use axum::extract::State as Shared;
use serde::Deserialize;
use tokmark_model::Record;
use tokmark_plot::{BarSeries, Bars, Reading, Unit};
use tokmark_stats::{Explanation, Figure, Level, board_row, explain};

use super::Shown;
use super::block::{Block, Cell, Column, FilterField, FilterForm, Page, PlotView, TableView};
use super::{model, record, words};
use crate::access::Reader;
use crate::api::comparison::ComparisonQuery;
use crate::api::records::{Asked, asked};
use crate::error::ServerError;
use crate::state::State;

/// Ids, in one field or two.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    ids: String,
    with: String,
}

pub(crate) async fn page(
    Shared(state): Shared<State>,
    reader: Result<Reader, ServerError>,
    query: Asked<Which>,
) -> Shown {
    Shown(whole(&state, reader, query).await)
}

async fn whole(
    state: &State,
    reader: Result<Reader, ServerError>,
    query: Asked<Which>,
) -> Result<Page, ServerError> {
    reader?;
    let Which { ids, with } = asked(query)?;
    let mut page = Page::new("/compare", "Compare records");
    let together = if with.trim().is_empty() { ids } else { format!("{ids},{with}") };
    page.blocks.push(Block::Filters(FilterForm {
        action: "/compare".to_owned(),
        fields: vec![FilterField {
            name: "ids",
            label: "Ids of 2 to 4 records, with commas between",
            value: together.clone(),
            ..FilterField::default()
        }],
        kept: Vec::new(),
        verb: "Compare",
    }));
    if together.trim().is_empty() {
        page.lead = "Each record is set against the first: how far the two may be compared, their \
                     figures with a verdict, and every field in which they differ."
            .to_owned();
        return Ok(page);
    }
    let query = ComparisonQuery { ids: together };
    let mut records = Vec::new();
    for id in query.ids()? {
        records.push(state.record(id).await?);
    }
    let Some((first, others)) = records.split_first() else { return Ok(page) };
    let found: Vec<Explanation> = others.iter().map(|second| explain(first, second)).collect();
    bars(&mut page, first, others, &found);
    for (n, (second, found)) in others.iter().zip(&found).enumerate() {
        beside(&mut page, first, second, n, found);
    }
    Ok(page)
}

fn name(record: &Record) -> String {
    format!("{} of {} ({})", record.label(), record.model.name, words::short(record.id))
}

/// The rates of the first and of those that may be set against it.
fn bars(page: &mut Page, first: &Record, others: &[Record], found: &[Explanation]) {
    let (mut records, mut alone) = (vec![first], Vec::new());
    for (second, found) in others.iter().zip(found) {
        match found.comparability.level {
            Level::None => alone.push(name(second)),
            _ => records.push(second),
        }
    }
    if !alone.is_empty() {
        let text =
            format!("Not drawn beside {}, being other work: {}.", name(first), alone.join(", "));
        page.blocks.push(Block::Text(text));
    }
    if records.len() < 2 {
        return;
    }
    let reading = |record: &Record| match record.rate() {
        None => board_row(record).map_or(Reading::missing("no rate"), |row| model::reading(&row)),
        Some(rate) => match rate.interval {
            Some(interval) => Reading::within(rate.rate_tps.get(), interval.low, interval.high),
            None => Reading::value(rate.rate_tps.get()),
        },
    };
    let plot = Bars {
        title: "Rates".to_owned(),
        category: "Record".to_owned(),
        value: "Rate".to_owned(),
        unit: Unit::symbol("tok/s"),
        categories: records.iter().map(|record| name(record)).collect(),
        series: vec![BarSeries {
            label: String::new(),
            readings: records.iter().map(|record| reading(record)).collect(),
        }],
        intervals: "95 % interval".to_owned(),
    };
    if let Ok(plot) = plot.plot() {
        page.blocks.push(Block::Plot(PlotView::of(&plot, "rates")));
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::None => "may not be compared",
        Level::WorkloadOnly => {
            "did the same work; model, engine or hardware differ, as the fields below say"
        }
        Level::SameStack => "ran the same model on the same engine, on other hardware",
        Level::SameHardwareAndStack => "are of the same hardware and the same stack",
    }
}

fn beside(page: &mut Page, first: &Record, second: &Record, n: usize, found: &Explanation) {
    page.blocks.push(Block::Heading(format!("{} against the first", name(second))));
    page.blocks.push(record::links(&[first.id, second.id]));
    let needed: Vec<&str> =
        found.comparability.needed.iter().map(|one| one.field.as_str()).collect();
    let needed = match needed.is_empty() {
        true => String::new(),
        false => format!(" To be closer, these would have to be equal: {}.", needed.join(", ")),
    };
    let said = level(found.comparability.level);
    page.blocks.push(Block::Text(format!("The two {said}.{needed}")));
    let value = |value: &Option<tokmark_stats::FigureValue>| match value {
        None => String::new(),
        Some(value) => match value.interval {
            Some(ends) => format!(
                "{} ({} to {})",
                words::number(value.value),
                words::number(ends.low),
                words::number(ends.high)
            ),
            None => words::number(value.value),
        },
    };
    let figure = |figure: &Figure| {
        vec![
            Cell::text(figure.name.clone()),
            Cell::text(value(&figure.a)),
            Cell::text(value(&figure.b)),
            Cell::text(
                figure
                    .change
                    .map_or_else(String::new, |change| format!("{:+.1} %", 100.0 * change)),
            ),
            Cell::text(match (&figure.comparison, &figure.no_verdict) {
                (Some(comparison), _) => words::word(&comparison.verdict),
                (None, Some(reason)) => format!("no verdict: {}", words::word(reason)),
                (None, None) => String::new(),
            }),
        ]
    };
    page.blocks.push(Block::Table(TableView {
        caption: format!("Figures of these two sessions, pair {}", n + 1),
        columns: vec![
            Column::named("Figure"),
            Column::number("First"),
            Column::number("Second"),
            Column::number("Change"),
            Column::named("Verdict"),
        ],
        rows: found.figures.iter().map(figure).collect(),
    }));
    let difference = |one: &tokmark_stats::Difference| {
        let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
        vec![
            Cell::text(one.field.clone()),
            Cell::text(side(&one.a)),
            Cell::text(side(&one.b)),
            Cell::text(words::word(&one.group)),
            Cell::text(words::word(&one.weight)),
        ]
    };
    page.blocks.push(Block::Table(TableView {
        caption: "Every field in which they differ, most telling first".to_owned(),
        columns: ["Field", "First", "Second", "About", "Weight"].map(Column::named).to_vec(),
        rows: found.differences.iter().map(difference).collect(),
    }));
}
