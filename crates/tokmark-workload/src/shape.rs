//! Shapes: what the requests of a load point look like, as a small YAML file.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokmark_model::ToolDefinition;

use crate::body::Style;
use crate::{Length, WorkloadError};

pub(crate) mod check;
mod tools;

pub use self::check::definitions_text;

/// What the text of the requests is about. Independent of the API that carries it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Talk, and a question.
    #[default]
    Chat,
    /// Documents, and a question about them.
    Documents,
    /// Requirements and a piece of code, and the request for more of it.
    Code,
    /// A task, for a model that has tools.
    Agent,
}

impl Content {
    pub(crate) fn style(self) -> Style {
        match self {
            Content::Chat => Style::Chat,
            Content::Documents => Style::Documents,
            Content::Code => Style::Code,
            Content::Agent => Style::Agent,
        }
    }
}

/// A tool call that stands in the history of the first request, and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastCall {
    /// Name of the tool, one of the shape's.
    pub tool: String,
    /// Tokens of its result. The last result of a request takes what is left of its length.
    pub result_tokens: u32,
}

/// What the requests of a load point look like.
///
/// In the file an unknown field is an error, and so is a value out of its range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// `chat`, `rag`; the file's stem where the file does not say. 1 to 80 characters.
    #[serde(default)]
    pub name: String,
    /// One sentence for lists.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Kind of text.
    #[serde(default)]
    pub content: Content,
    /// Tokens of the first request of a conversation: system prompt, history, tool calls and
    /// tool definitions included, chat template left out. Tool definitions count by their JSON.
    pub prompt_tokens: Length,
    /// Tokens to be generated.
    pub output_tokens: Length,
    /// Tokens of the system prompt; absent for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_tokens: Option<u32>,
    /// Sampling temperature, 0 to 2; absent where the server's own stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Requests of one conversation, 1 to 1,000.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub turns: u32,
    /// Tokens of each message after the first one; needed where `turns` is above 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up_tokens: Option<Length>,
    /// Requests under way, unless asked otherwise.
    #[serde(default = "usual_concurrency")]
    pub concurrency: Vec<u32>,
    /// Tool calls that the first request has behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_results: Vec<PastCall>,
    /// Tools that the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "tools")]
    pub tools: Vec<ToolDefinition>,
}

fn one() -> u32 {
    1
}

fn is_one(n: &u32) -> bool {
    *n == 1
}

fn usual_concurrency() -> Vec<u32> {
    vec![1, 4]
}

/// Name and text of the shapes that come with the program.
const BUILTINS: [(&str, &str); 4] = [
    ("chat", include_str!("shapes/chat.yaml")),
    ("rag", include_str!("shapes/rag.yaml")),
    ("codegen", include_str!("shapes/codegen.yaml")),
    ("agent", include_str!("shapes/agent.yaml")),
];

impl Shape {
    /// The built-in shape of this name.
    ///
    /// # Errors
    /// [`WorkloadError::UnknownShape`], which names those there are.
    pub fn builtin(name: &str) -> Result<Self, WorkloadError> {
        match BUILTINS.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Shape::from_yaml(text, name),
            None => Err(WorkloadError::UnknownShape {
                name: name.to_owned(),
                known: BUILTINS.map(|(known, _)| known).join(", "),
            }),
        }
    }

    /// The four built-in shapes: chat, rag, codegen, agent.
    pub fn builtins() -> Vec<Self> {
        let shape = |(name, text): &(&str, &str)| {
            Shape::from_yaml(text, name).expect("the built-in shapes are tested")
        };
        BUILTINS.iter().map(shape).collect()
    }

    /// Reads a shape and checks it. `fallback_name` is its name where the text gives none.
    ///
    /// # Errors
    /// [`WorkloadError::Yaml`] when the text is no shape, an unknown field included;
    /// [`WorkloadError::Field`] when a value is out of range.
    pub fn from_yaml(text: &str, fallback_name: &str) -> Result<Self, WorkloadError> {
        let mut shape: Shape =
            serde_saphyr::from_str(text).map_err(|error| WorkloadError::Yaml {
                shape: fallback_name.to_owned(),
                message: error.without_snippet().to_string(),
            })?;
        if shape.name.is_empty() {
            shape.name = fallback_name.to_owned();
        }
        shape.check()?;
        Ok(shape)
    }

    /// The shape as YAML: fields in the order of the type, keys of JSON schemas sorted,
    /// defaults left out but for the concurrency. [`Shape::from_yaml`] gives the same shape.
    pub fn to_yaml(&self) -> String {
        serde_saphyr::to_string(self).expect("a shape is plain data, and all of it fits YAML")
    }

    /// SHA-256 of [`Shape::to_yaml`], lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(self.to_yaml()))
    }

    /// Checks every field, as [`Shape::from_yaml`] does; for shapes changed afterwards.
    ///
    /// # Errors
    /// [`WorkloadError::Field`], the first there is.
    pub fn check(&self) -> Result<(), WorkloadError> {
        check::check(self)
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
