//! Records as files: JSON, JSON lines, CSV, YAML.

use std::fmt::Write as _;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use tokmark_model::Record;
use tokmark_store::{Cursor, Filter, RecordRow, Store, StoreError};

use crate::error::ServerError;

/// Records that are read at once.
const PIECE: u64 = 50;

/// A form of export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Jsonl,
    Csv,
    Yaml,
}

impl Format {
    pub(crate) fn of(word: &str) -> Result<Self, ServerError> {
        match word {
            "json" => Ok(Format::Json),
            "jsonl" => Ok(Format::Jsonl),
            "csv" => Ok(Format::Csv),
            "yaml" => Ok(Format::Yaml),
            _ => {
                let message = format!("format {word:?} is none of json, jsonl, csv, yaml");
                Err(ServerError::bad("format", message))
            }
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Jsonl => "application/jsonl",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Yaml => "application/yaml",
        }
    }
}

/// Where a stream of records is.
struct Reading {
    store: Store,
    filter: Filter,
    format: Format,
    after: Option<Cursor>,
    n: u64,
    /// At most so many.
    most: u64,
    /// What follows those of the store.
    beside: Vec<Record>,
    is_over: bool,
}

/// All records under `filter`, read in pieces, so that a large store needs little memory.
pub(crate) fn stream(
    store: Store,
    filter: Filter,
    format: Format,
    most: u64,
    beside: Vec<Record>,
) -> Response {
    let filter = Filter { limit: Some(PIECE.min(most)), ..filter };
    let reading =
        Reading { store, filter, format, after: None, n: 0, most, beside, is_over: false };
    let pieces = stream::unfold(Some(reading), |reading| async {
        let mut reading = reading?;
        match reading.next().await {
            Ok(piece) => {
                let rest = (!reading.is_over).then_some(reading);
                Some((Ok(Bytes::from(piece)), rest))
            }
            // The answer has begun: it is cut, so that nobody takes it for whole.
            Err(error) => Some((Err(std::io::Error::other(error.to_string())), None)),
        }
    });
    // Compression asks once more after the end.
    let mut response = Body::from_stream(pieces.fuse()).into_response();
    let kind = HeaderValue::from_static(format.content_type());
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

impl Reading {
    async fn next(&mut self) -> Result<String, StoreError> {
        let page = self.store.page(&self.filter, self.after.as_ref()).await?;
        let mut text = String::new();
        if self.n == 0 {
            match self.format {
                Format::Json => text.push('['),
                Format::Csv => text.push_str(HEADINGS),
                Format::Jsonl | Format::Yaml => {}
            }
        }
        let left = self.most - self.n;
        for row in page.rows.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
            if self.format == Format::Csv {
                line(&mut text, row);
            } else {
                let record = self.store.get(row.id).await?;
                self.add(&mut text, &record);
            }
            self.n += 1;
        }
        self.after = page.next;
        self.is_over = self.after.is_none() || self.n >= self.most;
        if self.is_over {
            for record in std::mem::take(&mut self.beside) {
                if self.n >= self.most {
                    break;
                }
                match (self.format, RecordRow::of(&record)) {
                    (Format::Csv, Ok(row)) => line(&mut text, &row),
                    _ => self.add(&mut text, &record),
                }
                self.n += 1;
            }
        }
        if self.is_over && self.format == Format::Json {
            text.push_str("]\n");
        }
        Ok(text)
    }

    fn add(&self, text: &mut String, record: &Record) {
        match self.format {
            Format::Json => {
                if self.n > 0 {
                    text.push_str(",\n");
                }
                text.push_str(&serde_json::to_string(record).unwrap_or_default());
            }
            Format::Jsonl => {
                text.push_str(&serde_json::to_string(record).unwrap_or_default());
                text.push('\n');
            }
            Format::Yaml => {
                text.push_str("---\n");
                text.push_str(&tokmark_board::write_run(record));
            }
            Format::Csv => {}
        }
    }
}

const HEADINGS: &str = "id,run_id,kind,status,created_at,model,quantization,test,engine,backends,\
machine,grade,rate_tps,rate_low_tps,rate_high_tps,settings\n";

fn line(text: &mut String, row: &RecordRow) {
    let word = |value: serde_json::Result<serde_json::Value>| {
        value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let number = |rate: Option<tokmark_model::TokensPerSecond>| {
        rate.map_or_else(String::new, |rate| rate.get().to_string())
    };
    let cells = [
        row.id.to_string(),
        row.run_id.to_string(),
        word(serde_json::to_value(row.kind)),
        word(serde_json::to_value(row.status)),
        row.created_at.to_string(),
        row.model_name.clone(),
        row.quantization.clone().unwrap_or_default(),
        row.label.clone(),
        row.engine.clone(),
        row.backends.clone(),
        row.machine_fingerprint.clone(),
        word(serde_json::to_value(row.grade)),
        number(row.rate_tps),
        number(row.rate_low_tps),
        number(row.rate_high_tps),
        row.settings.clone(),
    ];
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    let _ = writeln!(text, "{}", cells.join(","));
}

/// A cell of CSV. What a spreadsheet would take for a formula gets a quote before it.
fn quoted(cell: &str) -> String {
    let cell =
        match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err() {
            true => format!("'{cell}"),
            false => cell.to_owned(),
        };
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

/// A row for each repetition, or for each request of a load point.
pub(crate) fn samples(record: &Record) -> String {
    let mut text = String::new();
    if let Some(serving) = &record.serving {
        text.push_str(
            "request,due_ns,sent_ns,first_text_ns,first_answer_ns,last_text_ns,end_ns,\
             n_text_events,prompt_tokens,output_tokens,error\n",
        );
        for (n, request) in serving.requests.iter().enumerate() {
            let value = serde_json::to_value(request).unwrap_or_default();
            let field = |name: &str| match &value[name] {
                serde_json::Value::Null => String::new(),
                serde_json::Value::Object(count) => {
                    count.get("n").map_or_else(String::new, ToString::to_string)
                }
                other => other.to_string(),
            };
            let error = request.error.as_ref().map_or_else(String::new, |error| error.label());
            let names = ["due_ns", "sent_ns", "first_text_ns", "first_answer_ns", "last_text_ns"];
            let rest = ["end_ns", "n_text_events", "prompt_tokens", "output_tokens"];
            let cells: Vec<String> = names.iter().chain(&rest).map(|name| field(name)).collect();
            let _ = writeln!(text, "{n},{},{}", cells.join(","), quoted(&error));
        }
        return text;
    }
    text.push_str("repetition,start_ns,duration_ns,prompt_ns,probe_ns,token_ns\n");
    for (n, sample) in record.samples.iter().enumerate() {
        let tokens: Vec<String> =
            sample.token_ns.iter().map(|time| time.get().to_string()).collect();
        let optional = |time: Option<tokmark_model::Nanos>| {
            time.map_or_else(String::new, |time| time.get().to_string())
        };
        let _ = writeln!(
            text,
            "{n},{},{},{},{},{}",
            sample.start_ns.get(),
            sample.duration_ns.get(),
            optional(sample.prompt_ns),
            optional(sample.probe_ns),
            tokens.join(" ")
        );
    }
    text
}
