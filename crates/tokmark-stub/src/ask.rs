//! What a request for text asks.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use tokmark_model::Api;

use crate::modes::MAX_EVENTS;
use crate::words::n_words;

/// What a request for text asks of the stub. Everything else in it is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    /// The answer is streamed.
    pub(crate) stream: bool,
    /// Most tokens of the answer.
    pub(crate) max_tokens: Option<u32>,
    /// A streamed answer ends with the usage.
    pub(crate) include_usage: bool,
    /// The texts of the prompt in their order.
    pub(crate) texts: Vec<String>,
}

#[derive(Deserialize)]
struct Body<'a> {
    stream: Option<bool>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    stream_options: Option<StreamOptions>,
    #[serde(borrow)]
    messages: Option<Vec<MessageBody<'a>>>,
    prompt: Option<Value>,
    options: Option<OllamaOptions>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct OllamaOptions {
    num_predict: Option<i64>,
}

#[derive(Deserialize)]
struct MessageBody<'a> {
    #[serde(borrow, default)]
    content: Content<'a>,
}

/// `"text"`, `[{"type": "text", "text": "..."}]`, or nothing.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Content<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Parts(Vec<Part>),
    #[default]
    Nothing,
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

impl Ask {
    /// Reads the body of a request to `api`.
    ///
    /// # Errors
    /// Why a real server would answer 400.
    pub(crate) fn read(api: Api, body: &[u8]) -> Result<Self, String> {
        let body: Body<'_> =
            serde_json::from_slice(body).map_err(|error| format!("invalid request: {error}"))?;
        let is_ollama = matches!(api, Api::OllamaChat | Api::OllamaGenerate);
        let texts = match api {
            Api::Chat | Api::OllamaChat => {
                let messages = body.messages.filter(|messages| !messages.is_empty());
                chat_texts(messages.ok_or("messages must be a list with an entry")?)
            }
            Api::Completions | Api::OllamaGenerate => {
                prompt_texts(body.prompt.ok_or("prompt is missing")?)?
            }
        };
        let limit = if is_ollama {
            body.options.and_then(|options| options.num_predict)
        } else {
            body.max_completion_tokens.or(body.max_tokens)
        };
        let max_tokens = match limit {
            Some(0) => return Err("max_tokens must be at least 1".to_owned()),
            // llama.cpp and Ollama take -1 as no limit.
            Some(limit) => u32::try_from(limit).ok().map(|limit| limit.min(MAX_EVENTS)),
            None => None,
        };
        Ok(Ask {
            stream: body.stream.unwrap_or(is_ollama),
            max_tokens,
            include_usage: body
                .stream_options
                .and_then(|options| options.include_usage)
                .unwrap_or(false),
            texts,
        })
    }

    /// Words of the prompt, which count as its tokens.
    pub(crate) fn n_prompt(&self) -> u32 {
        self.texts.iter().map(|text| n_words(text)).fold(0, u32::saturating_add)
    }

    /// The words themselves.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().flat_map(|text| text.split_whitespace())
    }
}

fn chat_texts(messages: Vec<MessageBody<'_>>) -> Vec<String> {
    let mut texts = Vec::with_capacity(messages.len());
    for message in messages {
        match message.content {
            Content::Text(text) => texts.push(text.into_owned()),
            Content::Parts(parts) => texts.extend(parts.into_iter().filter_map(|part| part.text)),
            Content::Nothing => {}
        }
    }
    texts
}

fn prompt_texts(prompt: Value) -> Result<Vec<String>, String> {
    match prompt {
        Value::String(text) => Ok(vec![text]),
        // One prompt of several texts, or of token numbers, each of which is a word then.
        Value::Array(parts) => Ok(parts
            .into_iter()
            .map(|part| match part {
                Value::String(text) => text,
                other => other.to_string(),
            })
            .collect()),
        _ => Err("prompt must be a text or a list".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_chat_is_read_with_its_limit_and_its_texts() {
        let body = br#"{"model":"m","messages":[{"role":"system","content":"be brief"},
            {"role":"user","content":[{"type":"text","text":"two \"words\""},{"type":"image_url"}]},
            {"role":"assistant","content":null,"tool_calls":[]}],"temperature":0.5,
            "stream":true,"max_tokens":5,"max_completion_tokens":7,
            "stream_options":{"include_usage":true}}"#;
        let ask = Ask::read(Api::Chat, body).unwrap();
        assert_eq!(ask.texts, ["be brief", "two \"words\""]);
        assert_eq!((ask.max_tokens, ask.stream, ask.include_usage), (Some(7), true, true));
        assert_eq!(ask.n_prompt(), 4);
        assert_eq!(ask.words().last(), Some("\"words\""));
    }

    #[test]
    fn ollama_streams_unless_told_otherwise_and_has_its_own_limit() {
        let ask =
            Ask::read(Api::OllamaGenerate, br#"{"prompt":"a b","options":{"num_predict":3}}"#);
        assert_eq!(ask.clone().unwrap().max_tokens, Some(3));
        assert!(ask.unwrap().stream);
        let ask = Ask::read(Api::OllamaChat, br#"{"messages":[{"content":"a"}],"stream":false}"#);
        assert!(!ask.unwrap().stream);
    }

    #[test]
    fn a_limit_below_nothing_is_none_and_a_huge_one_is_bounded() {
        let limit = |number: &str| {
            let body = format!("{{\"prompt\":\"a\",\"max_tokens\":{number}}}");
            Ask::read(Api::Completions, body.as_bytes()).map(|ask| ask.max_tokens)
        };
        assert_eq!(limit("-1"), Ok(None));
        assert_eq!(limit("4000000000"), Ok(Some(MAX_EVENTS)));
        assert!(limit("0").is_err());
        assert!(limit("\"many\"").is_err());
    }

    #[test]
    fn a_body_without_a_prompt_is_refused() {
        for (api, body) in [
            (Api::Chat, "{}"),
            (Api::Chat, r#"{"messages":[]}"#),
            (Api::Chat, r#"{"messages":"no"}"#),
            (Api::Completions, r#"{"messages":[{"content":"a"}]}"#),
            (Api::Completions, r#"{"prompt":5}"#),
            (Api::Completions, "no json"),
        ] {
            assert!(Ask::read(api, body.as_bytes()).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Ask::read(Api::Chat, &body);
            let _ = Ask::read(Api::Completions, &body);
        }
    }
}
