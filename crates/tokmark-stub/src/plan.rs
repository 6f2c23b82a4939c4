//! Byte strings made once for all answers of one behaviour.

use crate::behaviour::{Behaviour, Fault, Opening, ReasoningForm};
use crate::voice::{Said, Voice, quoted};
use crate::words::{N_WORDS, words};

/// How many tokens and events an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Text events.
    pub(crate) n_events: u32,
    /// Tokens in them.
    pub(crate) n_tokens: u32,
    /// The request's limit ended it.
    pub(crate) is_limited: bool,
}

/// What all streamed answers of one behaviour to one API share.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What they are like.
    pub(crate) behaviour: Behaviour,
    /// Their JSON.
    pub(crate) voice: Voice,
    /// Chunks; else the end of the connection ends an answer.
    pub(crate) is_chunked: bool,
    /// Framed events: the cycle of answer events, then the reasoning events, then a comment,
    /// then the event of a fault.
    frames: Vec<Box<[u8]>>,
}

impl Plan {
    /// Makes the byte strings. `is_chunked` is what the client understands.
    pub(crate) fn new(behaviour: Behaviour, voice: Voice, is_chunked: bool) -> Self {
        let is_chunked = is_chunked && !behaviour.until_close;
        let mut plan = Plan { behaviour, voice, is_chunked, frames: Vec::new() };
        let n_tokens = plan.behaviour.tokens_per_event;
        for position in 0..N_WORDS as u64 {
            let text = words(position * u64::from(n_tokens), n_tokens);
            plan.add_event(Said::Answer(&text));
        }
        for position in 0..plan.n_reasoning() {
            let text = plan.reasoning_text(position, n_tokens);
            plan.add_event(plan.reasoning_said(&text));
        }
        plan.frames.push(plan.framed(plan.comment().as_bytes()).into());
        if let Some(line) = plan.faulty_line() {
            plan.frames.push(plan.framed(&line).into());
        }
        plan
    }

    fn add_event(&mut self, said: Said<'_>) {
        let line = self.line(&self.voice.event(said, None, ""));
        self.frames.push(self.framed(&line).into());
    }

    /// A framed byte string by its number.
    pub(crate) fn frame(&self, number: usize) -> &[u8] {
        self.frames.get(number).map_or(&[], |frame| frame)
    }

    /// Number of the frame of event `k`, unless it has to be made for this answer.
    #[inline]
    pub(crate) fn frame_of(&self, k: u32, shape: &Shape) -> Option<usize> {
        if self.calls_tool() {
            return None;
        }
        // Only the last event may be short, or hold the finish reason.
        let last_differs = self.behaviour.finish_with_text
            || !shape.n_tokens.is_multiple_of(self.behaviour.tokens_per_event);
        if k + 1 == shape.n_events && last_differs {
            return None;
        }
        let in_cycle = k as usize % N_WORDS;
        Some(if k < self.n_reasoning() { N_WORDS + k as usize } else { in_cycle })
    }

    /// Number of the comment's frame.
    pub(crate) fn comment_frame(&self) -> usize {
        N_WORDS + self.n_reasoning() as usize
    }

    /// Number of the faulty event's frame.
    pub(crate) fn faulty_frame(&self) -> usize {
        self.comment_frame() + 1
    }

    /// Events of reasoning before the answer.
    pub(crate) fn n_reasoning(&self) -> u32 {
        self.behaviour.reasoning.map_or(0, |reasoning| reasoning.n_events)
    }

    /// Whether the answer is the call of a tool.
    pub(crate) fn calls_tool(&self) -> bool {
        use tokmark_model::Api;
        self.behaviour.tool_call && matches!(self.voice.api, Api::Chat | Api::OllamaChat)
    }

    /// Why an answer of this shape ends.
    pub(crate) fn finish_reason(&self, shape: &Shape) -> &'static str {
        match (self.calls_tool(), shape.is_limited) {
            (true, _) if self.voice.is_ollama() => "stop",
            (true, _) => "tool_calls",
            (false, true) => "length",
            (false, false) => "stop",
        }
    }

    /// The line of the opening event, if there is one.
    pub(crate) fn opening_line(&self) -> Option<Vec<u8>> {
        if self.voice.api != tokmark_model::Api::Chat {
            return None;
        }
        let text = match self.behaviour.opening {
            Opening::Absent => return None,
            Opening::Empty => "\"\"",
            Opening::Null => "null",
        };
        Some(self.line(&self.voice.event(Said::Opening(text), None, "")))
    }

    /// The line of event `k`, made for an answer of this shape.
    pub(crate) fn event_line(&self, k: u32, shape: &Shape) -> Vec<u8> {
        let is_last = k + 1 == shape.n_events;
        let finish = (is_last && self.behaviour.finish_with_text && !self.voice.is_ollama())
            .then(|| self.finish_reason(shape));
        let event = |said: Said<'_>| self.line(&self.voice.event(said, finish, ""));
        if k < self.n_reasoning() {
            let text = self.reasoning_text(k, self.words_of(k, shape));
            return event(self.reasoning_said(&text));
        }
        let text = words(self.first_word(k), self.words_of(k, shape));
        if !self.calls_tool() {
            return event(Said::Answer(&text));
        }
        let is_first = k == self.n_reasoning();
        let arguments = if self.voice.is_ollama() {
            format!("{{\"text\":{}}}", quoted(&text))
        } else {
            let open = if is_first { "{\"text\":\"" } else { "" };
            let close = if is_last { "\"}" } else { "" };
            format!("{open}{text}{close}")
        };
        event(Said::ToolCall { is_first, arguments: &arguments })
    }

    /// Text of event `k`.
    pub(crate) fn text_of(&self, k: u32, shape: &Shape) -> String {
        let n_words = self.words_of(k, shape);
        if k < self.n_reasoning() {
            self.reasoning_text(k, n_words)
        } else {
            words(self.first_word(k), n_words)
        }
    }

    /// The field of reasoning; `None` where tags tell it.
    pub(crate) fn reasoning_field(&self) -> Option<&'static str> {
        if !self.voice.has_fields() {
            return None;
        }
        match self.behaviour.reasoning?.form {
            ReasoningForm::ReasoningContent => Some("reasoning_content"),
            ReasoningForm::Reasoning => Some("reasoning"),
            ReasoningForm::ThinkTags | ReasoningForm::SplitThinkTags => None,
        }
    }

    /// The event's line or lines, with the empty line that ends it.
    pub(crate) fn line(&self, json: &str) -> Vec<u8> {
        self.line_of_bytes(json.as_bytes())
    }

    fn line_of_bytes(&self, data: &[u8]) -> Vec<u8> {
        let end = if self.behaviour.crlf { b"\r\n".as_slice() } else { b"\n" };
        if self.voice.is_ollama() {
            return [data, end].concat();
        }
        [b"data: ", data, end, end].concat()
    }

    /// As it goes over the wire.
    pub(crate) fn framed(&self, line: &[u8]) -> Vec<u8> {
        if !self.is_chunked {
            return line.to_vec();
        }
        [format!("{:x}\r\n", line.len()).as_bytes(), line, b"\r\n"].concat()
    }

    fn first_word(&self, k: u32) -> u64 {
        u64::from(k) * u64::from(self.behaviour.tokens_per_event)
    }

    fn words_of(&self, k: u32, shape: &Shape) -> u32 {
        let before = self.first_word(k);
        let left = u64::from(shape.n_tokens).saturating_sub(before);
        self.behaviour.tokens_per_event.min(u32::try_from(left).unwrap_or(u32::MAX))
    }

    fn reasoning_said<'a>(&self, text: &'a str) -> Said<'a> {
        match self.reasoning_field() {
            Some(field) => Said::Reasoning(field, text),
            None => Said::Answer(text),
        }
    }

    fn reasoning_text(&self, k: u32, n_words: u32) -> String {
        let n = self.n_reasoning();
        let text = words(self.first_word(k), n_words);
        let form = self.behaviour.reasoning.map(|reasoning| reasoning.form);
        let has_tags = self.reasoning_field().is_none();
        match form {
            Some(ReasoningForm::SplitThinkTags) if n > 1 => split_tags(&text, k, n),
            _ if !has_tags => text,
            _ => {
                let open = if k == 0 { "<think>" } else { "" };
                let close = if k + 1 == n { "</think>" } else { "" };
                format!("{open}{text}{close}")
            }
        }
    }

    fn comment(&self) -> String {
        let end = if self.behaviour.crlf { "\r\n" } else { "\n" };
        format!(": keep-alive{end}{end}")
    }

    /// The line of the event that is wrong in itself.
    fn faulty_line(&self) -> Option<Vec<u8>> {
        match self.behaviour.fault {
            Some(Fault::LongLine { n_bytes }) => {
                let text = "a".repeat(n_bytes as usize);
                Some(self.line(&self.voice.event(Said::Answer(&text), None, "")))
            }
            Some(Fault::InvalidUtf8) => {
                let json = self.voice.event(Said::Answer("@@"), None, "");
                Some(self.line_of_bytes(&without_utf8(json.into_bytes())))
            }
            Some(Fault::Malformed) => {
                let json = self.voice.event(Said::Answer("half"), None, "");
                Some(self.line(&json[..json.len() / 2]))
            }
            _ => None,
        }
    }
}

/// Puts two bytes that are no UTF-8 in place of the first `@@`.
pub(crate) fn without_utf8(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(place) = bytes.windows(2).position(|pair| pair == b"@@") {
        bytes[place] = 0xff;
        bytes[place + 1] = 0xc0;
    }
    bytes
}

/// Reasoning event `k` of `n`, at least two, with both tags torn over two events; a second event
/// that is the last too has the whole closing tag.
fn split_tags(text: &str, k: u32, n: u32) -> String {
    match k {
        0 => "<th".to_owned(),
        1 if n == 2 => format!("ink>{text}</think>"),
        1 if n == 3 => format!("ink>{text}</thi"),
        1 => format!("ink>{text}"),
        _ if k + 1 == n => "nk>".to_owned(),
        _ if k + 2 == n => format!("{text}</thi"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
