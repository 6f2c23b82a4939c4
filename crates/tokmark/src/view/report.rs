//! The report of load points: one HTML page with plots that needs no other file.

mod again;
mod against_load;
mod drawn;
mod of_point;
#[cfg(test)]
mod tests;

use std::path::Path;

use tokmark_model::{MachineFacts, Record};
use tokmark_plot::{Block, Plot, PlotError, Section, Table, page as html};

use super::load::{comparison, notes, rows, server};
use super::table::status_word;
use super::words::{cpus, grade, minute, printable};

/// Definitions of the figures, in the words of `docs/metrics.md`.
const DEFINITIONS: [&str; 14] = [
    "Times are taken on the client's clock when bytes arrive. Text is reasoning, answer, or a tool \
     call; an event that carries some is a text event. An opening event without text is none.",
    "TTFT: first text event - sent. Where reasoning is not streamed, it includes the reasoning.",
    "TTFO: first event with answer text or a tool call - sent.",
    "ITL: gaps between successive text events of a request, all requests together.",
    "TPOT: (last text event - first) / (streamed tokens - tokens of the first event).",
    "End to end: last text event - sent. Closed: end of the stream - sent.",
    "From due: the same counted from the instant at which the schedule wanted the request sent. \
     It holds what a late client hides.",
    "Rate of a request: output tokens / end to end.",
    "Output rate: output tokens inside the measured window / window. In a closed loop the window \
     goes from the instant at which all slots are taken to the last instant at which one is \
     filled again; in an open loop from the end of the run-in to the last due time.",
    "Goodput: requests that kept all service levels. Failed requests count against it.",
    "Errors are counted by kind and enter no latency.",
    "Quantiles are of type 7 (Hyndman and Fan). Intervals have a confidence of 95 %; of quantiles \
     they are order-statistic intervals, of rates those of batch means.",
    "The grade, A to F, says how far a figure can be believed. It does not judge the speed. The \
     worst reason decides.",
    "Tokens are counted by the server's usage, else by its tokenizer, else by a local one, else \
     as words x 1.3, which the grade then says.",
];

/// The page of all points of a run. Of a point that has too many requests for its record, some
/// are read from the folder `large_logs` and drawn.
pub(crate) fn page(records: &[Record], large_logs: &Path) -> String {
    let mut sections = vec![what(records), figures(records)];
    sections.extend(against_load::section(records));
    sections.extend(records.iter().map(|record| of_point::section(record, large_logs)));
    sections.push(Section {
        heading: "Definitions".to_owned(),
        blocks: vec![Block::List(DEFINITIONS.map(str::to_owned).into())],
    });
    sections.extend(machine(records));
    sections.push(again::section(records));
    html(&title(records), &sections)
}

fn title(records: &[Record]) -> String {
    let mut models: Vec<&str> = Vec::new();
    for serving in records.iter().filter_map(|record| record.serving.as_ref()) {
        if !models.contains(&serving.server.model.as_str()) {
            models.push(&serving.server.model);
        }
    }
    match models.as_slice() {
        [] => "Load of a server".to_owned(),
        models => format!("Load of {}", models.join(", ")),
    }
}

fn what(records: &[Record]) -> Section {
    let mut servers: Vec<String> = Vec::new();
    for serving in records.iter().filter_map(|record| record.serving.as_ref()) {
        let name = serving.recipe.as_ref().map_or_else(String::new, |name| format!("{name}: "));
        let text = format!("{name}{}", server(&serving.server).replace("\n  ", "; "));
        if !servers.contains(&text) {
            servers.push(text);
        }
    }
    let mut blocks = vec![Block::Text(
        "Requests were made at a server as its users would make them, and each was timed from the \
         instant at which it was sent."
            .to_owned(),
    )];
    if let Some(first) = records.first() {
        let points = if records.len() == 1 {
            "1 point".to_owned()
        } else {
            format!("{} points", records.len())
        };
        let when = minute(first.created_at);
        let tool = printable(&format!("{} {}", first.tool.name, first.tool.version));
        blocks.push(Block::Text(format!("{points}, begun on {when} UTC by {tool}. Servers:")));
    }
    blocks.push(Block::List(servers));
    Section { heading: "What was measured".to_owned(), blocks }
}

fn figures(records: &[Record]) -> Section {
    let mut blocks = Vec::new();
    for rows in rows::latencies_and_rates(records).into_iter().chain(comparison::tables(records)) {
        blocks.extend(rows.table().map(Block::Table));
    }
    list(&mut blocks, "What speaks against these figures, worst first", notes::reasons(records));
    list(&mut blocks, "What else to know", notes::notes(records));
    Section { heading: "Figures".to_owned(), blocks }
}

fn list(blocks: &mut Vec<Block>, heading: &str, lines: Vec<String>) {
    if !lines.is_empty() {
        blocks.extend([Block::Heading(heading.to_owned()), Block::List(lines)]);
    }
}

/// The machine of local servers, once for each.
fn machine(records: &[Record]) -> Option<Section> {
    let mut machines: Vec<&MachineFacts> = Vec::new();
    for machine in records.iter().map(|record| &record.machine) {
        if !machine.fingerprint.is_empty() && !machines.contains(&machine) {
            machines.push(machine);
        }
    }
    let tables: Vec<Block> = machines.into_iter().filter_map(machine_table).collect();
    let blocks = if tables.is_empty() {
        vec![Block::Text(
            "The server ran on another machine; nothing is known of it here.".to_owned(),
        )]
    } else {
        tables
    };
    (!records.is_empty()).then(|| Section { heading: "Machine".to_owned(), blocks })
}

fn machine_table(machine: &MachineFacts) -> Option<Block> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        rows.extend(value.map(|value| vec![name.to_owned(), value]));
    };
    let cpu = &machine.cpu;
    add("Processor", cpu.model.clone());
    add("CPUs allowed", Some(format!("{} of {}", cpus(cpu.n_allowed), cpu.n_logical)));
    add("Instruction sets", Some(cpu.isa.join(", ")).filter(|isa| !isa.is_empty()));
    add("Memory allowed", Some(machine.memory.allowed_bytes.to_string()));
    for gpu in &machine.gpus {
        let memory = gpu.memory_bytes.map_or_else(String::new, |bytes| format!(", {bytes}"));
        add("GPU", Some(format!("{}{memory}", gpu.name)));
    }
    let version = machine.os.version.as_deref().unwrap_or_default();
    add("System", Some(format!("{} {version}", machine.os.name)));
    add("Kernel", machine.os.kernel.clone());
    add("Virtualization", machine.virtualization.clone());
    add("Fingerprint", Some(machine.fingerprint.clone()));
    Table::new("Machine that ran client and server", &["Fact", "Value"], &rows)
        .ok()
        .map(Block::Table)
}

/// A plot, or in its place why there is none.
fn plotted(title: &str, plot: Result<Plot, PlotError>) -> Block {
    Block::Plot(Box::new(plot.unwrap_or_else(|error| Plot::empty(title, &error.to_string()))))
}

/// A point's heading: name and grade, or how it ended without one.
fn heading(record: &Record) -> String {
    let name = notes::full_name(record);
    match &record.grade {
        Some(found) => format!("{name}, grade {}", grade(found.letter)),
        None => format!("{name}, {}", status_word(record.status)),
    }
}
