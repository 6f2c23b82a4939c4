//! One record with everything that it holds.

use axum::extract::{Path, State as Shared};
use tokmark_model::{Nanos, Record, RecordId, RecordKind, RequestSample, TokenCount};
use tokmark_stats::board_row;

use super::Shown;
use super::block::{Block, Cell, Column, FilterField, FilterForm, Page, PlotView, TableView, link};
use super::{experiment, trace, words};
use crate::access::Reader;
use crate::error::ServerError;
use crate::signature;
use crate::state::State;

/// Repetitions or requests in a table; all of them are in the CSV.
const SHOWN: usize = 200;

pub(crate) async fn page(
    Shared(state): Shared<State>,
    reader: Result<Reader, ServerError>,
    Path(id): Path<String>,
) -> Shown {
    Shown(whole(&state, reader, &id).await)
}

async fn whole(
    state: &State,
    reader: Result<Reader, ServerError>,
    id: &str,
) -> Result<Page, ServerError> {
    reader?;
    let (record, signed) = signature::told(state, state.record(id).await?).await?;
    let mut page = Page::new("", &format!("{} of {}", record.label(), record.model.name));
    page.lead = lead(&record);
    facts(&mut page, &record, signed);
    if let Some(reason) = &record.status_reason {
        page.blocks.push(Block::Heading("Why it did not end well".to_owned()));
        page.blocks.push(Block::Text(reason.message.clone()));
        if !reason.log_tail.is_empty() {
            page.blocks.push(Block::Command(reason.log_tail.join("\n")));
        }
    }
    grade(&mut page, &record);
    samples(&mut page, &record);
    if let Some(serving) = &record.serving {
        requests(&mut page, serving);
    }
    if record.experiment.is_some() {
        experiment::blocks(state, &mut page, &record).await?;
    }
    if record.kind == RecordKind::Measured {
        page.blocks.push(Block::Heading("The same again".to_owned()));
        page.blocks.push(Block::Command(tokmark_command::command(&record)));
    }
    page.blocks.push(Block::Heading("Against another record".to_owned()));
    page.blocks.push(Block::Filters(FilterForm {
        action: "/compare".to_owned(),
        fields: vec![FilterField {
            name: "with",
            label: "Id of the other record",
            ..FilterField::default()
        }],
        kept: vec![("ids".to_owned(), record.id.to_string())],
        verb: "Compare",
    }));
    let (json, csv) = (
        format!("/api/benchmarks/{}", record.id),
        format!("/api/benchmarks/{}/samples.csv", record.id),
    );
    page.blocks.push(Block::Links(vec![
        Cell::link("Whole record as JSON", json),
        Cell::link("Samples as CSV", csv),
        Cell::link("All records of this run", format!("/benchmarks?run={}", record.run_id)),
    ]));
    if !record.notes.is_empty() {
        page.blocks.push(Block::Heading("Notes".to_owned()));
        for note in &record.notes {
            page.blocks.push(Block::Text(format!("{}: {}", words::time(note.at), note.text)));
        }
    }
    Ok(page)
}

fn lead(record: &Record) -> String {
    if let Some(experiment) = &record.experiment {
        return experiment::lead(record, experiment);
    }
    if let (Some(published), Some(row)) = (&record.published, board_row(record)) {
        let on = published.date.as_ref().map_or_else(String::new, |date| format!(" on {date}"));
        let rate = words::rate_or_range(&row);
        return format!(
            "{rate} tok/s, published by {}{on}: no samples, no grade.",
            published.source
        );
    }
    let Some(estimate) = record.rate() else {
        return format!("{}, no rate.", words::word(&record.status));
    };
    let rate = words::number(estimate.rate_tps.get());
    let within = match estimate.interval {
        Some(interval) => format!(
            "95 % interval {} to {}",
            words::number(interval.low),
            words::number(interval.high)
        ),
        None => "no interval".to_owned(),
    };
    let letter = record.grade.as_ref().map(|grade| grade.letter);
    format!("{rate} tok/s, {within}, grade {}.", words::grade(letter))
}

fn facts(page: &mut Page, record: &Record, signed: Option<String>) {
    let mut facts: Vec<(String, Cell)> = Vec::new();
    let mut add = |name: &str, text: String| {
        if !text.is_empty() {
            facts.push((name.to_owned(), Cell::text(text)));
        }
    };
    let (model, engine, machine) = (&record.model, &record.engine, &record.machine);
    // A source says when it published, not when it measured.
    if record.kind != RecordKind::Published {
        add("Begun", record.created_at.to_string());
    }
    add("Kind", words::kind(record.kind));
    add("Status", words::word(&record.status));
    add("Signature", signed.unwrap_or_default());
    if let Some(published) = &record.published {
        add("Source", published.source.clone());
        add("Address of the source", published.url.clone().unwrap_or_default());
        add("Date of the source", published.date.clone().unwrap_or_default());
        add("Disputed", published.disputed.clone().unwrap_or_default());
    }
    add("Quantization", model.quantization.clone().unwrap_or_default());
    add("Label", model.label.clone().unwrap_or_default());
    add("Parameters", model.n_params.map(words::params).unwrap_or_default());
    if model.file_size_bytes.get() > 0 {
        add("File size", words::size(model.file_size_bytes));
    }
    add("Hash", model.sha256.clone().unwrap_or_default());
    add("Engine", format!("{} {}", engine.name, engine.version));
    add("Back ends", engine.backends.clone());
    add("Devices", record.devices_used.join(", "));
    // A server has settings that nobody here knows, and an experiment those of its variants.
    let has_samples = matches!(record.kind, RecordKind::Measured | RecordKind::Imported);
    if record.serving.is_none() && record.experiment.is_none() && has_samples {
        add("Settings", record.params.settings());
        add("Process", record.process.settings());
    }
    add("Processor", machine.cpu.model.clone().unwrap_or_default());
    for gpu in &machine.gpus {
        add("GPU", gpu.name.clone());
    }
    let os = &machine.os;
    add(
        "System",
        [Some(os.name.clone()), os.version.clone(), os.kernel.clone()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
    );
    if let Some(load) = &record.load {
        add("Load time", format!("{} s", words::number(load.duration_ns.as_secs_f64())));
    }
    if let Some(peak) = record.memory.host_peak_bytes {
        add("Peak memory", words::size(peak));
    }
    if let Some(version) = record.statistics_version() {
        add("Statistics version", version.to_string());
    }
    if let Some(hardware) = record.published.as_ref().and_then(|own| own.hardware.clone()) {
        facts.push(("Hardware".to_owned(), Cell::text(hardware)));
    }
    if !machine.fingerprint.is_empty() {
        let hardware = format!("/hardware/{}", words::escaped(&machine.fingerprint));
        let name: String = machine.fingerprint.chars().take(12).collect();
        facts.push(("Machine".to_owned(), Cell::link(name, hardware)));
    }
    let of_model = format!("/models/{}", words::escaped(&model.name));
    facts.push(("Model".to_owned(), Cell::link(model.name.clone(), of_model)));
    page.blocks.push(Block::Facts(facts));
}

fn grade(page: &mut Page, record: &Record) {
    let Some(grade) = &record.grade else { return };
    page.blocks.push(Block::Heading(format!("Grade {}", words::grade(Some(grade.letter)))));
    if grade.reasons.is_empty() {
        page.blocks.push(Block::Text("Nothing speaks against it.".to_owned()));
        return;
    }
    let row = |reason: &tokmark_model::GradeReason| {
        vec![
            Cell::text(words::grade(Some(reason.letter))),
            Cell::text(reason.text.clone()),
            Cell::text(reason.code.clone()),
        ]
    };
    page.blocks.push(Block::Table(TableView {
        caption: "What the grade rests on, worst first".to_owned(),
        columns: ["Letter", "Reason", "Code"].map(Column::named).to_vec(),
        rows: grade.reasons.iter().map(row).collect(),
    }));
}

fn samples(page: &mut Page, record: &Record) {
    if record.samples.is_empty() {
        return;
    }
    page.blocks.push(Block::Heading("Every repetition".to_owned()));
    let plots = [
        (trace::rates(record), "repetitions"),
        (trace::noise(record), "noise"),
        (trace::tokens(record), "tokens"),
    ];
    for (plot, id) in plots {
        page.blocks.extend(plot.map(|plot| Block::Plot(PlotView::of(&plot, id))));
    }
    let outliers = record.summary.as_ref().map(|summary| summary.outliers.clone());
    let outliers = outliers.unwrap_or_default();
    let tokens = record.test.n_tokens().get() as f64;
    let row = |(n, sample): (usize, &tokmark_model::Repetition)| {
        let noise = sample.noise.as_ref();
        let seconds = sample.duration_ns.as_secs_f64();
        let mut first = Cell::text((n + 1).to_string());
        if outliers.contains(&(n as u32)) {
            first = first.tagged("outlier");
        }
        let noise_json = noise.map(|noise| serde_json::to_value(noise).unwrap_or_default());
        let said = noise_json
            .as_ref()
            .and_then(|value| value.as_object())
            .map(|fields| {
                let parts = fields.iter().filter(|(_, value)| !value.is_null());
                parts.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
            })
            .unwrap_or_default();
        vec![
            first,
            Cell::text(words::number(1e3 * seconds)),
            Cell::text(words::number(tokens / seconds.max(1e-12))),
            Cell::text(
                sample
                    .probe_ns
                    .map_or_else(String::new, |probe| words::number(1e3 * probe.as_secs_f64())),
            ),
            Cell::text(said),
        ]
    };
    let n = record.samples.len();
    let caption = if n > SHOWN { format!("The first {SHOWN} of {n}") } else { format!("All {n}") };
    page.blocks.push(Block::Table(TableView {
        caption,
        columns: vec![
            Column::named("Repetition"),
            Column::number("ms"),
            Column::number("tok/s"),
            Column::number("Probe, ms"),
            Column::named("What the machine did"),
        ],
        rows: record.samples.iter().enumerate().take(SHOWN).map(row).collect(),
    }));
}

fn requests(page: &mut Page, serving: &tokmark_model::Serving) {
    page.blocks.push(Block::Heading("Requests".to_owned()));
    if let Some(summary) = &serving.summary {
        let line = |name: &str, found: &Option<tokmark_model::Distribution>| {
            let found = found.as_ref()?;
            let quantile = |q: f64| found.quantile(q).map_or_else(String::new, words::quantile);
            Some(vec![
                Cell::text(name),
                Cell::text(words::number(found.mean)),
                Cell::text(quantile(0.5)),
                Cell::text(quantile(0.9)),
                Cell::text(quantile(0.99)),
                Cell::text(found.n.to_string()),
            ])
        };
        let rows = [
            line("TTFT, ms", &summary.ttft_ms),
            line("Time to first answer token, ms", &summary.ttfo_ms),
            line("ITL, ms", &summary.itl_ms),
            line("TPOT, ms", &summary.tpot_ms),
            line("End to end, ms", &summary.e2e_ms),
            line("Decode rate, tok/s", &summary.decode_rate_tps),
            line("Prompt tokens", &summary.prompt_tokens),
            line("Output tokens", &summary.output_tokens),
        ];
        page.blocks.push(Block::Table(TableView {
            caption: format!(
                "{} requests, {} with a whole answer",
                summary.n_requests, summary.n_ok
            ),
            columns: vec![
                Column::named("Figure"),
                Column::number("Mean"),
                Column::number("p50").defined(words::QUANTILE),
                Column::number("p90").defined(words::QUANTILE),
                Column::number("p99").defined(words::QUANTILE),
                Column::number("Values"),
            ],
            rows: rows.into_iter().flatten().collect(),
        }));
    }
    for (plot, id) in [(trace::load(serving), "load"), (trace::cores(serving), "cores")] {
        page.blocks.extend(plot.map(|plot| Block::Plot(PlotView::of(&plot, id))));
    }
    let row = |(n, request): (usize, &RequestSample)| {
        // What failed has no latency.
        let after_ms = |at: Option<Nanos>| {
            let at = at.filter(|_| request.error.is_none());
            let after = at.map(|at| at.get().saturating_sub(request.sent_ns.get()) as f64 / 1e6);
            after.map_or_else(String::new, words::number)
        };
        let count =
            |count: Option<TokenCount>| count.map_or_else(String::new, |count| count.n.to_string());
        let error = request.error.as_ref().map_or_else(String::new, |error| error.label());
        vec![
            Cell::text((n + 1).to_string()),
            Cell::text(format!("{:.3}", request.sent_ns.get() as f64 / 1e9)),
            Cell::text(after_ms(request.first_text_ns)),
            Cell::text(after_ms(request.last_text_ns)),
            Cell::text(count(request.prompt_tokens)),
            Cell::text(count(request.output_tokens)),
            Cell::text(error),
        ]
    };
    let n = serving.requests.len();
    let caption = if n > SHOWN { format!("The first {SHOWN} of {n}") } else { format!("All {n}") };
    page.blocks.push(Block::Table(TableView {
        caption,
        columns: vec![
            Column::named("Request"),
            Column::number("Sent, s"),
            Column::number("TTFT, ms").defined(words::TTFT),
            Column::number("End to end, ms"),
            Column::number("Prompt tokens"),
            Column::number("Output tokens"),
            Column::named("Error"),
        ],
        rows: serving.requests.iter().enumerate().take(SHOWN).map(row).collect(),
    }));
}

/// Address of a record's page.
pub(crate) fn address(id: RecordId) -> String {
    format!("/benchmarks/{id}")
}

/// A list of records as links.
pub(crate) fn links(ids: &[RecordId]) -> Block {
    match ids {
        [one] => link(&words::short(*one), &address(*one)),
        all => {
            Block::Links(all.iter().map(|id| Cell::link(words::short(*id), address(*id))).collect())
        }
    }
}
