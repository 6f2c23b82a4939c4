//! The JSON of each API and dialect.
//!
//! Fields and their order follow what llama.cpp's server (through xllamacpp 2026.10) and vLLM
//! 0.32.0 were recorded to send, and `docs/api.md` of Ollama.

use tokmark_model::Api;

use crate::options::Dialect;

/// When every answer of Ollama's own API says that it was made.
const CREATED_AT: &str = "2026-01-01T00:00:00Z";

/// Who speaks: everything that is the same in all events of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Voice {
    /// The API that was asked.
    pub(crate) api: Api,
    /// Whose fields.
    pub(crate) dialect: Dialect,
    /// Name of the model.
    pub(crate) model: String,
    /// Unix time in seconds.
    pub(crate) created: u64,
}

/// What one event says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Said<'a> {
    /// A role, and this JSON as its text.
    Opening(&'static str),
    /// Text of the answer.
    Answer(&'a str),
    /// Reasoning in the field of this name.
    Reasoning(&'static str, &'a str),
    /// A piece of a tool call's arguments.
    ToolCall {
        /// It brings the name of the tool.
        is_first: bool,
        /// The piece.
        arguments: &'a str,
    },
    /// Nothing: the event of the finish reason.
    Nothing,
}

/// Tokens of an answer as the server tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) prompt: u32,
    pub(crate) completion: u32,
    pub(crate) reasoning: u32,
    pub(crate) cached: Option<u32>,
}

/// A whole answer, not streamed.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    pub(crate) answer: String,
    pub(crate) reasoning: String,
    /// The field of the reasoning.
    pub(crate) reasoning_field: &'static str,
    /// Arguments of the tool call.
    pub(crate) arguments: Option<String>,
}

/// Text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn finish_json(finish: Option<&str>) -> String {
    finish.map_or_else(|| "null".to_owned(), quoted)
}

impl Voice {
    /// Whether it is Ollama's own API.
    pub(crate) fn is_ollama(&self) -> bool {
        matches!(self.api, Api::OllamaChat | Api::OllamaGenerate)
    }

    /// Whether there are fields for reasoning and tool calls.
    pub(crate) fn has_fields(&self) -> bool {
        self.api != Api::Completions
    }

    /// One event. `more` is put behind its fields: empty, or `,"name":value`.
    pub(crate) fn event(&self, said: Said<'_>, finish: Option<&str>, more: &str) -> String {
        match self.api {
            Api::Chat => self.chat_event(&format!("[{}]", self.choice(said, finish)), more),
            Api::Completions => {
                let text = match said {
                    Said::Answer(text) | Said::Reasoning(_, text) => text,
                    _ => "",
                };
                self.completion(&self.completion_choice(text, finish), more)
            }
            Api::OllamaChat | Api::OllamaGenerate => self.ollama(&self.ollama_part(said), "", more),
        }
    }

    /// The event after the finish event, which has no choice.
    pub(crate) fn closing_event(&self, more: &str) -> String {
        match self.api {
            Api::Completions => self.completion("", more),
            _ => self.chat_event("[]", more),
        }
    }

    /// The last object of a stream of Ollama.
    pub(crate) fn ollama_end(&self, finish: &str, more: &str) -> String {
        let done = format!(",\"done_reason\":{}", quoted(finish));
        self.ollama(&self.ollama_part(Said::Answer("")), &done, more)
    }

    /// An answer that is not streamed.
    pub(crate) fn whole(&self, whole: &Whole, finish: &str, more: &str) -> String {
        let Voice { model, created, .. } = self;
        let model = quoted(model);
        match self.api {
            Api::Chat => format!(
                "{{\"id\":\"chatcmpl-stub\",\"object\":\"chat.completion\",\"created\":{created},\
                 \"model\":{model},\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\
                 {}}},\"finish_reason\":{}}}]{more}}}",
                chat_message(whole),
                quoted(finish)
            ),
            Api::Completions => {
                let text = format!("{}{}", whole.reasoning, whole.answer);
                self.completion(&self.completion_choice(&text, Some(finish)), more)
            }
            Api::OllamaChat | Api::OllamaGenerate => {
                let part = self.ollama_message(
                    &whole.answer,
                    Some(whole.reasoning.as_str()).filter(|text| !text.is_empty()),
                    whole.arguments.as_deref(),
                );
                let done = format!(",\"done_reason\":{}", quoted(finish));
                self.ollama(&part, &done, more)
            }
        }
    }

    /// `,"usage":{...}`; the counts of Ollama stand in the object itself.
    pub(crate) fn usage(&self, counts: &Counts) -> String {
        let Counts { prompt, completion, reasoning, cached } = *counts;
        let total = prompt.saturating_add(completion);
        let mut details = String::new();
        if let Some(cached) = cached {
            details += &format!(",\"prompt_tokens_details\":{{\"cached_tokens\":{cached}}}");
        }
        if reasoning > 0 {
            details +=
                &format!(",\"completion_tokens_details\":{{\"reasoning_tokens\":{reasoning}}}");
        }
        format!(
            ",\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{completion},\
             \"total_tokens\":{total}{details}}}"
        )
    }

    /// The body of an error.
    pub(crate) fn error(&self, status: u16, message: &str) -> String {
        error_body(self.dialect, self.is_ollama(), status, message)
    }

    fn choice(&self, said: Said<'_>, finish: Option<&str>) -> String {
        let delta = match said {
            Said::Opening(text) => format!("\"role\":\"assistant\",\"content\":{text}"),
            Said::Answer(text) => format!("\"content\":{}", quoted(text)),
            Said::Reasoning(field, text) => format!("\"{field}\":{}", quoted(text)),
            Said::ToolCall { is_first, arguments } => tool_call_delta(is_first, arguments),
            Said::Nothing => String::new(),
        };
        let finish = finish_json(finish);
        match self.dialect {
            Dialect::LlamaCpp => {
                format!("{{\"finish_reason\":{finish},\"index\":0,\"delta\":{{{delta}}}}}")
            }
            _ => format!(
                "{{\"index\":0,\"delta\":{{{delta}}},\"logprobs\":null,\"finish_reason\":{finish}}}"
            ),
        }
    }

    fn chat_event(&self, choices: &str, more: &str) -> String {
        let created = self.created;
        let model = quoted(&self.model);
        match self.dialect {
            Dialect::LlamaCpp => format!(
                "{{\"choices\":{choices},\"created\":{created},\"id\":\"chatcmpl-stub\",\
                 \"model\":{model},\"system_fingerprint\":\"b0-stub\",\
                 \"object\":\"chat.completion.chunk\"{more}}}"
            ),
            _ => format!(
                "{{\"id\":\"chatcmpl-stub\",\"object\":\"chat.completion.chunk\",\
                 \"created\":{created},\"model\":{model},\"choices\":{choices}{more}}}"
            ),
        }
    }

    fn completion_choice(&self, text: &str, finish: Option<&str>) -> String {
        let (text, finish) = (quoted(text), finish_json(finish));
        format!("{{\"index\":0,\"text\":{text},\"logprobs\":null,\"finish_reason\":{finish}}}")
    }

    fn completion(&self, choice: &str, more: &str) -> String {
        let created = self.created;
        let model = quoted(&self.model);
        format!(
            "{{\"id\":\"cmpl-stub\",\"object\":\"text_completion\",\"created\":{created},\
             \"model\":{model},\"choices\":[{choice}]{more}}}"
        )
    }

    fn ollama_part(&self, said: Said<'_>) -> String {
        match said {
            Said::Answer(text) => self.ollama_message(text, None, None),
            Said::Reasoning(_, text) => self.ollama_message("", Some(text), None),
            Said::ToolCall { arguments, .. } => self.ollama_message("", None, Some(arguments)),
            Said::Opening(_) | Said::Nothing => self.ollama_message("", None, None),
        }
    }

    /// The text of an object of Ollama: a message for a chat, else a response.
    fn ollama_message(
        &self,
        text: &str,
        thinking: Option<&str>,
        arguments: Option<&str>,
    ) -> String {
        let text = quoted(text);
        let thinking =
            thinking.map(|text| format!(",\"thinking\":{}", quoted(text))).unwrap_or_default();
        if self.api == Api::OllamaGenerate {
            return format!("\"response\":{text}{thinking}");
        }
        let calls = arguments.map(|arguments| {
            format!(
                ",\"tool_calls\":[{{\"function\":{{\"name\":\"look_up\",\"arguments\":{arguments}\
                 }}}}]"
            )
        });
        format!(
            "\"message\":{{\"role\":\"assistant\",\"content\":{text}{thinking}{}}}",
            calls.unwrap_or_default()
        )
    }

    fn ollama(&self, part: &str, done: &str, more: &str) -> String {
        let model = quoted(&self.model);
        let is_done = !done.is_empty();
        format!(
            "{{\"model\":{model},\"created_at\":\"{CREATED_AT}\",{part}{done},\
             \"done\":{is_done}{more}}}"
        )
    }
}

fn tool_call_delta(is_first: bool, arguments: &str) -> String {
    let arguments = quoted(arguments);
    let named = "\"id\":\"call_stub\",\"type\":\"function\",";
    let (named, name) = if is_first { (named, "\"name\":\"look_up\",") } else { ("", "") };
    format!(
        "\"tool_calls\":[{{\"index\":0,{named}\"function\":{{{name}\"arguments\":{arguments}}}}}]"
    )
}

fn chat_message(whole: &Whole) -> String {
    let mut message = match &whole.arguments {
        Some(arguments) => format!(
            "\"content\":null,\"tool_calls\":[{{\"id\":\"call_stub\",\"type\":\"function\",\
             \"function\":{{\"name\":\"look_up\",\"arguments\":{}}}}}]",
            quoted(arguments)
        ),
        None => format!("\"content\":{}", quoted(&whole.answer)),
    };
    if !whole.reasoning.is_empty() {
        message += &format!(",\"{}\":{}", whole.reasoning_field, quoted(&whole.reasoning));
    }
    message
}

/// The body of an error, in the words of the server that the stub looks like.
pub(crate) fn error_body(
    dialect: Dialect,
    is_ollama_api: bool,
    status: u16,
    message: &str,
) -> String {
    let text = quoted(message);
    if is_ollama_api || dialect == Dialect::Ollama {
        return format!("{{\"error\":{text}}}");
    }
    let kind = match status {
        401 | 403 => "authentication_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        _ => "server_error",
    };
    match dialect {
        Dialect::Vllm => format!(
            "{{\"error\":{{\"message\":{text},\"type\":\"{kind}\",\"param\":null,\
             \"code\":{status}}}}}"
        ),
        _ => format!("{{\"error\":{{\"code\":{status},\"message\":{text},\"type\":\"{kind}\"}}}}"),
    }
}

#[cfg(test)]
mod tests;
