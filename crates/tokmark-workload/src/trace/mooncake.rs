//! Traces of the Mooncake project: lengths, times, and which prefixes requests share.
//!
//! Fields and the 512 tokens of a block as described in the Mooncake repository (README of
//! `FAST25-release`) and in NVIDIA's AIPerf (documentation of trace replay, 2026).

use serde::Deserialize;

use super::line_reader::entries;
use super::{BLOCK_TOKENS, Changes, Requests, TracePrompt, TraceSession, TraceTurn, due, length};
use crate::WorkloadError;

/// A line. Further fields are left alone, since others have added some.
#[derive(Deserialize)]
struct Line {
    timestamp: Option<f64>,
    input_length: u64,
    output_length: u64,
    #[serde(default)]
    hash_ids: Vec<u64>,
}

const UNCOVERED: &str = "{n} requests have fewer hash ids than their length needs; the rest of \
                         each prompt is text of its own";
const NO_OUTPUT: &str = "{n} requests asked for no output; 1 token is asked for";

pub(super) fn read(bytes: &[u8]) -> Result<Requests, WorkloadError> {
    let mut changes = Changes::default();
    let mut read = Vec::new();
    for entry in entries::<Line>(bytes) {
        let (line, entry) = entry?;
        let fault = |problem| WorkloadError::Line { line, problem };
        let is_timed = read.first().is_none_or(|(_, time, _): &(_, Option<f64>, _)| time.is_some());
        if !read.is_empty() && is_timed != entry.timestamp.is_some() {
            return Err(fault("some lines have a timestamp and some have none".to_owned()));
        }
        if let Some(time) = entry.timestamp.filter(|time| *time < 0.0) {
            return Err(fault(format!("timestamp is negative: {time}")));
        }
        let turn = turn(&entry, &mut changes).map_err(fault)?;
        read.push((line, entry.timestamp, turn));
    }
    let mut notes = changes.notes();
    let first = read.iter().filter_map(|(_, time, _)| *time).fold(f64::INFINITY, f64::min);
    if first > 0.0 && first.is_finite() {
        notes.push(format!("the first timestamp is {first} ms; times count from it"));
    }
    let session = |(line, time, turn): (usize, Option<f64>, TraceTurn)| {
        let due = time.map(|time| due(time - first, 1000.0, "timestamp")).transpose();
        let due = due.map_err(|problem| WorkloadError::Line { line, problem })?;
        Ok(TraceSession { system: None, turns: vec![TraceTurn { due, ..turn }] })
    };
    let sessions = read.into_iter().map(session).collect::<Result<_, _>>()?;
    Ok(Requests { sessions, notes })
}

/// The request of a line, without its time.
fn turn(line: &Line, changes: &mut Changes) -> Result<TraceTurn, String> {
    let n_tokens = length(line.input_length, "input_length")?;
    let n_output = length(line.output_length, "output_length")?;
    if line.output_length == 0 {
        changes.add(NO_OUTPUT);
    }
    let (n_ids, n_blocks) = (line.hash_ids.len(), n_tokens.div_ceil(BLOCK_TOKENS) as usize);
    if n_ids > n_blocks {
        return Err(format!(
            "{n_ids} hash ids for {n_tokens} tokens, but a block has {BLOCK_TOKENS}; traces with \
             other blocks are not read"
        ));
    }
    if n_ids == 0 {
        return Ok(TraceTurn { due: None, prompt: TracePrompt::Tokens(n_tokens), n_output });
    }
    if n_ids < n_blocks {
        changes.add(UNCOVERED);
    }
    let prompt = TracePrompt::Blocks { n_tokens, hash_ids: line.hash_ids.clone() };
    Ok(TraceTurn { due: None, prompt, n_output })
}
