//! Load points against a server of known times: where the counts of tokens come from, and how
//! points end.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokmark_host::BusyProcess;
use tokmark_http::{Endpoint, EndpointOptions};
use tokmark_lab::{Live, LoadExtent, LoadObserver, LoadOptions, measure_point};
use tokmark_model::{
    CountSource, GradeLetter, Load, MachineFacts, Nanos, Record, RequestSample, Status,
    TokensPerSecond, Uuid, Workload,
};
use tokmark_run::Interrupt;
use tokmark_stub::{Dialect, Options, Stub};
use tokmark_tokenizer::LocalTokenizer;
use tokmark_workload::{Length, PromptSource, Shape, SourceOptions};

struct Nobody;

impl LoadObserver for Nobody {
    fn warming_up(&mut self, _: &Workload) {}
    fn warm_up_cut(&mut self, _: Duration, _: u64) {}
    fn live(&mut self, _: &Live) {}
    fn counting(&mut self, _: u64) {}
    fn disturbed(&mut self, _: f64, _: &[BusyProcess]) {}
}

/// What a stub in `mode` is like, with short times.
fn behaving(dialect: Dialect, mode: &str) -> Options {
    let mut options = Options::of(dialect);
    options.behaviour.ttft = Duration::from_millis(2);
    options.behaviour.itl = Duration::from_millis(1);
    options.behaviour.apply(mode).unwrap();
    options
}

/// One request at a time for 8 tokens.
fn one_by_one() -> Workload {
    Workload {
        n_prompt: Some(40),
        n_output: Some(8),
        timeout_ns: Some(Nanos(20_000_000_000)),
        ..Workload::new("chat", Load::Concurrency { n: 1 })
    }
}

fn three_requests() -> LoadOptions {
    LoadOptions {
        run_id: Uuid::nil(),
        machine: MachineFacts::default(),
        extent: LoadExtent::Requests(3),
        abort_errors: Some(1.0),
        interrupt: Interrupt::default(),
        server_pids: Vec::new(),
        calibration: None,
        prefill_ceiling: None,
        recipe: None,
        is_fresh_server: false,
        first_load: None,
        warm_up_limit: Duration::from_secs(60),
        large_logs: std::env::temp_dir(),
        tokenizer: None,
    }
}

fn measured(
    url: &str,
    workload: &Workload,
    options: &LoadOptions,
    observer: &mut dyn LoadObserver,
) -> Record {
    let endpoint = Endpoint::open(&[url], &EndpointOptions::default()).unwrap();
    let shape = Shape {
        prompt_tokens: Length::Fixed(40),
        output_tokens: Length::Fixed(8),
        ..Shape::builtin("chat").unwrap()
    };
    let source = Arc::new(PromptSource::from_shape(shape, SourceOptions::default()).unwrap());
    measure_point(&endpoint, &source, workload, 0, options, observer).unwrap()
}

/// A point of three requests for 8 tokens each, at a stub that behaves as `mode` says.
fn point(dialect: Dialect, mode: &str, tokenizer: Option<Arc<LocalTokenizer>>) -> Record {
    let stub = Stub::start(behaving(dialect, mode)).unwrap();
    let options = LoadOptions { tokenizer, ..three_requests() };
    measured(&stub.url(), &one_by_one(), &options, &mut Nobody)
}

/// The same where prompts can't be computed faster than `prefill_ceiling`.
fn point_below(prefill_ceiling: Option<TokensPerSecond>) -> Record {
    let stub = Stub::start(behaving(Dialect::OpenAi, "")).unwrap();
    let options = LoadOptions { prefill_ceiling, ..three_requests() };
    measured(&stub.url(), &one_by_one(), &options, &mut Nobody)
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
        // Eight words x 1.3 would be ten; eight were asked for.
        assert_eq!(request.output_tokens.unwrap().n, 8);
        assert_eq!(request.first_event_tokens, None);
    }
    assert!(is_estimated(&record), "{:?}", record.grade);
}

#[test]
fn a_cache_that_is_not_told_is_suspected_above_the_ceiling() {
    let suspected = |ceiling| has_reason(&point_below(ceiling), "cache_hit_suspected");
    // 40 tokens, after 2 ms or some more.
    assert!(suspected(Some(TokensPerSecond(0.01))));
    assert!(!suspected(Some(TokensPerSecond(1e9))));
    assert!(!suspected(None));
}

/// Ends the run at a moment of the warm-up.
struct Impatient {
    interrupt: Interrupt,
    /// When the warm-up begins, or else when it is cut.
    at_once: bool,
    cut_with: Option<u64>,
}

impl LoadObserver for Impatient {
    fn warming_up(&mut self, _: &Workload) {
        if self.at_once {
            self.interrupt.raise();
        }
    }

    fn warm_up_cut(&mut self, _: Duration, n_over: u64) {
        self.cut_with = Some(n_over);
        self.interrupt.raise();
    }

    fn live(&mut self, live: &Live) {
        assert!(live.is_warm_up, "nothing but the warm-up was to be seen: {live:?}");
    }

    fn counting(&mut self, _: u64) {}
    fn disturbed(&mut self, _: f64, _: &[BusyProcess]) {}
}

#[test]
fn a_warm_up_without_answers_ends_at_its_limit_and_an_interrupt_in_it_ends_the_point() {
    for at_once in [false, true] {
        let stub = Stub::start(behaving(Dialect::OpenAi, "silent")).unwrap();
        let interrupt = Interrupt::default();
        let workload = Workload { n_warmup: 2, timeout_ns: None, ..one_by_one() };
        let warm_up_limit = Duration::from_millis(if at_once { 3_600_000 } else { 150 });
        let options =
            LoadOptions { interrupt: interrupt.clone(), warm_up_limit, ..three_requests() };
        let mut observer = Impatient { interrupt, at_once, cut_with: None };
        let record = measured(&stub.url(), &workload, &options, &mut observer);
        assert_eq!(observer.cut_with, (!at_once).then_some(0));
        assert_eq!(record.status, Status::Interrupted);
        assert_eq!(requests(&record), []);
        // The first of the warm-up, and none after it.
        assert!(stub.summary().in_flight + stub.summary().n_requests <= 1);
    }
}

#[test]
fn a_warm_up_that_came_to_its_end_leaves_no_mark() {
    let stub = Stub::start(behaving(Dialect::OpenAi, "")).unwrap();
    let workload = Workload { n_warmup: 2, ..one_by_one() };
    let record = measured(&stub.url(), &workload, &three_requests(), &mut Nobody);
    assert_eq!((record.status, requests(&record).len()), (Status::Ok, 3));
    assert!(record.flags.iter().all(|flag| flag != "warm_up_cut"), "{:?}", record.flags);
}

/// A server that answers the first `n_good` questions and then says no.
fn failing_after(n_good: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut n_posts = 0;
        for mut stream in listener.incoming().map(Result::unwrap) {
            let mut bytes = Vec::new();
            let mut piece = [0; 4096];
            // Each request brings its body in the same write; every answer closes.
            while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(n @ 1..) => bytes.extend_from_slice(&piece[..n]),
                    _ => break,
                }
            }
            let is_post = bytes.starts_with(b"POST");
            n_posts += usize::from(is_post);
            let (status, body) = match is_post {
                false => ("200 OK", r#"{"data":[{"id":"m"}]}"#),
                true if n_posts <= n_good => (
                    "200 OK",
                    r#"{"choices":[{"message":{"content":"a b"},"finish_reason":"stop"}]}"#,
                ),
                true => ("500 Oh", r#"{"error":{"message":"out of pages"}}"#),
            };
            let head = format!("content-length: {}\r\nconnection: close", body.len());
            let _ =
                stream.write_all(format!("HTTP/1.1 {status}\r\n{head}\r\n\r\n{body}").as_bytes());
        }
    });
    url
}

#[test]
fn too_many_errors_give_a_point_up_however_quickly_they_came() {
    let workload = Workload { stream: false, ..one_by_one() };
    let extent = LoadExtent::Requests(15);
    for (abort_errors, status) in
        [(None, Status::Failed), (Some(0.5), Status::Failed), (Some(0.9), Status::Ok)]
    {
        let options = LoadOptions { extent, abort_errors, ..three_requests() };
        let record = measured(&failing_after(3), &workload, &options, &mut Nobody);
        assert_eq!(record.status, status, "{:?}", record.status_reason);
        if let Some(reason) = &record.status_reason {
            let message = &reason.message;
            assert!(message.starts_with("given up: "), "{message}");
            assert!(message.ends_with("most of them by: http 500 (out of pages)"), "{message}");
        }
    }
}

#[test]
fn failures_cost_the_grade_from_5_percent_on_unless_more_were_said_to_be_fine() {
    let workload = Workload { stream: false, ..one_by_one() };
    let letter = |abort_errors| {
        let extent = LoadExtent::Requests(4);
        let options = LoadOptions { extent, abort_errors, ..three_requests() };
        let record = measured(&failing_after(3), &workload, &options, &mut Nobody);
        assert_eq!(record.status, Status::Ok, "{:?}", record.status_reason);
        let reasons = record.grade.unwrap().reasons;
        reasons.into_iter().find(|reason| reason.code == "errors").unwrap().letter
    };
    assert_eq!(letter(None), GradeLetter::D);
    for asked in [0.5, 0.6] {
        assert_eq!(letter(Some(asked)), GradeLetter::B);
    }
}
