//! Telling the formats of traces apart by their content.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

use super::line_reader::numbered_lines;
use crate::WorkloadError;

/// A format of traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TraceFormat {
    /// Tokmark's own: a line of JSON for each request.
    Lines,
    /// Traces of the Mooncake project (`FAST25-release/traces` in kvcache-ai/Mooncake).
    Mooncake,
    /// Conversations with ChatGPT as collected by ShareGPT, and data sets in their form.
    ShareGpt,
}

impl TraceFormat {
    /// The format of a trace, by its first entry.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, WorkloadError> {
        let Some(start) = bytes.iter().position(|byte| !byte.is_ascii_whitespace()) else {
            return Err(WorkloadError::EmptyTrace { reason: "it is empty".to_owned() });
        };
        if bytes[start] == b'[' {
            // Only ShareGPT's come as one array; its reader says where one is something else.
            return Ok(TraceFormat::ShareGpt);
        }
        let (line, text) = match numbered_lines(bytes).next() {
            Some(first) => first?,
            None => return Err(unknown("no line of text")),
        };
        let keys = Keys::deserialize(&mut serde_json::Deserializer::from_str(text));
        let Keys(keys) = keys.map_err(|error| match bytes[start] {
            b'{' => WorkloadError::Line { line, problem: format!("no JSON object: {error}") },
            _ => unknown(&format!("line {line} begins with neither {{ nor [")),
        })?;
        let has = |names: &[&str]| names.iter().any(|name| keys.contains_key(*name));
        if has(&["conversations"]) {
            Ok(TraceFormat::ShareGpt)
        } else if has(&["input_length", "hash_ids"]) {
            Ok(TraceFormat::Mooncake)
        } else if has(&["prompt", "messages", "prompt_tokens", "offset_ms", "offset_s"]) {
            Ok(TraceFormat::Lines)
        } else {
            let names: Vec<&str> = keys.keys().take(8).map(String::as_str).collect();
            Err(unknown(&format!("line {line} has the fields {}", names.join(", "))))
        }
    }
}

/// The keys of an object.
#[derive(Deserialize)]
struct Keys(BTreeMap<String, IgnoredAny>);

fn unknown(found: &str) -> WorkloadError {
    WorkloadError::UnknownFormat { found: found.to_owned() }
}
