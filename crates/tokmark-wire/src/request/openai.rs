//! `/v1/chat/completions` and `/v1/completions`, with each server's additions.

use std::borrow::Cow;

use serde::Serialize;
use tokmark_model::{Api, LengthControl, Message, Role};

use super::{Ask, Tool, tools};
use crate::dialect::{Dialect, ThinkSwitch};

#[derive(Serialize)]
pub(super) struct Chat<'a> {
    model: &'a str,
    messages: Vec<Said<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(flatten)]
    options: Options,
    #[serde(flatten)]
    switch: Switch,
}

#[derive(Serialize)]
pub(super) struct Completion<'a> {
    model: &'a str,
    prompt: Cow<'a, str>,
    #[serde(flatten)]
    options: Options,
}

/// A message of a conversation.
#[derive(Serialize)]
pub(crate) struct Said<'a> {
    role: Role,
    content: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ignore_eos: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_tokens: Option<u32>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// The fields of [`ThinkSwitch`].
#[derive(Serialize, Default)]
struct Switch {
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_template_kwargs: Option<TemplateValues>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_thinking: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
}

#[derive(Serialize)]
struct TemplateValues {
    enable_thinking: bool,
    thinking: bool,
}

#[derive(Serialize)]
struct Reasoning {
    enabled: bool,
}

pub(super) fn chat<'a>(ask: &Ask<'a>, dialect: Dialect) -> Chat<'a> {
    let think = dialect.think_switch(Api::Chat);
    let no_think_at = ask.no_think_at(think);
    let messages = ask.messages.iter().enumerate();
    Chat {
        model: ask.model,
        messages: messages.map(|(at, message)| said(message, no_think_at == Some(at))).collect(),
        tools: tools(ask.tools),
        options: options(ask, dialect),
        switch: ask.wish().map_or_else(Switch::default, |wish| switch(think, wish)),
    }
}

pub(super) fn completion<'a>(ask: &'a Ask<'a>, dialect: Dialect) -> Completion<'a> {
    Completion { model: ask.model, prompt: ask.prompt(), options: options(ask, dialect) }
}

/// Messages as OpenAI's API has them.
pub(crate) fn conversation(messages: &[Message]) -> Vec<Said<'_>> {
    messages.iter().map(|message| said(message, false)).collect()
}

fn said(message: &Message, with_no_think: bool) -> Said<'_> {
    let content = match with_no_think {
        true => Cow::Owned(format!("{} /no_think", message.content)),
        false => Cow::Borrowed(message.content.as_str()),
    };
    let calls = message.tool_calls.iter().map(|call| Call {
        id: &call.id,
        kind: "function",
        function: Function { name: &call.name, arguments: &call.arguments },
    });
    Said {
        role: message.role,
        content,
        tool_calls: calls.collect(),
        tool_call_id: message.tool_call_id.as_deref(),
    }
}

fn options(ask: &Ask<'_>, dialect: Dialect) -> Options {
    let control = ask.length_control;
    let ignore_eos = control == LengthControl::IgnoreEos && dialect.takes_ignore_eos();
    let min_tokens = control != LengthControl::LimitOnly && dialect.takes_min_tokens();
    Options {
        max_tokens: ask.max_tokens,
        temperature: ask.temperature(),
        seed: ask.seed(),
        stream: ask.stream,
        stream_options: ask.stream.then_some(StreamOptions { include_usage: true }),
        ignore_eos,
        min_tokens: ask.max_tokens.filter(|_| min_tokens),
    }
}

fn switch(think: ThinkSwitch, wish: bool) -> Switch {
    let mut fields = Switch::default();
    match (think, wish) {
        (ThinkSwitch::ChatTemplate, _) | (ThinkSwitch::EnableThinking, true) => {
            let values = TemplateValues { enable_thinking: wish, thinking: wish };
            fields.chat_template_kwargs = Some(values);
        }
        (ThinkSwitch::EnableThinking, false) => fields.enable_thinking = Some(false),
        (ThinkSwitch::Reasoning, _) => fields.reasoning = Some(Reasoning { enabled: wish }),
        (ThinkSwitch::ReasoningEffort, _) => {
            fields.reasoning_effort = Some(if wish { "medium" } else { "none" });
        }
        (ThinkSwitch::Think | ThinkSwitch::NoThinkSuffix, _) => {}
    }
    fields
}
