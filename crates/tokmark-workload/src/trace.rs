//! Traces: requests that were recorded, or described by their lengths, with their times.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use tokmark_model::{Message, Nanos};

use crate::fit::CountTokens;
use crate::shape::hex;
use crate::{MAX_TOKENS, WorkloadError};

mod format;
mod line_reader;
mod messages;
mod mooncake;
mod our_lines;
mod repeats;
mod sharegpt;

pub use format::TraceFormat;
pub use line_reader::MAX_LINE_BYTES;

/// Tokens that one hash id of a Mooncake trace stands for.
pub const BLOCK_TOKENS: u32 = 512;

/// What a request of a trace says.
#[derive(Debug, Clone, PartialEq)]
pub enum TracePrompt {
    /// The user's recorded words.
    Text(String),
    /// All messages as they were recorded. In a later turn they stand for the history too.
    Messages(Vec<Message>),
    /// A length, for which text is made.
    Tokens(u32),
    /// A length, and the blocks of [`BLOCK_TOKENS`] tokens that it begins with. Equal ids mean
    /// equal text. The last block may be cut, and what no id covers is the request's own.
    Blocks {
        /// Tokens of the prompt.
        n_tokens: u32,
        /// From the beginning.
        hash_ids: Vec<u64>,
    },
}

/// One request of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceTurn {
    /// Since the first request of the trace; `None` where nothing says it.
    pub due: Option<Nanos>,
    /// What it says.
    pub prompt: TracePrompt,
    /// Tokens to be generated, at least 1.
    pub n_output: u32,
}

/// A conversation: requests of which each has the earlier ones and their answers behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSession {
    /// System prompt before the first turn, where one was recorded apart.
    pub system: Option<String>,
    /// In order, at least one.
    pub turns: Vec<TraceTurn>,
}

/// A trace that was read whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The format it was read from.
    pub format: TraceFormat,
    /// By the time of their first turns; in the order of the text where there are no times.
    pub sessions: Vec<TraceSession>,
    /// What was changed or assumed while reading, a sentence each, for the user to see.
    pub notes: Vec<String>,
    /// SHA-256 of the text, lower-case hexadecimal.
    pub sha256: String,
}

impl Trace {
    /// Reads a trace in any of the known formats, told apart by the first entry.
    ///
    /// - Lines of JSON with `prompt`, `messages` or `prompt_tokens`, and with `output_tokens`;
    ///   `offset_ms` or `offset_s`; `session`, whose lines become turns of one conversation. An
    ///   unknown field is an error.
    /// - Mooncake: lines with `timestamp` in ms, `input_length`, `output_length` and `hash_ids`.
    /// - ShareGPT: a JSON array, or lines, of `conversations` with `from` and `value`. Answers
    ///   give the output lengths, counted by `tokenizer` or, without one, as words x 1.3.
    ///
    /// Times count from the first request, which a note says.
    ///
    /// # Errors
    /// [`WorkloadError::Line`] with the line at fault: no JSON (`NaN` is none), a wrong type,
    /// a negative time, a length of more than [`MAX_TOKENS`] tokens, a line above
    /// [`MAX_LINE_BYTES`]. [`WorkloadError::UnknownFormat`], [`WorkloadError::EmptyTrace`].
    pub fn read(bytes: &[u8], tokenizer: Option<CountTokens>) -> Result<Self, WorkloadError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let format = TraceFormat::of(bytes)?;
        let Requests { sessions, mut notes } = match format {
            TraceFormat::Lines => our_lines::read(bytes)?,
            TraceFormat::Mooncake => mooncake::read(bytes)?,
            TraceFormat::ShareGpt => sharegpt::read(bytes, tokenizer)?,
        };
        let mut sessions = in_order(sessions, &mut notes);
        count_from_first(&mut sessions, &mut notes);
        let sha256 = hex(&Sha256::digest(bytes));
        Ok(Trace { format, sessions, notes, sha256 })
    }

    /// Requests, turns included.
    pub fn n_requests(&self) -> usize {
        self.sessions.iter().map(|session| session.turns.len()).sum()
    }

    /// Whether every conversation begins at a time of its own, so that it can be replayed.
    pub fn has_times(&self) -> bool {
        self.sessions.iter().all(|session| session.turns.first().is_some_and(|t| t.due.is_some()))
    }

    /// Mean prompt length of the first turns that say one; `None` where none does.
    pub fn mean_prompt_tokens(&self) -> Option<u32> {
        let firsts = self.sessions.iter().filter_map(|session| session.turns.first());
        let tokens = firsts.filter_map(|turn| match turn.prompt {
            TracePrompt::Tokens(n) | TracePrompt::Blocks { n_tokens: n, .. } => Some(n),
            TracePrompt::Text(_) | TracePrompt::Messages(_) => None,
        });
        mean(tokens)
    }

    /// Mean number of tokens to be generated; 0 for a trace without requests.
    pub fn mean_output_tokens(&self) -> u32 {
        mean(self.sessions.iter().flat_map(|s| &s.turns).map(|turn| turn.n_output)).unwrap_or(0)
    }

    /// Conversation number `session`, from the first again after the last.
    pub(crate) fn session(&self, session: u32) -> &TraceSession {
        &self.sessions[session as usize % self.sessions.len()]
    }
}

fn mean(numbers: impl Iterator<Item = u32>) -> Option<u32> {
    let (n, sum) = numbers.fold((0u64, 0u64), |(n, sum), x| (n + 1, sum + u64::from(x)));
    (n > 0).then(|| ((sum + n / 2) / n) as u32)
}

/// What the reader of a format found.
struct Requests {
    /// In the order of the text.
    sessions: Vec<TraceSession>,
    notes: Vec<String>,
}

/// The sessions by their first times, with a note where they had to be moved.
fn in_order(mut sessions: Vec<TraceSession>, notes: &mut Vec<String>) -> Vec<TraceSession> {
    let first = |session: &TraceSession| session.turns.first().and_then(|turn| turn.due);
    let n_early = sessions.windows(2).filter(|pair| first(&pair[1]) < first(&pair[0])).count();
    if n_early > 0 {
        notes.push(format!("times went back {n_early} times; requests are sorted by time"));
        sessions.sort_by_key(first);
    }
    sessions
}

/// Has the times count from the first request, which is the first of a session: later turns have
/// theirs on the same clock.
fn count_from_first(sessions: &mut [TraceSession], notes: &mut Vec<String>) {
    let firsts = sessions.iter().filter_map(|session| session.turns.first()?.due);
    let Some(first) = firsts.min().filter(|first| first.0 > 0) else { return };
    for due in sessions.iter_mut().flat_map(|s| &mut s.turns).filter_map(|t| t.due.as_mut()) {
        due.0 = due.0.saturating_sub(first.0);
    }
    let ms = first.0 as f64 / 1e6;
    notes.push(format!("the first request is at {ms} ms; times count from it"));
}

/// Longest time that a trace may have: ten years.
const MAX_SECONDS: f64 = 10.0 * 366.0 * 86_400.0;

/// A time of a trace, given in units of which `per_second` make a second.
fn due(time: f64, per_second: f64, field: &str) -> Result<Nanos, String> {
    let seconds = time / per_second;
    if seconds < 0.0 {
        return Err(format!("{field} is negative: {time}"));
    }
    if !(0.0..=MAX_SECONDS).contains(&seconds) {
        return Err(format!("{field} is more than ten years: {time}"));
    }
    Ok(Nanos((time * (1e9 / per_second)).round() as u64))
}

/// A length of a trace: at least 1, which a request can't go below.
fn length(n: u64, field: &str) -> Result<u32, String> {
    match u32::try_from(n) {
        Ok(n) if n <= MAX_TOKENS => Ok(n.max(1)),
        _ => Err(format!("{field} is {n}, more than {MAX_TOKENS} tokens")),
    }
}

/// Counts of what was changed while reading, made into notes.
#[derive(Default)]
struct Changes(BTreeMap<&'static str, usize>);

impl Changes {
    /// One more of what `sentence` says; `{n}` in it stands for the count.
    fn add(&mut self, sentence: &'static str) {
        *self.0.entry(sentence).or_default() += 1;
    }

    fn notes(self) -> Vec<String> {
        self.0.into_iter().map(|(sentence, n)| sentence.replace("{n}", &n.to_string())).collect()
    }
}

#[cfg(test)]
mod tests;
