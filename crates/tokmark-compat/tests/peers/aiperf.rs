use serde_json::{Value, json};
use tokmark_model::{
    Api, Arrivals, CountSource, Load, Nanos, RecordKind, RequestError, Status, TokenCount,
};

use super::{AIPERF, AIPERF_RECORDS, changed, message, nanos, one, quantiles, serving, spans};

/// The first line of the records.
fn first_line() -> Value {
    serde_json::from_str(AIPERF_RECORDS.lines().next().unwrap()).unwrap()
}

/// The records with `line` after them.
fn with(line: &Value) -> String {
    format!("{}\n\n{line}\n", AIPERF_RECORDS.trim_end())
}

fn failed(error: &Value) -> Value {
    let mut line = first_line();
    line["metrics"] = json!({"error_isl": {"value": 550, "unit": "tokens"}});
    line["metadata"]["request_ack_ns"] = Value::Null;
    line["error"] = error.clone();
    line
}

#[test]
fn each_line_is_a_request() {
    let record = one(AIPERF_RECORDS);
    assert_eq!(record.kind, RecordKind::Imported);
    assert_eq!((record.tool.name.as_str(), record.tool.version.as_str()), ("aiperf", ""));
    assert_eq!(record.status, Status::Ok);
    assert_eq!(record.created_at, "2026-11-21T21:03:41.729457628Z".parse().unwrap());
    assert_eq!((&record.summary, &record.grade), (&None, &None));
    let requests = &serving(&record).requests;
    assert_eq!(requests.len(), 8);
    assert_eq!(serving(&record).summary, None);

    // The credit for the first came 1.292334 ms before it was sent.
    let first = &requests[0];
    assert_eq!((first.due_ns, first.sent_ns), (Nanos(0), Nanos(1_292_334)));
    assert_eq!(first.headers_ns, Some(Nanos(1_292_334 + 4_629_122)));
    assert_eq!(spans(first), nanos([55_150_713, 685_652_837, 685_652_837]));
    assert_eq!(first.first_answer_ns, first.first_text_ns);
    assert_eq!(first.last_answer_ns, first.last_text_ns);
    assert_eq!(first.prompt_tokens, Some(TokenCount { n: 50, source: CountSource::Usage }));
    assert_eq!(first.output_tokens, Some(TokenCount { n: 64, source: CountSource::Usage }));
    assert_eq!((first.n_text_events, first.connected, first.error.clone()), (64, true, None));

    let (second, last) = (&requests[1], &requests[7]);
    assert_eq!((second.due_ns, second.sent_ns), (Nanos(691_609_646), Nanos(692_600_956)));
    assert!(!second.connected);
    assert_eq!(last.sent_ns, Nanos(4_813_158_052));
    assert_eq!(spans(last)[..2], nanos([51_819_209, 682_017_957]));
    let sessions: Vec<_> = requests.iter().map(|request| request.session).collect();
    assert_eq!(sessions, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn every_gap_is_in_the_log_of_events() {
    let record = one(AIPERF_RECORDS);
    let events = serving(&record).events.as_ref().unwrap().unpack().unwrap();
    assert_eq!(events.len(), 8);
    assert!(events.iter().all(|times| times.len() == 64));
    let first = [55_150_713, 65_647_999, 75_049_005, 85_384_333].map(Nanos);
    assert_eq!(events[0][..4], first);
    assert_eq!(events[0][63], Nanos(685_652_837));
}

#[test]
fn records_alone_leave_load_and_model_open() {
    let record = one(AIPERF_RECORDS);
    assert_eq!(record.flags, ["api_unknown", "load_inferred_from_requests", "model_unknown"]);
    assert_eq!(serving(&record).workload.arrival, Load::Concurrency { n: 1 });
    assert_eq!(record.label(), "imported x 1");
    assert_eq!((record.test.n_prompt, record.test.n_gen, record.test.n_parallel), (48, 64, 1));
}

#[test]
fn a_time_is_read_in_the_unit_that_it_names() {
    let text = AIPERF_RECORDS.lines().next().unwrap();
    let text = changed(text, |line| {
        line["metrics"]["time_to_first_token"] = json!({"value": 0.055_150_713, "unit": "sec"});
    });
    assert_eq!(serving(&one(&text)).requests[0].first_text_ns, Some(Nanos(56_443_047)));
    let text = changed(&text, |line| {
        line["metrics"]["time_to_first_token"]["unit"] = json!("fortnights");
    });
    let message = message(&text);
    assert!(message.contains("line 1.metrics.time_to_first_token.unit"), "{message}");
    assert!(!message.contains("fortnights"));
}

#[test]
fn failed_requests_have_a_kind_and_no_times_of_text() {
    let mut cancelled = failed(&json!({
        "code": 499, "type": "RequestCancellationError", "message": "after 0.000 seconds"
    }));
    cancelled["metadata"]["was_cancelled"] = json!(true);
    let told = [
        (cancelled, RequestError::Cut),
        (failed(&json!({"code": 503, "type": "HTTPError"})), RequestError::Status { code: 503 }),
        (failed(&json!({"type": "ClientConnectorError"})), RequestError::Connect),
        (failed(&json!({"code": 1, "message": "oh"})), RequestError::BrokenStream),
    ];
    for (line, expected) in told {
        let record = one(&with(&line));
        let requests = &serving(&record).requests;
        assert_eq!(requests.len(), 9);
        let request = requests.iter().find(|request| !request.is_ok()).unwrap();
        assert_eq!((request.first_text_ns, request.n_text_events), (None, 0));
        assert_eq!(request.error, Some(expected.clone()));
        let is_unknown = record.flags.contains(&"errors_of_unknown_kind".to_owned());
        assert_eq!(is_unknown, expected == RequestError::BrokenStream);
        let events = serving(&record).events.as_ref().unwrap().unpack().unwrap();
        assert_eq!(events.iter().filter(|times| times.is_empty()).count(), 1);
    }
}

#[test]
fn a_run_without_an_answer_is_a_failed_record() {
    let line = failed(&json!({"code": 500}));
    let record = one(&line.to_string());
    assert_eq!(record.status, Status::Failed);
    assert_eq!(serving(&record).events, None);
}

#[test]
fn warm_up_requests_are_counted_and_left_out() {
    let mut line = first_line();
    line["metadata"]["benchmark_phase"] = json!("warmup");
    line["metadata"]["phase_kind"] = json!("warmup");
    let record = one(&with(&line));
    assert_eq!(serving(&record).requests.len(), 8);
    assert_eq!(serving(&record).workload.n_warmup, 1);
}

#[test]
fn the_wait_for_a_connection_is_flagged() {
    let mut line = first_line();
    line["metrics"]["http_req_blocked"]["value"] = json!(3.5);
    assert!(one(&with(&line)).flags.contains(&"ttft_includes_client_queue".to_owned()));
    let text = changed(AIPERF, |root| root["http_req_blocked"]["max"] = json!(3.5));
    assert!(one(&text).flags.contains(&"ttft_includes_client_queue".to_owned()));
}

#[test]
fn answers_that_were_not_streamed_have_no_first_token() {
    let mut line = first_line();
    for tag in ["time_to_first_token", "time_to_first_output_token", "inter_chunk_latency"] {
        line["metrics"].as_object_mut().unwrap().remove(tag);
    }
    let record = one(&line.to_string());
    let request = &serving(&record).requests[0];
    assert_eq!((request.first_text_ns, request.n_text_events), (None, 1));
    assert_eq!(request.last_text_ns, Some(Nanos(1_292_334 + 685_652_837)));
    assert!(!serving(&record).workload.stream);
    assert_eq!(serving(&record).events, None);
}

#[test]
fn the_summary_has_the_figures_of_the_file_and_no_intervals() {
    let record = one(AIPERF);
    assert_eq!(record.kind, RecordKind::ImportedSummary);
    assert_eq!((record.tool.name.as_str(), record.tool.version.as_str()), ("aiperf", "0.13.0"));
    assert_eq!(record.flags, ["stddev_of_population", "time_zone_assumed_utc"]);
    assert_eq!(record.created_at, "2026-11-21T21:03:41.726627Z".parse().unwrap());
    let summary = serving(&record).summary.as_ref().unwrap();
    assert_eq!((summary.n_requests, summary.n_ok, summary.statistics_version), (20, 20, 0));
    let ttft = summary.ttft_ms.as_ref().unwrap();
    assert_eq!((ttft.n, ttft.mean, ttft.stddev), (20, 53.2012706, 2.4357201794691314));
    assert_eq!((ttft.min, ttft.max), (50.848721999999995, 59.660968999999994));
    let levels = [
        (0.5, 51.924803999999995),
        (0.9, 55.5684848),
        (0.95, 59.34505789999999),
        (0.99, 59.59778678),
    ];
    assert_eq!(quantiles(&summary.ttft_ms), levels);
    assert_eq!(summary.itl_ms.as_ref().map(|itl| (itl.n, itl.max)), Some((1260, 19.316073)));
    assert_eq!(summary.tpot_ms.as_ref().map(|tpot| tpot.mean), Some(9.994798617460317));
    assert_eq!(summary.e2e_ms.as_ref().map(|e2e| e2e.mean), Some(682.8735835));
    assert_eq!(summary.prompt_tokens.as_ref().map(|tokens| tokens.mean), Some(47.6));
    assert_eq!(summary.output_rate_tps.map(|rate| rate.per_s), Some(93.13598162944103));
    assert_eq!(summary.window_end_ns, Nanos(13_738_864_384));
    assert_eq!((summary.closed_ms.clone(), summary.goodput), (None, None));
}

#[test]
fn the_summary_names_load_server_and_size() {
    let record = one(AIPERF);
    let serving = serving(&record);
    assert_eq!(serving.workload.arrival, Load::Concurrency { n: 1 });
    assert_eq!((serving.workload.api, serving.workload.stream), (Api::Chat, true));
    assert_eq!((serving.workload.n_prompt, serving.workload.n_output), (Some(64), Some(64)));
    assert_eq!((serving.server.model.as_str(), record.model.name.as_str()), ("mock", "mock"));
    assert_eq!(serving.server.urls, ["http://127.0.0.1:9000"]);
    assert_eq!(serving.server.dialect, "openai");
    assert_eq!((record.test.n_prompt, record.test.n_gen), (64, 64));
}

#[test]
fn each_way_to_load_a_server_is_read() {
    let load = |phase: Value| {
        let text = changed(AIPERF, |root| root["input_config"]["phases"] = json!([phase]));
        let record = one(&text);
        (serving(&record).workload.arrival.clone(), record.flags)
    };
    let rate = |per_s, arrivals| Load::Rate { per_s, arrivals };
    assert_eq!(load(json!({"type": "poisson", "rate": 2.5})).0, rate(2.5, Arrivals::Poisson));
    let gamma = json!({"type": "gamma", "rate": 2, "smoothness": 4.0, "concurrency": 9});
    let (gamma, flags) = load(gamma);
    assert_eq!(gamma, rate(2.0, Arrivals::Gamma { cv: 0.5 }));
    assert!(flags.contains(&"concurrency_limited".to_owned()));
    assert_eq!(load(json!({"type": "fixed_schedule"})).0, Load::Replay { speed: 1.0 });
    let (series, flags) = load(json!({"type": "constant", "rate_series": []}));
    assert_eq!(series, rate(1.4552497129600162, Arrivals::Constant));
    assert!(flags.contains(&"rate_ramped".to_owned()));
    let (unknown, flags) = load(json!({"type": "of tomorrow"}));
    assert_eq!(unknown, Load::Concurrency { n: 1 });
    assert!(flags.contains(&"load_inferred_from_requests".to_owned()));
}

#[test]
fn the_configuration_of_older_versions_is_read() {
    let text = changed(AIPERF, |root| {
        root["input_config"] = json!({
            "endpoint": {
                "model_names": ["tiny"], "url": "http://me:word@host:8000/", "type": "completions"
            },
            "loadgen": {"request_rate": 3.0, "arrival_pattern": "constant"},
            "input": {"prompt": {"input_tokens": {"mean": 550}, "output_tokens": {"mean": 20}}},
        });
    });
    let record = one(&text);
    let serving = serving(&record);
    assert_eq!(serving.workload.label(), "imported 3/s constant");
    assert_eq!(serving.workload.api, Api::Completions);
    assert_eq!(serving.server.model, "tiny");
    assert_eq!(serving.server.urls, ["http://host:8000"]);
    assert_eq!((record.test.n_prompt, record.test.n_gen), (550, 20));
}

#[test]
fn errors_and_cancelling_of_the_summary_are_told() {
    let text = changed(AIPERF, |root| {
        root["was_cancelled"] = json!(true);
        root["error_request_count"] = json!({"unit": "requests", "avg": 9.0});
        root["error_summary"] = json!([
            {"error_details": {"code": 429, "message": "full"}, "count": 3},
            {"error_details": {"code": 499, "type": "RequestCancellationError"}, "count": 4},
        ]);
    });
    let record = one(&text);
    assert_eq!(record.status, Status::Interrupted);
    let summary = serving(&record).summary.as_ref().unwrap();
    assert_eq!((summary.n_requests, summary.n_ok, summary.n_cut), (25, 20, 4));
    let errors: Vec<_> = summary.errors.iter().map(|(kind, n)| (kind.as_str(), *n)).collect();
    assert_eq!(errors, [("broken stream", 2), ("http 429", 3)]);
}
