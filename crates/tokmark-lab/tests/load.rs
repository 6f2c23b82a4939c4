//! Load points against a server of known times: where the counts of tokens come from.

use std::sync::Arc;
use std::time::Duration;

use tokmark_host::BusyProcess;
use tokmark_http::{Endpoint, EndpointOptions};
use tokmark_lab::{Live, LoadExtent, LoadObserver, LoadOptions, measure_point};
use tokmark_model::{
    CountSource, Load, MachineFacts, Nanos, Record, RequestSample, TokensPerSecond, Uuid, Workload,
};
use tokmark_run::Interrupt;
use tokmark_stub::{Dialect, Options, Stub};
use tokmark_tokenizer::LocalTokenizer;
use tokmark_workload::{Length, PromptSource, Shape, SourceOptions};

struct Nobody;

impl LoadObserver for Nobody {
    fn warming_up(&mut self, _: &Workload) {}
    fn live(&mut self, _: &Live) {}
    fn counting(&mut self, _: u64) {}
    fn disturbed(&mut self, _: f64, _: &[BusyProcess]) {}
}

/// A point of three requests for 8 tokens each, at a stub that behaves as `mode` says.
fn point(dialect: Dialect, mode: &str, tokenizer: Option<Arc<LocalTokenizer>>) -> Record {
    point_below(None, dialect, mode, tokenizer)
}

/// The same where prompts can't be computed faster than `ceiling`.
fn point_below(
    ceiling: Option<TokensPerSecond>,
    dialect: Dialect,
    mode: &str,
    tokenizer: Option<Arc<LocalTokenizer>>,
) -> Record {
    let mut options = Options::of(dialect);
    options.behaviour.ttft = Duration::from_millis(2);
    options.behaviour.itl = Duration::from_millis(1);
    options.behaviour.apply(mode).unwrap();
    let stub = Stub::start(options).unwrap();
    let endpoint = Endpoint::open(&[stub.url()], &EndpointOptions::default()).unwrap();
    let shape = Shape {
        prompt_tokens: Length::Fixed(40),
        output_tokens: Length::Fixed(8),
        ..Shape::builtin("chat").unwrap()
    };
    let source = Arc::new(PromptSource::from_shape(shape, SourceOptions::default()).unwrap());
    let workload = Workload {
        n_prompt: Some(40),
        n_output: Some(8),
        timeout_ns: Some(Nanos(20_000_000_000)),
        ..Workload::new("chat", Load::Concurrency { n: 1 })
    };
    let options = LoadOptions {
        run_id: Uuid::nil(),
        machine: MachineFacts::default(),
        extent: LoadExtent::Requests(3),
        abort_errors: 1.0,
        interrupt: Interrupt::default(),
        server_pids: Vec::new(),
        calibration: None,
        prefill_ceiling: ceiling,
        recipe: None,
        is_fresh_server: false,
        first_load: None,
        large_logs: std::env::temp_dir(),
        tokenizer,
    };
    measure_point(&endpoint, &source, &workload, 0, &options, &mut Nobody).unwrap()
}

fn requests(record: &Record) -> &[RequestSample] {
    &record.serving.as_ref().unwrap().requests
}

fn sources(request: &RequestSample) -> [Option<CountSource>; 3] {
    [request.prompt_tokens, request.output_tokens, request.reasoning_tokens]
        .map(|count| count.map(|count| count.source))
}

fn is_estimated(record: &Record) -> bool {
    has_reason(record, "counts_estimated")
}

fn has_reason(record: &Record, code: &str) -> bool {
    record.grade.as_ref().unwrap().reasons.iter().any(|reason| reason.code == code)
}

/// Every word and every mark is a token.
fn words() -> Arc<LocalTokenizer> {
    let text = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null,
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text.to_string()).unwrap();
    Arc::new(LocalTokenizer::open(file.path()).unwrap())
}

#[test]
fn usage_wins_over_every_tokenizer() {
    let record = point(Dialect::Vllm, "", Some(words()));
    for request in requests(&record) {
        let usage = Some(CountSource::Usage);
        assert_eq!(sources(request)[..2], [usage, usage], "{request:?}");
        assert_eq!(request.output_tokens.unwrap().n, 8);
    }
    assert!(!is_estimated(&record));
}

#[test]
fn without_usage_the_servers_tokenizer_counts() {
    let record = point(Dialect::Vllm, "no-usage,reasoning=3", None);
    for request in requests(&record) {
        assert_eq!(sources(request), [Some(CountSource::Server); 3], "{request:?}");
        let n = |count: Option<tokmark_model::TokenCount>| count.unwrap().n;
        assert_eq!(n(request.reasoning_tokens), 3);
        assert_eq!(n(request.output_tokens), request.n_text_events);
        assert_eq!(request.first_event_tokens, Some(1));
        assert!(n(request.prompt_tokens) > 10);
    }
    let summary = record.serving.as_ref().unwrap().summary.as_ref().unwrap();
    assert!(
        summary.tpot_ms.is_some() && summary.output_rate_tps.is_some() && !is_estimated(&record)
    );
}

/// llama.cpp's own account of a request is the server's count too, and has no reasoning in it.
#[test]
fn each_count_has_the_best_source_of_its_own() {
    let record = point(Dialect::LlamaCpp, "no-usage,reasoning=3", None);
    for request in requests(&record) {
        let usage = Some(CountSource::Usage);
        let expected = [usage, usage, Some(CountSource::Server)];
        assert_eq!(sources(request), expected, "{request:?}");
        assert_eq!(request.reasoning_tokens.unwrap().n, 3);
    }
}

#[test]
fn a_tokenizer_that_the_user_gave_replaces_the_servers() {
    let record = point(Dialect::Vllm, "no-usage", Some(words()));
    for request in requests(&record) {
        let local = Some(CountSource::Local);
        assert_eq!(sources(request), [local, local, None], "{request:?}");
        assert_eq!(request.output_tokens.unwrap().n, 8);
        assert_eq!(request.first_event_tokens, Some(1));
    }
    assert!(!is_estimated(&record));
}

#[test]
fn several_tokens_in_the_first_event_are_counted() {
    let record = point(Dialect::OpenAi, "no-usage,tokens-per-event=4", Some(words()));
    for request in requests(&record) {
        assert_eq!(
            (request.n_text_events, request.first_event_tokens),
            (2, Some(4)),
            "{request:?}"
        );
    }
}

#[test]
fn estimated_counts_are_in_the_grade() {
    let record = point(Dialect::OpenAi, "no-usage", None);
    for request in requests(&record) {
        let estimated = Some(CountSource::Estimated);
        assert_eq!(sources(request), [estimated, estimated, None], "{request:?}");
        // Eight words x 1.3.
        assert_eq!(request.output_tokens.unwrap().n, 10);
        assert_eq!(request.first_event_tokens, None);
    }
    assert!(is_estimated(&record), "{:?}", record.grade);
}

#[test]
fn a_cache_that_is_not_told_is_suspected_above_the_ceiling() {
    let suspected = |ceiling| {
        let record = point_below(ceiling, Dialect::OpenAi, "", None);
        has_reason(&record, "cache_hit_suspected")
    };
    // 40 tokens, after 2 ms or some more.
    assert!(suspected(Some(TokensPerSecond(0.01))));
    assert!(!suspected(Some(TokensPerSecond(1e9))));
    assert!(!suspected(None));
}
