//! From one event, or one whole body, to what it says: text, tool calls, counts, times.

mod assembled;
mod failure;
mod number;
mod ollama;
mod openai;
mod pattern;
mod think;

use std::borrow::Cow;

use serde::Deserialize;
use tokmark_model::{Api, ServerTimes};

pub use self::assembled::Assembled;
pub use self::failure::{ServerError, error_message};
pub(crate) use self::number::{Length, Number};
use self::pattern::Pattern;
use self::think::ThinkTags;
use crate::WireError;

/// Text that is borrowed from the event where it holds no escapes. (Serde borrows a `Cow`
/// only as a field of its own, not inside an `Option`.)
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// What one event adds to an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delta<'a> {
    /// The event carries generated text of any kind: reasoning, answer, a tool call's name or
    /// arguments, but also a tag or the blanks after it. The event's time counts.
    pub is_text: bool,
    /// Reasoning, from a field of its own or from inside `<think>` tags.
    pub reasoning: Cow<'a, str>,
    /// Answer text. Blanks between reasoning and answer are left out.
    pub answer: Cow<'a, str>,
    /// What earlier events handed out and this one puts right.
    pub correction: Correction,
    /// Pieces of tool calls.
    pub tool_calls: Vec<ToolCallPart<'a>>,
    /// Tokens of the event's text where the server says so: the length of its token ids or log
    /// probabilities, or what its running count grew by.
    pub n_tokens: Option<u32>,
    /// The server's reason to end: `stop`, `length`, `tool_calls`.
    pub finish: Option<Cow<'a, str>>,
    /// Counts so far. A server may give them in every event; the last ones stand.
    pub usage: Option<Usage>,
    /// The server's own times.
    pub times: Option<ServerTimes>,
    /// An error that the server reports.
    pub error: Option<ServerError<'a>>,
}

impl Delta<'_> {
    /// Whether it adds answer text or a tool call, which ends the time to the first answer.
    pub fn is_answer(&self) -> bool {
        !self.answer.is_empty() || self.tool_calls.iter().any(ToolCallPart::is_text)
    }

    /// Whether the answer text of earlier events was none, so that the times of first and last
    /// answer begin anew.
    pub fn withdraws_answer(&self) -> bool {
        matches!(self.correction, Correction::AnswerVoid | Correction::AnswerWasReasoning { .. })
    }
}

/// What an event reveals about the texts of the events before it. [`Assembled::add`] applies
/// it; for times, [`Delta::withdraws_answer`] is enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Correction {
    /// Nothing.
    #[default]
    None,
    /// An opening tag is complete: what was handed out as answer was blanks and pieces of it.
    AnswerVoid,
    /// A closing tag is complete: the reasoning ends with so many bytes of it.
    ReasoningTrim {
        /// Bytes to take off its end.
        trim_bytes: usize,
    },
    /// A closing tag came without an opening one, and was expected: the answer so far was
    /// reasoning.
    AnswerWasReasoning {
        /// Bytes of the tag at its end, to be taken off.
        trim_bytes: usize,
    },
}

/// A piece of a tool call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolCallPart<'a> {
    /// Which call of the answer, from 0.
    pub index: u32,
    /// Its id; empty in all pieces but the first, and where the server gives none.
    pub id: Cow<'a, str>,
    /// Its name or a piece of it.
    pub name: Cow<'a, str>,
    /// A piece of its arguments' JSON text.
    pub arguments: Cow<'a, str>,
}

impl ToolCallPart<'_> {
    fn is_text(&self) -> bool {
        !self.name.is_empty() || !self.arguments.is_empty()
    }
}

/// A server's counts for one request. What it does not say is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens, template and cached ones included.
    pub prompt_tokens: Option<u32>,
    /// Generated tokens, reasoning included.
    pub completion_tokens: Option<u32>,
    /// Of those, reasoning. `None` too where a server streams reasoning and counts 0 of it.
    pub reasoning_tokens: Option<u32>,
    /// Prompt tokens that came from the cache.
    pub cached_tokens: Option<u32>,
}

/// Reads the events of one answer in order, or its one body.
///
/// The same code reads both: a body is an event with a `message` in place of the `delta`. Of
/// several choices only the first counts. An object without any known field is an event that
/// says nothing, not an error.
#[derive(Debug)]
pub struct Decoder {
    api: Api,
    tags: ThinkTags,
    /// Tokens by the last running count; `None` once a text came without one.
    n_counted: Option<u32>,
    n_calls: u32,
    pattern: Pattern,
}

impl Decoder {
    /// For one answer of `api`. `expects_open_think`: the template ends with `<think>`, so
    /// that only the closing tag comes; what stands before it then is reasoning, which is
    /// known only when it comes ([`Correction::AnswerWasReasoning`]). Otherwise a closing tag
    /// without an opening one is text.
    pub fn new(api: Api, expects_open_think: bool) -> Self {
        let tags = ThinkTags::new(expects_open_think);
        Decoder { api, tags, n_counted: Some(0), n_calls: 0, pattern: Pattern::default() }
    }

    /// Reads the next event, or the whole body.
    ///
    /// # Errors
    /// [`WireError::Malformed`] when it is no JSON object, or text in it is not text.
    pub fn decode<'a>(&mut self, event: &'a [u8]) -> Result<Delta<'a>, WireError> {
        if let Some(said) = self.pattern.read(event) {
            return Ok(self.settle(said));
        }
        let event = object(event)?;
        let said = match self.api {
            Api::Chat | Api::Completions => openai::read(event, &mut self.n_calls),
            Api::OllamaChat | Api::OllamaGenerate => ollama::read(event, &mut self.n_calls),
        };
        let said = said.map_err(WireError::malformed)?;
        self.pattern.learn(event, &said);
        Ok(self.settle(said))
    }

    fn settle<'a>(&mut self, said: Said<'a>) -> Delta<'a> {
        let is_text = !said.reasoning.is_empty()
            || !said.answer.is_empty()
            || said.tool_calls.iter().any(ToolCallPart::is_text);
        if !said.reasoning.is_empty() {
            self.tags.reasoned_apart();
        }
        let parts = self.tags.split(said.answer);
        let reasoning = match (said.reasoning.is_empty(), parts.reasoning.is_empty()) {
            (true, _) => parts.reasoning,
            (false, true) => said.reasoning,
            (false, false) => said.reasoning + parts.reasoning,
        };
        let n_counted = self.count(is_text, said.usage);
        let mut usage = said.usage;
        if let Some(usage) = &mut usage {
            usage.reasoning_tokens =
                usage.reasoning_tokens.filter(|&n| n > 0 || !self.tags.has_reasoned());
        }
        Delta {
            is_text,
            reasoning,
            answer: parts.answer,
            correction: parts.correction,
            tool_calls: said.tool_calls,
            n_tokens: said.n_tokens.filter(|&n| is_text && n > 0).or(n_counted),
            finish: said.finish,
            usage,
            times: said.times,
            error: said.error,
        }
    }

    /// What the running count grew by, if every text so far came with one.
    fn count(&mut self, is_text: bool, usage: Option<Usage>) -> Option<u32> {
        if !is_text {
            return None;
        }
        let before = self.n_counted.take()?;
        let n = usage?.completion_tokens?;
        self.n_counted = Some(n);
        n.checked_sub(before)
    }
}

/// What an event says, before tags are looked at.
#[derive(Debug, Default)]
struct Said<'a> {
    reasoning: Cow<'a, str>,
    answer: Cow<'a, str>,
    tool_calls: Vec<ToolCallPart<'a>>,
    n_tokens: Option<u32>,
    finish: Option<Cow<'a, str>>,
    usage: Option<Usage>,
    times: Option<ServerTimes>,
    error: Option<ServerError<'a>>,
}

/// `bytes`, unless they begin like something else than a JSON object. (Serde would read a list
/// as the fields of a struct in order.)
pub(crate) fn object(bytes: &[u8]) -> Result<&[u8], WireError> {
    match bytes.trim_ascii_start() {
        [b'{', ..] => Ok(bytes),
        _ => Err(WireError::Malformed { reason: "it is no JSON object".to_owned() }),
    }
}

/// The server's mark of its build, `system_fingerprint`, in an event or a body. mlx_lm tells
/// its version nowhere else.
pub fn system_fingerprint(answer: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        system_fingerprint: Option<Text<'a>>,
    }
    let answer: Answer<'_> = serde_json::from_slice(answer).ok()?;
    answer.system_fingerprint.map(|text| text.0.into_owned())
}

#[cfg(test)]
mod tests;
