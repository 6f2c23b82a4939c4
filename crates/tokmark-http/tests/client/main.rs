//! The client against servers that behave, and servers that do not.

mod hand_made;
mod ollama;
mod secrets;
mod serve;
mod support;
mod tls;
mod tokenizer;
mod turns;
mod uncounted;

use std::io::{Read, Write};
use std::net::TcpListener;

use support::{Keep, endpoint, requests, samples, source, stub, workload};
use tokmark_http::{Endpoint, EndpointOptions, Finished, HttpError, TargetOptions, drive};
use tokmark_model::{Api, Arrivals, CountSource, Load, Nanos, RequestError, Workload};
use tokmark_run::{Extent, Schedule};
use tokmark_stub::Dialect;

/// Every request is over, with this error or with none; an error is in no latency figure.
fn assert_all(mode: &str, error: Option<RequestError>) {
    for sample in samples(mode, 6) {
        assert_eq!(sample.error, error, "{mode}: {sample:?}");
        assert!(sample.end_ns >= sample.sent_ns && sample.sent_ns >= sample.due_ns, "{sample:?}");
        if error.is_none() {
            let (first, last) = (sample.first_text_ns.unwrap(), sample.last_text_ns.unwrap());
            assert!(sample.sent_ns < first && first <= last && last <= sample.end_ns, "{sample:?}");
        }
    }
}

#[test]
fn whatever_a_server_may_do_is_a_whole_answer() {
    for mode in [
        "plain",
        "empty-opening",
        "null-opening",
        "no-opening",
        "late-head",
        "finish-with-text",
        "crlf",
        "comments",
        "packed=4",
        "split-bytes",
        "until-close",
        "no-done",
        "no-usage",
        "wrong-usage",
        "late-finish=30",
        "late-usage=30",
        "long-line=10000000",
        "tool-call",
    ] {
        assert_all(mode, None);
    }
}

#[test]
fn each_fault_is_counted_under_its_kind() {
    for (mode, error) in [
        ("status=401", RequestError::Status { code: 401 }),
        ("status=404", RequestError::Status { code: 404 }),
        ("status=500", RequestError::Status { code: 500 }),
        ("busy=1000000/1", RequestError::Status { code: 429 }),
        ("close", RequestError::BrokenStream),
        ("cut", RequestError::BrokenStream),
        ("error-event", RequestError::Server),
        ("empty-answer", RequestError::Empty),
        ("malformed", RequestError::Malformed),
        ("invalid-utf8", RequestError::Malformed),
    ] {
        assert_all(mode, Some(error));
    }
}

#[test]
fn a_server_that_never_ends_is_ended_by_the_limit() {
    for mode in ["silent", "stall", "slow"] {
        let stub = stub(Dialect::OpenAi, mode);
        let endpoint = endpoint(&stub.url(), TargetOptions::default());
        let timeout_ns = Some(Nanos(300_000_000));
        let workload = Workload { timeout_ns, ..workload(Load::Concurrency { n: 2 }) };
        for finished in requests(&endpoint, &workload, 2, 1) {
            assert_eq!(finished.sample.error, Some(RequestError::Timeout), "{mode}");
        }
    }
}

#[test]
fn an_opening_event_is_no_token_and_a_late_trailer_no_slow_one() {
    let stub = stub(Dialect::OpenAi, "at-once,empty-opening,late-finish=50,late-usage=50");
    let endpoint = endpoint(&stub.url(), TargetOptions::default());
    let all = requests(&endpoint, &workload(Load::Concurrency { n: 1 }), 4, 1);
    let truth = stub.truth();
    for finished in &all {
        let sample = &finished.sample;
        let row = truth.rows.iter().find(|row| row.id == Some(finished.index)).unwrap();
        assert_eq!((sample.n_text_events, finished.events.len()), (8, 8));
        assert_eq!(row.n_events, 8);
        // Both trailers were waited for, and neither is a text event.
        assert!(sample.end_ns.0 - sample.last_text_ns.unwrap().0 >= 50_000_000, "{sample:?}");
        let true_span = row.last_text_ns.unwrap() - row.first_text_ns.unwrap();
        let own_span = sample.last_text_ns.unwrap().0 - sample.first_text_ns.unwrap().0;
        assert!(own_span.abs_diff(true_span) < 40_000_000, "{own_span} {true_span}");
    }
}

#[test]
fn reasoning_is_told_from_the_answer_in_all_its_forms() {
    for mode in ["reasoning-content=3", "reasoning=3", "think-tags=3", "split-think-tags=3"] {
        // Far enough apart that a late read does not take reasoning and answer together.
        let stub = stub(Dialect::OpenAi, &format!("{mode},itl-ms=60"));
        let endpoint = endpoint(&stub.url(), TargetOptions::default());
        for finished in requests(&endpoint, &workload(Load::Concurrency { n: 1 }), 3, 1) {
            let sample = &finished.sample;
            assert!(sample.is_ok(), "{mode}: {sample:?}");
            assert!(sample.first_answer_ns > sample.first_text_ns, "{mode}: {sample:?}");
            assert!(!finished.reasoning.is_empty() && !finished.answer.content.is_empty());
            assert!(!finished.answer.content.contains("think"), "{mode}: {finished:?}");
            assert!(!sample.hidden_reasoning && sample.has_reasoned);
        }
    }
    assert!(samples("plain", 2).iter().all(|sample| !sample.has_reasoned));
}

#[test]
fn reasoning_that_is_not_streamed_is_seen_in_the_usage() {
    for sample in samples("hidden-reasoning=32", 3) {
        assert!(sample.is_ok() && sample.hidden_reasoning, "{sample:?}");
        assert_eq!(sample.reasoning_tokens.unwrap().n, 32);
        assert_eq!(sample.first_answer_ns, sample.first_text_ns);
    }
}

#[test]
fn tokens_are_those_of_the_usage() {
    for sample in samples("tokens-per-event=4", 3) {
        let tokens = sample.output_tokens.unwrap();
        assert_eq!((tokens.n, tokens.source), (8, CountSource::Usage), "{sample:?}");
        assert_eq!(sample.n_text_events, 2);
    }
    // Twice the tokens and 7: more than were asked for.
    for sample in samples("wrong-usage", 3) {
        assert_eq!((sample.output_tokens, sample.usage_doubted), (None, true), "{sample:?}");
        assert!(sample.prompt_tokens.is_some());
    }
    assert!(samples("no-usage", 3).iter().all(|sample| sample.output_tokens.is_none()));
    assert!(samples("cached-tokens=10", 3).iter().all(|s| s.cached_tokens == Some(10)));
}

#[test]
fn a_refused_request_is_tried_again_as_often_as_allowed() {
    let stub = stub(Dialect::OpenAi, "busy=2/0");
    let endpoint = endpoint(&stub.url(), TargetOptions::default());
    let workload = Workload { n_retries: 3, ..workload(Load::Concurrency { n: 1 }) };
    let all = requests(&endpoint, &workload, 3, 1);
    assert!(all.iter().all(|finished| finished.sample.is_ok()), "{all:?}");
    let n_retries: u32 = all.iter().map(|finished| finished.sample.n_retries).sum();
    assert_eq!(n_retries % 2, 0);
    assert!(n_retries >= 2, "{n_retries}");
    for Finished { sample, .. } in &all {
        assert_eq!(sample.first_sent_ns.is_some(), sample.n_retries > 0, "{sample:?}");
        assert!(sample.first_sent() <= sample.sent_ns, "{sample:?}");
    }
}

#[test]
fn answers_that_are_not_streamed_have_times_and_counts() {
    let stub = stub(Dialect::OpenAi, "");
    let endpoint = endpoint(&stub.url(), TargetOptions::default());
    let workload = Workload { stream: false, ..workload(Load::Concurrency { n: 2 }) };
    for finished in requests(&endpoint, &workload, 4, 1) {
        assert!(finished.sample.is_ok(), "{finished:?}");
        assert_eq!(finished.sample.output_tokens.unwrap().n, 8);
        assert_eq!(finished.sample.first_text_ns, finished.sample.last_text_ns);
    }
}

#[test]
fn each_api_is_spoken() {
    for (dialect, api) in [
        (Dialect::OpenAi, Api::Completions),
        (Dialect::LlamaCpp, Api::Chat),
        (Dialect::Vllm, Api::Chat),
        (Dialect::Ollama, Api::OllamaChat),
    ] {
        let stub = stub(dialect, "");
        let endpoint = endpoint(&stub.url(), TargetOptions::default());
        let workload = Workload { api, ..workload(Load::Concurrency { n: 2 }) };
        for finished in requests(&endpoint, &workload, 4, 1) {
            let sample = &finished.sample;
            assert!(sample.is_ok(), "{dialect:?}: {sample:?}");
            assert_eq!(sample.output_tokens.unwrap().n, 8, "{dialect:?}");
        }
    }
}

#[test]
fn a_conversation_grows() {
    let stub = stub(Dialect::OpenAi, "");
    let endpoint = endpoint(&stub.url(), TargetOptions::default());
    let mut all = requests(&endpoint, &workload(Load::Concurrency { n: 1 }), 6, 3);
    // Which conversation comes first is open; its turns are not.
    all.sort_by_key(|finished| finished.sample.session);
    let turns: Vec<(u32, u32)> = all.iter().map(|f| (f.sample.session, f.sample.turn)).collect();
    assert_eq!(turns, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
    let prompt = |position: usize| all[position].sample.prompt_tokens.unwrap().n;
    assert!(prompt(0) < prompt(1) && prompt(1) < prompt(2));
}

#[test]
fn connections_are_reused_unless_told_otherwise() {
    let stub = stub(Dialect::OpenAi, "");
    let endpoint = endpoint(&stub.url(), TargetOptions::default());
    let reuse = workload(Load::Concurrency { n: 2 });
    let new = |all: Vec<tokmark_http::Finished>| all.iter().filter(|f| f.sample.connected).count();
    assert_eq!(new(requests(&endpoint, &reuse, 8, 1)), 2);
    let fresh = Workload { reuse_connections: false, ..reuse };
    assert_eq!(new(requests(&endpoint, &fresh, 8, 1)), 8);
}

#[test]
fn an_open_loop_sends_what_is_due_whatever_is_under_way() {
    let stub = stub(Dialect::OpenAi, "ttft-ms=100");
    let endpoint = endpoint(&stub.url(), TargetOptions::default());
    let load = Load::Rate { per_s: 200.0, arrivals: Arrivals::Constant };
    let all = requests(&endpoint, &workload(load), 40, 1);
    let mut due: Vec<u64> = all.iter().map(|finished| finished.sample.due_ns.0).collect();
    due.sort_unstable();
    assert!(due.windows(2).all(|pair| pair[1] - pair[0] == 5_000_000), "{due:?}");
    // 200 requests a second of 100 ms each: one slot would never have done it.
    assert!(stub.summary().max_in_flight > 4, "{:?}", stub.summary());
}

#[test]
fn what_is_under_way_when_enough_is_enough_is_cut() {
    let stub = stub(Dialect::OpenAi, "slow");
    let endpoint = endpoint(&stub.url(), TargetOptions::default());
    let workload = workload(Load::Concurrency { n: 4 });
    let extent = Extent { n_requests: Some(100), duration: None };
    let schedule = Schedule::new(&workload.arrival, 1, extent).unwrap();
    let mut keep = Keep { cut_at_in_flight: Some(4), ..Keep::default() };
    drive(&endpoint, &source(1), &workload, schedule, 0, &mut keep).unwrap();
    assert_eq!(keep.finished.len(), 4);
    assert!(keep.finished.iter().all(|f| f.sample.error == Some(RequestError::Cut)));
}

#[test]
fn what_came_of_a_request_before_it_was_cut_stays() {
    // The fifth of eight events never comes.
    let stub = stub(Dialect::OpenAi, "stall");
    let endpoint = endpoint(&stub.url(), TargetOptions::default());
    let workload = workload(Load::Concurrency { n: 2 });
    let extent = Extent { n_requests: Some(100), duration: None };
    let schedule = Schedule::new(&workload.arrival, 1, extent).unwrap();
    // Some looks after the stub sent the last of them, the client has them too.
    let mut n_looks = 0;
    let all_stall = || {
        n_looks += u32::from(stub.summary().n_text_events == 8);
        n_looks > 4
    };
    let mut keep = Keep { cut_when: Some(Box::new(all_stall)), ..Keep::default() };
    drive(&endpoint, &source(1), &workload, schedule, 0, &mut keep).unwrap();
    assert_eq!(keep.finished.len(), 2);
    for finished in &keep.finished {
        let sample = &finished.sample;
        assert_eq!(sample.error, Some(RequestError::Cut));
        assert!(sample.sent_ns < sample.first_text_ns.unwrap(), "{sample:?}");
        assert!(sample.first_text_ns <= sample.last_text_ns, "{sample:?}");
        assert_eq!((sample.n_text_events, finished.events.len()), (4, 4), "{sample:?}");
    }
}

#[test]
fn the_requests_of_replicas_take_turns() {
    let (one, other) = (stub(Dialect::OpenAi, ""), stub(Dialect::OpenAi, ""));
    let endpoint = Endpoint::open(&[one.url(), other.url()], &EndpointOptions::default()).unwrap();
    let all = requests(&endpoint, &workload(Load::Concurrency { n: 2 }), 8, 1);
    let to_first = all.iter().filter(|finished| finished.sample.replica == 0).count();
    // Requests are made ahead by one thread and now and then by another: nearly in turn.
    assert!((2..=6).contains(&to_first) && all.len() == 8, "{to_first}");
    assert_eq!(other.summary().n_complete, 8 - to_first as u64);
}

#[test]
fn a_replica_that_is_dead_or_another_or_named_twice_is_refused() {
    let one = stub(Dialect::OpenAi, "");
    let refused = |other: String| {
        let urls = [one.url(), other];
        Endpoint::open(&urls, &EndpointOptions::default()).unwrap_err().to_string()
    };
    let twice = refused(one.url() + "/");
    assert!(twice.contains("given twice"), "{twice}");
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let dead = refused(dead);
    assert!(dead.contains("is the server running?"), "{dead}");
    // Part of the name is another model; the same file elsewhere is not.
    let lists = |id: &str| {
        let models = format!(r#"{{"data":[{{"id":"{id}"}}]}}"#);
        serve::serve(move |_, _| serve::answer("200 OK", "", &models))
    };
    let name = Endpoint::open(&[one.url()], &EndpointOptions::default()).unwrap();
    let name = name.facts().model.clone();
    let other = refused(lists(&format!("{name}-large")));
    assert!(other.contains("does not serve") && other.contains("-large"), "{other}");
    let namesake = refused(lists(&format!("other/{name}")));
    assert!(namesake.contains("does not serve"), "{namesake}");
    let urls = [one.url(), lists(&format!("/models/{name}"))];
    assert!(Endpoint::open(&urls, &EndpointOptions::default()).is_ok());
}

#[test]
fn a_refused_connection_and_a_refused_key_say_what_to_do() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let error = Endpoint::open(&[url], &EndpointOptions::default()).unwrap_err();
    assert!(error.to_string().contains("is the server running?"), "{error}");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let target = TargetOptions { api_key: Some("sk-secret".to_owned()), ..Default::default() };
    let options = EndpointOptions { target, ..EndpointOptions::default() };
    let error = Endpoint::open(&[url], &options).unwrap_err();
    let text = format!("{error} {error:?} {options:?}");
    assert!(text.contains("--api-key-env") && !text.contains("sk-secret"), "{text}");
}

#[test]
fn a_header_that_http_does_not_allow_is_refused_without_its_value() {
    let headers = vec![("x-key".to_owned(), "a\r\nb: c".to_owned())];
    let target = TargetOptions { headers, ..TargetOptions::default() };
    let options = EndpointOptions { target, ..EndpointOptions::default() };
    let error = Endpoint::open(&["127.0.0.1:9"], &options).unwrap_err();
    assert!(matches!(&error, HttpError::Header { name } if name == "x-key"), "{error:?}");
}

#[test]
fn a_server_that_talks_tls_to_http_is_an_error_with_advice() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n");
        }
    });
    let error = Endpoint::open(&[url], &EndpointOptions::default()).unwrap_err();
    assert!(error.to_string().contains("--insecure"), "{error}");
}
