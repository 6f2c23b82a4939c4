//! Answers that go wrong.

use serde_json::json;
use tokmark_stub::{Options, Outcome};

use crate::client::{
    Client, ask, ask_chat, ask_with_id, await_summary, chat, get, post, stub, stub_of,
};

const CHAT: &str = "/v1/chat/completions";

#[test]
fn a_stream_is_cut_in_the_middle_of_an_event() {
    let stub = stub("");
    let response = ask_chat(&stub, "cut", 8);
    assert!(!response.is_whole);
    let half = response.chunks.last().unwrap();
    assert!(half.starts_with(b"data: {") && !half.ends_with(b"\n\n"));
    let row = stub.truth().rows[0];
    assert_eq!((row.n_events, row.outcome), (4, Outcome::Broken));
}

#[test]
fn an_error_event_ends_a_stream_half_way() {
    let stub = stub("");
    let response = ask_chat(&stub, "error-event", 8);
    assert_eq!(response.status, 200);
    let events = response.events();
    assert_eq!(events.last().unwrap()["error"]["code"], 500);
    assert_eq!(response.deltas("content").len(), 4);
    assert_eq!(stub.truth().rows[0].outcome, Outcome::Broken);
}

#[test]
fn a_line_can_be_of_ten_million_bytes() {
    let response = ask_chat(&stub(""), "long-line", 4);
    let texts = response.deltas("content");
    let lengths: Vec<_> = texts.iter().map(String::len).collect();
    assert_eq!(lengths, [6, 6, 10_000_000, 6]);
}

#[test]
fn bytes_can_be_no_utf8() {
    let response = ask_chat(&stub(""), "invalid-utf8", 4);
    assert!(response.is_whole);
    assert!(std::str::from_utf8(&response.body()).is_err());
}

#[test]
fn an_event_can_be_no_json() {
    let response = ask_chat(&stub(""), "malformed", 4);
    let bad = response.data().into_iter().filter(|data| data != "[DONE]");
    let n_bad = bad.filter(|data| serde_json::from_str::<serde_json::Value>(data).is_err());
    assert_eq!(n_bad.count(), 1);
}

#[test]
fn a_request_can_be_refused_with_any_status() {
    let stub = stub("");
    for status in [401, 404, 429, 500, 503] {
        let response = ask_chat(&stub, &format!("status={status}"), 4);
        assert_eq!(response.status, status);
        assert_eq!(response.json()["error"]["code"], status);
    }
    assert!(stub.truth().rows.iter().all(|row| row.outcome == Outcome::Refused));
    assert_eq!(stub.summary().n_refused, 5);
}

#[test]
fn a_busy_server_answers_after_so_many_attempts_of_a_request() {
    let stub = stub("busy=2/7");
    for id in [1, 2] {
        let mut statuses = Vec::new();
        for _ in 0..4 {
            let response = ask_with_id(&stub, CHAT, "", &chat(2), id);
            assert_eq!(response.head.contains("retry-after: 7\r\n"), response.status == 429);
            statuses.push(response.status);
        }
        assert_eq!(statuses, [429, 429, 200, 200]);
    }
}

#[test]
fn a_silent_server_keeps_the_connection_until_the_client_leaves() {
    let stub = stub("silent");
    let mut client = Client::connect(stub.address());
    client.send(&post(CHAT, "", &chat(4).to_string()));
    assert_eq!(await_summary(&stub, |summary| summary.in_flight == 1).n_requests, 0);
    drop(client);
    let summary = await_summary(&stub, |summary| summary.in_flight == 0);
    assert_eq!((summary.n_requests, summary.n_abandoned), (1, 1));
    assert_eq!(stub.truth().rows[0].n_events, 0);
}

#[test]
fn a_stalled_stream_says_half_and_no_more() {
    let stub = stub("stall");
    let mut client = Client::connect(stub.address());
    client.send(&post(CHAT, "", &chat(8).to_string()));
    await_summary(&stub, |summary| summary.n_text_events == 4);
    drop(client);
    await_summary(&stub, |summary| summary.n_abandoned == 1);
}

#[test]
fn a_connection_can_be_closed_without_an_answer() {
    let stub = stub("close");
    let mut client = Client::connect(stub.address());
    client.send(&post(CHAT, "", &chat(4).to_string()));
    assert!(client.read_to_close().is_empty());
    assert_eq!(stub.truth().rows[0].outcome, Outcome::Broken);
}

#[test]
fn a_connection_can_be_closed_at_once() {
    let options = Options { close_on_accept: true, ..Options::default() };
    let stub = stub_of(options, "");
    assert!(Client::connect(stub.address()).read_to_close().is_empty());
    assert_eq!(stub.summary().n_connections, 1);
}

#[test]
fn a_client_that_leaves_amid_a_stream_is_recorded_as_such() {
    let stub = stub("slow");
    let mut client = Client::connect(stub.address());
    client.send(&post(CHAT, "x-request-id: 9\r\n", &chat(4).to_string()));
    await_summary(&stub, |summary| summary.n_text_events == 1);
    drop(client);
    await_summary(&stub, |summary| summary.n_abandoned == 1);
    let row = stub.truth().rows[0];
    assert_eq!((row.id, row.n_events, row.outcome), (Some(9), 1, Outcome::Abandoned));
}

#[test]
fn faults_of_one_request_leave_the_next_one_alone() {
    let stub = stub("");
    for words in ["cut", "close-not-a-mode", "status=500", "malformed", "error-event"] {
        ask_chat(&stub, words, 4);
        assert_eq!(ask_chat(&stub, "", 4).deltas("content").len(), 4, "{words}");
    }
    assert_eq!(get(&stub, "/health").status, 200);
}

#[test]
fn answers_that_are_not_streamed_go_wrong_too() {
    let stub = stub("");
    let mut body = chat(8);
    body["stream"] = json!(false);
    let whole = |words| ask(&stub, CHAT, words, &body);
    assert!(!whole("cut").is_whole);
    assert_eq!(whole("error-event").status, 500);
    assert!(serde_json::from_slice::<serde_json::Value>(&whole("malformed").body()).is_err());
    assert!(std::str::from_utf8(&whole("invalid-utf8").body()).is_err());
    assert_eq!(whole("empty-answer").json()["choices"][0]["message"]["content"], "");
    assert!(whole("long-line=5000").body().len() > 5000);
}
