//! Bodies of requests, in each API and dialect.

mod ollama;
mod openai;

use std::borrow::Cow;

use serde::Serialize;
use tokmark_model::{Api, LengthControl, Message, Role, Think, ToolDefinition};

pub(crate) use self::openai::{Said, conversation};
use crate::dialect::{Dialect, ThinkSwitch};

/// How long Ollama keeps the model after a request. Its default of 5 minutes would unload it
/// in a long pause between two points of a run.
pub const OLLAMA_KEEP_ALIVE: &str = "10m";

/// One request, whatever the server.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The model's name, as the server lists it.
    pub model: &'a str,
    /// The conversation, its last message to be answered.
    pub messages: &'a [Message],
    /// Tools that the model may call. Left out of [`Api::Completions`] and
    /// [`Api::OllamaGenerate`], which know none.
    pub tools: &'a [ToolDefinition],
    /// Most tokens to generate. Without it vLLM and SGLang end completions after 16.
    pub max_tokens: Option<u32>,
    /// Sampling temperature; the server's own for `None` or what is no number.
    pub temperature: Option<f64>,
    /// Reasoning. [`Think::Auto`] sends nothing.
    pub think: Think,
    /// What holds the answer's length. Sent to dialects that know it
    /// ([`Dialect::length_control`]), and to [`Dialect::OpenAi`] as asked, since nobody knows.
    pub length_control: LengthControl,
    /// A stream of events, with counts at its end.
    pub stream: bool,
    /// Seed of sampling. Its lowest 31 bits are sent: servers hold it in different types.
    pub seed: Option<u64>,
}

/// A request as it is sent, by POST with `content-type: application/json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Path, to be resolved by [`crate::BaseUrl::at`].
    pub path: &'static str,
    /// The body.
    pub json: Vec<u8>,
}

impl Ask<'_> {
    /// The request in the words of `api` and `dialect`.
    pub fn body(&self, api: Api, dialect: Dialect) -> Body {
        let json = match api {
            Api::Chat => to_json(&openai::chat(self, dialect)),
            Api::Completions => to_json(&openai::completion(self, dialect)),
            Api::OllamaChat => to_json(&ollama::chat(self)),
            Api::OllamaGenerate => to_json(&ollama::generate(self)),
        };
        Body { path: path(api), json }
    }

    fn temperature(&self) -> Option<f64> {
        self.temperature.filter(|temperature| temperature.is_finite())
    }

    fn seed(&self) -> Option<u64> {
        self.seed.map(|seed| seed & 0x7fff_ffff)
    }

    /// What to think, where the caller has a wish.
    fn wish(&self) -> Option<bool> {
        match self.think {
            Think::Auto => None,
            Think::On => Some(true),
            Think::Off => Some(false),
        }
    }

    /// All messages as one text.
    fn prompt(&self) -> Cow<'_, str> {
        match self.messages {
            [one] => Cow::Borrowed(&one.content),
            several => {
                let texts: Vec<&str> = several.iter().map(|m| m.content.as_str()).collect();
                Cow::Owned(texts.join("\n\n"))
            }
        }
    }

    /// Position of the message that takes a ` /no_think`, if the switch is that.
    fn no_think_at(&self, switch: ThinkSwitch) -> Option<usize> {
        let is_asked = switch == ThinkSwitch::NoThinkSuffix && self.think == Think::Off;
        let last = self.messages.iter().rposition(|message| message.role == Role::User);
        last.filter(|_| is_asked)
    }
}

/// Where requests of an API go; for [`crate::BaseUrl::at`].
pub fn path(api: Api) -> &'static str {
    match api {
        Api::Chat => "/v1/chat/completions",
        Api::Completions => "/v1/completions",
        Api::OllamaChat => "/api/chat",
        Api::OllamaGenerate => "/api/generate",
    }
}

pub(crate) fn to_json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("texts, finite numbers and JSON values can be written as JSON")
}

/// A tool as both APIs describe it.
#[derive(Serialize)]
pub(crate) struct Tool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: &'a ToolDefinition,
}

pub(crate) fn tools<'a>(tools: &'a [ToolDefinition]) -> Vec<Tool<'a>> {
    tools.iter().map(|function| Tool { kind: "function", function }).collect()
}

#[cfg(test)]
mod tests;
