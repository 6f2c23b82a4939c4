//! Forms of good answers.

use serde_json::{Value, json};

use crate::client::{Client, Response, ask, ask_chat, await_summary, chat, post, stub};

const WORDS: [&str; 8] =
    [" river", " stone", " cloud", " paper", " green", " early", " north", " table"];

fn assert_good(response: &Response, n_tokens: u32) {
    assert_eq!(response.status, 200);
    assert!(response.is_whole);
    assert_eq!(response.usages().last().unwrap()["completion_tokens"], n_tokens);
    assert_eq!(response.data().last().unwrap(), "[DONE]");
}

#[test]
fn a_streamed_chat_opens_without_text_says_its_words_and_ends() {
    let response = ask_chat(&stub(""), "", 8);
    let events = response.events();
    let opening = json!({"role": "assistant", "content": ""});
    assert_eq!(events[0]["choices"][0]["delta"], opening);
    assert_eq!(response.deltas("content"), WORDS);
    assert_eq!(response.finish_reasons(), ["length"]);
    assert_eq!(events.len(), 11);
    assert_good(&response, 8);
    let usage = &response.usages()[0];
    assert_eq!((&usage["prompt_tokens"], &usage["total_tokens"]), (&json!(3), &json!(11)));
}

#[test]
fn the_server_decides_the_length_where_the_request_does_not() {
    let stub = stub("events=5");
    let mut body = chat(0);
    body.as_object_mut().unwrap().remove("max_tokens");
    let response = ask(&stub, "/v1/chat/completions", "", &body);
    assert_eq!(response.deltas("content"), WORDS[..5]);
    assert_eq!(response.finish_reasons(), ["stop"]);
    let response = ask_chat(&stub, "fixed-length", 3);
    assert_eq!(response.deltas("content").len(), 5);
}

#[test]
fn the_opening_event_can_be_null_or_absent() {
    let stub = stub("");
    let null = ask_chat(&stub, "null-opening", 2).events();
    let delta = json!({"role": "assistant", "content": null});
    assert_eq!(null[0]["choices"][0]["delta"], delta);
    let absent = ask_chat(&stub, "no-opening", 2).events();
    assert_eq!(absent[0]["choices"][0]["delta"], json!({"content": " river"}));
}

#[test]
fn a_late_beginning_changes_the_times_alone() {
    let stub = stub("");
    let body = ask_chat(&stub, "", 4).body();
    for words in ["late-opening", "late-head"] {
        assert_eq!(ask_chat(&stub, words, 4).body(), body, "{words}");
    }
}

/// What an answer shows long before its first text event.
fn shown_early(words: &str) -> String {
    let stub = stub("ttft-ms=3600000");
    let mut client = Client::connect(stub.address());
    let headers = format!("x-stub: {words}\r\n");
    client.send(&post("/v1/chat/completions", &headers, &chat(4).to_string()));
    // Whatever is sent at once is sent before the server tells of the request.
    await_summary(&stub, |summary| summary.in_flight == 1);
    client.socket.set_nonblocking(true).unwrap();
    let mut shown = [0; 4096];
    let n = std::io::Read::read(&mut client.socket, &mut shown).unwrap_or(0);
    String::from_utf8_lossy(&shown[..n]).into_owned()
}

#[test]
fn head_and_opening_come_at_once_unless_told_otherwise() {
    let at_once = shown_early("");
    assert!(at_once.starts_with("HTTP/1.1 200 OK") && at_once.contains("assistant"));
    let late_opening = shown_early("late-opening");
    assert!(late_opening.ends_with("\r\n\r\n") && !late_opening.contains("assistant"));
    assert_eq!(shown_early("late-head"), "");
}

#[test]
fn an_event_can_hold_four_tokens_and_the_last_one_what_is_left() {
    let response = ask_chat(&stub(""), "tokens-per-event", 6);
    assert_eq!(response.deltas("content"), [" river stone cloud paper", " green early"]);
    assert_good(&response, 6);
}

#[test]
fn reasoning_comes_before_the_answer_in_its_own_field() {
    let stub = stub("");
    for (words, field) in
        [("reasoning-content=3", "reasoning_content"), ("reasoning=3", "reasoning")]
    {
        let response = ask_chat(&stub, words, 8);
        assert_eq!(response.deltas(field), WORDS[..3], "{words}");
        assert_eq!(response.deltas("content"), WORDS[3..], "{words}");
        let details = &response.usages()[0]["completion_tokens_details"];
        assert_eq!(details["reasoning_tokens"], 3);
        assert_good(&response, 8);
    }
    let sixteen = ask_chat(&stub, "reasoning-content", 20);
    assert_eq!(sixteen.deltas("reasoning_content").len(), 16);
}

#[test]
fn reasoning_can_stand_between_tags_that_may_be_torn() {
    let stub = stub("");
    let whole = ask_chat(&stub, "think-tags=3", 5).deltas("content");
    assert_eq!(whole, ["<think> river", " stone", " cloud</think>", " paper", " green"]);
    let torn = ask_chat(&stub, "split-think-tags=4", 5).deltas("content");
    assert_eq!(torn, ["<th", "ink> stone", " cloud</thi", "nk>", " green"]);
}

#[test]
fn hidden_reasoning_is_counted_and_not_streamed() {
    let response = ask_chat(&stub(""), "hidden-reasoning=32", 8);
    assert_eq!(response.deltas("content"), WORDS);
    let usage = &response.usages()[0];
    assert_eq!(usage["completion_tokens"], 40);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 32);
}

#[test]
fn usage_is_told_as_asked_never_always_or_wrong() {
    let stub = stub("");
    let mut silent = chat(4);
    silent.as_object_mut().unwrap().remove("stream_options");
    let path = "/v1/chat/completions";
    assert!(ask(&stub, path, "", &silent).usages().is_empty());
    assert_eq!(ask(&stub, path, "always-usage", &silent).usages().len(), 1);
    assert!(ask_chat(&stub, "no-usage", 4).usages().is_empty());
    assert_eq!(ask_chat(&stub, "wrong-usage", 4).usages()[0]["completion_tokens"], 15);
    let cached = &ask_chat(&stub, "cached-tokens=2", 4).usages()[0];
    assert_eq!(cached["prompt_tokens_details"]["cached_tokens"], 2);
}

#[test]
fn late_trailers_are_the_same_events_later() {
    let stub = stub("");
    let body = ask_chat(&stub, "", 4).body();
    for words in ["late-finish=3", "late-usage=3", "late-finish=2 late-usage=2"] {
        assert_eq!(ask_chat(&stub, words, 4).body(), body, "{words}");
    }
    let rows = stub.truth().rows;
    for (row, delay_ms) in rows.iter().zip([0, 3, 3, 4]) {
        assert!(row.end_ns >= row.started_ns + delay_ms * 1_000_000, "{row:?}");
    }
}

#[test]
fn the_finish_reason_can_lie_in_the_last_text_event() {
    let response = ask_chat(&stub(""), "finish-with-text", 3);
    let events = response.events();
    assert_eq!(events.len(), 5);
    assert_eq!(events[3]["choices"][0]["finish_reason"], "length");
    assert_eq!(events[3]["choices"][0]["delta"]["content"], " cloud");
}

#[test]
fn done_can_be_left_out() {
    let response = ask_chat(&stub(""), "no-done", 3);
    assert!(response.is_whole);
    assert!(!response.text().contains("[DONE]"));
    assert_eq!(response.deltas("content").len(), 3);
}

#[test]
fn lines_can_end_with_carriage_returns() {
    let stub = stub("");
    let plain = ask_chat(&stub, "", 4);
    let crlf = ask_chat(&stub, "crlf", 4);
    assert_eq!(crlf.text(), plain.text().replace('\n', "\r\n"));
    assert_eq!(crlf.events(), plain.events());
}

#[test]
fn comments_stand_between_events() {
    let response = ask_chat(&stub(""), "comments", 3);
    assert_eq!(response.text().matches(": keep-alive\n\n").count(), 4);
    assert_eq!(response.deltas("content").len(), 3);
    assert_good(&response, 3);
}

#[test]
fn several_events_can_come_in_one_chunk() {
    let stub = stub("");
    let packed = ask_chat(&stub, "packed=4", 6);
    let plain = ask_chat(&stub, "", 6);
    assert_eq!(packed.body(), plain.body());
    let of = |chunk: &Vec<u8>| String::from_utf8_lossy(chunk).matches("data: {").count();
    let n_events: Vec<_> = packed.chunks.iter().map(of).collect();
    assert_eq!(n_events, [1, 4, 2, 1, 1, 0]);
}

#[test]
fn events_split_at_every_byte_are_the_same_bytes() {
    let stub = stub("");
    let split = ask_chat(&stub, "split-bytes", 4);
    assert_eq!(split.body(), ask_chat(&stub, "", 4).body());
}

#[test]
fn an_answer_can_end_with_its_connection() {
    let stub = stub("");
    let response = ask_chat(&stub, "until-close", 4);
    assert!(!response.head.contains("transfer-encoding"), "{}", response.head);
    assert!(response.head.contains("connection: close"));
    assert_eq!(response.body(), ask_chat(&stub, "", 4).body());
}

#[test]
fn a_tool_call_comes_in_pieces_that_are_json_together() {
    for n in [1, 2, 5] {
        let response = ask_chat(&stub(""), "tool-call", n);
        let calls: Vec<Value> = response
            .events()
            .iter()
            .map(|event| event["choices"][0]["delta"]["tool_calls"][0].clone())
            .filter(|call| !call.is_null())
            .collect();
        assert_eq!(calls.len(), n as usize);
        assert_eq!(calls[0]["function"]["name"], "look_up");
        let pieces = calls.iter().map(|call| call["function"]["arguments"].as_str().unwrap());
        let arguments: Value = serde_json::from_str(&pieces.collect::<String>()).unwrap();
        let words = arguments["text"].as_str().unwrap().split_whitespace().count();
        assert_eq!(words, n as usize);
        assert_eq!(response.finish_reasons(), ["tool_calls"]);
        assert!(response.deltas("content").is_empty());
    }
}

#[test]
fn an_answer_can_be_without_text() {
    let stub = stub("");
    let response = ask_chat(&stub, "empty-answer", 4);
    assert!(response.deltas("content").is_empty());
    assert_good(&response, 0);
    let row = stub.truth().rows[0];
    assert_eq!((row.n_events, row.first_text_ns, row.last_text_ns), (0, None, None));
}

#[test]
fn an_answer_that_is_not_streamed_has_the_same_text() {
    let stub = stub("");
    let mut body = chat(8);
    body["stream"] = json!(false);
    let path = "/v1/chat/completions";
    let whole = ask(&stub, path, "reasoning=3", &body).json();
    let message = &whole["choices"][0]["message"];
    assert_eq!(message["content"], WORDS[3..].concat());
    assert_eq!(message["reasoning"], WORDS[..3].concat());
    assert_eq!(whole["choices"][0]["finish_reason"], "length");
    assert_eq!(whole["usage"]["completion_tokens"], 8);
    let call = ask(&stub, path, "tool-call", &body).json();
    let call = &call["choices"][0]["message"]["tool_calls"][0]["function"];
    let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments["text"], WORDS.concat());
}

#[test]
fn completions_stream_their_words_without_an_opening() {
    let body = json!({"prompt": "a b", "stream": true, "max_tokens": 4});
    let response = ask(&stub(""), "/v1/completions", "", &body);
    let events = response.events();
    let texts: Vec<_> = events.iter().filter_map(|e| e["choices"][0]["text"].as_str()).collect();
    assert_eq!(texts, [WORDS[0], WORDS[1], WORDS[2], WORDS[3], ""]);
    assert_eq!(response.finish_reasons(), ["length"]);
}
