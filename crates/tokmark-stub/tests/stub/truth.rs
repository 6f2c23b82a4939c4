//! The truth adds up.

use std::collections::BTreeSet;

use tokmark_stub::{LATENESS_BOUNDS_US, Options, Outcome, Running, Truth, monotonic_ns};

use crate::client::{Client, ask_chat, ask_with_id, chat, get, post, stub, stub_of};

const CHAT: &str = "/v1/chat/completions";

/// Several clients at once, each with several requests on one connection.
fn load(stub: &Running, n_clients: u64, n_requests: u64, words: &str) {
    std::thread::scope(|scope| {
        for client in 0..n_clients {
            scope.spawn(move || {
                let mut connection = Client::connect(stub.address());
                for request in 0..n_requests {
                    let id = client * n_requests + request;
                    let last = if request + 1 == n_requests { "connection: close\r\n" } else { "" };
                    let headers = format!("x-request-id: {id}\r\nx-stub: {words}\r\n{last}");
                    let body = chat(1 + id as u32 % 7).to_string();
                    let response = connection.request(&post(CHAT, &headers, &body));
                    assert_eq!(response.deltas("content").len() as u64, 1 + id % 7);
                }
                connection.read_to_close();
            });
        }
    });
}

fn assert_adds_up(truth: &Truth) {
    let sum = |of: fn(&tokmark_stub::TruthRow) -> u64| truth.rows.iter().map(of).sum::<u64>();
    let summary = &truth.summary;
    assert_eq!(summary.n_text_events, sum(|row| row.n_events.into()));
    assert_eq!(summary.n_gaps, sum(|row| u64::from(row.n_events.saturating_sub(1))));
    let span = |row: &tokmark_stub::TruthRow| match (row.first_text_ns, row.last_text_ns) {
        (Some(first), Some(last)) => last - first,
        _ => 0,
    };
    assert_eq!(summary.gaps_ns, sum(span));
    assert_eq!(summary.lateness_counts.iter().sum::<u64>(), summary.n_text_events);
    assert_eq!(summary.lateness_counts.len(), LATENESS_BOUNDS_US.len() + 1);
    for row in &truth.rows {
        let times = [
            Some(row.received_ns),
            Some(row.started_ns),
            row.first_text_ns,
            row.first_answer_ns,
            row.last_text_ns,
            Some(row.end_ns),
        ];
        let times: Vec<_> = times.into_iter().flatten().collect();
        assert!(times.is_sorted(), "{row:?}");
    }
}

#[test]
fn every_request_has_a_row_and_the_sums_are_those_of_the_rows() {
    for n_threads in [1, 3] {
        let stub = stub_of(Options { n_threads, ..Options::default() }, "itl-ms=0.2");
        let before = monotonic_ns();
        load(&stub, 8, 20, "");
        let truth = stub.truth();
        let after = monotonic_ns();
        let ids: BTreeSet<_> = truth.rows.iter().filter_map(|row| row.id).collect();
        assert_eq!(ids, (0..160).collect());
        assert_eq!(truth.rows.len(), 160);
        for row in &truth.rows {
            assert_eq!(u64::from(row.n_events), 1 + row.id.unwrap() % 7);
            assert_eq!(row.outcome, Outcome::Complete);
            assert!(before <= row.received_ns && row.end_ns <= after);
        }
        assert_adds_up(&truth);
        let summary = &truth.summary;
        assert_eq!((summary.n_requests, summary.n_complete, summary.in_flight), (160, 160, 0));
        assert_eq!(summary.n_connections, 8);
        assert!((1..=8).contains(&summary.max_in_flight));
        assert_eq!(stub.stop().unwrap(), truth.summary);
    }
}

#[test]
fn no_event_is_early() {
    let stub = stub("ttft-ms=3 itl-ms=2");
    load(&stub, 4, 3, "");
    for row in stub.truth().rows {
        let gaps = u64::from(row.n_events - 1);
        assert!(row.first_text_ns.unwrap() >= row.received_ns + 3_000_000);
        assert!(row.last_text_ns.unwrap() >= row.received_ns + 3_000_000 + gaps * 2_000_000);
    }
}

#[test]
fn the_truth_over_http_is_the_truth_in_the_process() {
    let stub = stub("");
    load(&stub, 5, 700, "");
    let over_http = Truth::from_json(&get(&stub, "/stub/truth").body()).unwrap();
    let inside = stub.truth();
    assert_eq!(over_http.rows, inside.rows);
    assert_eq!(over_http.rows.len(), 3500);
    assert_eq!(over_http.summary.n_text_events, inside.summary.n_text_events);
}

#[test]
fn rows_are_bounded_and_the_summary_is_not() {
    let stub = stub_of(Options { max_rows: 3, ..Options::default() }, "");
    for id in 0..5 {
        ask_with_id(&stub, CHAT, "", &chat(2), id);
    }
    let truth = stub.truth();
    let ids: Vec<_> = truth.rows.iter().filter_map(|row| row.id).collect();
    assert_eq!(ids, [0, 1, 2]);
    assert_eq!((truth.summary.n_requests, truth.summary.n_rows_left_out), (5, 2));
    assert_eq!(truth.summary.n_text_events, 10);
}

#[test]
fn the_first_answer_comes_after_the_reasoning() {
    let stub = stub("itl-ms=1");
    for words in ["reasoning=4", "split-think-tags=4", "packed=3 reasoning=4", "reasoning=9"] {
        ask_chat(&stub, words, 8);
    }
    let rows = stub.truth().rows;
    for row in &rows[..3] {
        assert!(row.first_answer_ns > row.first_text_ns, "{row:?}");
    }
    assert_eq!(rows[3].first_answer_ns, None);
    assert_adds_up(&stub.truth());
}

#[test]
fn adversarial_forms_keep_their_events_in_the_truth() {
    let stub = stub("");
    let modes = [
        "comments",
        "packed",
        "split-bytes",
        "late-finish=1",
        "late-usage=1",
        "no-usage",
        "crlf",
        "late-head",
        "late-opening",
        "tool-call",
        "long-line=100000",
    ];
    for words in modes {
        ask_chat(&stub, words, 8);
    }
    let truth = stub.truth();
    assert_eq!(truth.rows.len(), modes.len());
    for (row, words) in truth.rows.iter().zip(modes) {
        assert_eq!((row.n_events, row.outcome), (8, Outcome::Complete), "{words}");
    }
    assert_adds_up(&truth);
}

#[test]
fn a_request_without_a_number_has_no_id() {
    let stub = stub("");
    let mut client = Client::connect(stub.address());
    let headers = "connection: close\r\nx-request-id: abc\r\n";
    client.request(&post(CHAT, headers, &chat(1).to_string()));
    client.read_to_close();
    assert_eq!(stub.truth().rows[0].id, None);
}
