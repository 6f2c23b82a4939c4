//! The texts of requests whose tokens the server did not count, on disk until somebody does.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};
use tokmark_model::{Api, Message, ToolCall, ToolDefinition};
use tokmark_workload::definitions_text;

use crate::Finished;

/// What an answered request asked and was answered, as far as the server did not count it.
/// What it counted is empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Uncounted<'a> {
    /// The conversation that was sent.
    #[serde(skip_serializing_if = "<[Message]>::is_empty")]
    pub prompt: Cow<'a, [Message]>,
    /// The tools that it offered.
    #[serde(skip_serializing_if = "<[ToolDefinition]>::is_empty")]
    pub tools: Cow<'a, [ToolDefinition]>,
    /// Streamed reasoning, also where the server counted the output and not its part in it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reasoning: Cow<'a, str>,
    /// The answer's text.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub answer: Cow<'a, str>,
    /// The answer's tool calls.
    #[serde(skip_serializing_if = "<[ToolCall]>::is_empty")]
    pub tool_calls: Cow<'a, [ToolCall]>,
    /// Text of the first text event of several.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub first_event: Cow<'a, str>,
    /// Most tokens that its answer was asked for; known where nobody counted the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
}

impl Uncounted<'_> {
    /// The prompt as one text: what `api` sends of messages and tools, the chat template left
    /// out.
    pub fn prompt_text(&self, api: Api) -> String {
        let has_template = has_template(api);
        let mut text = String::new();
        let mut add = |part: &str| {
            if !text.is_empty() && !part.is_empty() {
                text.push_str(if has_template { "\n" } else { "\n\n" });
            }
            text.push_str(part);
        };
        if has_template {
            add(&definitions_text(&self.tools));
        }
        for message in self.prompt.iter() {
            add(&message.content);
            add(&if has_template { calls_text(&message.tool_calls) } else { String::new() });
        }
        text
    }

    /// Names and arguments of the answer's tool calls; empty without any.
    pub fn calls_text(&self) -> String {
        calls_text(&self.tool_calls)
    }
}

/// Whether the server makes the prompt of messages and tools by the model's chat template.
pub(crate) fn has_template(api: Api) -> bool {
    matches!(api, Api::Chat | Api::OllamaChat)
}

fn calls_text(calls: &[ToolCall]) -> String {
    let lines: Vec<String> =
        calls.iter().map(|call| format!("{} {}", call.name, call.arguments)).collect();
    lines.join("\n")
}

impl Finished {
    /// Its texts that nobody counted; `None` where the server counted all, or there is no
    /// answer.
    pub fn uncounted(&self) -> Option<Uncounted<'_>> {
        let sample = &self.sample;
        if !sample.is_ok() {
            return None;
        }
        let mut texts = Uncounted::default();
        if let Some(prompt) = &self.prompt {
            texts.prompt = Cow::Borrowed(&prompt.messages);
            texts.tools = Cow::Borrowed(&prompt.tools);
            texts.max_tokens = Some(prompt.max_tokens);
        }
        if sample.output_tokens.is_none() {
            texts.answer = Cow::Borrowed(&self.answer.content);
            texts.tool_calls = Cow::Borrowed(&self.answer.tool_calls);
        }
        if sample.output_tokens.is_none() || sample.reasoning_tokens.is_none() {
            texts.reasoning = Cow::Borrowed(&self.reasoning);
        }
        texts.first_event = Cow::Borrowed(&self.first_event);
        (texts != Uncounted::default()).then_some(texts)
    }
}

/// Texts of requests in the order of a log, each with its request's position in it.
#[derive(Debug)]
pub(crate) struct TextLog {
    file: BufWriter<File>,
    n: u64,
    /// Requests that lack the count of a whole prompt or output.
    n_whole: u64,
    scratch: Vec<u8>,
}

impl TextLog {
    /// An empty log in a temporary file that vanishes with it.
    pub(crate) fn new() -> io::Result<Self> {
        let file = BufWriter::with_capacity(256 * 1024, tempfile::tempfile()?);
        Ok(TextLog { file, n: 0, n_whole: 0, scratch: Vec::new() })
    }

    /// How many requests have texts.
    pub(crate) fn len(&self) -> u64 {
        self.n
    }

    /// Of those, the ones of which the server counted not all but a part.
    pub(crate) fn n_whole(&self) -> u64 {
        self.n_whole
    }

    pub(crate) fn push(
        &mut self,
        position: u64,
        texts: &Uncounted<'_>,
        is_whole: bool,
    ) -> io::Result<()> {
        self.scratch.clear();
        serde_json::to_writer(&mut self.scratch, texts)?;
        self.file.write_all(&position.to_le_bytes())?;
        self.file.write_all(&(self.scratch.len() as u64).to_le_bytes())?;
        self.file.write_all(&self.scratch)?;
        self.n += 1;
        self.n_whole += u64::from(is_whole);
        Ok(())
    }

    /// From the first on.
    pub(crate) fn read(self) -> io::Result<TextReader> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        let file = BufReader::with_capacity(256 * 1024, file);
        Ok(TextReader { file, n_left: self.n, scratch: self.scratch })
    }
}

/// Reads a [`TextLog`].
pub(crate) struct TextReader {
    file: BufReader<File>,
    n_left: u64,
    scratch: Vec<u8>,
}

impl TextReader {
    /// The next texts with their request's position; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, Uncounted<'static>)>> {
        if self.n_left == 0 {
            return Ok(None);
        }
        self.n_left -= 1;
        let (mut position, mut length) = ([0; 8], [0; 8]);
        self.file.read_exact(&mut position)?;
        self.file.read_exact(&mut length)?;
        self.scratch.resize(u64::from_le_bytes(length) as usize, 0);
        self.file.read_exact(&mut self.scratch)?;
        Ok(Some((u64::from_le_bytes(position), serde_json::from_slice(&self.scratch)?)))
    }
}

#[cfg(test)]
mod tests {
    use tokmark_model::Role;

    use super::*;

    #[test]
    fn a_prompt_is_what_its_api_sends() {
        let call =
            ToolCall { id: "1".to_owned(), name: "look".to_owned(), arguments: "{}".to_owned() };
        let asked = Message { tool_calls: vec![call], ..Message::text(Role::Assistant, "") };
        let tool = ToolDefinition {
            name: "look".to_owned(),
            description: "d".to_owned(),
            parameters: serde_json::json!({}),
        };
        let texts = Uncounted {
            prompt: vec![Message::text(Role::User, "one"), asked, Message::text(Role::Tool, "two")]
                .into(),
            tools: vec![tool].into(),
            ..Uncounted::default()
        };
        let definition = r#"{"name":"look","description":"d","parameters":{}}"#;
        assert_eq!(texts.prompt_text(Api::Chat), format!("{definition}\none\nlook {{}}\ntwo"));
        assert_eq!(texts.prompt_text(Api::Completions), "one\n\ntwo");
    }
}
