//! The leaderboard and what else is made of its rows.

use std::collections::BTreeMap;

use axum::extract::State as Shared;
use axum::http::Uri;
use tokmark_board::{
    Column as Key, Content, Leaderboard, Line, PlannedState, Query, leaderboard as grouped,
};
use tokmark_model::{BoardRow, RecordKind};
use tokmark_store::BoardChoices;

use super::Shown;
use super::block::{self, Block, Cell, Column, FilterField, FilterForm, Group, Page, TableView};
use super::{hardware as machines, record, words};
use crate::access::Reader;
use crate::error::ServerError;
use crate::query::board_query;
use crate::state::{RowOrder, State};

type Read = Result<Reader, ServerError>;

/// What the leaderboard is.
pub(crate) const LEAD: &str = "The newest figures of every configuration, grouped by family. \
Kinds are never ranked together; ranks differ only where intervals part. With no shape chosen a \
rate is the range over the shapes.";

/// Shapes side by side.
const SHAPES: usize = 8;

/// Rows as a plain table.
pub(super) fn plain(content: &Content, rows: &[BoardRow], caption: &str) -> TableView {
    let columns = vec![
        Column::named("Model"),
        Column::named("Quantization").defined(words::QUANTIZATION),
        Column::number("File size"),
        Column::named("Hardware").defined(words::HARDWARE),
        Column::named("Back end").defined(words::BACKEND),
        Column::named("Settings"),
        Column::named("Measured"),
        Column::number("Concurrency").defined(words::CONCURRENCY),
        Column::number("tok/s").defined(words::RATE),
        Column::number("Interval").defined(words::INTERVAL),
        Column::named("Grade").defined(words::GRADE),
    ];
    let cells = |row: &BoardRow| {
        vec![
            model(row),
            Cell::text(row.quantization.clone().unwrap_or_else(|| "unknown".to_owned())),
            Cell::text(row.file_size_bytes.map(words::size).unwrap_or_default()),
            hardware(content, row),
            Cell::text(back_end(row)),
            Cell::text(row.settings.clone()),
            measured(row),
            Cell::text(row.concurrency.map_or_else(String::new, |n| n.to_string())),
            Cell::text(words::rate(row.rate_tps)),
            Cell::text(words::ends(row.rate_low_tps, row.rate_high_tps)),
            Cell::text(words::grade(row.grade)),
        ]
    };
    TableView { caption: caption.to_owned(), columns, rows: rows.iter().map(cells).collect() }
}

fn model(row: &BoardRow) -> Cell {
    Cell::link(row.model_name.clone(), format!("/models/{}", words::escaped(&row.model_name)))
}

fn hardware(content: &Content, row: &BoardRow) -> Cell {
    let cell = machine(content, &row.hardware, &row.machine_fingerprint);
    match row.n_gpus {
        0 | 1 => cell,
        n => cell.tagged(format!("{n} GPUs")),
    }
}

pub(super) fn back_end(row: &BoardRow) -> String {
    let mut text = format!("{} {}", row.engine, row.engine_version).trim_end().to_owned();
    if !row.backends.is_empty() {
        text += &format!(" ({})", row.backends);
    }
    text
}

/// What was measured, with what is to be known of it.
fn measured(row: &BoardRow) -> Cell {
    let mut cell = Cell::link(row.label.clone(), record::address(row.id));
    if row.kind != RecordKind::Measured {
        cell = cell.tagged(words::kind(row.kind));
    }
    if let Some(source) = &row.source {
        cell = cell.tagged(source.clone());
    }
    if let Some(disputed) = &row.disputed {
        cell = cell.tagged(disputed.clone());
    }
    cell
}

fn filters(action: &str, query: &Query, choices: &BoardChoices) -> FilterForm {
    let own = &query.filter;
    let chosen = |name, label, value: Option<String>, found: &[(String, u64)]| FilterField {
        name,
        label,
        value: value.unwrap_or_default(),
        always: false,
        choices: found
            .iter()
            // A server says no back end; there is nothing to choose it by.
            .filter(|(word, _)| !word.is_empty())
            .map(|(word, n)| (word.clone(), format!("{word} ({n})")))
            .collect(),
    };
    let number = |name, label, value: Option<u64>| FilterField {
        name,
        label,
        value: value.map_or_else(String::new, |value| value.to_string()),
        always: false,
        choices: Vec::new(),
    };
    let words = |name, label, value: String, list: &[&str]| FilterField {
        name,
        label,
        value,
        always: name == "level",
        choices: list.iter().map(|word| ((*word).to_owned(), word.replace('_', " "))).collect(),
    };
    let concurrencies: Vec<(String, u64)> =
        choices.concurrencies.iter().map(|(value, n)| (value.to_string(), *n)).collect();
    let concurrency = own.concurrency.map(|n| n.to_string());
    let kind = own.kind.map(|kind| words::word(&kind).replace(' ', "_")).unwrap_or_default();
    let grade = own.grade_at_least.map(|letter| format!("{letter:?}")).unwrap_or_default();
    let kinds = ["measured", "imported", "imported_summary", "published"];
    let levels = ["workload_only", "same_stack", "same_hardware_and_stack"];
    let default = Query::default();
    let mut kept = Vec::new();
    if query.sort != default.sort {
        kept.push(("sort".to_owned(), query.sort.word().to_owned()));
    }
    if query.direction != query.sort.natural() {
        kept.push(("direction".to_owned(), query.direction.word().to_owned()));
    }
    FilterForm {
        action: action.to_owned(),
        fields: vec![
            chosen("family", "Family", own.family.clone(), &choices.families),
            chosen("hardware", "Hardware", own.hardware.clone(), &choices.hardware),
            chosen("backend", "Back end", own.backend.clone(), &choices.backends),
            chosen("engine", "Engine", own.engine.clone(), &choices.engines),
            chosen(
                "quantization",
                "Quantization",
                own.quantization.clone(),
                &choices.quantizations,
            ),
            number("min_params", "Parameters at least (7B, 135M)", own.min_params),
            number("max_params", "Parameters at most", own.max_params),
            chosen("concurrency", "Concurrency", concurrency, &concurrencies),
            chosen("shape", "Shape or test", own.shape.clone(), &choices.shapes),
            words("grade_at_least", "Grade at least", grade, &["A", "B", "C", "D", "E", "F"]),
            words("kind", "Kind", kind, &kinds),
            words("level", "Ranked among", words::word(&query.level).replace(' ', "_"), &levels),
        ],
        kept,
        verb: block::FILTER,
    }
}

pub(crate) async fn leaderboard(Shared(state): Shared<State>, reader: Read, uri: Uri) -> Shown {
    Shown(leaderboard_page(&state, reader, &uri).await)
}

async fn leaderboard_page(state: &State, reader: Read, uri: &Uri) -> Result<Page, ServerError> {
    reader?;
    let query = board_query(uri)?;
    let (rows, n_left_out) = state.rows(&query, leaders(&query)).await?;
    let choices = state.choices().await?;
    let found = grouped(&rows, &state.options.content.families, &query);
    let mut page = Page::new("/leaderboard", "Leaderboard");
    page.lead = LEAD.to_owned();
    page.blocks.push(Block::Filters(filters("/leaderboard", &query, &choices)));
    let n_left_out = n_left_out + found.n_left_out as u64;
    let n_prompts = match leaders(&query) {
        RowOrder::Configurations => state.n_prompts(&query).await?,
        RowOrder::Rate | RowOrder::Ttft => 0,
    };
    let prompts = match found.n_prompt_rows as u64 + n_prompts {
        0 => String::new(),
        1 => "; 1 rate of a prompt is left out, choose a shape to see it".to_owned(),
        n => format!("; {n} rates of prompts are left out, choose a shape to see them"),
    };
    let sentence = format!("{}{prompts}{}", found.sentence, left_out(n_left_out));
    page.blocks.push(Block::Live(sentence));
    page.blocks.extend(groups(&state.options.content, &found, &query));
    page.blocks.extend(planned(&state.options.content));
    Ok(page)
}

/// What is coming, and what holds it up.
pub(crate) fn planned(content: &Content) -> Vec<Block> {
    if content.planned.is_empty() {
        return Vec::new();
    }
    let facts = content.planned.iter().map(|one| {
        let state = match one.state {
            PlannedState::Queued => "queued",
            PlannedState::Blocked => "blocked",
        };
        (one.title.clone(), Cell::text(one.why.clone()).tagged(state))
    });
    let mut blocks = vec![Block::Heading("Coming soon".to_owned()), Block::Facts(facts.collect())];
    blocks.extend(
        content.planned_by.as_ref().map(|by| Block::Text(format!("Planned by {}.", by.name))),
    );
    blocks
}

pub(crate) fn groups(content: &Content, found: &Leaderboard, query: &Query) -> Vec<Block> {
    let column = |key: Key| {
        let sorted = query.sorted_by(key).to_query();
        Column {
            label: key.title().to_owned(),
            numeric: matches!(key, Key::Concurrency | Key::Rate | Key::Ttft),
            definition: Some(key.definition()),
            sort_href: Some(format!("/leaderboard?{sorted}")),
            sorted: (query.sort == key).then(|| query.aria_sort(key)),
        }
    };
    let mut columns: Vec<Column> = Key::ALL.into_iter().map(column).collect();
    // Ranks go by rate.
    let by_rate = column(Key::Rate);
    columns.push(Column {
        label: "Rank".to_owned(),
        definition: Some(words::RANK),
        numeric: false,
        sorted: None,
        ..by_rate
    });
    // What was measured here is seen at once; what others published unfolds.
    let is_open = found.groups.len() <= 3;
    let is_own = |group: &tokmark_board::Group| {
        group.rows.iter().any(|line| line.kind != RecordKind::Published)
    };
    let group = |(n, group): (usize, &tokmark_board::Group)| {
        let released = group.released.as_ref();
        let by = group.source.as_ref().map_or_else(String::new, |by| format!(" ({})", by.name));
        let released = released.map_or_else(String::new, |month| format!(", released {month}{by}"));
        Block::Group(Group {
            name: group.family.clone(),
            remark: format!("({}){released}", group.rows.len()),
            is_open: is_open || n == 0 || is_own(group),
            table: TableView {
                caption: format!("{}, {} configurations", group.family, group.rows.len()),
                columns: columns.clone(),
                rows: group.rows.iter().map(|one| line(content, one)).collect(),
            },
        })
    };
    found.groups.iter().enumerate().map(group).collect()
}

fn line(content: &Content, line: &Line) -> Vec<Cell> {
    let variant = named(line, &line.variant);
    let mut rate = match line.records.first() {
        Some(id) => Cell::link(line.rate_text.clone(), record::address(*id)),
        None => Cell::text(line.rate_text.clone()),
    };
    if line.shapes.len() > 1 {
        rate = rate.tagged(line.shape_text.clone());
    }
    vec![
        variant,
        Cell::text(line.quantization_text.clone()),
        computed(content, line),
        Cell::text(line.engine_text.clone()),
        Cell::text(line.concurrency_text.clone()),
        rate,
        Cell::text(line.ttft_text.clone().unwrap_or_default()),
        Cell::text(words::grade(line.grade)),
        Cell::text(line.date_text.clone()),
        Cell::text(line.rank_text.clone()),
    ]
}

/// The model, with what is to be known of its figures.
fn named(line: &Line, text: &str) -> Cell {
    let mut cell = Cell::link(text, format!("/models/{}", words::escaped(&line.model_name)));
    if line.kind != RecordKind::Measured {
        cell = cell.tagged(line.kind_text);
    }
    if let Some(disputed) = &line.disputed {
        cell = cell.tagged(disputed.clone());
    }
    cell
}

/// What computed, with its tags.
fn computed(content: &Content, line: &Line) -> Cell {
    let hardware = machine(content, &line.hardware, &line.machine_fingerprint);
    let tags = line.gpus_text.iter().chain(&line.power_cap_text);
    tags.fold(hardware, |cell, tag| cell.tagged(tag.clone()))
}

/// A machine's name, which leads to its page where there is one.
fn machine(content: &Content, name: &str, fingerprint: &str) -> Cell {
    match machines::address(content, name, fingerprint) {
        Some(address) => Cell::link(name, address),
        None => Cell::text(name),
    }
}

/// The same query for load points, or for tests of engines that were measured.
fn serving(query: &Query, is_serving: bool) -> Query {
    let mut query = query.clone();
    query.filter.is_serving = Some(is_serving);
    if !is_serving {
        query.filter.kind = query.filter.kind.or(Some(RecordKind::Measured));
    }
    query
}

pub(crate) async fn workloads(Shared(state): Shared<State>, reader: Read, uri: Uri) -> Shown {
    Shown(workloads_page(&state, reader, &uri).await)
}

/// The same configuration over the shapes: rate, and time to first token.
async fn workloads_page(state: &State, reader: Read, uri: &Uri) -> Result<Page, ServerError> {
    reader?;
    let query = board_query(uri)?;
    let wanted = serving(&query, true);
    let (rows, n_left_out) = state.rows(&wanted, leaders(&wanted)).await?;
    let found = grouped(&rows, &state.options.content.families, &wanted);
    let mut lines: Vec<&Line> = found.groups.iter().flat_map(|group| &group.rows).collect();
    let fastest = |line: &Line| {
        let rates = line.shapes.iter().filter_map(|shape| shape.rate_tps.or(shape.rate_low_tps));
        rates.map(|rate| rate.get()).fold(0.0, f64::max)
    };
    lines.sort_by(|a, b| fastest(b).total_cmp(&fastest(a)));
    let mut page = Page::new("/workloads", "Workloads");
    page.lead = "The same models over different shapes of work: output rate, and below it the \
                 median time to first token. Prompts and answers differ in length, and so the \
                 limit that binds."
        .to_owned();
    page.blocks.push(Block::Filters(filters("/workloads", &query, &state.choices().await?)));
    let shapes = most_frequent(&lines);
    let n_shapes = shapes.len();
    let shapes = &shapes[..n_shapes.min(SHAPES)];
    let mut said = format!("{} configurations, fastest first", lines.len());
    said += &left_out(n_left_out + found.n_left_out as u64);
    if n_shapes > SHAPES {
        said +=
            &format!("; the {SHAPES} most frequent of {n_shapes} shapes, choose one for others");
    }
    page.blocks.push(Block::Live(said));
    let mut columns = vec![
        Column::named("Model"),
        Column::named("Quantization").defined(words::QUANTIZATION),
        Column::named("Hardware").defined(words::HARDWARE),
        Column::named("Back end").defined(words::BACKEND),
        Column::named("Settings"),
        Column::number("Conc.").defined(words::CONCURRENCY),
    ];
    for shape in shapes {
        columns.push(Column::number(format!("{shape}, tok/s")).defined(words::RATE));
        columns.push(Column::number(format!("{shape}, TTFT ms")).defined(words::TTFT));
    }
    let content = &state.options.content;
    let cells = |line: &&Line| {
        let mut cells = vec![
            named(line, &line.model_name),
            Cell::text(line.quantization_text.clone()),
            computed(content, line),
            Cell::text(line.engine_text.clone()),
            Cell::text(line.settings.clone()),
            Cell::text(line.concurrency_text.clone()),
        ];
        for shape in shapes {
            let own = line.shapes.iter().find(|own| own.shape == *shape);
            cells.push(own.map_or_else(Cell::default, |own| {
                Cell::link(own.rate_text.clone(), record::address(own.record))
            }));
            let ttft = own.and_then(|own| own.ttft_ms);
            cells.push(Cell::text(ttft.map_or_else(String::new, words::number)));
        }
        cells
    };
    page.blocks.push(Block::Table(TableView {
        caption: "Fastest first".to_owned(),
        columns,
        rows: lines.iter().map(cells).collect(),
    }));
    Ok(page)
}

/// The shapes of lines, the most frequent first.
fn most_frequent(lines: &[&Line]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for shape in lines.iter().flat_map(|line| &line.shapes) {
        *counts.entry(&shape.shape).or_default() += 1;
    }
    let mut shapes: Vec<(&str, usize)> = counts.into_iter().collect();
    shapes.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    shapes.into_iter().map(|(shape, _)| shape.to_owned()).collect()
}

/// What a list does not show, as the end of a sentence.
fn left_out(n: u64) -> String {
    match n {
        0 => String::new(),
        n => format!("; {n} slower ones are not shown"),
    }
}

/// Without a shape the rate is a range over the shapes of a configuration.
fn leaders(query: &Query) -> RowOrder {
    if query.filter.shape.is_none() { RowOrder::Configurations } else { RowOrder::Rate }
}

pub(crate) async fn latency(Shared(state): Shared<State>, reader: Read, uri: Uri) -> Shown {
    Shown(latency_page(&state, reader, &uri).await)
}

async fn latency_page(state: &State, reader: Read, uri: &Uri) -> Result<Page, ServerError> {
    reader?;
    let query = board_query(uri)?;
    let (rows, n_left_out) = state.rows(&serving(&query, true), RowOrder::Ttft).await?;
    let others = left_out(n_left_out);
    let mut page = Page::new("/latency", "Latency");
    page.lead = "Load points by their median time to first token, shortest first.".to_owned();
    page.blocks.push(Block::Filters(filters("/latency", &query, &state.choices().await?)));
    page.blocks
        .push(Block::Live(format!("{} load points, shortest time first{others}", rows.len())));
    let content = &state.options.content;
    let cells = |row: &BoardRow| {
        vec![
            model(row),
            hardware(content, row),
            Cell::text(back_end(row)),
            measured(row),
            Cell::text(row.concurrency.map_or_else(String::new, |n| n.to_string())),
            Cell::text(row.ttft_p50_ms.map_or_else(String::new, words::number)),
            Cell::text(words::rate(row.rate_tps)),
            Cell::text(words::grade(row.grade)),
        ]
    };
    page.blocks.push(Block::Table(TableView {
        caption: "Shortest first".to_owned(),
        columns: vec![
            Column::named("Model"),
            Column::named("Hardware").defined(words::HARDWARE),
            Column::named("Back end").defined(words::BACKEND),
            Column::named("Shape"),
            Column::number("Conc.").defined(words::CONCURRENCY),
            Column::number("TTFT p50, ms").defined(words::TTFT),
            Column::number("tok/s").defined(words::RATE),
            Column::named("Grade").defined(words::GRADE),
        ],
        rows: rows.iter().map(cells).collect(),
    }));
    Ok(page)
}

pub(crate) async fn engines(Shared(state): Shared<State>, reader: Read, uri: Uri) -> Shown {
    Shown(engines_page(&state, reader, &uri).await)
}

async fn engines_page(state: &State, reader: Read, uri: &Uri) -> Result<Page, ServerError> {
    reader?;
    let query = board_query(uri)?;
    let (rows, n_left_out) = state.rows(&serving(&query, false), RowOrder::Rate).await?;
    let mut page = Page::new("/engines", "Raw engine");
    page.lead = "Prompt processing and generation by the engine alone, without a server: what \
                 llama-bench calls pp and tg."
        .to_owned();
    page.blocks.push(Block::Filters(filters("/engines", &query, &state.choices().await?)));
    let slower = left_out(n_left_out);
    page.blocks.push(Block::Live(format!("{} configurations, fastest first{slower}", rows.len())));
    page.blocks.push(Block::Table(plain(&state.options.content, &rows, "Fastest first")));
    Ok(page)
}
