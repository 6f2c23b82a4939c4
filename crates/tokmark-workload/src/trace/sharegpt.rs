//! Recorded conversations in ShareGPT's form.
//!
//! Entries are objects with `conversations`, a list of `from` and `value`, as in the data set
//! `ShareGPT_V3_unfiltered_cleaned_split` that vLLM's `benchmarks/datasets.py` reads.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::line_reader::entries;
use super::{Changes, Requests, TracePrompt, TraceSession, TraceTurn};
use crate::fit::CountTokens;
use crate::{MAX_TOKENS, WorkloadError};

/// Words x this are the tokens of an answer, without a tokenizer (`docs/metrics.md`).
const TOKENS_PER_WORD: f64 = 1.3;

#[derive(Deserialize)]
struct Conversation {
    conversations: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(alias = "role")]
    from: String,
    #[serde(alias = "content")]
    value: String,
}

enum Speaker {
    System,
    User,
    Model,
}

const UNKNOWN_SPEAKER: &str = "{n} conversations were left out: somebody else than human, gpt or \
                               system speaks in them";
const NO_TURN: &str = "{n} conversations were left out: no answer follows a question in them";
const UNANSWERED: &str = "{n} questions at the end of a conversation were left out: their answer, \
                          which says the output length, is missing";
const UNASKED: &str = "{n} answers before the first question were left out";
const ESTIMATED: &str = "{n} output lengths are estimated as words x 1.3";

pub(super) fn read(
    bytes: &[u8],
    tokenizer: Option<CountTokens>,
) -> Result<Requests, WorkloadError> {
    let mut reader = Reader { tokenizer, sessions: Vec::new(), changes: Changes::default() };
    if bytes.trim_ascii_start().starts_with(b"[") {
        read_array(bytes, &mut reader)?;
    } else {
        for entry in entries::<Conversation>(bytes) {
            reader.add(entry?.1);
        }
    }
    let Reader { sessions, changes, .. } = reader;
    let notes = changes.notes();
    if sessions.is_empty() {
        let reason = match notes.first() {
            Some(note) => note.clone(),
            None => "the list of conversations is empty".to_owned(),
        };
        return Err(WorkloadError::EmptyTrace { reason });
    }
    Ok(Requests { sessions, notes })
}

/// Reads a JSON array without holding more than one conversation as it was.
fn read_array(bytes: &[u8], reader: &mut Reader) -> Result<(), WorkloadError> {
    struct Conversations<'a, 'b>(&'a mut Reader<'b>);

    impl<'de> Visitor<'de> for Conversations<'_, '_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a list of objects with conversations")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
            while let Some(entry) = entries.next_element()? {
                self.0.add(entry);
            }
            Ok(())
        }
    }

    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = json.deserialize_seq(Conversations(reader)).and_then(|()| json.end());
    read.map_err(|error| WorkloadError::Line { line: error.line(), problem: error.to_string() })
}

struct Reader<'a> {
    tokenizer: Option<CountTokens<'a>>,
    sessions: Vec<TraceSession>,
    changes: Changes,
}

impl Reader<'_> {
    fn add(&mut self, conversation: Conversation) {
        let mut session = TraceSession { system: None, turns: Vec::new() };
        let mut question: Option<String> = None;
        for said in conversation.conversations {
            let Some(speaker) = speaker(&said.from) else {
                self.changes.add(UNKNOWN_SPEAKER);
                return;
            };
            match (speaker, question.take()) {
                (Speaker::System, asked) => {
                    join(&mut session.system, said.value);
                    question = asked;
                }
                (Speaker::User, asked) => {
                    question = asked;
                    join(&mut question, said.value);
                }
                (Speaker::Model, Some(asked)) => {
                    let n_output = self.output_tokens(&said.value);
                    let prompt = TracePrompt::Text(asked);
                    session.turns.push(TraceTurn { due: None, prompt, n_output });
                }
                // More of the same answer; the first part has given the length.
                (Speaker::Model, None) if !session.turns.is_empty() => {}
                (Speaker::Model, None) => self.changes.add(UNASKED),
            }
        }
        if session.turns.is_empty() {
            self.changes.add(NO_TURN);
            return;
        }
        if question.is_some() {
            self.changes.add(UNANSWERED);
        }
        self.sessions.push(session);
    }

    /// Tokens of a recorded answer, at least 1.
    fn output_tokens(&mut self, answer: &str) -> u32 {
        let n_tokens = match self.tokenizer.and_then(|tokenizer| tokenizer(answer)) {
            Some(n) => n,
            None => {
                self.changes.add(ESTIMATED);
                (answer.split_whitespace().count() as f64 * TOKENS_PER_WORD).round() as usize
            }
        };
        u32::try_from(n_tokens).unwrap_or(MAX_TOKENS).clamp(1, MAX_TOKENS)
    }
}

/// Who speaks, by the names that data sets use.
fn speaker(from: &str) -> Option<Speaker> {
    match from.to_ascii_lowercase().as_str() {
        "system" => Some(Speaker::System),
        "human" | "user" => Some(Speaker::User),
        "gpt" | "chatgpt" | "assistant" | "model" | "bing" | "bard" => Some(Speaker::Model),
        _ => None,
    }
}

/// Adds `more` to a message, which may have been said in several pieces.
fn join(message: &mut Option<String>, more: String) {
    match message {
        Some(text) => {
            text.push_str("\n\n");
            text.push_str(&more);
        }
        None => *message = Some(more),
    }
}
