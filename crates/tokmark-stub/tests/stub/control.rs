//! Answers about the server itself.

use tokmark_stub::{Dialect, Options, Summary, Truth};

use crate::client::{Client, ask, ask_chat, await_summary, chat, get, post, stub, stub_of};

#[test]
fn the_model_is_listed_under_the_name_given() {
    let options = Options { model: "my \"model\"".to_owned(), ..Options::default() };
    let stub = stub_of(options, "");
    assert_eq!(get(&stub, "/v1/models").json()["data"][0]["id"], "my \"model\"");
    assert_eq!(ask_chat(&stub, "", 2).events()[0]["model"], "my \"model\"");
}

#[test]
fn every_dialect_is_healthy_and_knows_nothing_of_other_paths() {
    for dialect in Dialect::ALL {
        let stub = stub_of(Options::of(dialect), "");
        assert_eq!(get(&stub, "/health").status, 200);
        let response = get(&stub, "/v1/nonsense");
        assert_eq!(response.status, 404);
        assert!(!response.json()["error"].is_null());
    }
}

#[test]
fn metrics_count_running_requests_under_the_names_of_the_dialect() {
    for (dialect, line) in [
        (Dialect::OpenAi, "\nstub:requests_running 1\n"),
        (Dialect::LlamaCpp, "\nllamacpp:requests_processing 1\n"),
        (Dialect::Vllm, "\nvllm:num_requests_running{engine=\"0\",model_name=\"stub\"} 1\n"),
    ] {
        let stub = stub_of(Options::of(dialect), "silent");
        let mut client = Client::connect(stub.address());
        client.send(&post("/v1/chat/completions", "", &chat(1).to_string()));
        await_summary(&stub, |summary| summary.in_flight == 1);
        let metrics = get(&stub, "/metrics").text();
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[test]
fn the_configuration_is_told_in_the_words_that_made_it() {
    let options = Options { n_slots: Some(3), ..Options::default() };
    let stub = stub_of(options, "ttft-ms=2.5 crlf packed=2");
    let config = get(&stub, "/stub/config").json();
    assert_eq!(config["mode"], "ttft-ms=2.5 itl-ms=0 crlf packed=2");
    assert_eq!((&config["n_slots"], &config["ttft_ns"]), (&3.into(), &2_500_000.into()));
}

#[test]
fn a_reset_forgets_what_was_recorded() {
    let stub = stub("");
    ask_chat(&stub, "", 3);
    assert_eq!(stub.truth().rows.len(), 1);
    assert_eq!(ask(&stub, "/stub/reset", "", &chat(1)).status, 200);
    let expected = Summary { n_connections: 0, ..Summary::default() };
    assert_eq!(stub.truth(), Truth { summary: expected, rows: Vec::new() });
    ask_chat(&stub, "", 3);
    assert_eq!(stub.truth().rows.len(), 1);
    assert_eq!(stub.summary().max_in_flight, 1);
}
