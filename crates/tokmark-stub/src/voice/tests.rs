use serde_json::{Value, json};

use super::*;

fn voice(api: Api, dialect: Dialect) -> Voice {
    Voice { api, dialect, model: "a \"b\"".to_owned(), created: 5 }
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

const DIALECTS: [Dialect; 4] = Dialect::ALL;
const APIS: [Api; 4] = [Api::Chat, Api::Completions, Api::OllamaChat, Api::OllamaGenerate];

#[test]
fn every_event_of_every_api_and_dialect_is_json() {
    let said = [
        Said::Opening("null"),
        Said::Answer("a\n\"b\""),
        Said::Reasoning("reasoning", "c\\"),
        Said::ToolCall { is_first: true, arguments: "{}" },
        Said::Nothing,
    ];
    for (api, dialect) in APIS.into_iter().flat_map(|api| DIALECTS.map(|one| (api, one))) {
        let voice = voice(api, dialect);
        for said in said {
            let event = parsed(&voice.event(said, Some("stop"), ",\"more\":1"));
            assert_eq!((&event["model"], &event["more"]), (&json!("a \"b\""), &json!(1)));
        }
        parsed(&voice.error(404, "no \"such\" model"));
        let whole = Whole {
            answer: "x".to_owned(),
            reasoning: "y".to_owned(),
            reasoning_field: "reasoning",
            arguments: None,
        };
        parsed(&voice.whole(&whole, "stop", ""));
    }
}

#[test]
fn a_chat_event_has_its_text_where_openai_has_it() {
    for dialect in DIALECTS {
        let voice = voice(Api::Chat, dialect);
        let event = parsed(&voice.event(Said::Answer(" hi"), None, ""));
        assert_eq!(event["object"], "chat.completion.chunk");
        assert_eq!(event["choices"][0]["delta"], json!({"content": " hi"}));
        assert_eq!(event["choices"][0]["finish_reason"], Value::Null);
        let opening = parsed(&voice.event(Said::Opening("null"), None, ""));
        let delta = json!({"role": "assistant", "content": null});
        assert_eq!(opening["choices"][0]["delta"], delta);
        let closing = parsed(&voice.closing_event(""));
        assert_eq!(closing["choices"], json!([]));
    }
}

#[test]
fn a_tool_call_is_named_in_its_first_piece_only() {
    let voice = voice(Api::Chat, Dialect::OpenAi);
    let call = |is_first| {
        let said = Said::ToolCall { is_first, arguments: "{\"" };
        parsed(&voice.event(said, None, ""))["choices"][0]["delta"]["tool_calls"][0].clone()
    };
    let first = json!({"index": 0, "id": "call_stub", "type": "function",
        "function": {"name": "look_up", "arguments": "{\""}});
    assert_eq!(call(true), first);
    assert_eq!(call(false), json!({"index": 0, "function": {"arguments": "{\""}}));
}

#[test]
fn ollama_has_a_message_or_a_response_and_says_when_it_is_done() {
    let chat = voice(Api::OllamaChat, Dialect::Ollama);
    let event = parsed(&chat.event(Said::Reasoning("", "hm"), None, ""));
    let message = json!({"role": "assistant", "content": "", "thinking": "hm"});
    assert_eq!((&event["message"], &event["done"]), (&message, &json!(false)));
    let end = parsed(&chat.ollama_end("length", ",\"eval_count\":3"));
    assert_eq!(end["done"], json!(true));
    assert_eq!((&end["done_reason"], &end["eval_count"]), (&json!("length"), &json!(3)));
    let generate = voice(Api::OllamaGenerate, Dialect::Ollama);
    let event = parsed(&generate.event(Said::Answer("hi"), None, ""));
    assert_eq!((&event["response"], &event["message"]), (&json!("hi"), &Value::Null));
    let call = Said::ToolCall { is_first: true, arguments: "{\"text\":\"x\"}" };
    let event = parsed(&chat.event(call, None, ""));
    assert_eq!(event["message"]["tool_calls"][0]["function"]["arguments"]["text"], "x");
}

#[test]
fn usage_tells_details_only_where_there_are_some() {
    let voice = voice(Api::Chat, Dialect::OpenAi);
    let usage = |counts| parsed(&format!("{{{}}}", &voice.usage(counts)[1..]))["usage"].clone();
    let plain = Counts { prompt: 5, completion: 8, reasoning: 0, cached: None };
    let expected = json!({"prompt_tokens": 5, "completion_tokens": 8, "total_tokens": 13});
    assert_eq!(usage(&plain), expected);
    let full = usage(&Counts { reasoning: 3, cached: Some(4), ..plain });
    assert_eq!(full["prompt_tokens_details"]["cached_tokens"], 4);
    assert_eq!(full["completion_tokens_details"]["reasoning_tokens"], 3);
}
