//! Requests of a shape.

use std::sync::Arc;

use tokmark_model::{CacheMode, Message, Role, ToolCall, ToolDefinition};

use super::conversation::{answered, append_results, call_id};
use super::{Origin, PlannedRequest, PromptSource, SourceOptions};
use crate::Shape;
use crate::body::Style;
use crate::prompt::{Composer, opening_for, shared_tokens, text_key};
use crate::random::{Purpose, Random};
use crate::shape::check::{CALL_TOKENS, definitions_text};

/// Tokens of the user's message, where the rest leaves it fewer.
const LEAST_MESSAGE: usize = 4;

impl PromptSource {
    /// Tokens of the tool definitions as the server is told them.
    pub(super) fn count_tools(&self) -> usize {
        let text = definitions_text(&self.tools);
        if text.is_empty() { 0 } else { self.counter().count(&text) }
    }

    pub(super) fn first_of_shape(&self, shape: &Shape, session: u32) -> PlannedRequest {
        let numbers = self.numbers(shape, session, 0);
        let n_prompt = shape.prompt_tokens.draw(&mut self.drawn(Purpose::PromptLength, numbers));
        let mut composer = self.composer(shape, numbers);
        composer.n_done = self.tool_tokens();
        let tools = self.tools_for(session);
        if let (Some(opening), false) = (self.front_opening(session), tools.is_empty()) {
            composer.add(&opening);
        }
        let messages = opening_messages(shape, n_prompt as usize, &mut composer);
        PlannedRequest {
            messages,
            tools,
            max_tokens: shape.output_tokens.draw(&mut self.drawn(Purpose::OutputLength, numbers)),
            n_prompt_target: n_prompt,
            basis: composer.counter.basis(),
            temperature: shape.temperature,
            session,
            turn: 0,
            due: None,
        }
    }

    pub(super) fn next_of_shape(
        &self,
        shape: &Shape,
        session: u32,
        turn: u32,
        history: &[Message],
        answer: &Message,
    ) -> PlannedRequest {
        let numbers = self.numbers(shape, session, turn);
        let mut messages = history.to_vec();
        let answer = answered(answer, turn);
        let mut composer = self.composer(shape, numbers).behind_history();
        let length = shape.follow_up_tokens.unwrap_or(shape.prompt_tokens);
        let n_new = length.draw(&mut self.drawn(Purpose::FollowUpLength, numbers)) as usize;
        let style = shape.content.style();
        composer.n_done = self.tool_tokens();
        for message in messages.iter().chain([&answer]) {
            composer.add_message(message);
        }
        messages.push(answer.clone());
        if answer.tool_calls.is_empty() {
            messages.push(Message::text(Role::User, composer.text(style, n_new)));
        } else {
            append_results(&mut messages, &answer.tool_calls, n_new, &mut composer);
        }
        PlannedRequest {
            messages,
            tools: self.tools_for(session),
            max_tokens: shape.output_tokens.draw(&mut self.drawn(Purpose::OutputLength, numbers)),
            n_prompt_target: u32::try_from(composer.n_done).unwrap_or(u32::MAX),
            basis: composer.counter.basis(),
            temperature: shape.temperature,
            session,
            turn,
            due: None,
        }
    }

    fn numbers(&self, shape: &Shape, session: u32, turn: u32) -> Numbers {
        let key = text_key(self.options.cache, u64::from(session));
        Numbers { session, key: key * u64::from(shape.turns) + u64::from(turn) }
    }

    fn drawn(&self, purpose: Purpose, numbers: Numbers) -> Random {
        Random::new(self.options.seed, purpose, &[numbers.key])
    }

    fn composer(&self, shape: &Shape, numbers: Numbers) -> Composer<'_> {
        let SourceOptions { seed, nonce, cache, .. } = self.options;
        let opening = opening_for(seed, nonce, numbers.session, cache);
        let n_shared = match cache {
            // Of prompts longer than the mean, too.
            CacheMode::Share { share } if share >= 1.0 => usize::MAX,
            _ => shared_tokens(cache, shape.prompt_tokens.mean()),
        };
        Composer::new(seed, numbers.key, opening, n_shared, self.counter())
    }

    fn tool_tokens(&self) -> usize {
        match &self.origin {
            Origin::Shape { n_tool_tokens, .. } => *n_tool_tokens,
            Origin::Trace { .. } => 0,
        }
    }

    /// The tools, with a unique beginning where the cache is to be missed: some templates put
    /// them before the first message.
    fn tools_for(&self, session: u32) -> Arc<[ToolDefinition]> {
        let Some(opening) = self.front_opening(session) else { return self.tools.clone() };
        let mut tools = self.tools.to_vec();
        if let Some(first) = tools.first_mut() {
            first.description = format!("{opening} {}", first.description);
        }
        tools.into()
    }
}

/// What tells a request from all others, and what decides its text.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    session: u32,
    /// Conversations have it in common where texts repeat.
    key: u64,
}

/// System prompt, message, and tool calls with their results, `n_prompt` tokens with what the
/// composer has already. The last message makes up for what the others missed.
fn opening_messages(shape: &Shape, n_prompt: usize, composer: &mut Composer) -> Vec<Message> {
    let style = shape.content.style();
    let mut messages = Vec::new();
    if let Some(n_system) = shape.system_tokens {
        messages.push(Message::text(Role::System, composer.text(Style::System, n_system as usize)));
    }
    let calls = shape.tool_results.iter();
    let behind: usize = calls.map(|call| call.result_tokens as usize + CALL_TOKENS).sum();
    let n_message = n_prompt.saturating_sub(composer.n_done + behind).max(LEAST_MESSAGE);
    messages.push(Message::text(Role::User, composer.text(style, n_message)));
    for (position, past) in shape.tool_results.iter().enumerate() {
        let call = past_call(shape, &past.tool, position, composer);
        let n_result = if position + 1 < shape.tool_results.len() {
            past.result_tokens as usize
        } else {
            n_prompt.saturating_sub(composer.n_done).max(1)
        };
        let result = composer.text(Style::Result, n_result);
        let id = call.id.clone();
        messages.push(Message {
            tool_calls: vec![call],
            ..Message::text(Role::Assistant, String::new())
        });
        messages.push(Message { tool_call_id: Some(id), ..Message::text(Role::Tool, result) });
    }
    messages
}

fn past_call(shape: &Shape, name: &str, position: usize, composer: &mut Composer) -> ToolCall {
    let tool = shape.tools.iter().find(|tool| tool.name == name);
    let nothing = serde_json::Value::Null;
    let parameters = tool.map_or(&nothing, |tool| &tool.parameters);
    let arguments = composer.call_arguments(parameters);
    let call = ToolCall { id: call_id(0, position), name: name.to_owned(), arguments };
    composer.add_call(&call);
    call
}
