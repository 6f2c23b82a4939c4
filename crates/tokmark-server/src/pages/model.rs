//! A model with all that was measured.

use std::collections::BTreeSet;

use axum::extract::{Path, State as Shared};
use tokmark_board::{Content, Query, RowFilter};
use tokmark_model::{BoardRow, ModelFacts};
use tokmark_plot::{
    Axis, BarSeries, Bars, LinePoint, LineSeries, Lines, Plot, Reading, Scatter, ScatterGroup,
    ScatterPoint, Unit, XAxis,
};
use tokmark_store::{Direction, Filter, by_rate};

use super::Shown;
use super::block::{Block, Cell, Column, Page, PlotView, TableView, counted, next_page};
use super::{board, records, words};
use crate::access::Reader;
use crate::api::records::{Asked, asked};
use crate::error::ServerError;
use crate::query::PageQuery;
use crate::state::{RowOrder, State};

/// Rows of a model or machine.
pub(super) const ROWS: u64 = 400;
/// Lines of a plot over concurrency.
const CURVES: usize = 8;

type Read = Result<Reader, ServerError>;

pub(crate) async fn models(
    Shared(state): Shared<State>,
    reader: Read,
    query: Asked<PageQuery>,
) -> Shown {
    Shown(models_page(&state, reader, query).await)
}

async fn models_page(
    state: &State,
    reader: Read,
    query: Asked<PageQuery>,
) -> Result<Page, ServerError> {
    reader?;
    let query = asked(query)?;
    let (limit, after) = query.page()?;
    let tokmark_store::Page { rows, next } =
        state.store.board().models(limit, after.as_ref()).await?;
    let mut page = Page::new("/models", "Models");
    page.blocks.push(counted(rows.len(), ["model", "models"], next.as_ref()));
    let row = |row: &tokmark_store::ModelRow| {
        let facts = &row.facts;
        vec![
            Cell::link(facts.name.clone(), format!("/models/{}", words::escaped(&facts.name))),
            Cell::text(row.family.clone()),
            Cell::text(
                facts.label.clone().or_else(|| facts.quantization.clone()).unwrap_or_default(),
            ),
            Cell::text(facts.n_params.map(words::params).unwrap_or_default()),
            Cell::text(file_size(facts)),
            Cell::text(row.n_records.to_string()),
            Cell::text(words::time(row.last_at)),
        ]
    };
    page.blocks.push(Block::Table(TableView {
        caption: "Models that were measured, newest first".to_owned(),
        columns: vec![
            Column::named("Model"),
            Column::named("Family"),
            Column::named("Quantization").defined(words::QUANTIZATION),
            Column::number("Parameters"),
            Column::number("File size"),
            Column::number("Records"),
            Column::named("Last measured"),
        ],
        rows: rows.iter().map(row).collect(),
    }));
    page.blocks.extend(next_page("/models", &query, next));
    Ok(page)
}

fn file_size(facts: &ModelFacts) -> String {
    match facts.file_size_bytes {
        size if size.get() > 0 => words::size(size),
        _ => String::new(),
    }
}

pub(crate) async fn model(
    Shared(state): Shared<State>,
    reader: Read,
    Path(name): Path<String>,
) -> Shown {
    Shown(model_page(&state, reader, &name).await)
}

async fn model_page(state: &State, reader: Read, name: &str) -> Result<Page, ServerError> {
    reader?;
    let filter =
        RowFilter { model: Some(name.to_owned()), limit: Some(ROWS), ..RowFilter::default() };
    let (rows, n_slower) =
        state.rows(&Query { filter, ..Query::default() }, RowOrder::Rate).await?;
    let Some(first) = rows.first() else { return without_figures(state, name).await };
    let filter = RowFilter { family: Some(first.family.clone()), ..RowFilter::default() };
    let (others, n_of_family) =
        state.rows(&Query { filter, ..Query::default() }, RowOrder::Rate).await?;
    let mut page = blocks(&state.options.content, name, &all_files(&rows, &others), true);
    page.blocks.extend(left_out(n_slower, "of this model"));
    page.blocks.extend(left_out(n_of_family, "of its family, among which quantizations may be,"));
    Ok(page)
}

/// The rows of a model with those of its files in other quantizations among `others`, which have
/// names of their own; the fastest first.
pub(crate) fn all_files(of_model: &[BoardRow], others: &[BoardRow]) -> Vec<BoardRow> {
    let Some(first) = of_model.first() else { return Vec::new() };
    let is_other = |row: &&BoardRow| {
        (&row.family, &row.variant) == (&first.family, &first.variant)
            && row.model_name != first.model_name
    };
    fastest_first(of_model.iter().chain(others.iter().filter(is_other)))
}

pub(super) fn fastest_first<'r>(rows: impl IntoIterator<Item = &'r BoardRow>) -> Vec<BoardRow> {
    let mut rows: Vec<BoardRow> = rows.into_iter().cloned().collect();
    rows.sort_by(|a, b| by_rate(Direction::Descending, a, b));
    rows
}

/// What is not on a page.
pub(super) fn left_out(n: u64, of_what: &str) -> Option<Block> {
    let text = format!("{n} slower configurations {of_what} are not on this page.");
    (n > 0).then_some(Block::Text(text))
}

/// A model of which there are experiments or failures, and no figure of its own.
async fn without_figures(state: &State, name: &str) -> Result<Page, ServerError> {
    let filter = Filter { model: Some(name.to_owned()), ..Filter::default() };
    let mut found = state.store.page(&filter, None).await?.rows;
    found.retain(|row| row.model_name == name);
    // The same file may have another name by now.
    if let Some(hash) = found.iter().find_map(|row| row.model_sha256.clone()) {
        let filter =
            RowFilter { model_sha256: Some(hash), limit: Some(ROWS), ..RowFilter::default() };
        let (rows, _) = state.rows(&Query { filter, ..Query::default() }, RowOrder::Rate).await?;
        if let Some(first) = rows.first() {
            let mut page = blocks(&state.options.content, name, &rows, true);
            page.lead += &format!(" The same file was last measured as {}.", first.model_name);
            return Ok(page);
        }
    }
    if found.is_empty() {
        return Err(ServerError::not_found("model of this name"));
    }
    let mut page = Page::new("/models", name);
    page.lead = "Nothing was measured of it alone; these records are of it.".to_owned();
    page.blocks.push(Block::Table(records::table(&found, "Newest first")));
    Ok(page)
}

/// A model's page. Without a server there is no history, and no list of records.
pub(crate) fn blocks(content: &Content, name: &str, rows: &[BoardRow], has_server: bool) -> Page {
    let mut page = Page::new("/models", name);
    let Some(first) = rows.first() else { return page };
    page.lead = format!("Of the family {}.", first.family);
    let mut facts: Vec<(String, Cell)> = Vec::new();
    if let Some(n) = first.n_params {
        facts.push(("Parameters".to_owned(), Cell::text(words::params(n))));
    }
    if has_server {
        let family = format!("/leaderboard?family={}", words::escaped(&first.family));
        facts.push(("Family".to_owned(), Cell::link(first.family.clone(), family)));
        let history = format!("/history?model={}", words::escaped(name));
        facts.push(("History".to_owned(), Cell::link("changes over time", history)));
        let records = format!("/benchmarks?model={}", words::escaped(name));
        facts.push(("Records".to_owned(), Cell::link("all records", records)));
    }
    page.blocks.push(Block::Facts(facts));
    if let Some(plot) = over_concurrency(rows) {
        page.blocks.push(Block::Heading("Over concurrency".to_owned()));
        page.blocks.push(Block::Plot(PlotView::of(&plot, "concurrency")));
    }
    if let Some(plot) = by_quantization(rows) {
        page.blocks.push(Block::Heading("Quantizations and machines".to_owned()));
        page.blocks.push(Block::Plot(PlotView::of(&plot, "quantizations")));
    }
    page.blocks.push(Block::Heading("Every configuration".to_owned()));
    page.blocks.push(Block::Table(board::plain(
        content,
        rows,
        "Newest figures of each, fastest first",
    )));
    page.blocks.push(Block::Heading("Speed, size and quality".to_owned()));
    if let Some(plot) = over_size(rows) {
        page.blocks.push(Block::Plot(PlotView::of(&plot, "size")));
    }
    page.blocks.push(Block::Text("No answer of this model was judged yet.".to_owned()));
    page
}

/// The rate of a row for a plot.
pub(super) fn reading(row: &BoardRow) -> Reading {
    match (row.rate_tps, row.rate_low_tps, row.rate_high_tps, row.is_range) {
        (Some(rate), Some(low), Some(high), false) => {
            Reading::within(rate.get(), low.get(), high.get())
        }
        (Some(rate), ..) => Reading::value(rate.get()),
        (None, Some(low), Some(high), _) => Reading::range(low.get(), high.get()),
        _ => Reading::missing("no rate"),
    }
}

/// Names of rows by what tells them apart: those of `parts` in which any two differ.
fn names(rows: &[&BoardRow], parts: &[fn(&BoardRow) -> String]) -> Vec<String> {
    let texts: Vec<Vec<String>> =
        rows.iter().map(|row| parts.iter().map(|part| part(row)).collect()).collect();
    let differs = |at: &usize| texts.iter().any(|own| own[*at] != texts[0][*at]);
    let shown: Vec<usize> = (0..parts.len()).filter(differs).collect();
    let name = |own: &Vec<String>| {
        let known = shown.iter().map(|at| own[*at].as_str()).filter(|text| !text.is_empty());
        known.collect::<Vec<_>>().join(", ")
    };
    texts.iter().map(name).collect()
}

/// What may tell rows of one model apart, beside the shape.
const PARTS: [fn(&BoardRow) -> String; 7] = [
    |row| row.quantization.clone().unwrap_or_else(|| "unknown".to_owned()),
    |row| row.hardware.clone(),
    |row| row.power_cap_w.map_or_else(String::new, |watts| format!("capped at {watts} W")),
    |row| board::back_end(row),
    |row| row.settings.clone(),
    |row| row.source.clone().unwrap_or_default(),
    |row| row.machine_fingerprint.chars().take(6).collect(),
];

/// The output rate against requests at once, a line for each shape and configuration.
fn over_concurrency(rows: &[BoardRow]) -> Option<Plot> {
    let mut series: Vec<LineSeries> = Vec::new();
    let mut sorted: Vec<&BoardRow> =
        rows.iter().filter(|row| row.concurrency.is_some() && row.rate_tps.is_some()).collect();
    sorted.sort_by_key(|row| (row.concurrency, std::cmp::Reverse(row.created_at)));
    let mut parts: Vec<fn(&BoardRow) -> String> = vec![|row| row.shape.clone()];
    parts.extend(PARTS);
    for (row, name) in sorted.iter().zip(names(&sorted, &parts)) {
        let label = if name.is_empty() { row.shape.clone() } else { name };
        let x = f64::from(row.concurrency?);
        let point = LinePoint { x, reading: reading(row) };
        match series.iter_mut().find(|one| one.label == label) {
            // The newest of several.
            Some(one) if one.points.last().is_some_and(|last| last.x == x) => {}
            Some(one) => one.points.push(point),
            None => series.push(LineSeries { label, points: vec![point] }),
        }
    }
    series.retain(|one| one.points.len() > 1);
    series.truncate(CURVES);
    if series.is_empty() {
        return None;
    }
    Lines {
        title: "Output rate over concurrency".to_owned(),
        x: XAxis::Numeric(Axis::log("Concurrency", Unit::counted("request", "requests"))),
        y: Axis::linear("Rate", Unit::symbol("tok/s")),
        series,
        intervals: "95 % interval".to_owned(),
        limits: Vec::new(),
    }
    .plot()
    .ok()
}

/// Generation rates by quantization and machine, at one request.
fn by_quantization(rows: &[BoardRow]) -> Option<Plot> {
    let first = rows.iter().find(|row| row.shape.starts_with("tg") || row.is_serving)?;
    let alike = rows.iter().filter(|row| {
        row.label == first.label && row.kind == first.kind && row.is_serving == first.is_serving
    });
    let alike: Vec<&BoardRow> = alike.take(20).collect();
    let mut categories = names(&alike, &PARTS);
    if let [only] = categories.as_mut_slice() {
        *only = format!("{}, {}", PARTS[0](first), first.hardware);
    }
    Bars {
        title: format!("Rates of {}", first.label),
        category: "Configuration".to_owned(),
        value: "Rate".to_owned(),
        unit: Unit::symbol("tok/s"),
        categories,
        series: vec![BarSeries {
            label: String::new(),
            readings: alike.iter().map(|row| reading(row)).collect(),
        }],
        intervals: "95 % interval, or the source's range".to_owned(),
    }
    .plot()
    .ok()
}

/// Generation rates against the sizes of the files, where there are several.
fn over_size(rows: &[BoardRow]) -> Option<Plot> {
    let first = rows.iter().find(|row| row.shape.starts_with("tg") || row.is_serving)?;
    let mut groups: Vec<ScatterGroup> = Vec::new();
    let mut sizes = BTreeSet::new();
    for row in rows.iter().filter(|row| row.label == first.label && row.kind == first.kind) {
        let (Some(rate), Some(size)) = (row.rate_tps, row.file_size_bytes) else { continue };
        sizes.insert(size);
        let name = row.quantization.clone().unwrap_or_else(|| "unknown".to_owned());
        let point = ScatterPoint { x: size.get() as f64, y: rate.get(), label: name };
        let label = format!("{}, {}", row.hardware, board::back_end(row));
        match groups.iter_mut().find(|group| group.label == label) {
            Some(group) => group.points.push(point),
            None => groups.push(ScatterGroup { label, points: vec![point], connected: false }),
        }
    }
    groups.truncate(CURVES);
    if sizes.len() < 2 {
        return None;
    }
    Scatter {
        title: format!("Rate of {} over file size", first.label),
        x: Axis::linear("File size", Unit::Bytes),
        y: Axis::linear("Rate", Unit::symbol("tok/s")).from_zero(),
        groups,
    }
    .plot()
    .ok()
}
