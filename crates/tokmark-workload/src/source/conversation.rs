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

/// Puts `opening` before the first message, unless it stands there already.
pub(super) fn put_opening(messages: &mut [Message], opening: &str) {
    let Some(first) = messages.first_mut().filter(|first| !first.content.starts_with(opening))
    else {
        return;
    };
    first.content = match first.content.as_str() {
        "" => opening.to_owned(),
        text => format!("{opening} {text}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_is_put_in_front_once() {
        let mut messages = [Message::text(Role::User, "text")];
        for _ in 0..2 {
            put_opening(&mut messages, "Four words:");
            assert_eq!(messages[0].content, "Four words: text");
        }
        put_opening(&mut [], "Four words:");
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
