//! Ollama's `/api/chat` and `/api/generate`.
//! Source: ollama 0.33, `docs/api.md`, `api/types.go`.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use tokmark_model::{Message, Role};

use super::{Ask, OLLAMA_KEEP_ALIVE, Tool, tools};

#[derive(Serialize)]
pub(super) struct Chat<'a> {
    model: &'a str,
    messages: Vec<Said<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(flatten)]
    settings: Settings,
}

#[derive(Serialize)]
pub(super) struct Generate<'a> {
    model: &'a str,
    prompt: Cow<'a, str>,
    #[serde(flatten)]
    settings: Settings,
}

#[derive(Serialize)]
struct Said<'a> {
    role: Role,
    content: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    /// Of a tool's result: the tool, and the call that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: Arguments<'a>,
}

/// An object here, where OpenAI has its text.
#[derive(Serialize)]
#[serde(untagged)]
enum Arguments<'a> {
    Object(&'a RawValue),
    /// A model wrote something that is no object.
    Text {
        text: &'a str,
    },
}

#[derive(Serialize)]
struct Settings {
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    think: Option<bool>,
    keep_alive: &'static str,
    options: Options,
}

#[derive(Serialize)]
struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_predict: Option<u32>,
}

pub(super) fn chat<'a>(ask: &Ask<'a>) -> Chat<'a> {
    let messages = ask.messages;
    Chat {
        model: ask.model,
        messages: messages.iter().map(|message| said(message, messages)).collect(),
        tools: tools(ask.tools),
        settings: settings(ask),
    }
}

pub(super) fn generate<'a>(ask: &'a Ask<'a>) -> Generate<'a> {
    Generate { model: ask.model, prompt: ask.prompt(), settings: settings(ask) }
}

fn said<'a>(message: &'a Message, all: &'a [Message]) -> Said<'a> {
    let calls = message.tool_calls.iter().map(|call| Call {
        id: &call.id,
        function: Function { name: &call.name, arguments: arguments(&call.arguments) },
    });
    let tool_call_id = message.tool_call_id.as_deref();
    let is_result = message.role == Role::Tool;
    Said {
        role: message.role,
        content: &message.content,
        tool_calls: calls.collect(),
        tool_name: tool_call_id.filter(|_| is_result).and_then(|id| called_by(id, all)),
        tool_call_id,
    }
}

/// Name of the tool whose call has this id.
fn called_by<'a>(id: &str, all: &'a [Message]) -> Option<&'a str> {
    let mut calls = all.iter().flat_map(|message| &message.tool_calls);
    calls.find(|call| call.id == id).map(|call| call.name.as_str())
}

fn arguments(text: &str) -> Arguments<'_> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) if raw.get().starts_with('{') => Arguments::Object(raw),
        _ => Arguments::Text { text },
    }
}

fn settings(ask: &Ask<'_>) -> Settings {
    Settings {
        stream: ask.stream,
        think: ask.wish(),
        keep_alive: OLLAMA_KEEP_ALIVE,
        options: Options {
            temperature: ask.temperature(),
            seed: ask.seed(),
            num_predict: ask.max_tokens,
        },
    }
}
