use serde_json::json;
use tokmark_compat::{PeerError, is_peer_file};

use super::{
    AIPERF, AIPERF_RECORDS, GUIDELLM, INFERENCE_PERF, LLAMA_BENCHY, VLLM, changed, message, one,
    read,
};

#[test]
fn files_of_other_tools_are_told_from_our_own() {
    for text in [AIPERF_RECORDS, AIPERF, GUIDELLM, VLLM, INFERENCE_PERF, LLAMA_BENCHY] {
        assert!(is_peer_file(text));
        assert!(is_peer_file(&format!("\u{feff}\n {text}")));
    }
    let record = serde_json::to_string(&one(VLLM)).unwrap();
    let llama_bench = include_str!("../fixtures/llama-bench-11434/out.json");
    for text in [record.as_str(), llama_bench, "", "{}", "[]", "model: x", "{\"metrics\": 1}"] {
        assert!(!is_peer_file(text), "{text}");
    }
    let message = message(&record);
    assert!(message.starts_with("result.json is a record of Tokmark's own"), "{message}");
}

#[test]
fn tools_that_are_not_read_are_named() {
    assert_eq!(
        message(INFERENCE_PERF),
        "result.json is a result of inference-perf, which is not read; understood are AIPerf's \
         profile_export.jsonl and profile_export_aiperf.json, GuideLLM's JSON of version 0.4 and \
         later, and the JSON of 'vllm bench serve --save-result'"
    );
    assert!(message(LLAMA_BENCHY).starts_with("result.json is a result of llama-benchy, which"));
    let raw = r#"{"metadata": {"request_start_ns": 1}, "payload": {}, "responses": []}"#;
    assert!(message(raw).contains("profile_export_raw.jsonl"));
    let old = r#"{"benchmarks": [{"type_": "generative_benchmark", "run_stats": {}}]}"#;
    assert!(message(old).contains("a result of GuideLLM before 0.4"));
    let genai =
        r#"{"request_throughput": {"unit": "requests/sec", "avg": 1.0}, "input_config": {}}"#;
    assert!(message(genai).contains("GenAI-Perf"));
    let sglang = r#"{"backend": "sglang", "request_throughput": 1.0, "mean_e2e_latency_ms": 2.0}"#;
    assert!(message(sglang).contains("SGLang"));
}

#[test]
fn what_is_unknown_is_described_by_its_keys() {
    let text = r#"{"alpha": 1, "beta": {"gamma": 2}, "metadata": [{"request_start_ns": 1}]}"#;
    let message = message(text);
    let start = "result.json is of no known tool: it holds the keys alpha, beta, metadata; \
                 understood are";
    assert!(message.starts_with(start), "{message}");
}

#[test]
fn garbage_is_refused_at_its_first_bytes() {
    let garbage = "\u{1}x".repeat(50_000_000);
    assert_eq!(
        read(&garbage),
        Err(PeerError::NoObject {
            file: "result.json".to_owned(),
            found: "no printable character".to_owned()
        })
    );
    let syntax = |column| {
        let file = "result.json".to_owned();
        Err(PeerError::Syntax { file, problem: "is broken JSON", line: 1, column })
    };
    assert_eq!(read(&format!("{{{garbage}")), syntax(2));
    // Known by its keys, and nested more deeply than any file of a tool.
    let nested = VLLM.replace("null", &"[".repeat(100_000));
    assert!(message(&nested).starts_with("result.json is broken JSON at line 1, column "));
    assert!(message("[1, 2]").starts_with("result.json is no result file: it begins with '['"));
    assert!(message("  ").starts_with("result.json is no result file: it begins with nothing"));
}

#[test]
fn a_file_that_was_cut_off_is_said_to_be() {
    for text in [AIPERF, GUIDELLM, VLLM] {
        let message = message(&text[..text.len() * 9 / 10]);
        assert!(message.starts_with("result.json ends in the middle at line "), "{message}");
    }
    let cut = &AIPERF_RECORDS[..AIPERF_RECORDS.len() - 40];
    assert!(message(cut).starts_with("result.json ends in the middle at line 8, column "));
}

#[test]
fn a_wrong_value_is_named_by_its_place_and_not_quoted() {
    let at = |path: &str, value: serde_json::Value, text: &str| {
        let changed = changed(text, |root| *root.pointer_mut(path).unwrap() = value);
        message(&changed)
    };
    assert_eq!(
        at("/mean_ttft_ms", json!("NaN"), VLLM),
        "mean_ttft_ms of result.json is a text where a number belongs; is the file from another \
         version?"
    );
    let negative = at("/mean_ttft_ms", json!(-1.0), VLLM);
    assert!(negative.contains("is a negative number where a number of 0 or more belongs"));
    let message = at("/time_to_first_token/avg", json!(["NaN"]), AIPERF);
    assert!(message.starts_with("time_to_first_token.avg of result.json is a list where"));
    let timing = "/benchmarks/0/requests/successful/3/info/timings";
    let message = at(&format!("{timing}/request_start"), json!("sk-12345"), GUIDELLM);
    let place = "benchmarks[0].requests.successful[3].info.timings.request_start of result.json";
    assert!(message.starts_with(place), "{message}");
    assert!(!message.contains("sk-12345"));
    let message = at(&format!("{timing}/first_token_iteration"), json!(1.5), GUIDELLM);
    assert!(message.contains("where a time after the request was sent belongs"), "{message}");
    let message = at("/config/spec/backend", json!([]), VLLM_AS_GUIDELLM);
    assert!(message.starts_with("benchmarks of result.json is missing where"), "{message}");
    let first = AIPERF_RECORDS.lines().next().unwrap();
    let message = at("/metrics/time_to_first_token/value", json!(-5.0), first);
    assert!(message.starts_with("line 1.metrics.time_to_first_token.value of"), "{message}");
    let message = at("/metadata/request_end_ns", json!(1), first);
    assert!(message.contains("where a time after request_start_ns belongs"), "{message}");
}

/// A report with nothing of what a report has.
const VLLM_AS_GUIDELLM: &str =
    r#"{"metadata": {"guidellm_version": "1"}, "config": {"spec": {"backend": {}}}}"#;

#[test]
fn columns_of_different_lengths_are_an_error() {
    let text = changed(VLLM, |result| {
        result["ttfts"] = json!([0.1, 0.1]);
        result["start_times"] = json!([1.0, 1.1]);
        result["itls"] = json!([[], [], []]);
    });
    assert_eq!(
        message(&text),
        "itls of result.json has 3 entries where ttfts has 2; the file was changed or cut"
    );
}

#[test]
fn a_file_without_requests_is_an_error() {
    let empty = changed(VLLM, |result| {
        result["completed"] = json!(0);
        result["num_prompts"] = json!(0);
    });
    assert!(message(&empty).ends_with("holds no request: there is nothing to import"));
    let empty = changed(VLLM, |result| {
        result["ttfts"] = json!([]);
        result["start_times"] = json!([]);
    });
    assert!(message(&empty).ends_with("holds no request: there is nothing to import"));
    let empty = changed(GUIDELLM, |root| root["benchmarks"] = json!([]));
    assert!(message(&empty).ends_with("holds no request: there is nothing to import"));
    let empty = changed(AIPERF, |root| root["request_count"]["avg"] = json!(0));
    assert!(message(&empty).ends_with("holds no request: there is nothing to import"));
}

#[test]
fn benchmarks_of_embeddings_are_refused() {
    let text = changed(AIPERF, |root| {
        root["input_config"]["endpoint"]["type"] = json!("nim_embeddings");
    });
    assert!(message(&text).starts_with("result.json measures embeddings, not the generation"));
    let text = changed(GUIDELLM, |root| {
        root["benchmarks"][0]["config"]["backend"]["request_format"] = json!("/v1/embeddings");
    });
    assert!(message(&text).starts_with("result.json measures embeddings, not the generation"));
    let text = changed(VLLM, |result| {
        result.as_object_mut().unwrap().remove("total_output_tokens");
    });
    assert!(message(&text).starts_with("result.json measures embeddings or rankings, not"));
}
