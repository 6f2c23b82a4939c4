use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use tokmark_compat::{is_peer_file, read_peer};
use tokmark_model::{Record, Timestamp};

use super::{AIPERF, AIPERF_RECORDS, GUIDELLM, VLLM, changed, read};

/// Values that a field may have to bear.
const VALUES: [&str; 16] = [
    "null",
    "true",
    "-1",
    "0",
    "0.5",
    "1e308",
    "-1e308",
    "1e-320",
    "9223372036854775808",
    "18446744073709551615",
    "\"NaN\"",
    "\"\"",
    "\"inf\"",
    "[]",
    "{}",
    "[null, -1, {}]",
];

/// A result with columns, small enough to be changed often.
const DETAILED: &str = r#"{"date": "20261121-211817", "backend": "openai-chat", "model_id": "m",
    "num_prompts": 2, "request_rate": 5.0, "burstiness": 1.0, "max_concurrency": 2, "duration": 2.5,
    "completed": 2, "failed": 0, "total_input_tokens": 30, "total_output_tokens": 5,
    "request_throughput": 0.8, "input_lens": [10, 20], "output_lens": [3, 2], "ttfts": [0.05, 0.06],
    "itls": [[0.01, 0.01], [0.02]], "start_times": [100.25, 101.0], "queue_times": [0.0, 0.5],
    "latencies": [0.07, 0.09], "errors": ["", ""]}"#;

/// GuideLLM's report with two requests, and with a sample of one.
static SMALL: LazyLock<[String; 2]> = LazyLock::new(|| {
    [2, 1].map(|n| {
        changed(GUIDELLM, |root| {
            let benchmark = &mut root["benchmarks"][0];
            benchmark["requests"]["successful"].as_array_mut().unwrap().truncate(n);
            benchmark["scheduler_state"] = json!({"successful_requests": 2});
            let metrics = &benchmark["metrics"];
            benchmark["metrics"] = json!({
                "request_totals": {"successful": 2, "errored": 0, "incomplete": 0, "total": 2},
                "time_to_first_token_ms": metrics["time_to_first_token_ms"],
                "request_concurrency": metrics["request_concurrency"],
            });
        })
    })
});

fn any_fixture() -> impl Strategy<Value = &'static str> {
    let [whole, sampled] = SMALL.each_ref().map(String::as_str);
    let records = AIPERF_RECORDS.find('\n').map_or(AIPERF_RECORDS, |end| &AIPERF_RECORDS[..end]);
    select(vec![records, AIPERF, whole, sampled, VLLM, DETAILED])
}

/// What holds of whatever comes out.
fn check(text: &str) {
    is_peer_file(text);
    let Ok(records) = read(text) else { return };
    assert!(!records.is_empty());
    for record in &records {
        let written = serde_json::to_string(record).unwrap();
        let back: Record = serde_json::from_str(&written).unwrap();
        assert_eq!(back.id, record.id);
        assert_eq!(record.grade, None);
        let serving = record.serving.as_deref().unwrap();
        assert!(serving.summary.is_some() || !serving.requests.is_empty());
        assert!(serving.requests.is_sorted_by_key(|request| request.due_ns));
        for request in &serving.requests {
            assert!(request.due_ns <= request.sent_ns && request.sent_ns <= request.end_ns);
            assert!(request.last_text_ns.is_none_or(|last| last <= request.end_ns));
            assert!(request.is_ok() || request.first_text_ns.is_none());
        }
        if let Some(events) = &serving.events {
            assert_eq!(events.unpack().unwrap().len(), serving.requests.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_file_cut_anywhere_is_never_a_panic(text in any_fixture(), share in 0.0..1.0f64) {
        check(&text[..text.floor_char_boundary((text.len() as f64 * share) as usize)]);
    }

    #[test]
    fn a_file_with_changed_bytes_is_never_a_panic(
        text in any_fixture(),
        changes in prop::collection::vec((0.0..1.0f64, any::<u8>()), 1..4),
    ) {
        let mut bytes = text.as_bytes().to_vec();
        for (share, byte) in changes {
            let at = (bytes.len() as f64 * share) as usize;
            bytes[at] = byte;
        }
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text_behind_a_brace_is_never_a_panic(text in "\\{[\\x20-\\x7e\\n]{0,200}") {
        check(&text);
    }
}

/// Counts the values of a document, itself among them.
fn n_values(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(n_values).sum::<usize>(),
        Value::Object(fields) => fields.values().map(n_values).sum(),
        _ => 0,
    }
}

/// Puts `other` in the place of the value after the next `n`.
fn replace(value: &mut Value, n: &mut usize, other: &Value) {
    let is_it = *n == 0;
    *n = n.wrapping_sub(1);
    match value {
        _ if is_it => *value = other.clone(),
        Value::Array(list) => list.iter_mut().for_each(|value| replace(value, n, other)),
        Value::Object(fields) => fields.values_mut().for_each(|value| replace(value, n, other)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_field_with_another_value_is_never_a_panic(
        text in any_fixture(),
        changes in prop::collection::vec((0.0..1.0f64, select(VALUES.to_vec())), 1..4),
    ) {
        let text = changed(text, |root| {
            for (share, value) in changes {
                let mut n = (n_values(root) as f64 * share) as usize;
                replace(root, &mut n, &serde_json::from_str(value).unwrap());
            }
        });
        check(&text);
    }
}

#[test]
fn the_same_file_gives_the_same_records() {
    for text in [AIPERF_RECORDS, AIPERF, GUIDELLM, VLLM] {
        let first = read_peer(text, "a.json", Timestamp::UNIX_EPOCH).unwrap();
        let again = read_peer(text, "b.json", Timestamp::MAX).unwrap();
        assert_eq!(first, again);
        let other = read(&format!("{text} ")).unwrap();
        assert_ne!(first[0].id, other[0].id);
        assert_eq!(first[0].id.get_version_num(), 5);
    }
}

#[test]
fn a_file_without_a_time_gets_that_of_the_caller() {
    let text = VLLM.replace("2026-11-21T21:18:17Z", "once");
    let record = super::one(&text);
    assert_eq!(record.created_at, super::WRITTEN_AT);
    assert!(record.flags.contains(&"time_unknown".to_owned()));
}
