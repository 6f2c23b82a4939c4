//! Events and bodies of Ollama's `/api/chat` and `/api/generate`.
//! Source: ollama 0.33, `api/types.go`, `docs/api.md`, `docs/api/errors.mdx`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokmark_model::ServerTimes;

use super::openai::arguments;
use super::{Length, Number, Said, ServerError, Text, ToolCallPart, Usage};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Event<'a> {
    /// Of `/api/chat`.
    #[serde(borrow)]
    message: Option<Message<'a>>,
    /// Of `/api/generate`.
    #[serde(borrow)]
    response: Option<Text<'a>>,
    /// Of `/api/generate`.
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    done: bool,
    #[serde(borrow)]
    done_reason: Option<Text<'a>>,
    total_duration: Number,
    load_duration: Number,
    prompt_eval_count: Number,
    prompt_eval_duration: Number,
    eval_count: Number,
    eval_duration: Number,
    logprobs: Length,
    #[serde(borrow)]
    error: Option<ServerError<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Call<'a>>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    function: Function<'a>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

/// Reads one line or body. `n_calls` is the number of tool calls seen in the answer.
pub(super) fn read<'a>(event: &'a [u8], n_calls: &mut u32) -> Result<Said<'a>, serde_json::Error> {
    let event: Event<'a> = serde_json::from_slice(event)?;
    let usage = counts(&event);
    let times = times(&event);
    let message = event.message.unwrap_or_default();
    let mut said = Said {
        reasoning: message.thinking.or(event.thinking).map(|text| text.0).unwrap_or_default(),
        answer: message.content.or(event.response).map(|text| text.0).unwrap_or_default(),
        n_tokens: event.logprobs.0,
        // Earlier versions give no reason.
        finish: event.done.then(|| event.done_reason.map_or(Cow::Borrowed("stop"), |text| text.0)),
        usage,
        times,
        error: event.error,
        ..Said::default()
    };
    // Ollama hands out whole calls, in earlier versions without an index or an id.
    for Call { id, function } in message.tool_calls.unwrap_or_default() {
        let index = *n_calls;
        *n_calls = n_calls.saturating_add(1);
        said.tool_calls.push(ToolCallPart {
            index,
            id: id.map(|text| text.0).unwrap_or_default(),
            name: function.name.map(|text| text.0).unwrap_or_default(),
            arguments: function.arguments.map(arguments).transpose()?.unwrap_or_default(),
        });
    }
    Ok(said)
}

fn counts(event: &Event<'_>) -> Option<Usage> {
    let usage = Usage {
        prompt_tokens: event.prompt_eval_count.count(),
        completion_tokens: event.eval_count.count(),
        ..Usage::default()
    };
    (usage != Usage::default()).then_some(usage)
}

/// `prompt_eval_count` counts cached tokens too (0.33, `llm/llama_server.go`,
/// `promptEvalCount`), so it is no [`ServerTimes::n_prompt`].
fn times(event: &Event<'_>) -> Option<ServerTimes> {
    let times = ServerTimes {
        prompt_ns: event.prompt_eval_duration.nanoseconds(),
        n_generated: event.eval_count.count(),
        generation_ns: event.eval_duration.nanoseconds(),
        load_ns: event.load_duration.nanoseconds(),
        total_ns: event.total_duration.nanoseconds(),
        ..ServerTimes::default()
    };
    (times != ServerTimes::default()).then_some(times)
}
