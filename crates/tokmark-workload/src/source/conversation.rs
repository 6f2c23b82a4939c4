//! The growing history of a conversation.

use serde_json::{Map, Value};
use tokmark_model::{Message, Role, ToolCall};

use crate::body::Style;
use crate::prompt::Composer;

/// Nine letters and digits, which is the only form that Mistral's templates take.
pub(super) fn call_id(turn: u32, position: usize) -> String {
    format!("c{:04}{:04}", turn % 10_000, position % 10_000)
}

/// The answer in the form in which a server takes it back.
pub(super) fn answered(answer: &Message, turn: u32) -> Message {
    let mut answer = answer.clone();
    answer.role = Role::Assistant;
    answer.tool_call_id = None;
    for (position, call) in answer.tool_calls.iter_mut().enumerate() {
        if serde_json::from_str::<Map<String, Value>>(&call.arguments).is_err() {
            call.arguments = "{}".to_owned();
        }
        if call.id.is_empty() {
            call.id = call_id(turn, position);
        }
    }
    answer
}

/// A generated result for each call, `n_tokens` together.
pub(super) fn append_results(
    messages: &mut Vec<Message>,
    calls: &[ToolCall],
    n_tokens: usize,
    composer: &mut Composer,
) {
    let each = (n_tokens / calls.len().max(1)).max(1);
    for call in calls {
        let result = composer.text(Style::Result, each);
        let id = Some(call.id.clone());
        messages.push(Message { tool_call_id: id, ..Message::text(Role::Tool, result) });
    }
}

/// Puts `opening` before the first message, in the place of `old` where that stands there.
pub(super) fn replace_opening(messages: &mut [Message], old: &str, opening: &str) {
    let Some(first) = messages.first_mut() else { return };
    first.content = match first.content.strip_prefix(old) {
        Some(rest) if !old.is_empty() => format!("{opening}{rest}"),
        _ if first.content.is_empty() => opening.to_owned(),
        _ => format!("{opening} {}", first.content),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_is_replaced_or_put_in_front() {
        let mut messages = [Message::text(Role::User, "Old words: text")];
        replace_opening(&mut messages, "Old words:", "New:");
        assert_eq!(messages[0].content, "New: text");
        replace_opening(&mut messages, "Old words:", "Third:");
        assert_eq!(messages[0].content, "Third: New: text");
        replace_opening(&mut [], "", "New:");
    }

    #[test]
    fn broken_calls_of_an_answer_are_mended() {
        let call = |id: &str, arguments: &str| ToolCall {
            id: id.to_owned(),
            name: "f".to_owned(),
            arguments: arguments.to_owned(),
        };
        let calls = vec![call("", "{\"a\":"), call("x", "{\"a\": 1}"), call("y", "[1]")];
        let answer = Message { tool_calls: calls, ..Message::text(Role::User, "") };
        let mended = answered(&answer, 3);
        assert_eq!(mended.role, Role::Assistant);
        let calls: Vec<_> =
            mended.tool_calls.iter().map(|c| (c.id.as_str(), c.arguments.as_str())).collect();
        assert_eq!(calls, [("c00030000", "{}"), ("x", "{\"a\": 1}"), ("y", "{}")]);
    }
}
