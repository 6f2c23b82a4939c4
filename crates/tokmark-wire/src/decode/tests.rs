use proptest::prelude::*;
use tokmark_model::{Nanos, Role};

use super::*;

/// Decodes events of one answer and puts it together.
fn assembled(api: Api, events: &[&str]) -> Assembled {
    let mut decoder = Decoder::new(api, false);
    let mut answer = Assembled::default();
    for event in events {
        answer.add(&decoder.decode(event.as_bytes()).unwrap());
    }
    answer
}

fn one(api: Api, event: &str) -> Delta<'_> {
    Decoder::new(api, false).decode(event.as_bytes()).unwrap()
}

fn chat(event: &str) -> Delta<'_> {
    one(Api::Chat, event)
}

#[test]
fn an_opening_event_carries_no_text() {
    for content in
        [r#""role":"assistant","content":null"#, r#""role":"assistant","content":"""#, ""]
    {
        let event = format!(r#"{{"choices":[{{"index":0,"delta":{{{content}}}}}]}}"#);
        let delta = chat(&event);
        assert!(!delta.is_text && !delta.is_answer(), "{event}");
    }
}

#[test]
fn an_event_that_only_counts_carries_no_text() {
    let delta = chat(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#);
    assert!(!delta.is_text);
    let usage = Usage { prompt_tokens: Some(3), completion_tokens: Some(5), ..Usage::default() };
    assert_eq!(delta.usage, Some(usage));
    assert_eq!(delta.n_tokens, None);
}

#[test]
fn a_text_may_share_its_event_with_the_finish_reason() {
    let delta = chat(r#"{"choices":[{"delta":{"content":" x"},"finish_reason":"length"}]}"#);
    assert_eq!((&*delta.answer, delta.finish.as_deref()), (" x", Some("length")));
}

#[test]
fn text_without_escapes_is_borrowed_and_with_escapes_is_right() {
    let plain = chat(r#"{"choices":[{"delta":{"content":"plain"}}]}"#);
    assert!(matches!(plain.answer, Cow::Borrowed("plain")));
    let escaped = chat(r#"{"choices":[{"delta":{"content":"a\n\"\u00e4\ud83d\ude00"}}]}"#);
    assert_eq!(escaped.answer, "a\n\"ä😀");
}

#[test]
fn only_the_first_choice_counts() {
    let delta = chat(
        r#"{"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]}"#,
    );
    assert_eq!(delta.answer, "a");
    assert!(!chat(r#"{"choices":[{"index":1,"delta":{"content":"b"}}]}"#).is_text);
}

#[test]
fn every_field_for_reasoning_is_read_once() {
    let events = [
        (Api::Chat, r#"{"choices":[{"delta":{"reasoning_content":"why"}}]}"#),
        (Api::Chat, r#"{"choices":[{"delta":{"reasoning":"why","content":null}}]}"#),
        (Api::Chat, r#"{"choices":[{"delta":{"reasoning":"why","reasoning_content":"why"}}]}"#),
        (Api::Chat, r#"{"choices":[{"message":{"reasoning":"why","content":""}}]}"#),
        (Api::OllamaChat, r#"{"message":{"role":"assistant","content":"","thinking":"why"}}"#),
        (Api::OllamaGenerate, r#"{"response":"","thinking":"why","done":false}"#),
    ];
    for (api, event) in events {
        let delta = one(api, event);
        assert_eq!((&*delta.reasoning, &*delta.answer), ("why", ""), "{event}");
        assert!(delta.is_text && !delta.is_answer(), "{event}");
    }
}

#[test]
fn tags_in_the_answer_are_reasoning_and_blanks_after_them_no_answer() {
    let event = |text: &str| format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#);
    let events: Vec<String> =
        ["<think>", "\\n", "why", "</", "think>", "\\n\\n", "so"].map(event).to_vec();
    let mut decoder = Decoder::new(Api::Chat, false);
    let mut answer = Assembled::default();
    let mut is_answer = Vec::new();
    for event in &events {
        let delta = decoder.decode(event.as_bytes()).unwrap();
        assert!(delta.is_text, "every token is text: {event}");
        is_answer.push(delta.is_answer());
        answer.add(&delta);
    }
    assert_eq!(is_answer, [false, false, false, false, false, false, true]);
    assert_eq!((&*answer.reasoning, &*answer.answer), ("\nwhy", "so"));
}

#[test]
fn a_late_closing_tag_withdraws_the_answer_only_when_asked() {
    let events = [
        r#"{"choices":[{"delta":{"content":"why"}}]}"#,
        r#"{"choices":[{"delta":{"content":"</think>\nso"}}]}"#,
    ];
    let mut decoder = Decoder::new(Api::Chat, true);
    let mut answer = Assembled::default();
    let first = decoder.decode(events[0].as_bytes()).unwrap();
    assert!(first.is_answer());
    answer.add(&first);
    let second = decoder.decode(events[1].as_bytes()).unwrap();
    assert!(second.withdraws_answer() && second.is_answer());
    answer.add(&second);
    assert_eq!((&*answer.reasoning, &*answer.answer), ("why", "so"));
    let unasked = assembled(Api::Chat, &events);
    assert_eq!((&*unasked.reasoning, &*unasked.answer), ("", "why</think>\nso"));
}

#[test]
fn tool_calls_are_put_together_by_index() {
    let answer = assembled(
        Api::Chat,
        &[
            r#"{"choices":[{"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"get","arguments":""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"put","arguments":"{}"}},{"index":0,"function":{"arguments":"{\"x\":"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]},"finish_reason":"tool_calls"}]}"#,
        ],
    );
    let calls: Vec<_> =
        answer.tool_calls().into_iter().map(|c| (c.id, c.name, c.arguments)).collect();
    let call = |id: &str, name: &str, text: &str| (id.to_owned(), name.to_owned(), text.to_owned());
    assert_eq!(calls, [call("a", "get", "{\"x\":1}"), call("b", "put", "{}")]);
    let message = answer.to_message();
    assert_eq!((message.role, &*message.content), (Role::Assistant, ""));
    assert_eq!(message.tool_calls.len(), 2);
}

#[test]
fn calls_without_an_index_follow_each_other() {
    let body = r#"{"choices":[{"message":{"content":null,"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"g","arguments":{"k":[1]}}}]}}]}"#;
    let names = |answer: Assembled| -> Vec<_> {
        answer.tool_calls().into_iter().map(|c| (c.id, c.name, c.arguments)).collect()
    };
    let call = |id: &str, name: &str, text: &str| (id.to_owned(), name.to_owned(), text.to_owned());
    let expected = [call("a", "f", "{}"), call("b", "g", r#"{"k":[1]}"#)];
    assert_eq!(names(assembled(Api::Chat, &[body])), expected);
    let line = r#"{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"k":1}}}]}}"#;
    let expected = [call("call_0", "f", r#"{"k":1}"#), call("call_1", "f", r#"{"k":1}"#)];
    assert_eq!(names(assembled(Api::OllamaChat, &[line, line])), expected);
}

#[test]
fn a_tool_call_is_text_and_answer_once_it_has_a_name_or_arguments() {
    let part =
        |fields: &str| format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{{{fields}}}]}}}}]}}"#);
    let empty = part(r#""index":0,"id":"a","function":{"name":"","arguments":""}"#);
    assert!(!chat(&empty).is_text && !chat(&empty).is_answer());
    let named = part(r#""index":0,"function":{"name":"f"}"#);
    assert!(chat(&named).is_text && chat(&named).is_answer());
}

#[test]
fn tokens_of_an_event_come_from_ids_or_log_probabilities() {
    let text = r#""delta":{"content":"ab"}"#;
    let n = |more: &str| {
        let event = format!(r#"{{"choices":[{{{text},{more}}}]}}"#);
        chat(&event).n_tokens
    };
    assert_eq!(n(r#""token_ids":[5,6,7]"#), Some(3));
    assert_eq!(
        n(r#""token_ids":null,"logprobs":{"content":[{"token":"a"},{"token":"b"}]}"#),
        Some(2)
    );
    assert_eq!(n(r#""logprobs":null"#), None);
    let completion =
        r#"{"choices":[{"text":"ab","logprobs":{"tokens":["a","b"],"token_logprobs":[0,0]}}]}"#;
    assert_eq!(one(Api::Completions, completion).n_tokens, Some(2));
    let line =
        r#"{"message":{"content":"ab"},"logprobs":[{"token":"ab","logprob":-1}],"done":false}"#;
    assert_eq!(one(Api::OllamaChat, line).n_tokens, Some(1));
}

#[test]
fn a_running_count_gives_the_tokens_of_each_event() {
    let event = |text: &str, n: u32| {
        format!(
            r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}],"usage":{{"completion_tokens":{n}}}}}"#
        )
    };
    let mut decoder = Decoder::new(Api::Chat, false);
    let mut n_tokens = |event: &str| decoder.decode(event.as_bytes()).unwrap().n_tokens;
    assert_eq!(n_tokens(&event("", 0)), None);
    assert_eq!(n_tokens(&event("a", 1)), Some(1));
    assert_eq!(n_tokens(&event("b", 4)), Some(3));
    assert_eq!(n_tokens(r#"{"choices":[{"delta":{"content":"c"}}]}"#), None);
    assert_eq!(n_tokens(&event("d", 9)), None, "the text before came without a count");
}

#[test]
fn llama_cpp_timings_become_times_and_stand_in_for_usage() {
    let event = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"timings":{"cache_n":35,"prompt_n":1,"prompt_ms":9.5,"predicted_n":8,"predicted_ms":67.854,"draft_n":12,"draft_n_accepted":7}}"#;
    let delta = chat(event);
    let times = delta.times.unwrap();
    assert_eq!((times.n_prompt, times.prompt_ns), (Some(1), Some(Nanos(9_500_000))));
    assert_eq!((times.n_generated, times.generation_ns), (Some(8), Some(Nanos(67_854_000))));
    assert_eq!((times.n_drafted, times.n_accepted), (Some(12), Some(7)));
    let usage = delta.usage.unwrap();
    assert_eq!((usage.prompt_tokens, usage.cached_tokens), (Some(36), Some(35)));
    assert_eq!(usage.completion_tokens, Some(8));
}

#[test]
fn reasoning_and_cached_tokens_are_found_where_each_server_has_them() {
    let usage = |fields: &str| {
        let event = format!(r#"{{"choices":[],"usage":{{"completion_tokens":9,{fields}}}}}"#);
        chat(&event).usage.unwrap()
    };
    let openai = usage(
        r#""prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":6}"#,
    );
    assert_eq!((openai.cached_tokens, openai.reasoning_tokens), (Some(4), Some(6)));
    assert_eq!(usage(r#""reasoning_tokens":6"#).reasoning_tokens, Some(6));
    let nulls = usage(r#""prompt_tokens_details":null,"completion_tokens_details":null"#);
    assert_eq!((nulls.cached_tokens, nulls.reasoning_tokens), (None, None));
}

#[test]
fn a_count_of_no_reasoning_beside_streamed_reasoning_is_no_count() {
    let counts = br#"{"choices":[],"usage":{"completion_tokens":9,"reasoning_tokens":0}}"#;
    let mut decoder = Decoder::new(Api::Chat, false);
    assert_eq!(decoder.decode(counts).unwrap().usage.unwrap().reasoning_tokens, Some(0));
    decoder.decode(br#"{"choices":[{"delta":{"reasoning_content":"x"}}]}"#).unwrap();
    assert_eq!(decoder.decode(counts).unwrap().usage.unwrap().reasoning_tokens, None);
}

#[test]
fn a_wrong_count_is_no_count_and_costs_no_text() {
    for wrong in [r#""many""#, "-3", "true", "[1]", r#"{"n":1}"#, "null"] {
        let event = format!(
            r#"{{"choices":[{{"delta":{{"content":"x"}}}}],"usage":{{"completion_tokens":{wrong}}}}}"#
        );
        let delta = chat(&event);
        assert_eq!(delta.answer, "x", "{wrong}");
        assert_eq!(delta.usage, Some(Usage::default()), "{wrong}");
    }
}

#[test]
fn an_error_inside_the_stream_is_told() {
    let events = [
        r#"{"error":{"code":400,"message":"too long","type":"exceed_context_size_error"}}"#,
        r#"{"error":"too long"}"#,
        r#"{"code":400,"message":"too long","type":"invalid_request_error"}"#,
        r#"{"choices":[{"delta":{"content":""},"finish_reason":"error"}],"error":{"code":"server_error","message":"too long"}}"#,
    ];
    for event in events {
        let delta = chat(event);
        assert_eq!(delta.error.unwrap().message, "too long", "{event}");
        assert!(!delta.is_text);
    }
    let delta = chat(events[0]);
    let error = delta.error.unwrap();
    assert_eq!(error.code.as_deref(), Some("400"));
    assert_eq!(error.kind.as_deref(), Some("exceed_context_size_error"));
    assert!(chat(r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#).error.is_some());
    assert!(chat(r#"{"choices":[],"error":null}"#).error.is_none());
    assert_eq!(one(Api::OllamaChat, r#"{"error":"gone"}"#).error.unwrap().message, "gone");
}

#[test]
fn what_is_no_answer_is_malformed() {
    let events: [&[u8]; 8] = [
        b"",
        b"{",
        b"[]",
        b"\"text\"",
        br#"{"choices":[{"delta":{"content":5}}]}"#,
        br#"{"choices":{}}"#,
        b"{\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}",
        br#"{"choices":[{"delta":{"content":"x"}}]} trailing"#,
    ];
    for event in events {
        let error = Decoder::new(Api::Chat, false).decode(event);
        assert!(
            matches!(error, Err(WireError::Malformed { .. })),
            "{:?}",
            event.escape_ascii().to_string()
        );
    }
    let error = Decoder::new(Api::OllamaChat, false).decode(b"{\"message\":1}");
    assert!(matches!(error, Err(WireError::Malformed { .. })));
}

#[test]
fn an_object_without_known_fields_says_nothing() {
    assert_eq!(chat(r#"{"type":"ping"}"#), Delta::default());
    assert_eq!(chat(r#"{"choices":null,"usage":null}"#), Delta::default());
}

#[test]
fn the_fingerprint_of_an_answer_is_found() {
    let event = br#"{"choices":[],"system_fingerprint":"vllm-0.32.0-400782a4"}"#;
    assert_eq!(system_fingerprint(event).as_deref(), Some("vllm-0.32.0-400782a4"));
    assert_eq!(system_fingerprint(br#"{"system_fingerprint":null}"#), None);
    assert_eq!(system_fingerprint(b"no"), None);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for api in [Api::Chat, Api::Completions, Api::OllamaChat, Api::OllamaGenerate] {
            let _ = Decoder::new(api, true).decode(&bytes);
        }
        let _ = error_message(&bytes);
    }

    #[test]
    fn a_cut_event_is_malformed_and_never_panics(at in 0usize..120) {
        let event = br#"{"choices":[{"index":0,"delta":{"content":"a\u00e4","tool_calls":[{"function":{"arguments":"{}"}}]}}],"usage":null}"#;
        let cut = &event[..at.min(event.len() - 1)];
        prop_assert!(Decoder::new(Api::Chat, false).decode(cut).is_err());
    }

    #[test]
    fn written_text_is_read_back(text in "\\PC{1,40}") {
        let text_json = serde_json::to_string(&text).unwrap();
        let event = format!(r#"{{"choices":[{{"text":{text_json}}}]}}"#);
        let delta = Decoder::new(Api::Completions, false).decode(event.as_bytes());
        let mut answer = Assembled::default();
        answer.add(&delta.unwrap());
        prop_assume!(!text.trim_start().starts_with("<think>"));
        prop_assert_eq!(answer.answer, text);
    }
}

/// Events of one stream, most of them alike but for their text, some not.
fn stream() -> impl Strategy<Value = Vec<String>> {
    let text = prop_oneof![
        8 => "[ -~äé\u{1F600}]{0,6}",
        1 => "[\"\\\\\n\t<>/]{1,4}",
        1 => Just("<think>".to_owned()),
        1 => Just("</think>".to_owned()),
    ];
    let form = prop_oneof![
        8 => Just((r#"{"id":"x","choices":[{"index":0,"delta":{"content":"#, "},\"finish_reason\":null}]}")),
        2 => Just((r#"{"id":"x","choices":[{"index":0,"delta":{"reasoning":"#, "}}]}")),
        1 => Just((r#"{"choices":[{"delta":{"content":"#, "},\"finish_reason\":\"stop\"}]}")),
        1 => Just((r#"{"choices":[{"delta":{"content":"#, "}}],\"usage\":{\"completion_tokens\":3}}")),
        1 => Just((r#"{"choices":[{"delta":{"content":"#, "},\"logprobs\":{\"content\":[1,2]}}]}")),
    ];
    let event = (form, text).prop_map(|((before, after), text)| {
        format!("{before}{}{after}", serde_json::to_string(&text).unwrap())
    });
    prop::collection::vec(event, 1..40)
}

proptest! {
    #[test]
    fn an_event_says_the_same_with_and_without_the_pattern_of_one_before(events in stream()) {
        let (mut with, mut without) =
            (Decoder::new(Api::Chat, true), Decoder::new(Api::Chat, true));
        for event in &events {
            without.pattern = Pattern::default();
            let expected = without.decode(event.as_bytes());
            prop_assert_eq!(with.decode(event.as_bytes()), expected, "{}", event);
        }
    }
}

#[test]
fn an_event_of_a_known_pattern_must_be_valid_to_its_last_byte() {
    let mut decoder = Decoder::new(Api::Chat, false);
    let event = |text: &[u8]| {
        [br#"{"choices":[{"delta":{"content":""#.as_slice(), text, br#""}}]}"#].concat()
    };
    assert_eq!(decoder.decode(&event(b"plain")).unwrap().answer, "plain");
    assert_eq!(decoder.decode(&event(b"same")).unwrap().answer, "same");
    assert!(decoder.decode(&event(b"\xff")).is_err());
    assert!(decoder.decode(&event(b"\n")).is_err());
    assert_eq!(decoder.decode(&event(br"\n")).unwrap().answer, "\n");
    assert_eq!(decoder.decode(&event(br#"","role":"x"#)).unwrap().answer, "");
}
