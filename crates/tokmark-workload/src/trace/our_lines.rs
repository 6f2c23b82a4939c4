//! Tokmark's own traces: one request a line.

use std::collections::HashMap;

use serde::Deserialize;
use tokmark_model::Nanos;

use super::line_reader::entries;
use super::messages::RecordedMessage;
use super::{Changes, Requests, TracePrompt, TraceSession, TraceTurn, due, length};
use crate::WorkloadError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    offset_ms: Option<f64>,
    offset_s: Option<f64>,
    prompt: Option<String>,
    messages: Option<Vec<RecordedMessage>>,
    prompt_tokens: Option<u64>,
    output_tokens: u64,
    session: Option<Label>,
}

/// Names of sessions may be text or numbers.
#[derive(Deserialize, PartialEq, Eq, Hash)]
#[serde(untagged)]
enum Label {
    Text(String),
    Number(i64),
}

const NO_OUTPUT: &str = "{n} requests asked for no output; 1 token is asked for";
const BEFORE_EARLIER: &str = "{n} turns were due before the turn ahead of them; turns are sorted \
                              by time";

pub(super) fn read(bytes: &[u8]) -> Result<Requests, WorkloadError> {
    let mut sessions: Vec<TraceSession> = Vec::new();
    let mut positions: HashMap<Label, usize> = HashMap::new();
    let mut changes = Changes::default();
    let mut is_timed = None;
    for entry in entries::<Line>(bytes) {
        let (line, mut entry) = entry?;
        let fault = |problem: String| WorkloadError::Line { line, problem };
        let label = entry.session.take();
        let turn = turn(entry, &mut changes).map_err(fault)?;
        let known = label.as_ref().and_then(|label| positions.get(label)).copied();
        if let Some(position) = known {
            sessions[position].turns.push(turn);
            continue;
        }
        if *is_timed.get_or_insert(turn.due.is_some()) != turn.due.is_some() {
            let problem = "some conversations begin with an offset and some with none";
            return Err(fault(problem.to_owned()));
        }
        if let Some(label) = label {
            positions.insert(label, sessions.len());
        }
        sessions.push(TraceSession { system: None, turns: vec![turn] });
    }
    for session in &mut sessions {
        sort_turns(&mut session.turns, &mut changes);
    }
    Ok(Requests { sessions, notes: changes.notes() })
}

fn turn(line: Line, changes: &mut Changes) -> Result<TraceTurn, String> {
    let due = match (line.offset_ms, line.offset_s) {
        (Some(_), Some(_)) => return Err("offset_ms and offset_s are both there".to_owned()),
        (Some(ms), None) => Some(due(ms, 1000.0, "offset_ms")?),
        (None, Some(s)) => Some(due(s, 1.0, "offset_s")?),
        (None, None) => None,
    };
    let prompt = match (line.prompt, line.messages, line.prompt_tokens) {
        (Some(text), None, None) => TracePrompt::Text(text),
        (None, Some(messages), None) if messages.is_empty() => {
            return Err("messages is empty".to_owned());
        }
        (None, Some(messages), None) => {
            TracePrompt::Messages(messages.into_iter().map(RecordedMessage::message).collect())
        }
        (None, None, Some(n)) => TracePrompt::Tokens(length(n, "prompt_tokens")?),
        (None, None, None) => {
            return Err("prompt, messages or prompt_tokens is missing".to_owned());
        }
        _ => return Err("only one of prompt, messages and prompt_tokens may stand".to_owned()),
    };
    if line.output_tokens == 0 {
        changes.add(NO_OUTPUT);
    }
    let n_output = length(line.output_tokens, "output_tokens")?;
    Ok(TraceTurn { due, prompt, n_output })
}

/// Sorts turns by their times. One without a time stays behind the one before it.
fn sort_turns(turns: &mut Vec<TraceTurn>, changes: &mut Changes) {
    let mut latest = Nanos(0);
    let mut own: Nanos = latest;
    let mut timed: Vec<(Nanos, TraceTurn)> = Vec::with_capacity(turns.len());
    for turn in turns.drain(..) {
        own = turn.due.unwrap_or(own);
        if own < latest {
            changes.add(BEFORE_EARLIER);
        }
        latest = latest.max(own);
        timed.push((own, turn));
    }
    timed.sort_by_key(|(time, _)| *time);
    turns.extend(timed.into_iter().map(|(_, turn)| turn));
}
