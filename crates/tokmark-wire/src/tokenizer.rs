//! Servers that count tokens of a text: what to ask, and how to read the answer.

use serde::{Deserialize, Serialize};
use tokmark_model::{Message, ToolDefinition};

use crate::WireError;
use crate::decode::{Length, Number, object};
use crate::request::{Said, Tool, conversation, to_json, tools};

/// A tokenizer endpoint, asked by POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenizerRoute {
    /// llama.cpp's `/tokenize` with `content` (`tools/server/README.md`).
    LlamaCpp,
    /// vLLM's `/tokenize` with `prompt` or `messages`
    /// (`vllm/entrypoints/serve/tokenize/protocol.py`).
    Vllm,
    /// SGLang's `/tokenize` with `prompt`
    /// (`python/sglang/srt/entrypoints/openai/protocol.py`, `TokenizeRequest`).
    Sglang,
}

#[derive(Serialize)]
struct Content<'a> {
    content: &'a str,
    add_special: bool,
}

#[derive(Serialize)]
struct Prompt<'a> {
    model: &'a str,
    prompt: &'a str,
    add_special_tokens: bool,
}

#[derive(Serialize)]
struct Conversation<'a> {
    model: &'a str,
    messages: Vec<Said<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
}

impl TokenizerRoute {
    /// Where to ask; for [`crate::BaseUrl::at`].
    pub fn path(self) -> &'static str {
        "/tokenize"
    }

    /// Asks for the tokens of `text` alone, without a beginning-of-sequence token.
    pub fn text_body(self, model: &str, text: &str) -> Vec<u8> {
        match self {
            TokenizerRoute::LlamaCpp => to_json(&Content { content: text, add_special: false }),
            TokenizerRoute::Vllm | TokenizerRoute::Sglang => {
                to_json(&Prompt { model, prompt: text, add_special_tokens: false })
            }
        }
    }

    /// Asks for the tokens of a conversation and its tools with the model's template, where the
    /// endpoint knows templates.
    pub fn messages_body(
        self,
        model: &str,
        messages: &[Message],
        definitions: &[ToolDefinition],
    ) -> Option<Vec<u8>> {
        match self {
            TokenizerRoute::Vllm => {
                let (messages, tools) = (conversation(messages), tools(definitions));
                Some(to_json(&Conversation { model, messages, tools }))
            }
            TokenizerRoute::LlamaCpp | TokenizerRoute::Sglang => None,
        }
    }

    /// The count in an answer.
    ///
    /// # Errors
    /// [`WireError::Malformed`] when the answer is no JSON object,
    /// [`WireError::NoTokenCount`] when it holds no count.
    pub fn count(self, answer: &[u8]) -> Result<u32, WireError> {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Answer {
            count: Number,
            tokens: Length,
        }
        let answer: Answer =
            serde_json::from_slice(object(answer)?).map_err(WireError::malformed)?;
        answer.count.count().or(answer.tokens.0).ok_or(WireError::NoTokenCount)
    }
}

#[cfg(test)]
mod tests {
    use tokmark_model::Role;

    use super::*;

    #[test]
    fn each_route_asks_in_its_own_words() {
        let text = |route: TokenizerRoute| String::from_utf8(route.text_body("m", "a b")).unwrap();
        assert_eq!(text(TokenizerRoute::LlamaCpp), r#"{"content":"a b","add_special":false}"#);
        let prompt = r#"{"model":"m","prompt":"a b","add_special_tokens":false}"#;
        assert_eq!(text(TokenizerRoute::Vllm), prompt);
        assert_eq!(text(TokenizerRoute::Sglang), prompt);
        let messages = [Message::text(Role::User, "hi")];
        let body = TokenizerRoute::Vllm.messages_body("m", &messages, &[]).unwrap();
        let expected = br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
        assert_eq!(body, expected);
        let tool = ToolDefinition {
            name: "look".to_owned(),
            description: String::new(),
            parameters: serde_json::json!({}),
        };
        let body = TokenizerRoute::Vllm.messages_body("m", &messages, &[tool]).unwrap();
        let body = String::from_utf8(body).unwrap();
        assert!(
            body.contains(r#""tools":[{"type":"function","function":{"name":"look""#),
            "{body}"
        );
        assert_eq!(TokenizerRoute::LlamaCpp.messages_body("m", &messages, &[]), None);
    }

    #[test]
    fn a_count_comes_from_either_field() {
        let count = |answer: &str| TokenizerRoute::Vllm.count(answer.as_bytes());
        assert_eq!(count(r#"{"count":3,"max_model_len":8,"tokens":[1,2,3]}"#), Ok(3));
        assert_eq!(count(r#"{"tokens":[504,37939]}"#), Ok(2));
        assert_eq!(count(r#"{"tokens":[]}"#), Ok(0));
        assert_eq!(count(r#"{"error":"no"}"#), Err(WireError::NoTokenCount));
        assert!(matches!(count("Not Found"), Err(WireError::Malformed { .. })));
    }
}
