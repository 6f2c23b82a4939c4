//! GuideLLM's JSON, one point for each of its benchmarks.
//!
//! Definitions, from GuideLLM 0.8 (`src/guidellm/schemas/base/request_stats.py`,
//! `src/guidellm/backends/openai`): a line of the stream is an iteration, one with text,
//! reasoning or a tool call a token iteration, so an empty opening event is no token. Times
//! are seconds since 1970 on the wall clock. Only the first and the last token iteration of a
//! request are kept, so there are no gaps: `inter_token_latency_ms` is
//! (last - first) / (output tokens - 1), one figure a request, our TPOT.
//! `time_per_output_token_ms` counts the first token too and has no place here. A request's
//! latency ends with its stream. `targeted_start` is a due time in open loops only; elsewhere
//! it means as soon as possible. Standard deviations divide by n; percentiles are measured
//! values; the time per output token is weighted by tokens.

mod config;
mod requests;
mod summary;

use tokmark_model::{Load, Record};

use super::node::{Node, Place};
use super::point::{Point, Source, most_in_flight, on_one_line};
use super::{PeerError, flags, kind, moment};

/// Reads the report.
pub(super) fn read(source: &Source<'_>) -> Result<Vec<Record>, PeerError> {
    let node: Node =
        serde_json::from_str(source.text).map_err(|error| kind::syntax(&error, source.file, 0))?;
    let root = Place::new(&node, "", source.file);
    let benchmarks = root.at("benchmarks");
    let benchmarks = benchmarks.need(benchmarks.list()?, "a list of benchmarks")?;
    let mut records = Vec::new();
    for (position, benchmark) in benchmarks.iter().enumerate() {
        if let Some(point) = point(&root, benchmark)? {
            records.push(point.into_record(source, position));
        }
    }
    if records.is_empty() {
        return Err(PeerError::Empty { file: source.file.to_owned(), tool: "GuideLLM" });
    }
    Ok(records)
}

/// One benchmark; `None` where it made no request.
fn point(root: &Place<'_>, benchmark: &Place<'_>) -> Result<Option<Point>, PeerError> {
    let version = root.at("metadata.guidellm_version").text()?.unwrap_or_default();
    let load = config::load(&benchmark.at("config.strategy"))?;
    let is_open = matches!(load, Some(Load::Rate { .. } | Load::Replay { .. }));
    let mut found = requests::read(benchmark, is_open)?;
    let n_warmup = found.leave_out_warmup(benchmark)?;
    if found.requests.is_empty() && !found.is_sample {
        return Ok(None);
    }
    let inferred = load.is_none().then_some(flags::LOAD_INFERRED);
    let mut point = Point::new("guidellm", version, load.unwrap_or(Load::Concurrency { n: 1 }));
    point.workload.n_warmup = n_warmup;
    let first = found.requests.iter().map(|request| request.sent).min();
    let start = benchmark.at("scheduler_metrics.start_time").instant()?;
    point.began_at = first.or(start).and_then(moment::since_1970);
    config::apply(root, benchmark, &mut point)?;
    let most = if found.is_sample {
        point.flags.insert(flags::REQUESTS_LEFT_OUT);
        let summary = summary::read(benchmark, &mut point)?;
        let most = u32::try_from(summary.max_in_flight).unwrap_or(u32::MAX);
        point.summary = Some(summary);
        most
    } else {
        point.flags.extend(found.flags);
        (point.requests, point.events) = on_one_line(found.requests);
        most_in_flight(&point.requests)
    };
    if inferred.is_some() {
        point.workload.arrival = Load::Concurrency { n: most.max(1) };
        point.flags.extend(inferred);
    }
    Ok(Some(point))
}
