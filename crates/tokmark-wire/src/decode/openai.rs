//! Events and bodies of `/v1/chat/completions` and `/v1/completions`, with what each server
//! adds to them.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tokmark_model::ServerTimes;

use super::{Length, Number, Said, ServerError, Text, ToolCallPart, Usage};

// What few events have is boxed: else each event would move it about as empty space, which
// took a quarter of the time.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "choices", deserialize_with = "first_choice")]
    choice: Option<Choice<'a>>,
    usage: Option<Box<Counts>>,
    timings: Option<Box<Timings>>,
    stats: Option<Box<Stats>>,
    #[serde(borrow)]
    error: Option<Box<ServerError<'a>>>,
    /// Of an error that is the event itself, as llama.cpp's field `error:` had it.
    #[serde(borrow)]
    message: Option<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Choice<'a> {
    index: Number,
    #[serde(borrow)]
    delta: Option<Message<'a>>,
    /// In a whole body.
    #[serde(borrow)]
    message: Option<Box<Message<'a>>>,
    /// Of `/v1/completions`.
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    logprobs: Option<Box<LogProbabilities>>,
    /// vLLM's and SGLang's, when asked for.
    token_ids: Length,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    /// llama.cpp, SGLang, DeepSeek; vLLM until January 2026 (its pull request 33402).
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
    /// vLLM, mlx_lm, OpenRouter, LM Studio, Ollama.
    #[serde(borrow)]
    reasoning: Option<Text<'a>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Call<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Call<'a> {
    index: Number,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct LogProbabilities {
    /// Of chat completions.
    content: Length,
    /// Of completions.
    tokens: Length,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Counts {
    prompt_tokens: Number,
    completion_tokens: Number,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// SGLang's place for it.
    reasoning_tokens: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Number,
}

/// llama.cpp's, in the last event, or in each with `timings_per_token`.
/// Source: `tools/server/server-task.cpp`, `result_timings::to_json`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Timings {
    cache_n: Number,
    prompt_n: Number,
    prompt_ms: Number,
    predicted_n: Number,
    predicted_ms: Number,
    draft_n: Number,
    draft_n_accepted: Number,
}

/// LM Studio's (API changelog, 0.3.10).
#[derive(Deserialize, Default)]
#[serde(default)]
struct Stats {
    total_draft_tokens_count: Number,
    accepted_draft_tokens_count: Number,
}

/// Reads one event or body. `n_calls` is the number of tool calls seen in the answer.
pub(super) fn read<'a>(event: &'a [u8], n_calls: &mut u32) -> Result<Said<'a>, serde_json::Error> {
    let Event { choice, usage, timings, stats, error, message } = serde_json::from_slice(event)?;
    let is_silent = choice.is_none() && usage.is_none();
    let of_event = message.filter(|_| is_silent && error.is_none());
    let mut said = Said {
        usage: counts(usage, timings.as_deref()),
        times: timings.as_deref().map(times).or_else(|| stats.as_deref().and_then(drafts)),
        error: error
            .map(|error| *error)
            .or_else(|| of_event.map(|text| ServerError { message: text.0, ..Default::default() })),
        ..Said::default()
    };
    let Some(choice) = choice else { return Ok(said) };
    let message =
        choice.delta.or_else(|| choice.message.map(|message| *message)).unwrap_or_default();
    said.n_tokens = n_tokens(choice.token_ids, choice.logprobs);
    said.finish = choice.finish_reason.map(|text| text.0);
    said.answer = text(message.content).or_else(|| text(choice.text)).unwrap_or_default();
    said.reasoning =
        text(message.reasoning_content).or_else(|| text(message.reasoning)).unwrap_or_default();
    for call in message.tool_calls.unwrap_or_default() {
        said.tool_calls.push(part(call, n_calls)?);
    }
    if said.error.is_none() && said.finish.as_deref() == Some("error") {
        said.error =
            Some(ServerError { message: "finish_reason is error".into(), ..Default::default() });
    }
    Ok(said)
}

/// Text that is there and not empty.
fn text(text: Option<Text<'_>>) -> Option<Cow<'_, str>> {
    text.map(|text| text.0).filter(|text| !text.is_empty())
}

fn n_tokens(ids: Length, logprobs: Option<Box<LogProbabilities>>) -> Option<u32> {
    let logprobs = logprobs.unwrap_or_default();
    [ids, logprobs.content, logprobs.tokens]
        .into_iter()
        .find_map(|length| length.0.filter(|&n| n > 0))
}

fn part<'a>(call: Call<'a>, n_calls: &mut u32) -> Result<ToolCallPart<'a>, serde_json::Error> {
    let id = call.id.map(|text| text.0).unwrap_or_default();
    let function = call.function.unwrap_or_default();
    // Without an index, as in whole bodies, an id begins the next call.
    let index = call.index.count().unwrap_or(if id.is_empty() {
        n_calls.saturating_sub(1)
    } else {
        *n_calls
    });
    *n_calls = (*n_calls).max(index.saturating_add(1));
    Ok(ToolCallPart {
        index,
        id,
        name: function.name.map(|text| text.0).unwrap_or_default(),
        arguments: function.arguments.map(arguments).transpose()?.unwrap_or_default(),
    })
}

/// The JSON text of the arguments, whether it came as a string or as an object.
pub(super) fn arguments(raw: &RawValue) -> Result<Cow<'_, str>, serde_json::Error> {
    let raw = raw.get();
    if raw.starts_with('"') {
        return serde_json::from_str::<Text<'_>>(raw).map(|text| text.0);
    }
    Ok(Cow::Borrowed(raw))
}

/// `usage`, and llama.cpp's final counts where it was not asked for.
fn counts(usage: Option<Box<Counts>>, timings: Option<&Timings>) -> Option<Usage> {
    let n_cached = timings.and_then(|timings| timings.cache_n.count());
    let Some(counts) = usage else {
        let timings = timings?;
        let n_prompt = timings.prompt_n.count()?;
        return Some(Usage {
            prompt_tokens: Some(n_prompt.saturating_add(n_cached.unwrap_or(0))),
            completion_tokens: timings.predicted_n.count(),
            reasoning_tokens: None,
            cached_tokens: n_cached,
        });
    };
    let of_completion = counts.completion_tokens_details.unwrap_or_default();
    let of_prompt = counts.prompt_tokens_details.unwrap_or_default();
    Some(Usage {
        prompt_tokens: counts.prompt_tokens.count(),
        completion_tokens: counts.completion_tokens.count(),
        reasoning_tokens: of_completion
            .reasoning_tokens
            .count()
            .or(counts.reasoning_tokens.count()),
        cached_tokens: of_prompt.cached_tokens.count().or(n_cached),
    })
}

fn times(timings: &Timings) -> ServerTimes {
    ServerTimes {
        n_prompt: timings.prompt_n.count(),
        prompt_ns: timings.prompt_ms.milliseconds(),
        n_generated: timings.predicted_n.count(),
        generation_ns: timings.predicted_ms.milliseconds(),
        load_ns: None,
        total_ns: None,
        n_drafted: timings.draft_n.count(),
        n_accepted: timings.draft_n_accepted.count(),
    }
}

fn drafts(stats: &Stats) -> Option<ServerTimes> {
    let n_drafted = stats.total_draft_tokens_count.count()?;
    let n_accepted = stats.accepted_draft_tokens_count.count();
    Some(ServerTimes { n_drafted: Some(n_drafted), n_accepted, ..ServerTimes::default() })
}

/// The choice with index 0, without collecting them.
fn first_choice<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Choice<'de>>, D::Error> {
    deserializer.deserialize_any(FirstChoice)
}

struct FirstChoice;

impl<'de> Visitor<'de> for FirstChoice {
    type Value = Option<Choice<'de>>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a list of choices")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut choices: A) -> Result<Self::Value, A::Error> {
        let mut first = None;
        while let Some(choice) = choices.next_element::<Choice<'de>>()? {
            if first.is_none() && choice.index.count().unwrap_or(0) == 0 {
                first = Some(choice);
            }
        }
        Ok(first)
    }
}
