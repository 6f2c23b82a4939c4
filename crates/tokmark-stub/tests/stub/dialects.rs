//! What tells one server from another.

use serde_json::{Value, json};
use tokmark_stub::{Dialect, Options};

use crate::client::{ask, ask_chat, chat, get, stub_of};

fn of(dialect: Dialect) -> tokmark_stub::Running {
    stub_of(Options::of(dialect), "")
}

#[test]
fn llama_cpp_has_props_and_timings() {
    let stub = of(Dialect::LlamaCpp);
    let props = get(&stub, "/props").json();
    assert_eq!(props["default_generation_settings"]["n_ctx"], 8192);
    assert_eq!(get(&stub, "/version").status, 404);
    let response = ask_chat(&stub, "drafted=50", 8);
    let events = response.events();
    assert_eq!(events[0]["choices"][0]["delta"]["content"], Value::Null);
    let timings = &events.last().unwrap()["timings"];
    assert_eq!((&timings["prompt_n"], &timings["predicted_n"]), (&json!(3), &json!(8)));
    assert_eq!((&timings["draft_n"], &timings["draft_n_accepted"]), (&json!(8), &json!(4)));
    assert!(timings["predicted_ms"].is_number() && timings["predicted_per_second"].is_number());
}

#[test]
fn llama_cpp_puts_timings_into_the_finish_event_where_no_usage_is_asked() {
    let mut body = chat(4);
    body.as_object_mut().unwrap().remove("stream_options");
    let response = ask(&of(Dialect::LlamaCpp), "/v1/chat/completions", "", &body);
    let events = response.events();
    assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "length");
    assert_eq!(events.last().unwrap()["timings"]["predicted_n"], 4);
}

#[test]
fn vllm_has_a_version_and_finishes_with_the_last_text() {
    let stub = of(Dialect::Vllm);
    assert!(get(&stub, "/version").json()["version"].is_string());
    assert_eq!(get(&stub, "/props").status, 404);
    assert_eq!(get(&stub, "/v1/models").json()["data"][0]["max_model_len"], 8192);
    let events = ask_chat(&stub, "", 4).events();
    let last_text = &events[events.len() - 2]["choices"][0];
    assert_eq!(last_text["finish_reason"], "length");
    assert_eq!(last_text["delta"]["content"], " paper");
}

#[test]
fn tokens_are_words_where_there_is_a_tokenizer() {
    let post = |dialect, body: Value| ask(&of(dialect), "/tokenize", "", &body);
    let tokens = post(Dialect::LlamaCpp, json!({"content": "one two three"})).json();
    assert_eq!(tokens["tokens"].as_array().unwrap().len(), 3);
    assert_eq!(post(Dialect::Vllm, json!({"prompt": "one two"})).json()["count"], 2);
    let messages = json!({"messages": [{"role": "user", "content": "a b c d"}]});
    assert_eq!(post(Dialect::Vllm, messages).json()["count"], 4);
    assert_eq!(post(Dialect::Vllm, json!({})).status, 400);
    assert_eq!(post(Dialect::OpenAi, json!({"prompt": "a"})).status, 404);
}

#[test]
fn ollama_streams_lines_and_ends_with_its_own_account() {
    let stub = of(Dialect::Ollama);
    let chat = json!({"messages": [{"role": "user", "content": "one two three four"}],
        "options": {"num_predict": 3}});
    let response = ask(&stub, "/api/chat", "reasoning=1", &chat);
    let lines = response.events();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["message"]["thinking"], " river");
    assert_eq!(lines[1]["message"]["content"], " stone");
    let end = lines.last().unwrap();
    assert_eq!((&end["done"], &end["done_reason"]), (&json!(true), &json!("length")));
    assert_eq!((&end["eval_count"], &end["prompt_eval_count"]), (&json!(3), &json!(4)));
    for name in ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"] {
        assert!(end[name].is_u64(), "{name}");
    }
    assert_eq!(stub.truth().rows[0].n_events, 3);
}

#[test]
fn ollama_generates_too_and_not_only_in_streams() {
    let stub = of(Dialect::Ollama);
    let body = json!({"prompt": "a b", "options": {"num_predict": 2}});
    let lines = ask(&stub, "/api/generate", "", &body).events();
    assert_eq!(lines[1]["response"], " stone");
    let body = json!({"prompt": "a b", "stream": false, "options": {"num_predict": 2}});
    let whole = ask(&stub, "/api/generate", "", &body).json();
    assert_eq!((&whole["response"], &whole["done"]), (&json!(" river stone"), &json!(true)));
    assert_eq!(whole["eval_count"], 2);
}

#[test]
fn ollama_misbehaves_in_its_own_way() {
    let stub = of(Dialect::Ollama);
    let body = json!({"messages": [{"role": "user", "content": "a"}],
        "options": {"num_predict": 4}});
    let with = |words: &str| ask(&stub, "/api/chat", words, &body);
    assert!(with("error-event").events().last().unwrap()["error"].is_string());
    assert_eq!(with("no-done").events().last().unwrap()["done"], false);
    assert_eq!(with("no-usage").events().last().unwrap()["eval_count"], Value::Null);
    assert_eq!(with("wrong-usage").events().last().unwrap()["eval_count"], 15);
    assert!(with("status=404").json()["error"].is_string());
    let call = &with("tool-call").events()[0]["message"]["tool_calls"][0]["function"];
    assert_eq!((&call["name"], &call["arguments"]["text"]), (&json!("look_up"), &json!(" river")));
}

#[test]
fn ollama_tells_its_models_and_version() {
    let stub = of(Dialect::Ollama);
    assert!(get(&stub, "/api/version").json()["version"].is_string());
    assert_eq!(get(&stub, "/api/tags").json()["models"][0]["name"], "stub");
    assert_eq!(get(&stub, "/api/ps").json()["models"], json!([]));
    ask(&stub, "/api/chat", "", &chat(2));
    let model = &get(&stub, "/api/ps").json()["models"][0];
    assert!(model["size_vram"].as_u64() < model["size"].as_u64());
    assert_eq!(get(&stub, "/").text(), "Ollama is running");
    assert_eq!(get(&of(Dialect::OpenAi), "/api/version").status, 404);
}
