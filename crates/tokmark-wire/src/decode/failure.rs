//! Errors that a server reports, inside a stream or as a body.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::Text;

/// Longest message taken from a body, in characters.
const MOST_CHARS: usize = 500;

/// An error as a server words it. It is text from outside: a server may repeat parts of the
/// request in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerError<'a> {
    /// What it says; empty where it gives only a type or a code.
    pub message: Cow<'a, str>,
    /// `type`: `invalid_request_error`, `BadRequestError`.
    pub kind: Option<Cow<'a, str>>,
    /// `code`, a number or a word.
    pub code: Option<Cow<'a, str>>,
}

/// What a body with an HTTP status other than success says, at most 500 characters of it;
/// `None` where it says nothing that is known to be a message.
///
/// Known are `{"error": {"message"}}` (OpenAI, llama.cpp, vLLM), `{"error": "..."}` (Ollama,
/// mlx_lm, LM Studio), `{"message"}` (SGLang, earlier vLLM), `{"detail"}` (FastAPI) and
/// a single line of plain text.
pub fn error_message(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        error: Option<ServerError<'a>>,
        #[serde(borrow)]
        message: Option<Text<'a>>,
        detail: Option<Value>,
    }
    let message = match serde_json::from_slice::<Body<'_>>(body) {
        Ok(body) => {
            let of_error = body.error.map(|error| error.message.into_owned());
            let of_message = || body.message.map(|text| text.0.into_owned());
            let of_detail = || match body.detail {
                Some(Value::String(detail)) => Some(detail),
                Some(Value::Null) | None => None,
                Some(detail) => Some(detail.to_string()),
            };
            of_error.or_else(of_message).or_else(of_detail)?
        }
        Err(_) => {
            let text = std::str::from_utf8(body).ok()?.trim();
            let is_message = !text.is_empty() && !text.starts_with(['<', '{', '[']);
            text.lines().next().filter(|_| is_message)?.to_owned()
        }
    };
    let message: String = message.trim().chars().take(MOST_CHARS).collect();
    (!message.is_empty()).then_some(message)
}

impl<'de: 'a, 'a> Deserialize<'de> for ServerError<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrObject)
    }
}

struct TextOrObject;

impl<'de> Visitor<'de> for TextOrObject {
    type Value = ServerError<'de>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an error's text or object")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(ServerError { message: Cow::Borrowed(text), ..ServerError::default() })
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(ServerError { message: Cow::Owned(text.to_owned()), ..ServerError::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut error = ServerError::default();
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "message" => error.message = word(map.next_value()?).unwrap_or_default(),
                "type" => error.kind = word(map.next_value()?),
                "code" => error.code = word(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(error)
    }
}

fn word(value: Value) -> Option<Cow<'static, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Cow::Owned(text)),
        value => Some(Cow::Owned(value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::error_message;

    fn message(body: &str) -> Option<String> {
        error_message(body.as_bytes())
    }

    #[test]
    fn every_known_form_of_error_body_gives_its_message() {
        let bodies = [
            r#"{"error":{"message":"no model","type":"NotFoundError","code":404}}"#,
            r#"{"error": "no model"}"#,
            r#"{"object":"error","message":"no model","type":"x","code":404}"#,
            r#"{"detail":"no model"}"#,
            "no model\n",
        ];
        for body in bodies {
            assert_eq!(message(body).as_deref(), Some("no model"), "{body}");
        }
        assert_eq!(message(r#"{"detail":[{"msg":"x"}]}"#).as_deref(), Some(r#"[{"msg":"x"}]"#));
    }

    #[test]
    fn a_body_without_a_message_gives_none() {
        for body in ["", "<html>", "{}", r#"{"error":null}"#, r#"{"error":{"code":500}}"#, "[1]"] {
            assert_eq!(message(body), None, "{body}");
        }
        assert_eq!(error_message(b"\xff\xfe"), None);
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let body = format!("{{\"error\":\"{}\"}}", "ä".repeat(900));
        assert_eq!(message(&body).map(|text| text.chars().count()), Some(500));
    }
}
