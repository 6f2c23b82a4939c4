//! A machine with all that was measured on it.

use std::collections::BTreeMap;

use axum::extract::{Path, State as Shared};
use tokmark_board::{Content, Hardware, Query, RowFilter};
use tokmark_model::{BoardRow, MachineFacts};
use tokmark_store::MachineRow;

use super::Shown;
use super::block::{Block, Cell, Column, Page, TableView, counted, next_page};
use super::model::{ROWS, fastest_first, left_out};
use super::{board, words};
use crate::access::Reader;
use crate::api::records::{Asked, asked};
use crate::error::ServerError;
use crate::query::PageQuery;
use crate::state::{RowOrder, State};

type Read = Result<Reader, ServerError>;

pub(crate) async fn list(
    Shared(state): Shared<State>,
    reader: Read,
    query: Asked<PageQuery>,
) -> Shown {
    Shown(list_page(&state, reader, query).await)
}

async fn list_page(
    state: &State,
    reader: Read,
    query: Asked<PageQuery>,
) -> Result<Page, ServerError> {
    reader?;
    let query = asked(query)?;
    let (limit, after) = query.page()?;
    let tokmark_store::Page { rows, next } =
        state.store.board().machines(limit, after.as_ref()).await?;
    let mut page = Page::new("/hardware", "Hardware");
    page.blocks.push(counted(rows.len(), ["machine", "machines"], next.as_ref()));
    let row = |row: &MachineRow| {
        let facts = &row.facts;
        let name = facts.cpu.model.clone().unwrap_or_else(|| "unknown processor".to_owned());
        let gpus: Vec<&str> = facts.gpus.iter().map(|gpu| gpu.name.as_str()).collect();
        vec![
            Cell::link(name, machine_address(&facts.fingerprint)),
            Cell::text(gpus.join(", ")),
            Cell::text(words::size(facts.memory.total_bytes)),
            Cell::text(facts.os.name.clone()),
            Cell::text(row.n_records.to_string()),
            Cell::text(words::time(row.last_at)),
        ]
    };
    page.blocks.push(Block::Table(TableView {
        caption: "Machines that measured, newest first".to_owned(),
        columns: vec![
            Column::named("Processor"),
            Column::named("GPUs"),
            Column::number("Memory"),
            Column::named("System"),
            Column::number("Records"),
            Column::named("Last measured"),
        ],
        rows: rows.iter().map(row).collect(),
    }));
    page.blocks.extend(next_page("/hardware", &query, next));
    let shipped = shipped(&state.options.content);
    if !shipped.is_empty() {
        page.blocks.push(Block::Heading("Machines of figures that came with this page".to_owned()));
        page.blocks.push(Block::Links(shipped));
    }
    Ok(page)
}

/// Links to the machines of content: those of its rows, then those that sources describe.
pub(crate) fn shipped(content: &Content) -> Vec<Cell> {
    let mut links: BTreeMap<String, Cell> = BTreeMap::new();
    for row in content.rows().into_iter().filter(|row| !row.machine_fingerprint.is_empty()) {
        let place = machine_address(&row.machine_fingerprint);
        links.entry(row.machine_fingerprint).or_insert_with(|| Cell::link(row.hardware, place));
    }
    let rig = |rig: &Hardware| Cell::link(rig.name.clone(), rig_address(rig));
    links.into_values().chain(content.hardware.iter().map(rig)).collect()
}

/// The page of what is called so: a machine that measured, or else one that a source describes.
pub(crate) fn address(content: &Content, name: &str, fingerprint: &str) -> Option<String> {
    if fingerprint.is_empty() {
        return content.hardware_of(name).map(rig_address);
    }
    Some(machine_address(fingerprint))
}

fn machine_address(fingerprint: &str) -> String {
    format!("/hardware/{}", words::escaped(fingerprint))
}

fn rig_address(rig: &Hardware) -> String {
    format!("/hardware/{}", rig.slug)
}

/// What the newest record of content says of a machine.
pub(crate) fn shipped_facts<'c>(
    content: &'c Content,
    fingerprint: &str,
) -> Option<&'c MachineFacts> {
    let facts = content.records().map(|record| &record.machine);
    facts.filter(|facts| facts.fingerprint == fingerprint).last()
}

/// A machine that a source describes.
async fn rig_page(state: &State, rig: &Hardware) -> Result<Page, ServerError> {
    let mut rows = Vec::new();
    for name in &rig.names {
        let filter = RowFilter { hardware: Some(name.clone()), ..RowFilter::default() };
        rows.extend(state.rows(&Query { filter, ..Query::default() }, RowOrder::Rate).await?.0);
    }
    Ok(rig_blocks(&state.options.content, rig, &rows))
}

/// The page of a machine that a source describes, with its rows.
pub(crate) fn rig_blocks(content: &Content, rig: &Hardware, rows: &[BoardRow]) -> Page {
    let mut page = Page::new("/hardware", &rig.name);
    page.lead = rig.summary.clone();
    let mut facts: Vec<(String, Cell)> = Vec::new();
    for part in &rig.parts {
        facts.push((part.part.clone(), Cell::text(part.what.clone())));
    }
    if let Some(cap) = &rig.power_cap {
        let stock = cap.stock_w.map(|watts| format!(" of {} W", words::number(watts)));
        let why = cap.why.as_ref().map(|why| format!(": {why}"));
        let [stock, why] = [stock, why].map(Option::unwrap_or_default);
        let text = format!("{} W{stock} for each GPU{why}", words::number(cap.cap_w));
        facts.push(("Power cap".to_owned(), Cell::text(text)));
    }
    if let Some(through) = &rig.passthrough {
        let text = match through.devices.as_slice() {
            [] => through.how.clone(),
            devices => format!("{}: {}", through.how, devices.join("; ")),
        };
        facts.push(("Passthrough".to_owned(), Cell::text(text)));
    }
    let name = rig.source.name.clone();
    facts.push((
        "Source".to_owned(),
        match &rig.source.url {
            Some(url) => Cell::link(name, url.clone()),
            None => Cell::text(name),
        },
    ));
    page.blocks.push(Block::Facts(facts));
    for note in rig.notes.iter().chain(&rig.disputed) {
        page.blocks.push(Block::Text(note.clone()));
    }
    page.blocks.push(Block::Heading("What was measured on it".to_owned()));
    page.blocks.push(Block::Table(board::plain(content, &fastest_first(rows), "Fastest first")));
    page
}

pub(crate) async fn machine(
    Shared(state): Shared<State>,
    reader: Read,
    Path(fingerprint): Path<String>,
) -> Shown {
    Shown(machine_page(&state, reader, &fingerprint).await)
}

async fn machine_page(state: &State, reader: Read, fingerprint: &str) -> Result<Page, ServerError> {
    reader?;
    if let Some(rig) = state.options.content.hardware.iter().find(|rig| rig.slug == fingerprint) {
        return rig_page(state, rig).await;
    }
    let machine = state.store.board().machine(fingerprint).await?;
    let filter = RowFilter {
        machine: Some(fingerprint.to_owned()),
        limit: Some(ROWS),
        ..RowFilter::default()
    };
    let (rows, n_slower) =
        state.rows(&Query { filter, ..Query::default() }, RowOrder::Rate).await?;
    if machine.is_none() && rows.is_empty() {
        return Err(ServerError::not_found("machine of this fingerprint"));
    }
    let kept = machine.as_ref().map(|machine| &machine.facts);
    let content = &state.options.content;
    let facts = kept.or_else(|| shipped_facts(content, fingerprint));
    let mut page = machine_blocks(content, facts, &rows);
    page.blocks.extend(left_out(n_slower, "of this machine"));
    Ok(page)
}

/// A machine's page: its facts where they are known, and the fastest of its rows.
pub(crate) fn machine_blocks(
    content: &Content,
    facts: Option<&MachineFacts>,
    rows: &[BoardRow],
) -> Page {
    let title = facts.and_then(|facts| facts.cpu.model.clone());
    let title = title.or_else(|| rows.first().map(|row| row.hardware.clone()));
    let mut page = Page::new("/hardware", title.as_deref().unwrap_or("Unknown machine"));
    if let Some(facts) = facts {
        let mut shown: Vec<(String, Cell)> = Vec::new();
        let mut add = |name: &str, text: Option<String>| {
            let text = text.filter(|text| !text.is_empty());
            shown.push((name.to_owned(), Cell::text(text.unwrap_or_else(|| "unknown".to_owned()))));
        };
        add("Processor", facts.cpu.model.clone());
        add("Cores", facts.cpu.n_physical.map(|n| n.to_string()));
        add("Logical processors", Some(facts.cpu.n_logical.to_string()));
        add("Allowed", Some(words::number(facts.cpu.n_allowed)));
        add("Instruction sets", Some(facts.cpu.isa.join(" ")));
        add("Memory", Some(words::size(facts.memory.total_bytes)));
        add("Kind of memory", facts.memory.kind.clone());
        for gpu in &facts.gpus {
            let memory = gpu.memory_bytes.map(words::size).unwrap_or_default();
            add("GPU", Some(format!("{} {memory}", gpu.name)));
            add("Driver", gpu.driver.clone());
        }
        add(
            "System",
            Some(format!("{} {}", facts.os.name, facts.os.version.clone().unwrap_or_default())),
        );
        add("Kernel", facts.os.kernel.clone());
        add("Virtualization", facts.virtualization.clone());
        add("Power cap", facts.power_cap_w.map(|watts| format!("{} W", words::number(watts))));
        page.blocks.push(Block::Facts(shown));
    }
    page.blocks.push(Block::Heading("Best row of each model".to_owned()));
    let mut best: Vec<BoardRow> = Vec::new();
    // What was measured never gives way to what somebody published.
    let key = |row: &BoardRow| {
        (row.model_name.clone(), row.shape.clone(), row.kind, row.is_serving, row.concurrency)
    };
    for row in &fastest_first(rows) {
        if !best.iter().any(|one| key(one) == key(row)) {
            best.push(row.clone());
        }
    }
    page.blocks.push(Block::Table(board::plain(
        content,
        &best,
        "Fastest configuration of each model and test",
    )));
    page
}
