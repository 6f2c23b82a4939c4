//! `vllm bench serve --save-result`, by vLLM's Python client and its Rust client, which write
//! the same. A file that was appended to holds several results, one a line.
//!
//! Definitions, from vLLM's sources of 2025 and 2026 (`vllm/benchmarks/serve.py`,
//! `vllm/benchmarks/lib/endpoint_request_func.py`, `rust/src/bench/src/backends`): every
//! event with a choice counts, the first as the first token and the others as gaps, whether it
//! carries text or not. Of a chat that is an opening event with a role and a last event with
//! nothing but the reason to end. TTFT and the end-to-end latency begin when the request is
//! sent, after the wait for a free slot. ITL is each gap; TPOT is (end to end - TTFT) / (output
//! tokens - 1), one figure a request. Early versions let the latency end with the event of the
//! token counts; the columns of requests are free of that. Times in columns are seconds, summed
//! up they are milliseconds. Standard deviations divide by n. The file names neither the
//! version nor the address of the server.

mod detailed;
mod summary;

use tokmark_model::{Api, Arrivals, Load, Nanos, Record, Speculation, Timestamp};

use super::node::{Node, Place, Unit};
use super::point::{Point, Source, gamma};
use super::{PeerError, flags, kind, moment};

/// The tool's name in records.
const TOOL: &str = "vllm bench serve";

/// Reads every result of the file.
pub(super) fn read(source: &Source<'_>) -> Result<Vec<Record>, PeerError> {
    let mut records = Vec::new();
    let results = serde_json::Deserializer::from_str(source.text).into_iter::<Node>();
    for (position, node) in results.enumerate() {
        let node = node.map_err(|error| kind::syntax(&error, source.file, 0))?;
        let path = if position == 0 { String::new() } else { format!("result {}", position + 1) };
        let point = point(&Place::new(&node, &path, source.file))?;
        records.push(point.into_record(source, position));
    }
    Ok(records)
}

fn point(result: &Place<'_>) -> Result<Point, PeerError> {
    if !result.has("total_output_tokens") {
        return Err(match result.has("request_throughput") {
            true => PeerError::NoGeneration {
                file: result.file().to_owned(),
                what: "embeddings or rankings",
            },
            false => result.wrong("a result of 'vllm bench serve'"),
        });
    }
    let completed = result.at("completed");
    let n_ok = completed.need(completed.whole()?, "a number of requests")?;
    let asked = result.any(&["num_prompts", "completed"]).whole()?.unwrap_or(n_ok);
    let failed = result.at("failed").whole()?;
    let n_requests = n_ok.saturating_add(failed.unwrap_or(asked.saturating_sub(n_ok)));
    if n_requests == 0 {
        return Err(PeerError::Empty { file: result.file().to_owned(), tool: TOOL });
    }
    let (load, load_flags) = load(result, n_requests)?;
    let mut point = Point::new(TOOL, "", load);
    point.flags.extend(load_flags);
    point.name_model(result.at("model_id").text()?.filter(|model| !model.is_empty()));
    apply_backend(result, &mut point)?;
    apply_time(result, &mut point)?;
    let turns = result.at("turns_per_conversation").count()?;
    point.workload.turns = turns.filter(|turns| *turns > 0).unwrap_or(1);
    point.speculation = speculation(result)?;
    let has_requests = !result.at("ttfts").is_null();
    if has_requests && !result.at("start_times").is_null() {
        detailed::read(result, &mut point)?;
    } else {
        point.flags.extend(has_requests.then_some(flags::START_TIMES_UNKNOWN));
        point.summary = Some(summary::read(result, n_requests, n_ok, &mut point)?);
    }
    Ok(point)
}

type Flags = Vec<&'static str>;

fn load(result: &Place<'_>, n_requests: u64) -> Result<(Load, Flags), PeerError> {
    let limit = result.any(&["max_concurrency", "multi_turn_concurrency"]).count()?;
    let rate = result.at("request_rate");
    let rate = match rate.text() {
        Ok(Some("inf")) => None,
        _ => rate.amount()?.filter(|rate| *rate > 0.0),
    };
    let ramp = result.at("ramp_up_end_rps").amount()?.filter(|rate| *rate > 0.0);
    let limited = limit.map(|_| flags::CONCURRENCY_LIMITED);
    if let Some(per_s) = ramp.or(rate) {
        let burstiness = result.at("burstiness");
        let arrivals = match burstiness.text() {
            Ok(Some("inf")) => Arrivals::Constant,
            _ => gamma(burstiness.amount()?.unwrap_or(1.0)),
        };
        let ramped = ramp.map(|_| flags::RATE_RAMPED);
        return Ok((Load::Rate { per_s, arrivals }, limited.into_iter().chain(ramped).collect()));
    }
    Ok(match limit {
        Some(n) => (Load::Concurrency { n }, Vec::new()),
        None => {
            let n = u32::try_from(n_requests).unwrap_or(u32::MAX);
            (Load::Concurrency { n }, vec![flags::ALL_REQUESTS_AT_ONCE])
        }
    })
}

fn apply_backend(result: &Place<'_>, point: &mut Point) -> Result<(), PeerError> {
    let backend = result.any(&["backend", "endpoint_type"]).text()?.unwrap_or_default();
    point.server.evidence = "'vllm bench serve' was told so, nothing was probed".to_owned();
    match backend {
        "openai-chat" => {
            point.workload.api = Api::Chat;
            point.flags.insert(flags::TTFT_COUNTS_EMPTY_OPENING_EVENT);
            point.flags.insert(flags::ITL_COUNTS_EMPTY_FINISH_EVENT);
        }
        "openai" | "vllm" => {
            point.workload.api = Api::Completions;
            point.flags.insert(flags::ITL_COUNTS_EMPTY_FINISH_EVENT);
        }
        _ => {
            point.flags.insert(flags::API_UNKNOWN);
        }
    }
    if backend == "vllm" {
        point.server.dialect = "vllm".to_owned();
    }
    Ok(())
}

/// The date is that of the end.
fn apply_time(result: &Place<'_>, point: &mut Point) -> Result<(), PeerError> {
    let Some((end, is_assumed)) = result.at("date").text()?.and_then(moment::read) else {
        return Ok(());
    };
    let duration = result.at("duration").span(Unit::SECONDS)?.unwrap_or(Nanos(0));
    point.began_at = before(end, duration);
    point.flags.extend(is_assumed.then_some(flags::TIME_ZONE_ASSUMED_UTC));
    Ok(())
}

fn before(end: Timestamp, span: Nanos) -> Option<Timestamp> {
    moment::since_1970(end.as_nanosecond() - i128::from(span.0))
}

fn speculation(result: &Place<'_>) -> Result<Option<Speculation>, PeerError> {
    let drafted = result.at("spec_decode_draft_tokens").whole()?;
    let accepted = result.at("spec_decode_accepted_tokens").whole()?;
    let both = drafted.zip(accepted);
    Ok(both.map(|(n_drafted, n_accepted)| Speculation {
        method: String::new(),
        n_drafted,
        n_accepted,
    }))
}
