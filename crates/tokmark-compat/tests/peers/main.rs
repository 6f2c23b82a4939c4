//! Result files of other tools, as they wrote them, as records.

mod aiperf;
mod any_text;
mod bad;
mod guidellm;
mod secrets;
mod vllm;

use serde_json::Value;
use tokmark_compat::{PeerError, read_peer};
use tokmark_model::{Distribution, Nanos, Record, RequestSample, Serving, Timestamp};

const AIPERF_RECORDS: &str = include_str!("../fixtures/peers/aiperf-0.13.0-records.jsonl");
const AIPERF: &str = include_str!("../fixtures/peers/aiperf-0.13.0.json");
const GUIDELLM: &str = include_str!("../fixtures/peers/guidellm-0.8.1.json");
const VLLM: &str = include_str!("../fixtures/peers/vllm-bench-c64.json");
const INFERENCE_PERF: &str = include_str!("../fixtures/peers/inference-perf-0.7.0-summary.json");
const LLAMA_BENCHY: &str = include_str!("../fixtures/peers/llama-benchy-0.4.0.json");

/// The time for files that have none.
const WRITTEN_AT: Timestamp = Timestamp::UNIX_EPOCH;

fn read(text: &str) -> Result<Vec<Record>, PeerError> {
    read_peer(text, "result.json", WRITTEN_AT)
}

/// The only record of `text`.
fn one(text: &str) -> Record {
    let records = read(text).unwrap();
    let [record] = <[Record; 1]>::try_from(records).unwrap();
    record
}

fn serving(record: &Record) -> &Serving {
    record.serving.as_deref().unwrap()
}

fn message(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

/// `text` with `change` made to it.
fn changed(text: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut value = serde_json::from_str(text).unwrap();
    change(&mut value);
    value.to_string()
}

/// Spans from sent to first text, last text and end.
fn spans(request: &RequestSample) -> [Option<Nanos>; 3] {
    let since_sent = |time: Nanos| Nanos(time.0 - request.sent_ns.0);
    [request.first_text_ns, request.last_text_ns, Some(request.end_ns)].map(|t| t.map(since_sent))
}

fn nanos<const N: usize>(times: [u64; N]) -> [Option<Nanos>; N] {
    times.map(|time| Some(Nanos(time)))
}

/// Level and value of each quantile; none of them has an interval.
fn quantiles(distribution: &Option<Distribution>) -> Vec<(f64, f64)> {
    let quantiles = &distribution.as_ref().unwrap().quantiles;
    assert!(quantiles.iter().all(|quantile| quantile.interval.is_none()));
    quantiles.iter().map(|quantile| (quantile.q, quantile.value)).collect()
}
