//! Queueing, prefill and the prefix cache.

use std::time::Duration;

use serde_json::{Value, json};
use tokmark_stub::{Options, Outcome, Running};

use crate::client::{Client, ask, await_summary, chat, get, post, stub, stub_of};

const CHAT: &str = "/v1/chat/completions";

fn send(stub: &Running, id: u32, words: &str) -> Client {
    let mut client = Client::connect(stub.address());
    let headers = format!("connection: close\r\nx-request-id: {id}\r\nx-stub: {words}\r\n");
    client.send(&post(CHAT, &headers, &chat(3).to_string()));
    client
}

fn one_slot(n_threads: usize) -> Running {
    stub_of(Options { n_slots: Some(1), n_threads, ..Options::default() }, "")
}

#[test]
fn requests_wait_for_a_slot_in_the_order_of_their_coming() {
    for n_threads in [1, 2] {
        let stub = one_slot(n_threads);
        let first = send(&stub, 1, "stall");
        await_summary(&stub, |summary| summary.in_flight == 1);
        let mut second = send(&stub, 2, "");
        await_summary(&stub, |summary| summary.waiting == 1);
        let mut third = send(&stub, 3, "");
        let summary = await_summary(&stub, |summary| summary.waiting == 2);
        assert_eq!((summary.in_flight, summary.max_in_flight), (3, 3));
        let metrics = get(&stub, "/metrics").text();
        assert!(metrics.contains("\nstub:requests_running 1\n"), "{metrics}");
        assert!(metrics.contains("\nstub:requests_waiting 2\n"), "{metrics}");
        drop(first);
        assert_eq!(second.response().deltas("content").len(), 3);
        assert_eq!(third.response().deltas("content").len(), 3);
        third.read_to_close();
        let mut rows = stub.truth().rows;
        rows.sort_by_key(|row| row.id);
        assert_eq!(rows[0].outcome, Outcome::Abandoned);
        assert!(rows[1].started_ns >= rows[0].end_ns && rows[1].received_ns <= rows[0].end_ns);
        assert!(rows[2].started_ns >= rows[1].end_ns && rows[2].received_ns <= rows[1].end_ns);
    }
}

#[test]
fn a_client_that_leaves_the_queue_takes_no_slot() {
    let stub = one_slot(1);
    let first = send(&stub, 1, "stall");
    await_summary(&stub, |summary| summary.in_flight == 1);
    let second = send(&stub, 2, "");
    await_summary(&stub, |summary| summary.waiting == 1);
    let mut third = send(&stub, 3, "");
    await_summary(&stub, |summary| summary.waiting == 2);
    drop(second);
    await_summary(&stub, |summary| summary.waiting == 1);
    drop(first);
    assert_eq!(third.response().deltas("content").len(), 3);
    third.read_to_close();
    let mut after = send(&stub, 4, "");
    assert_eq!(after.response().deltas("content").len(), 3);
}

#[test]
fn refusals_need_no_slot() {
    let stub = one_slot(1);
    let _first = send(&stub, 1, "stall");
    await_summary(&stub, |summary| summary.in_flight == 1);
    assert_eq!(send(&stub, 2, "status=429").response().status, 429);
}

fn completion(prompt: &str) -> Value {
    let options = json!({"include_usage": true});
    json!({"prompt": prompt, "stream": true, "max_tokens": 2, "stream_options": options})
}

#[test]
fn prefill_takes_its_time_for_each_word_that_is_not_cached() {
    let stub = stub("prefill-ms=0.1");
    let prompt = "word ".repeat(40);
    let mut cached = Vec::new();
    for _ in 0..2 {
        let response = ask(&stub, "/v1/completions", "", &completion(&prompt));
        let usage = response.usages()[0].clone();
        assert_eq!(usage["prompt_tokens"], 40);
        cached.push(usage["prompt_tokens_details"]["cached_tokens"].clone());
    }
    assert_eq!(cached, [0, 32]);
    let rows = stub.truth().rows;
    let wait = |position: usize| {
        let row = rows[position];
        Duration::from_nanos(row.first_text_ns.unwrap() - row.started_ns)
    };
    // Never early; how late is the machine's affair.
    assert!(wait(0) >= Duration::from_micros(4000));
    assert!(wait(1) >= Duration::from_micros(800));
}

#[test]
fn without_a_prefix_cache_every_prompt_is_new() {
    let options = Options { prefix_cache: false, ..Options::default() };
    let stub = stub_of(options, "prefill-ms=0.001");
    for _ in 0..2 {
        let response = ask(&stub, "/v1/completions", "", &completion(&"word ".repeat(40)));
        assert_eq!(response.usages()[0]["prompt_tokens_details"], Value::Null);
    }
}
