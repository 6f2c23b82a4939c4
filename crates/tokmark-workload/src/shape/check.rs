//! What a shape may hold.

use std::collections::HashSet;

use serde_json::Value;
use tokmark_model::ToolDefinition;

use super::Shape;
use super::tools::sorted;
use crate::fit::assumed_tokens;
use crate::{Length, MAX_TOKENS, WorkloadError};

const MAX_TURNS: u32 = 1_000;
const MAX_CONCURRENCY: u32 = 100_000;
const MAX_NAME: usize = 80;
const MAX_TOOLS: usize = 128;
const MAX_TOOL_NAME: usize = 64;
/// Tokens that the user's message needs beside everything else.
const LEAST_MESSAGE: usize = 8;
/// Tokens that a tool call with its arguments takes, about.
pub(crate) const CALL_TOKENS: usize = 20;

type Checked = Result<(), (String, String)>;

pub(super) fn check(shape: &Shape) -> Result<(), WorkloadError> {
    let checked = check_words(shape)
        .and_then(|()| check_lengths(shape))
        .and_then(|()| check_turns(shape))
        .and_then(|()| check_concurrency(&shape.concurrency))
        .and_then(|()| check_tools(&shape.tools))
        .and_then(|()| check_past_calls(shape))
        .and_then(|()| check_room(shape));
    checked.map_err(|(field, problem)| WorkloadError::Field {
        shape: shape.name.clone(),
        field,
        problem,
    })
}

fn fault(field: impl Into<String>, problem: impl Into<String>) -> Checked {
    Err((field.into(), problem.into()))
}

fn check_words(shape: &Shape) -> Checked {
    let n_chars = shape.name.chars().count();
    if !(1..=MAX_NAME).contains(&n_chars) || shape.name.chars().any(char::is_control) {
        return fault("name", format!("must be 1 to {MAX_NAME} printable characters"));
    }
    if shape.name.trim() != shape.name {
        return fault("name", "must not begin or end with a space");
    }
    Ok(())
}

fn check_lengths(shape: &Shape) -> Checked {
    let lengths = [
        ("prompt_tokens", Some(shape.prompt_tokens)),
        ("output_tokens", Some(shape.output_tokens)),
        ("follow_up_tokens", shape.follow_up_tokens),
        ("system_tokens", shape.system_tokens.map(Length::Fixed)),
    ];
    for (field, length) in lengths {
        if let Some((part, problem)) = length.and_then(|length| length.problem()) {
            return fault(format!("{field}{part}"), problem);
        }
    }
    match shape.temperature {
        Some(temperature) if !(0.0..=2.0).contains(&temperature) => {
            fault("temperature", "must be 0 to 2")
        }
        _ => Ok(()),
    }
}

fn check_turns(shape: &Shape) -> Checked {
    if !(1..=MAX_TURNS).contains(&shape.turns) {
        return fault("turns", format!("must be 1 to {MAX_TURNS}"));
    }
    match (shape.turns, shape.follow_up_tokens) {
        (2.., None) => fault("follow_up_tokens", "is needed where turns is above 1"),
        (1, Some(_)) => fault("follow_up_tokens", "is of no use where turns is 1"),
        _ => Ok(()),
    }
}

fn check_concurrency(concurrency: &[u32]) -> Checked {
    if concurrency.is_empty() {
        return fault("concurrency", "must have at least one number");
    }
    let mut seen = HashSet::new();
    for n in concurrency {
        if !(1..=MAX_CONCURRENCY).contains(n) {
            return fault("concurrency", format!("{n} is not 1 to {MAX_CONCURRENCY}"));
        }
        if !seen.insert(n) {
            return fault("concurrency", format!("{n} stands there twice"));
        }
    }
    Ok(())
}

fn check_tools(tools: &[ToolDefinition]) -> Checked {
    if tools.len() > MAX_TOOLS {
        return fault("tools", format!("must not be more than {MAX_TOOLS}"));
    }
    let mut seen = HashSet::new();
    for (position, tool) in tools.iter().enumerate() {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let length = tool.name.len();
        if !(1..=MAX_TOOL_NAME).contains(&length) || !tool.name.chars().all(is_name) {
            let problem = format!("must be 1 to {MAX_TOOL_NAME} letters, digits, _ or -");
            return fault(format!("tools[{position}].name"), problem);
        }
        if !seen.insert(&tool.name) {
            let problem = format!("{} is defined twice", tool.name);
            return fault(format!("tools[{position}].name"), problem);
        }
        if tool.parameters.get("type").and_then(Value::as_str) != Some("object") {
            let problem = "must be a JSON schema of type object";
            return fault(format!("tools[{position}].parameters"), problem);
        }
    }
    Ok(())
}

fn check_past_calls(shape: &Shape) -> Checked {
    for (position, call) in shape.tool_results.iter().enumerate() {
        if !shape.tools.iter().any(|tool| tool.name == call.tool) {
            let problem = format!("{} is none of the tools", call.tool);
            return fault(format!("tool_results[{position}].tool"), problem);
        }
        if !(1..=MAX_TOKENS).contains(&call.result_tokens) {
            let problem = format!("must be 1 to {MAX_TOKENS} tokens");
            return fault(format!("tool_results[{position}].result_tokens"), problem);
        }
    }
    Ok(())
}

/// The shortest prompt must have room for its fixed parts. Tool definitions and calls are
/// estimated, since no tokenizer is at hand here.
fn check_room(shape: &Shape) -> Checked {
    let results = shape.tool_results.iter().map(|call| call.result_tokens as usize + CALL_TOKENS);
    let tools = assumed_tokens(&definitions_text(&shape.tools));
    let system = shape.system_tokens.unwrap_or(0) as usize;
    let fixed = system + tools + results.sum::<usize>() + LEAST_MESSAGE;
    let least = shape.prompt_tokens.least() as usize;
    if fixed > LEAST_MESSAGE && least < fixed {
        let problem = format!(
            "{least} leave no room for system prompt, tools, results and a message, about {fixed}"
        );
        return fault("prompt_tokens", problem);
    }
    Ok(())
}

/// The JSON of all definitions, as their tokens are counted; empty without tools. The order of
/// its keys is fixed, whatever the JSON library does.
pub fn definitions_text(tools: &[ToolDefinition]) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let json = |tool: &ToolDefinition| {
        let (name, description) = (quoted(&tool.name), quoted(&tool.description));
        let parameters = sorted(&tool.parameters);
        format!("{{\"name\":{name},\"description\":{description},\"parameters\":{parameters}}}")
    };
    tools.iter().map(json).collect::<Vec<_>>().join("\n")
}
