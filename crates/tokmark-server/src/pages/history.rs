//! Series over time, with what changed.

use axum::extract::State as Shared;
use tokmark_model::Timestamp;
use tokmark_plot::{Axis, LinePoint, LineSeries, Plot, Reading, TimeMark, TimeSeries, Unit, XAxis};
use tokmark_stats::{Changes, Difference, Direction, Watched};

use super::Shown;
use super::block::{self, Block, Cell, Column, FilterField, FilterForm, Page, PlotView, TableView};
use super::{record, words};
use crate::access::Reader;
use crate::api::comparison::{HISTORY, series};
use crate::api::records::{Asked, asked};
use crate::error::ServerError;
use crate::query::ListQuery;
use crate::state::State;

/// Series on a page, those with changes first.
const SERIES: usize = 20;

pub(crate) async fn page(
    Shared(state): Shared<State>,
    reader: Result<Reader, ServerError>,
    query: Asked<ListQuery>,
) -> Shown {
    Shown(whole(&state, reader, query).await)
}

async fn whole(
    state: &State,
    reader: Result<Reader, ServerError>,
    query: Asked<ListQuery>,
) -> Result<Page, ServerError> {
    reader?;
    let query = asked(query)?;
    let (filter, _) = query.filter()?;
    let mut watched = series(state, filter).await?;
    let n_changes = |series: &Watched| series.changes.points().map_or(0, <[_]>::len);
    watched.sort_by_key(|series| (n_changes(series) == 0, std::cmp::Reverse(series.points.len())));
    let mut page = Page::new("/history", "History");
    page.lead = format!(
        "A series is one model, test, setting, engine and machine. The newest {HISTORY} records \
         are searched for changes of the rate; a change of engine, driver or kernel beside one is \
         offered as its cause."
    );
    let field = |name, label, value: &Option<String>| FilterField {
        name,
        label,
        value: value.clone().unwrap_or_default(),
        ..FilterField::default()
    };
    page.blocks.push(Block::Filters(FilterForm {
        action: "/history".to_owned(),
        fields: vec![
            field("model", "Model", &query.model),
            field("test", "Test", &query.test),
            field("engine", "Engine", &query.engine),
            field("machine", "Machine", &query.machine),
        ],
        kept: Vec::new(),
        verb: block::FILTER,
    }));
    let changed: usize = watched.iter().map(n_changes).sum();
    let shown = watched.len().min(SERIES);
    let count = format!("{} series, {changed} changes; {shown} series shown", watched.len());
    page.blocks.push(Block::Live(count));
    for (n, series) in watched.iter().take(SERIES).enumerate() {
        add(&mut page, n, series);
    }
    Ok(page)
}

fn add(page: &mut Page, n: usize, series: &Watched) {
    let key = &series.key;
    let machine: String = key.machine.chars().take(8).collect();
    page.blocks.push(Block::Heading(format!("{} of {} on {machine}", key.test, key.model)));
    page.blocks.push(Block::Text(format!(
        "{} {}, {} records. {}",
        key.engine,
        key.settings,
        series.points.len(),
        said(&series.changes)
    )));
    if let Some(plot) = plot(series) {
        page.blocks.push(Block::Plot(PlotView::of(&plot, &format!("series{n}"))));
    }
    annotations(page, series);
    let Some(points) = series.changes.points().filter(|points| !points.is_empty()) else { return };
    let row = |change: &tokmark_stats::ChangePoint| {
        let point = series.points.get(change.index);
        let when = point.map_or_else(String::new, |point| words::time(point.at));
        let href = point.map_or_else(String::new, |point| record::address(point.id));
        let causes: Vec<String> =
            series.causes(change).flat_map(|cause| &cause.differences).map(difference).collect();
        let interval = change.interval.as_ref();
        vec![
            Cell::link(when, href),
            Cell::text(match change.direction {
                Direction::Slower => "slower",
                Direction::Faster => "faster",
            }),
            Cell::text(format!("{:+.1} %", 100.0 * (change.ratio - 1.0))),
            Cell::text(interval.map_or_else(String::new, |interval| {
                format!("{:.3} to {:.3}", interval.low, interval.high)
            })),
            Cell::text(match causes.is_empty() {
                true => "nothing that a record tells".to_owned(),
                false => causes.join(", "),
            }),
        ]
    };
    page.blocks.push(Block::Table(TableView {
        caption: "Changes".to_owned(),
        columns: vec![
            Column::named("From"),
            Column::named("Which way"),
            Column::number("By"),
            Column::number("Ratio, 95 % interval"),
            Column::named("What changed beside it"),
        ],
        rows: points.iter().map(row).collect(),
    }));
}

fn difference(found: &Difference) -> String {
    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    format!("{} {} to {}", found.field, side(&found.a), side(&found.b))
}

/// What changed in engine, system and machine, whether or not the rate did, and what people
/// noted.
fn annotations(page: &mut Page, series: &Watched) {
    let own = series.annotations.iter().filter_map(|annotation| {
        let point = series.points.get(annotation.index)?;
        let texts: Vec<String> = annotation.differences.iter().map(difference).collect();
        Some((point.at, record::address(point.id), texts.join(", ")))
    });
    let mut rows: Vec<_> = own.collect();
    for point in &series.points {
        let notes = point.notes.iter();
        rows.extend(notes.map(|note| (note.at, record::address(point.id), note.text.clone())));
    }
    if rows.is_empty() {
        return;
    }
    rows.sort_by_key(|(at, ..)| *at);
    let cells = |(at, href, text): (Timestamp, String, String)| {
        vec![Cell::link(words::time(at), href), Cell::text(text)]
    };
    page.blocks.push(Block::Table(TableView {
        caption: "Annotations".to_owned(),
        columns: vec![Column::named("From"), Column::named("What changed, or was noted")],
        rows: rows.into_iter().map(cells).collect(),
    }));
}

fn said(changes: &Changes) -> String {
    match changes {
        Changes::TooShort { n, needs } => {
            format!("{n} of the {needs} records from which on a change can be told.")
        }
        Changes::NotARate { .. } => "One record has no rate that can be compared.".to_owned(),
        Changes::Searched { points, .. } if points.is_empty() => "No change.".to_owned(),
        Changes::Searched { points, .. } => format!("{} changes.", points.len()),
    }
}

fn plot(series: &Watched) -> Option<Plot> {
    let at = |index: usize| {
        let point = series.points.get(index)?;
        Some(point.at.as_microsecond() as f64 / 1e6)
    };
    let points = series.points.iter().map(|point| LinePoint {
        x: point.at.as_microsecond() as f64 / 1e6,
        reading: match point.rate.interval {
            Some(interval) => {
                Reading::within(point.rate.rate_tps.get(), interval.low, interval.high)
            }
            None => Reading::value(point.rate.rate_tps.get()),
        },
    });
    let changes = series.changes.points().into_iter().flatten().filter_map(|change| {
        let label = format!("change, {:+.1} %", 100.0 * (change.ratio - 1.0));
        Some(TimeMark { x: at(change.index)?, label })
    });
    let annotated = series.annotations.iter().filter_map(|annotation| {
        let fields: Vec<&str> = annotation.differences.iter().map(|d| d.field.as_str()).collect();
        Some(TimeMark { x: at(annotation.index)?, label: fields.join(", ") })
    });
    TimeSeries {
        title: format!("{} of {}", series.key.test, series.key.model),
        x: XAxis::Utc { title: "Begun".to_owned() },
        y: Axis::linear("Rate", Unit::symbol("tok/s")),
        series: vec![LineSeries { label: String::new(), points: points.collect() }],
        intervals: "95 % interval".to_owned(),
        marks: changes.chain(annotated).collect(),
    }
    .plot()
    .ok()
}
