//! Recorded messages in the form of OpenAI's chat completions.

use serde::{Deserialize, Deserializer};
use tokmark_model::{Message, Role, ToolCall};

/// A message as it stands in a request. Fields beside these are left alone.
#[derive(Deserialize)]
pub(super) struct RecordedMessage {
    role: RecordedRole,
    #[serde(default, deserialize_with = "content")]
    content: String,
    #[serde(default)]
    tool_calls: Option<Vec<RecordedCall>>,
    #[serde(default)]
    tool_call_id: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RecordedRole {
    #[serde(alias = "developer")]
    System,
    User,
    Assistant,
    #[serde(alias = "function")]
    Tool,
}

/// A call of a tool, with its function apart or not.
#[derive(Deserialize)]
#[serde(untagged)]
enum RecordedCall {
    Nested {
        #[serde(default)]
        id: String,
        function: RecordedFunction,
    },
    Flat(ToolCall),
}

#[derive(Deserialize)]
struct RecordedFunction {
    name: String,
    arguments: String,
}

impl RecordedMessage {
    pub(super) fn message(self) -> Message {
        let call = |call| match call {
            RecordedCall::Nested { id, function: RecordedFunction { name, arguments } } => {
                ToolCall { id, name, arguments }
            }
            RecordedCall::Flat(call) => call,
        };
        let role = match self.role {
            RecordedRole::System => Role::System,
            RecordedRole::User => Role::User,
            RecordedRole::Assistant => Role::Assistant,
            RecordedRole::Tool => Role::Tool,
        };
        Message {
            role,
            content: self.content,
            tool_calls: self.tool_calls.unwrap_or_default().into_iter().map(call).collect(),
            tool_call_id: self.tool_call_id,
        }
    }
}

/// Text, nothing, or a list of parts of which all are text.
fn content<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Content {
        Text(String),
        Parts(Vec<Part>),
        Nothing(()),
    }

    #[derive(Deserialize)]
    struct Part {
        text: String,
    }

    Ok(match Content::deserialize(deserializer)? {
        Content::Text(text) => text,
        Content::Parts(parts) => {
            parts.into_iter().map(|part| part.text).collect::<Vec<_>>().join("\n")
        }
        Content::Nothing(()) => String::new(),
    })
}
