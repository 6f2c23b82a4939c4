use serde_json::{Value, json};
use tokmark_model::{
    Api, Arrivals, CountSource, Load, Nanos, RecordKind, RequestError, Speculation, Status,
    TokenCount,
};

use super::{VLLM, changed, nanos, one, quantiles, read, serving, spans};

/// A result of `--save-detailed` in the form of vLLM's `serve.py`: two answers, a refusal
/// that left nothing but its reason, and one without any trace.
fn detailed() -> Value {
    json!({
        "date": "20261121-211817", "endpoint_type": "openai-chat", "backend": "openai-chat",
        "label": null, "model_id": "tiny", "tokenizer_id": "tiny", "num_prompts": 4,
        "request_rate": 5.0, "burstiness": 1.0, "max_concurrency": 2, "duration": 2.5,
        "completed": 2, "failed": 2, "total_input_tokens": 30, "total_output_tokens": 5,
        "request_throughput": 0.8, "output_throughput": 2.0, "total_token_throughput": 14.0,
        "input_lens": [10, 20, 10, 10], "output_lens": [3, 2, 0, 0],
        "ttfts": [0.05, 0.06, 0.0, 0.0], "itls": [[0.01, 0.0101, 0.0001], [0.02], [], []],
        "start_times": [100.25, 101.0, 101.5, 102.0],
        "queue_times": [0.0, 0.5, 0.0, 0.0], "latencies": [0.0702, 0.09, 0.0, 0.0],
        "generated_texts": ["a secret answer", "b", "", ""],
        "errors": ["", "", "Too Many Requests", ""],
        "mean_ttft_ms": 55.0,
    })
}

fn with(change: impl FnOnce(&mut Value)) -> String {
    changed(&detailed().to_string(), change)
}

#[test]
fn a_plain_result_is_a_summary() {
    let record = one(VLLM);
    assert_eq!(record.kind, RecordKind::ImportedSummary);
    assert_eq!((record.tool.name.as_str(), record.tool.version.as_str()), ("vllm bench serve", ""));
    // The end is 21:18:17 and the run took 6.83911079 s.
    assert_eq!(record.created_at, "2026-11-21T21:18:10.16088921Z".parse().unwrap());
    assert_eq!(record.status, Status::Ok);
    let summary = serving(&record).summary.as_ref().unwrap();
    assert_eq!((summary.n_requests, summary.n_ok), (640, 640));
    let ttft = summary.ttft_ms.as_ref().unwrap();
    assert_eq!((ttft.n, ttft.mean, ttft.stddev), (640, 51.797051117187486, 1.6510450696896193));
    let levels = [(0.5, 51.4459105), (0.9, 52.294939), (0.99, 58.222786070000005)];
    assert_eq!(quantiles(&summary.ttft_ms), levels);
    assert_eq!(summary.tpot_ms.as_ref().map(|tpot| tpot.mean), Some(10.00125515813492));
    assert_eq!(summary.itl_ms.as_ref().map(|itl| (itl.n, itl.mean)), Some((0, 9.84497621530769)));
    assert_eq!(summary.e2e_ms.as_ref().map(|e2e| e2e.mean), Some(681.8761260796873));
    assert_eq!(summary.output_rate_tps.map(|rate| rate.per_s), Some(5989.08268307202));
    assert_eq!(summary.request_rate_per_s.map(|rate| rate.per_s), Some(93.57941692300031));
    assert_eq!(summary.window_end_ns, Nanos(6_839_110_790));
    // The file says 192 under a limit of 64.
    assert_eq!(summary.max_in_flight, 0);
}

/// 640 answers of 64 events take 630.079 ms from first to last. At a mean gap of 9.84498 ms
/// that is 64 gaps, not 63: the event that ends a chat counts.
#[test]
fn figures_that_count_events_without_text_are_flagged() {
    let record = one(VLLM);
    assert_eq!(
        record.flags,
        [
            "e2e_may_end_with_usage_event",
            "itl_count_unknown",
            "itl_counts_empty_finish_event",
            "min_max_are_outermost_figures",
            "stddev_of_population",
            "ttft_counts_empty_opening_event"
        ]
    );
    let summary = serving(&record).summary.as_ref().unwrap();
    let mean =
        |distribution: &Option<tokmark_model::Distribution>| distribution.as_ref().unwrap().mean;
    let decode_ms = mean(&summary.e2e_ms) - mean(&summary.ttft_ms);
    assert!((decode_ms / mean(&summary.itl_ms) - 64.0).abs() < 1e-3);
    let text = changed(VLLM, |result| {
        result["backend"] = json!("openai");
        result["endpoint_type"] = json!("openai");
    });
    assert!(!one(&text).flags.contains(&"ttft_counts_empty_opening_event".to_owned()));
}

#[test]
fn load_server_and_size_are_named() {
    let record = one(VLLM);
    let serving = serving(&record);
    assert_eq!(serving.workload.arrival, Load::Concurrency { n: 64 });
    assert_eq!(serving.workload.api, Api::Chat);
    assert_eq!(
        (serving.server.model.as_str(), serving.server.dialect.as_str()),
        ("mock", "openai")
    );
    assert!(serving.server.urls.is_empty());
    // 40,787 prompt and 40,960 output tokens of 640 requests.
    assert_eq!((record.test.n_prompt, record.test.n_gen, record.test.n_parallel), (64, 64, 64));
}

#[test]
fn detailed_columns_are_requests() {
    let record = one(&detailed().to_string());
    assert_eq!(record.kind, RecordKind::Imported);
    assert_eq!(record.created_at, "2026-11-21T21:18:14.5Z".parse().unwrap());
    assert!(record.flags.contains(&"time_zone_assumed_utc".to_owned()));
    assert!(!record.flags.contains(&"e2e_may_end_with_usage_event".to_owned()));
    let requests = &serving(&record).requests;
    assert_eq!(requests.len(), 4);
    assert_eq!((requests[0].due_ns, requests[0].sent_ns), (Nanos(0), Nanos(0)));
    assert_eq!(spans(&requests[0]), nanos([50_000_000, 70_200_000, 70_200_000]));
    assert_eq!(requests[0].n_text_events, 4);
    assert_eq!(requests[0].output_tokens, Some(TokenCount { n: 3, source: CountSource::Usage }));
    assert_eq!(requests[0].prompt_tokens, Some(TokenCount { n: 10, source: CountSource::Local }));
    // At a rate, a request is due before it waits for a free slot.
    assert_eq!((requests[1].due_ns, requests[1].sent_ns), (Nanos(250_000_000), Nanos(750_000_000)));
    assert_eq!(spans(&requests[1]), nanos([60_000_000, 80_000_000, 90_000_000]));
    assert_eq!(requests[2].error, Some(RequestError::Status { code: 429 }));
    assert_eq!(requests[3].error, Some(RequestError::BrokenStream));
    assert!(record.flags.contains(&"errors_of_unknown_kind".to_owned()));
    let events = serving(&record).events.as_ref().unwrap().unpack().unwrap();
    let first = [50_000_000, 60_000_000, 70_100_000, 70_200_000].map(Nanos).to_vec();
    assert_eq!(events, [first, [60_000_000, 80_000_000].map(Nanos).to_vec(), vec![], vec![]]);
}

#[test]
fn in_a_closed_loop_a_request_is_due_when_it_is_sent() {
    let record = one(&with(|result| result["request_rate"] = json!("inf")));
    assert_eq!(serving(&record).workload.arrival, Load::Concurrency { n: 2 });
    assert!(serving(&record).requests.iter().all(|request| request.due_ns == request.sent_ns));
}

#[test]
fn requests_without_start_times_stay_a_summary() {
    let record = one(&with(|result| {
        result.as_object_mut().unwrap().remove("start_times");
    }));
    assert_eq!(record.kind, RecordKind::ImportedSummary);
    assert!(record.flags.contains(&"start_times_unknown".to_owned()));
    let summary = serving(&record).summary.as_ref().unwrap();
    assert_eq!((summary.n_requests, summary.n_ok), (4, 2));
    assert_eq!(summary.ttft_ms.as_ref().map(|ttft| ttft.mean), Some(55.0));
}

#[test]
fn each_way_to_load_a_server_is_read() {
    let load = |change: &dyn Fn(&mut Value)| {
        let record = one(&changed(VLLM, change));
        (serving(&record).workload.arrival.clone(), record.flags)
    };
    let rate = |per_s, arrivals| Load::Rate { per_s, arrivals };
    let (poisson, flags) = load(&|result| result["request_rate"] = json!(4.5));
    assert_eq!(poisson, rate(4.5, Arrivals::Poisson));
    assert!(flags.contains(&"concurrency_limited".to_owned()));
    let (gamma, _) = load(&|result| {
        result["request_rate"] = json!(4.5);
        result["burstiness"] = json!(0.25);
    });
    assert_eq!(gamma, rate(4.5, Arrivals::Gamma { cv: 2.0 }));
    let (ramp, flags) = load(&|result| {
        result["ramp_up_strategy"] = json!("linear");
        result["ramp_up_end_rps"] = json!(100);
    });
    assert_eq!(ramp, rate(100.0, Arrivals::Poisson));
    assert!(flags.contains(&"rate_ramped".to_owned()));
    let (burst, flags) = load(&|result| result["max_concurrency"] = Value::Null);
    assert_eq!(burst, Load::Concurrency { n: 640 });
    assert!(flags.contains(&"all_requests_at_once".to_owned()));
}

#[test]
fn results_appended_to_one_file_are_several_records() {
    let second = changed(VLLM, |result| result["max_concurrency"] = json!(128));
    let records = read(&format!("{VLLM}\n{second}")).unwrap();
    let labels: Vec<_> = records.iter().map(|record| record.label()).collect();
    assert_eq!(labels, ["imported x 64", "imported x 128"]);
    assert_ne!(records[0].id, records[1].id);
}

#[test]
fn a_run_without_an_answer_has_no_figures() {
    let record = one(&changed(VLLM, |result| {
        result["completed"] = json!(0);
        result["failed"] = json!(640);
        result["failed_requests"] = json!([{"index": 0, "error": "HTTP 503 Service Unavailable"}]);
    }));
    assert_eq!(record.status, Status::Failed);
    let summary = serving(&record).summary.as_ref().unwrap();
    assert_eq!((summary.ttft_ms.as_ref(), summary.output_rate_tps), (None, None));
    let errors: Vec<_> = summary.errors.iter().map(|(kind, n)| (kind.as_str(), *n)).collect();
    assert_eq!(errors, [("broken stream", 639), ("http 503", 1)]);
}

#[test]
fn drafted_and_accepted_tokens_are_kept() {
    let record = one(&changed(VLLM, |result| {
        result["spec_decode_draft_tokens"] = json!(3000);
        result["spec_decode_accepted_tokens"] = json!(2400);
    }));
    let drafted = Speculation { method: String::new(), n_drafted: 3000, n_accepted: 2400 };
    assert_eq!(record.speculation, Some(drafted));
}
