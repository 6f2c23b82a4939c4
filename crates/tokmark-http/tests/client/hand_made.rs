//! Answers that the stub does not give: written byte by byte.

use tokmark_http::{Endpoint, EndpointOptions, Finished, TargetOptions};
use tokmark_model::{Api, Load, RequestError, Workload};

use crate::serve::{CLOSE, answer, serve};
use crate::support::{requests, workload};

const EVENT: &str = r#"data: {"choices":[{"index":0,"delta":{"content":"word "}}]}"#;
const FINISH: &str = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

/// Two text events, the finish event and `[DONE]`.
fn stream() -> String {
    format!("{EVENT}\n\n{EVENT}\n\n{FINISH}\n\ndata: [DONE]\n\n")
}

/// A server that gives `answer(n)` to the n-th POST of a connection and then leaves the
/// connection open. It lists one model.
fn server(answer: impl Fn(usize) -> String + Clone + Send + 'static) -> String {
    serve(move |n, head| match head {
        _ if head.starts_with("POST") => answer(n),
        _ if head.contains("/v1/models") => self::answer("200 OK", "", r#"{"data":[{"id":"m"}]}"#),
        _ => self::answer("404 Not Found", "", ""),
    })
}

fn open(url: &str, target: TargetOptions) -> Endpoint {
    Endpoint::open(&[url], &EndpointOptions { target, ..EndpointOptions::default() }).unwrap()
}

fn one_by_one(url: &str, n: u64) -> Vec<Finished> {
    let endpoint = open(url, TargetOptions::default());
    requests(&endpoint, &workload(Load::Concurrency { n: 1 }), n, 1)
}

#[test]
fn events_are_a_stream_whatever_the_head_calls_them() {
    for head in ["", "content-type: text/plain\r\n", "content-type: application/json\r\n"] {
        let url = server(move |_| answer("200 OK", head, &stream()));
        for finished in one_by_one(&url, 3) {
            let sample = &finished.sample;
            assert!(sample.is_ok() && !sample.in_one_piece, "{head}: {sample:?}");
            assert_eq!((sample.n_text_events, finished.answer.content.as_str()), (2, "word word "));
        }
    }
}

#[test]
fn a_whole_answer_to_a_request_for_a_stream_is_told_from_a_stream() {
    let body = r#"{"choices":[{"message":{"content":"some words"},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":9,"completion_tokens":2}}"#;
    for head in ["content-type: application/json\r\n", "content-type: text/event-stream\r\n"] {
        let url = server(move |_| answer("200 OK", head, body));
        for finished in one_by_one(&url, 2) {
            let sample = &finished.sample;
            assert!(sample.is_ok() && sample.in_one_piece, "{head}: {sample:?}");
            assert_eq!(sample.output_tokens.unwrap().n, 2);
        }
        let whole = Workload { stream: false, ..workload(Load::Concurrency { n: 1 }) };
        let asked = requests(&open(&url, TargetOptions::default()), &whole, 1, 1);
        assert!(asked[0].sample.is_ok() && !asked[0].sample.in_one_piece, "{asked:?}");
    }
    let lines = |n: usize| {
        let text = r#"{"message":{"content":"word "},"done":false}"#.to_owned() + "\n";
        text.repeat(n) + r#"{"message":{"content":"end"},"done":true,"done_reason":"stop"}"# + "\n"
    };
    for (n, in_one_piece) in [(0, true), (3, false)] {
        let url = server(move |_| answer("200 OK", "", &lines(n)));
        let workload = Workload { api: Api::OllamaChat, ..workload(Load::Concurrency { n: 1 }) };
        let all = requests(&open(&url, TargetOptions::default()), &workload, 2, 1);
        for Finished { sample, .. } in all {
            assert!(sample.is_ok(), "{sample:?}");
            assert_eq!(sample.in_one_piece, in_one_piece, "{n}: {sample:?}");
        }
    }
}

#[test]
fn an_answer_that_is_whole_is_not_waited_for_when_the_connection_stays_open() {
    // Neither a length nor a last chunk: only [DONE] tells that all was said.
    for head in ["", "transfer-encoding: chunked\r\n"] {
        let body = move |text: &str| match head {
            "" => text.to_owned(),
            _ => format!("{:x}\r\n{text}\r\n", text.len()),
        };
        let url = server(move |_| {
            let head = format!("content-type: text/event-stream\r\n{head}\r\n");
            format!("HTTP/1.1 200 OK\r\n{head}{}", body(&stream()))
        });
        for Finished { sample, .. } in one_by_one(&url, 6) {
            assert_eq!(sample.error, None, "{head}: {sample:?}");
            // The time spent in waiting for the end of the connection is not the answer's.
            assert_eq!((Some(sample.end_ns), sample.n_text_events), (sample.last_text_ns, 2));
        }
    }
}

#[test]
fn a_refusal_keeps_the_servers_words_without_secrets_and_once() {
    let body = r#"{"error":{"message":"model m not found; key sk-s3cret-k3y, sk-s3c***, hidden"}}"#;
    let url = server(move |_| answer("404 Not Found", "", body));
    let target = TargetOptions {
        api_key: Some("sk-s3cret-k3y".to_owned()),
        headers: vec![("x-team".to_owned(), "hidden".to_owned())],
        ..TargetOptions::default()
    };
    let all = requests(&open(&url, target), &workload(Load::Concurrency { n: 1 }), 4, 1);
    assert!(all.iter().all(|f| f.sample.error == Some(RequestError::Status { code: 404 })));
    let said: Vec<&str> = all.iter().filter_map(|f| f.sample.message.as_deref()).collect();
    assert_eq!(said, ["model m not found; key *** *** ***"]);
}

#[test]
fn words_that_repeat_the_request_are_not_kept() {
    let body = r#"{"detail":[{"input":"what was asked","msg":"wrong"}]}"#;
    let url = server(move |_| answer("422 Unprocessable", "", body));
    assert_eq!(one_by_one(&url, 1)[0].sample.message, None);
}

#[test]
fn a_date_after_which_to_try_again_is_waited_for() {
    let refusal = "date: Sun, 06 Nov 1994 08:49:36 GMT\r\n\
                   retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let url = server(move |n| match n {
        0 => answer("429 Too Many Requests", refusal, "slowly"),
        _ => answer("200 OK", "content-type: text/event-stream\r\n", &stream()),
    });
    let workload = Workload { n_retries: 1, ..workload(Load::Concurrency { n: 1 }) };
    let all = requests(&open(&url, TargetOptions::default()), &workload, 1, 1);
    let sample = &all[0].sample;
    assert!(sample.is_ok() && sample.n_retries == 1, "{sample:?}");
    // Without the date it would have been 250 ms; no clock can make this less than the second.
    assert!(sample.sent_ns.0 >= 1_000_000_000, "{sample:?}");
}

#[test]
fn a_refusal_whose_body_never_ends_is_that_refusal() {
    let url = server(|_| {
        "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 100\r\n\r\nslowly".to_owned()
    });
    for Finished { sample, .. } in one_by_one(&url, 2) {
        assert_eq!(sample.error, Some(RequestError::Status { code: 429 }), "{sample:?}");
    }
}

#[test]
fn a_refused_request_that_waits_for_another_attempt_until_the_limit_was_refused() {
    let url = server(|_| answer("429 Too Many Requests", "retry-after: 3600\r\n", ""));
    let timeout_ns = Some(tokmark_model::Nanos(400_000_000));
    let workload = Workload { n_retries: 2, timeout_ns, ..workload(Load::Concurrency { n: 1 }) };
    let all = requests(&open(&url, TargetOptions::default()), &workload, 1, 1);
    assert_eq!(all[0].sample.error, Some(RequestError::Status { code: 429 }), "{all:?}");
    assert_eq!(all[0].sample.n_retries, 0);
}

const STREAMED: &str = "content-type: text/event-stream\r\n";

#[test]
fn a_kept_connection_that_ended_meanwhile_costs_nothing() {
    let url = server(|_| answer("200 OK", STREAMED, &stream()) + CLOSE);
    for Finished { sample, .. } in one_by_one(&url, 6) {
        assert!(sample.is_ok() && sample.connected, "{sample:?}");
    }
}

#[test]
fn a_request_on_a_connection_that_ends_at_once_is_sent_anew_and_waits_since_the_first_time() {
    let url = server(|n| match n {
        0 => answer("200 OK", STREAMED, &stream()),
        _ => CLOSE.to_owned(),
    });
    let all = one_by_one(&url, 8);
    // Where the machine stood still, an end at once comes late.
    let is_expected = |error: &Option<RequestError>| {
        error.as_ref().is_none_or(|error| *error == RequestError::BrokenStream)
    };
    assert!(all.iter().all(|f| is_expected(&f.sample.error)), "{all:?}");
    let anew: Vec<_> = all.iter().filter(|f| f.sample.is_ok() && f.sample.resent).collect();
    assert!(!anew.is_empty(), "{all:?}");
    for Finished { sample, .. } in anew {
        assert!(sample.first_sent_ns.unwrap() <= sample.sent_ns, "{sample:?}");
    }
}

#[test]
fn a_server_that_holds_a_request_and_drops_it_broke_the_stream() {
    let url = server(|n| match n {
        0 => answer("200 OK", STREAMED, &stream()),
        _ => {
            std::thread::sleep(std::time::Duration::from_millis(600));
            CLOSE.to_owned()
        }
    });
    let all = one_by_one(&url, 2);
    assert!(all[0].sample.is_ok(), "{all:?}");
    assert_eq!(all[1].sample.error, Some(RequestError::BrokenStream), "{all:?}");
    assert!(!all[1].sample.resent);
}
