use serde_json::{Value, json};
use tokmark_model::ToolCall;

use super::*;

fn user(text: &str) -> Message {
    Message::text(Role::User, text)
}

fn ask(messages: &[Message]) -> Ask<'_> {
    Ask {
        model: "m",
        messages,
        tools: &[],
        max_tokens: Some(24),
        temperature: Some(0.0),
        think: Think::Auto,
        length_control: LengthControl::LimitOnly,
        stream: true,
        seed: None,
    }
}

fn sent(ask: &Ask<'_>, api: Api, dialect: Dialect) -> Value {
    serde_json::from_slice(&ask.body(api, dialect).json).unwrap()
}

#[test]
fn a_chat_is_asked_in_openais_words() {
    let messages = [Message::text(Role::System, "be brief"), user("hi")];
    let ask = Ask { seed: Some(7), ..ask(&messages) };
    let body = ask.body(Api::Chat, Dialect::OpenAi);
    assert_eq!(body.path, "/v1/chat/completions");
    let expected = json!({
        "model": "m",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
        "max_tokens": 24, "temperature": 0.0, "seed": 7,
        "stream": true, "stream_options": {"include_usage": true},
    });
    assert_eq!(sent(&ask, Api::Chat, Dialect::OpenAi), expected);
}

#[test]
fn an_answer_in_one_piece_is_asked_without_stream_options() {
    let messages = [user("hi")];
    let ask = Ask { stream: false, max_tokens: None, temperature: None, ..ask(&messages) };
    let expected =
        json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": false});
    assert_eq!(sent(&ask, Api::Chat, Dialect::Vllm), expected);
}

#[test]
fn completions_take_one_text() {
    let messages = [user("one"), user("two")];
    let tool = ToolDefinition { name: "t".into(), description: "d".into(), parameters: json!({}) };
    let ask = Ask { tools: &[tool], think: Think::Off, ..ask(&messages) };
    let body = sent(&ask, Api::Completions, Dialect::OpenAi);
    assert_eq!(body["prompt"], "one\n\ntwo");
    assert!(body.get("tools").is_none() && body.get("messages").is_none());
    let body = sent(&ask, Api::OllamaGenerate, Dialect::Ollama);
    assert_eq!((&body["prompt"], &body["think"]), (&json!("one\n\ntwo"), &json!(false)));
    assert_eq!(path(Api::OllamaGenerate), "/api/generate");
}

#[test]
fn lengths_are_held_in_the_way_of_each_server() {
    let messages = [user("hi")];
    let ask = Ask { length_control: LengthControl::IgnoreEos, ..ask(&messages) };
    let fields = |dialect, api| {
        let body = sent(&ask, api, dialect);
        (body.get("ignore_eos").cloned(), body.get("min_tokens").cloned())
    };
    for api in [Api::Chat, Api::Completions] {
        assert_eq!(fields(Dialect::LlamaCpp, api), (Some(json!(true)), None));
        assert_eq!(fields(Dialect::Lemonade, api), (Some(json!(true)), None));
        assert_eq!(fields(Dialect::Vllm, api), (Some(json!(true)), Some(json!(24))));
        assert_eq!(fields(Dialect::Sglang, api), (Some(json!(true)), Some(json!(24))));
        for without in [Dialect::MlxLm, Dialect::LmStudio, Dialect::OpenRouter, Dialect::Ollama] {
            assert_eq!(fields(without, api), (None, None), "{without:?}");
        }
    }
    let ask = Ask { length_control: LengthControl::MinTokens, ..ask };
    let body = sent(&ask, Api::Chat, Dialect::Vllm);
    assert_eq!((body.get("ignore_eos"), &body["min_tokens"]), (None, &json!(24)));
    let ask = Ask { max_tokens: None, ..ask };
    assert!(sent(&ask, Api::Chat, Dialect::Vllm).get("min_tokens").is_none());
}

#[test]
fn reasoning_is_switched_in_the_way_of_each_server() {
    let messages = [user("one"), Message::text(Role::Assistant, "two"), user("three")];
    let body = |think, dialect, api| sent(&Ask { think, ..ask(&messages) }, api, dialect);
    for dialect in [Dialect::LlamaCpp, Dialect::Vllm, Dialect::Sglang, Dialect::MlxLm] {
        for (think, wish) in [(Think::On, true), (Think::Off, false)] {
            let expected = json!({"enable_thinking": wish, "thinking": wish});
            assert_eq!(body(think, dialect, Api::Chat)["chat_template_kwargs"], expected);
        }
    }
    let off = |dialect| body(Think::Off, dialect, Api::Chat);
    let on = |dialect| body(Think::On, dialect, Api::Chat);
    assert_eq!(off(Dialect::Lemonade)["enable_thinking"], false);
    assert_eq!(on(Dialect::Lemonade)["chat_template_kwargs"]["enable_thinking"], true);
    assert_eq!(off(Dialect::OpenRouter)["reasoning"], json!({"enabled": false}));
    assert_eq!(on(Dialect::OpenRouter)["reasoning"], json!({"enabled": true}));
    assert_eq!(off(Dialect::LmStudio)["reasoning_effort"], "none");
    assert_eq!(on(Dialect::Ollama)["reasoning_effort"], "medium");
    assert_eq!(body(Think::Off, Dialect::Ollama, Api::OllamaChat)["think"], false);
    assert_eq!(body(Think::On, Dialect::Ollama, Api::OllamaChat)["think"], true);
    let texts = off(Dialect::OpenAi)["messages"].clone();
    assert_eq!(
        (&texts[0]["content"], &texts[2]["content"]),
        (&json!("one"), &json!("three /no_think"))
    );
}

#[test]
fn without_a_wish_nothing_about_reasoning_is_sent() {
    let messages = [user("one")];
    let plain = sent(&ask(&messages), Api::Chat, Dialect::OpenAi);
    for dialect in Dialect::ALL {
        assert_eq!(sent(&ask(&messages), Api::Chat, dialect), plain, "{dialect:?}");
    }
    let on = Ask { think: Think::On, ..ask(&messages) };
    assert_eq!(sent(&on, Api::Chat, Dialect::OpenAi), plain);
}

fn conversation_with_a_tool() -> Vec<Message> {
    let arguments = r#"{"city": "Paris"}"#.to_owned();
    let call = ToolCall { id: "call_1".into(), name: "get_weather".into(), arguments };
    let said = Message { tool_calls: vec![call], ..Message::text(Role::Assistant, "") };
    let result =
        Message { tool_call_id: Some("call_1".into()), ..Message::text(Role::Tool, "18 C") };
    vec![user("weather?"), said, result]
}

#[test]
fn tools_and_their_results_are_written_as_openai_has_them() {
    let messages = conversation_with_a_tool();
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tool = ToolDefinition {
        name: "get_weather".into(),
        description: "Weather of a city".into(),
        parameters: parameters.clone(),
    };
    let body = sent(&Ask { tools: &[tool], ..ask(&messages) }, Api::Chat, Dialect::LlamaCpp);
    let function = json!({"name": "get_weather", "description": "Weather of a city", "parameters": parameters});
    assert_eq!(body["tools"], json!([{"type": "function", "function": function}]));
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"Paris\"}"}});
    let expected = json!([
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "18 C", "tool_call_id": "call_1"},
    ]);
    assert_eq!(body["messages"], expected);
}

#[test]
fn ollama_gets_arguments_as_an_object_and_the_tools_name() {
    let mut messages = conversation_with_a_tool();
    let body = sent(&ask(&messages), Api::OllamaChat, Dialect::Ollama);
    let call = json!({"id": "call_1", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}});
    assert_eq!(body["messages"][1]["tool_calls"], json!([call]));
    assert_eq!(body["messages"][2]["tool_name"], "get_weather");
    assert_eq!(body["options"], json!({"temperature": 0.0, "num_predict": 24}));
    assert_eq!((&body["keep_alive"], &body["stream"]), (&json!("10m"), &json!(true)));
    messages[1].tool_calls[0].arguments = "no json".into();
    let body = sent(&ask(&messages), Api::OllamaChat, Dialect::Ollama);
    assert_eq!(
        body["messages"][1]["tool_calls"][0]["function"]["arguments"],
        json!({"text": "no json"})
    );
}

#[test]
fn numbers_that_servers_cannot_take_are_not_sent() {
    let messages = [user("hi")];
    let ask = Ask { temperature: Some(f64::NAN), seed: Some(u64::MAX), ..ask(&messages) };
    let body = sent(&ask, Api::Chat, Dialect::Vllm);
    assert!(body.get("temperature").is_none());
    assert_eq!(body["seed"], 0x7fff_ffff);
    assert_eq!(sent(&ask, Api::OllamaChat, Dialect::Ollama)["options"]["seed"], 0x7fff_ffff);
}
