use serde_json::{Value, json};
use tokmark_model::{
    Api, Arrivals, CountSource, LengthControl, Load, Nanos, RecordKind, RequestError, Status,
    TokenCount,
};

use super::{GUIDELLM, changed, nanos, one, read, serving, spans};

/// The report with `change` made to its only benchmark.
fn benchmark(change: impl FnOnce(&mut Value)) -> String {
    changed(GUIDELLM, |root| change(&mut root["benchmarks"][0]))
}

#[test]
fn each_successful_request_is_a_sample() {
    let record = one(GUIDELLM);
    assert_eq!(record.kind, RecordKind::Imported);
    assert_eq!((record.tool.name.as_str(), record.tool.version.as_str()), ("guidellm", "0.8.1"));
    assert!(record.flags.is_empty(), "{:?}", record.flags);
    assert_eq!(record.created_at, "2026-11-21T21:02:33.60594964Z".parse().unwrap());
    let requests = &serving(&record).requests;
    assert_eq!(requests.len(), 20);
    assert_eq!((serving(&record).summary.as_ref(), serving(&record).events.as_ref()), (None, None));

    // In a closed loop `targeted_start` is no due time.
    assert_eq!((requests[0].due_ns, requests[0].sent_ns), (Nanos(0), Nanos(0)));
    // The file: TTFT 58.890581130981445 ms, last token and end by the wall clock.
    assert_eq!(spans(&requests[0]), nanos([58_890_581, 683_361_292, 683_707_714]));
    assert_eq!(requests[3].sent_ns, Nanos(2_076_407_671));
    assert_eq!(spans(&requests[3]), nanos([52_040_816, 681_203_842, 681_540_251]));
    assert_eq!(spans(&requests[19]), nanos([52_124_500, 682_414_054, 682_995_796]));
    assert_eq!(requests[0].prompt_tokens, Some(TokenCount { n: 58, source: CountSource::Usage }));
    assert_eq!(requests[0].output_tokens, Some(TokenCount { n: 64, source: CountSource::Usage }));
    assert_eq!(requests[0].n_text_events, 64);
    assert_eq!(requests[0].first_answer_ns, requests[0].first_text_ns);
}

#[test]
fn load_server_and_size_are_named() {
    let record = one(GUIDELLM);
    let serving = serving(&record);
    assert_eq!(serving.workload.arrival, Load::Concurrency { n: 1 });
    assert_eq!((serving.workload.api, serving.workload.stream), (Api::Chat, true));
    assert_eq!((serving.workload.n_prompt, serving.workload.n_output), (Some(64), Some(64)));
    assert_eq!((serving.workload.seed, serving.workload.turns), (42, 1));
    assert_eq!(serving.workload.length_control, LengthControl::IgnoreEos);
    assert_eq!(serving.server.urls, ["http://127.0.0.1:9000"]);
    assert_eq!((serving.server.model.as_str(), record.test.n_gen), ("mock", 64));
}

#[test]
fn an_open_loop_has_due_times() {
    let text = benchmark(|benchmark| {
        benchmark["config"]["strategy"] = json!({"type_": "poisson", "rate": 1.5});
    });
    let record = one(&text);
    assert_eq!(
        serving(&record).workload.arrival,
        Load::Rate { per_s: 1.5, arrivals: Arrivals::Poisson }
    );
    // `targeted_start` 1795294953.599235, `request_start` 1795294953.6059496.
    let first = &serving(&record).requests[0];
    assert_eq!((first.due_ns, first.sent_ns), (Nanos(0), Nanos(6_714_582)));
}

#[test]
fn each_strategy_is_a_load() {
    let load = |strategy: Value| {
        let record = one(&benchmark(|benchmark| benchmark["config"]["strategy"] = strategy));
        (serving(&record).workload.arrival.clone(), record.flags)
    };
    assert_eq!(load(json!({"type_": "synchronous"})).0, Load::Concurrency { n: 1 });
    let throughput = json!({"type_": "throughput", "max_concurrency": 512});
    assert_eq!(load(throughput).0, Load::Concurrency { n: 512 });
    let trace = json!({"type_": "trace", "time_scale": 0.5});
    assert_eq!(load(trace).0, Load::Replay { speed: 2.0 });
    let constant = Load::Rate { per_s: 2.0, arrivals: Arrivals::Constant };
    assert_eq!(load(json!({"type_": "constant", "rate": 2})).0, constant);
    let (unknown, flags) = load(json!({"type_": "of tomorrow"}));
    assert_eq!(unknown, Load::Concurrency { n: 1 });
    assert_eq!(flags, ["load_inferred_from_requests"]);
}

#[test]
fn errored_and_incomplete_requests_have_their_kind() {
    let text = benchmark(|benchmark| {
        let requests = &mut benchmark["requests"];
        let mut request = requests["successful"][0].clone();
        request["info"]["error"] = json!("Client error '429 Too Many Requests' for url 'x'");
        requests["errored"] = json!([request]);
        let mut unsent = request.clone();
        for time in ["request_start", "resolve_start"] {
            unsent["info"]["timings"][time] = Value::Null;
        }
        requests["incomplete"] = json!([request, unsent]);
    });
    let record = one(&text);
    let requests = &serving(&record).requests;
    assert_eq!((requests.len(), record.status), (22, Status::Ok));
    let errors: Vec<_> = requests.iter().filter_map(|request| request.error.clone()).collect();
    assert_eq!(errors, [RequestError::Status { code: 429 }, RequestError::Cut]);
}

#[test]
fn a_report_that_left_out_requests_is_a_summary() {
    let text = benchmark(|benchmark| {
        benchmark["requests"]["successful"].as_array_mut().unwrap().truncate(5);
    });
    let record = one(&text);
    assert_eq!(record.kind, RecordKind::ImportedSummary);
    assert_eq!(
        record.flags,
        [
            "quantiles_not_interpolated",
            "requests_left_out",
            "stddev_of_population",
            "tpot_weighted_by_tokens"
        ]
    );
    assert!(serving(&record).requests.is_empty());
    let summary = serving(&record).summary.as_ref().unwrap();
    assert_eq!((summary.n_requests, summary.n_ok, summary.n_cut), (20, 20, 0));
    let ttft = summary.ttft_ms.as_ref().unwrap();
    assert_eq!((ttft.n, ttft.mean, ttft.stddev), (20, 53.19606065750122, 2.09154520107712));
    let median = ttft.quantile(0.5).unwrap();
    assert_eq!(median.value, 52.252769470214844);
    let interval = median.interval.unwrap();
    let ends = (52.040815353393555, 53.38644981384277, 0.95);
    assert_eq!((interval.low, interval.high, interval.level), ends);
    assert_eq!((ttft.quantile(0.99).unwrap().interval, ttft.quantiles.len()), (None, 5));
    let closed = summary.closed_ms.as_ref().unwrap();
    assert!((closed.mean - 683.5935711860657).abs() < 1e-9, "{}", closed.mean);
    assert_eq!((summary.itl_ms.as_ref(), summary.e2e_ms.as_ref()), (None, None));
    assert_eq!(summary.output_rate_tps.map(|rate| rate.per_s), Some(92.76152118960545));
    assert_eq!(summary.mean_in_flight, Some(0.9907996802914733));
}

#[test]
fn each_benchmark_is_a_record_with_its_own_name() {
    let text = changed(GUIDELLM, |root| {
        let mut second = root["benchmarks"][0].clone();
        second["config"]["strategy"]["streams"] = json!(4);
        let mut empty = second.clone();
        empty["requests"] = json!({"successful": [], "errored": [], "incomplete": []});
        empty["metrics"]["request_totals"] = json!({"total": 0});
        empty["scheduler_state"] = json!({"successful_requests": 0});
        root["benchmarks"].as_array_mut().unwrap().extend([empty, second]);
    });
    let records = read(&text).unwrap();
    let labels: Vec<_> = records.iter().map(|record| record.label()).collect();
    assert_eq!(labels, ["imported x 1", "imported x 4"]);
    assert_ne!(records[0].id, records[1].id);
    assert_eq!(records[0].run_id, records[1].run_id);
}

#[test]
fn versions_without_times_of_the_answer_are_said_to_ignore_reasoning() {
    let text = benchmark(|benchmark| {
        for request in benchmark["requests"]["successful"].as_array_mut().unwrap() {
            let timings = request["info"]["timings"].as_object_mut().unwrap();
            timings.remove("first_output_token_iteration");
            let first = timings.remove("first_token_iteration").unwrap();
            timings.insert("first_iteration".to_owned(), first);
        }
    });
    let record = one(&text);
    assert_eq!(record.flags, ["ttft_ignores_reasoning"]);
    assert_eq!(spans(&serving(&record).requests[0])[0], Some(Nanos(58_890_581)));
}

#[test]
fn requests_outside_the_measured_time_are_left_out() {
    let text = benchmark(|benchmark| {
        // After the third request ended and before the last was sent.
        benchmark["scheduler_metrics"]["measure_start_time"] = json!(1795294955.68);
        benchmark["scheduler_metrics"]["measure_end_time"] = json!(1795294966.5);
    });
    let record = one(&text);
    let serving = serving(&record);
    assert_eq!((serving.requests.len(), serving.workload.n_warmup), (16, 3));
    assert_eq!(spans(&serving.requests[0])[0], Some(Nanos(52_040_816)));
}

#[test]
fn a_report_of_0_4_without_its_version_is_read() {
    let text = changed(GUIDELLM, |root| {
        let benchmarks = root["benchmarks"].take();
        *root = json!({
            "args": {"target": "http://host:1/", "model": "tiny", "backend": "openai_http",
                "data": ["prompt_tokens=64"], "random_seed": 7},
            "benchmarks": benchmarks,
        });
        root["benchmarks"][0]["config"]["backend"] = json!({});
    });
    let record = one(&text);
    let serving = serving(&record);
    assert_eq!(record.tool.version, "");
    assert_eq!((serving.server.model.as_str(), serving.workload.seed), ("tiny", 7));
    assert_eq!(serving.server.urls, ["http://host:1"]);
    assert_eq!((serving.workload.n_prompt, record.test.n_prompt), (None, 58));
}
