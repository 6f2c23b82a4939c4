//! Every run, newest first.

use axum::extract::State as Shared;
use tokmark_model::BoardRow;
use tokmark_stats::board_row;
use tokmark_store::RecordRow;

use super::Shown;
use super::block::{
    self, Block, Cell, Column, FilterField, FilterForm, Group, Page, TableView, link,
};
use super::{board, words};
use crate::access::Reader;
use crate::api::records::{Asked, asked};
use crate::error::ServerError;
use crate::query::{ListQuery, words_of_status};
use crate::state::State;

pub(crate) async fn list(
    Shared(state): Shared<State>,
    reader: Result<Reader, ServerError>,
    query: Asked<ListQuery>,
) -> Shown {
    Shown(page(&state, reader, query).await)
}

async fn page(
    state: &State,
    reader: Result<Reader, ServerError>,
    query: Asked<ListQuery>,
) -> Result<Page, ServerError> {
    reader?;
    let query = asked(query)?;
    let (filter, cursor) = query.filter()?;
    let found = state.store.page(&filter, cursor.as_ref()).await?;
    let mut page = Page::new("/benchmarks", "Benchmarks");
    page.lead = "Every run, newest first. A run is one command; its tests unfold.".to_owned();
    page.blocks.push(Block::Filters(filters(&query)));
    let beside = if cursor.is_none() { state.beside(&filter) } else { Vec::new() };
    let n = found.rows.len();
    let more = if found.next.is_some() { ", more on the next page" } else { "" };
    let published = match beside.len() {
        0 => String::new(),
        n => format!("; {n} that came with the program below them"),
    };
    page.blocks.push(Block::Live(format!("{n} records{more}{published}")));
    for run in found.rows.chunk_by(|a, b| a.run_id == b.run_id) {
        page.blocks.push(Block::Group(group(run)));
    }
    if let Some(next) = &found.next {
        let query = ListQuery { cursor: Some(next.to_string()), ..query.clone() };
        page.blocks.push(link("Next page", &format!("/benchmarks?{}", words::query(&query))));
    }
    if !beside.is_empty() {
        let rows: Vec<BoardRow> = beside.into_iter().filter_map(board_row).collect();
        page.blocks.push(Block::Group(Group {
            name: "Figures that came with the program".to_owned(),
            remark: format!("{}, not measured here", rows.len()),
            is_open: found.rows.is_empty(),
            table: board::plain(&state.options.content, &rows, "Newest first"),
        }));
    }
    let all = words::query(&ListQuery { cursor: None, limit: None, ..query });
    let and = if all.is_empty() { "" } else { "&" };
    let export = |form| {
        Cell::link(format!("Export as {form}"), format!("/api/export?{all}{and}format={form}"))
    };
    page.blocks.push(Block::Links(["json", "jsonl", "csv", "yaml"].map(export).to_vec()));
    Ok(page)
}

fn group(run: &[RecordRow]) -> Group {
    let first = &run[0];
    let mut models: Vec<&str> = run.iter().map(|row| row.model_name.as_str()).collect();
    models.dedup();
    let worst = run.iter().filter_map(|row| row.grade).max();
    Group {
        name: format!("{} {}", words::time(first.created_at), models.join(", ")),
        remark: format!(
            "{} shown of run {}, worst grade of these {}",
            match run.len() {
                1 => "1 record".to_owned(),
                n => format!("{n} records"),
            },
            words::short(first.run_id),
            words::grade(worst)
        ),
        is_open: false,
        table: table(run, "Records of the run"),
    }
}

/// Records as a table.
pub(crate) fn table(rows: &[RecordRow], caption: &str) -> TableView {
    let columns = vec![
        Column::named("Test"),
        Column::named("Model"),
        Column::named("Quantization").defined(words::QUANTIZATION),
        Column::named("Engine").defined(words::BACKEND),
        Column::named("Settings"),
        Column::number("tok/s").defined(words::RATE),
        Column::number("Interval").defined(words::INTERVAL),
        Column::named("Grade").defined(words::GRADE),
        Column::named("Status"),
        Column::named("Quality"),
    ];
    let cells = |row: &RecordRow| {
        let mut test = Cell::link(row.label.clone(), format!("/benchmarks/{}", row.id));
        if row.kind != tokmark_model::RecordKind::Measured {
            test = test.tagged(words::kind(row.kind));
        }
        for tag in &row.tags {
            test = test.tagged(tag.clone());
        }
        let model = format!("/models/{}", words::escaped(&row.model_name));
        vec![
            test,
            Cell::link(row.model_name.clone(), model),
            Cell::text(row.quantization.clone().unwrap_or_default()),
            Cell::text(format!("{} {}", row.engine, row.backends)),
            Cell::text(row.settings.clone()),
            Cell::text(words::rate(row.rate_tps)),
            Cell::text(words::ends(row.rate_low_tps, row.rate_high_tps)),
            Cell::text(words::grade(row.grade)),
            Cell::text(words::word(&row.status)),
            Cell::text("not judged"),
        ]
    };
    TableView { caption: caption.to_owned(), columns, rows: rows.iter().map(cells).collect() }
}

fn filters(query: &ListQuery) -> FilterForm {
    let text = |name, label, value: &Option<String>| FilterField {
        name,
        label,
        value: value.clone().unwrap_or_default(),
        ..FilterField::default()
    };
    let chosen = |name, label, value: &Option<String>, choices: Vec<String>| FilterField {
        choices: choices.into_iter().map(|word| (word.clone(), word.replace('_', " "))).collect(),
        ..text(name, label, value)
    };
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    FilterForm {
        action: "/benchmarks".to_owned(),
        fields: vec![
            text("model", "Model", &query.model),
            text("test", "Test", &query.test),
            text("engine", "Engine", &query.engine),
            text("backend", "Back end", &query.backend),
            chosen("grade", "Grade at least", &query.grade, owned(&["A", "B", "C", "D", "E", "F"])),
            chosen("status", "Status", &query.status, words_of_status()),
            chosen(
                "kind",
                "Kind",
                &query.kind,
                owned(&["measured", "imported", "imported_summary", "published"]),
            ),
            text("tag", "Tag", &query.tag),
            chosen(
                "sort",
                "Order",
                &query.sort,
                owned(&["time", "-time", "rate", "-rate", "model", "-model", "test", "-test"]),
            ),
        ],
        kept: Vec::new(),
        verb: block::FILTER,
    }
}
