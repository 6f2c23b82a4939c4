//! Records made by hand, with numbers that are easy to recognize.

use std::collections::BTreeMap;

use tokmark_model::{
    Api, ArrivalCheck, Arrivals, Bytes, CacheMode, ClientCheck, CountSource, CpuFacts,
    Distribution, EngineFacts, EventLog, Goodput, Grade, GradeLetter, GradeReason, Interval,
    IntervalMethod, KeptShare, LatencyKind, LengthControl, Load, MachineFacts, MemoryFacts,
    ModelFacts, Nanos, NoInterval, OsFacts, Quantile, Record, RecordKind, Repetitions,
    ReplicaSummary, RequestError, RequestSample, ServerFacts, ServiceLevel, Serving,
    ServingSummary, Speculation, Status, StatusReason, SystemRate, Test, Think, TimelinePoint,
    Timestamp, TokenCount, Tool, Uuid, Workload,
};

const MS: u64 = 1_000_000;
const METHOD: IntervalMethod = IntervalMethod::OrderStatistic;

/// A closed loop of one, few requests, nothing to be said against it but their number.
pub(in crate::view) fn chat_by_one() -> Record {
    let mut record = point(1, closed(1), requests(8, 1, 50, 10));
    let summary = summary_of(&mut record);
    summary.ttft_ms = Some(few(50.0, 61.0, 8));
    summary.output_rate_tps =
        Some(SystemRate { per_s: 92.4, interval: None, no_interval: Some(NoInterval::TooFew) });
    record.grade = Some(Grade {
        letter: GradeLetter::C,
        reasons: vec![reason(GradeLetter::C, "not_converged", "known to ±8.1 %, asked ±5.0 %")],
    });
    record
}

/// A closed loop of four on two replicas, with service levels, errors and speculation.
pub(in crate::view) fn chat_by_four() -> Record {
    let mut requests = requests(60, 4, 80, 12);
    for (n, error) in [(7, RequestError::Status { code: 429 }), (31, RequestError::Timeout)] {
        let sent = requests[n].sent_ns;
        requests[n] = RequestSample {
            due_ns: requests[n].due_ns,
            sent_ns: sent,
            end_ns: Nanos(sent.0 + 300 * MS),
            error: Some(error),
            ..RequestSample::default()
        };
    }
    let mut record = point(2, closed(4), requests);
    record.speculation =
        Some(Speculation { method: "draft".to_owned(), n_drafted: 1_234, n_accepted: 740 });
    let serving = record.serving.as_mut().unwrap();
    serving.server.urls.push("http://127.0.0.1:8081".to_owned());
    serving.workload.service_levels =
        vec![level(LatencyKind::Ttft, 500), level(LatencyKind::Tpot, 50)];
    let replica = |replica, n_errors| ReplicaSummary {
        replica,
        n_requests: 30,
        n_errors,
        ttft_ms: Some(known(80.0 + f64::from(replica), 120.0, 30)),
        tpot_ms: Some(known(12.0, 12.4, 30)),
        output_rate_tps: Some(151.2),
        output_interval: rate(151.2).interval,
    };
    let summary = summary_of(&mut record);
    summary.ttft_ms = Some(known(80.4, 120.7, 58));
    summary.tpot_ms = Some(known(12.0, 12.4, 58));
    summary.itl_ms = Some(known(11.9, 14.2, 5_742));
    summary.tokens_per_event = Some(1.02);
    summary.n_ok = 58;
    summary.n_cut = 3;
    summary.n_retries = 2;
    summary.errors = BTreeMap::from([("http 429".to_owned(), 1), ("timeout".to_owned(), 1)]);
    summary.replicas = vec![replica(0, 1), replica(1, 1)];
    summary.cold_ttft_ms = Some(812.0);
    summary.cached_share = Some(0.031);
    summary.rate_vs_server = Some(0.992);
    summary.goodput = Some(Goodput {
        n_good: 57,
        n_judged: 60,
        n_unjudged: 1,
        share: 0.95,
        share_low: 0.863,
        share_high: 0.983,
        per_s: 3.12,
        interval: rate(3.12).interval,
        no_interval: None,
    });
    let kept = |n_kept: u64, share_low, share_high| KeptShare {
        n_kept,
        n_judged: 60,
        share: n_kept as f64 / 60.0,
        share_low,
        share_high,
    };
    summary.levels = BTreeMap::from([
        ("tpot".to_owned(), kept(60, 0.9496, 1.0)),
        ("ttft".to_owned(), kept(57, 0.862, 0.9885)),
    ]);
    record.grade = Some(Grade {
        letter: GradeLetter::E,
        reasons: vec![
            reason(GradeLetter::E, "other_processes", "other processes used 0.3 cores"),
            reason(GradeLetter::B, "errors", "2 of 60 requests failed (http 429 x 1, timeout x 1)"),
            reason(GradeLetter::B, "retries", "the server refused 2 attempts"),
        ],
    });
    record
}

/// An open loop at a server elsewhere, whose answers hold several tokens an event and whose
/// counts are estimated.
pub(in crate::view) fn remote_at_a_rate() -> Record {
    let arrival = Load::Rate { per_s: 2.5, arrivals: Arrivals::Gamma { cv: 2.0 } };
    let mut requests = requests(40, 2, 300, 40);
    for request in &mut requests {
        request.output_tokens = Some(TokenCount { n: 100, source: CountSource::Estimated });
        request.sent_ns = Nanos(request.due_ns.0 + 3 * MS);
    }
    let mut record = point(3, arrival, requests);
    record.machine = MachineFacts::default();
    record.flags.push("remote_server".to_owned());
    let serving = record.serving.as_mut().unwrap();
    serving.workload.shape = "rag".to_owned();
    serving.workload.length_control = LengthControl::LimitOnly;
    serving.workload.temperature = Some(0.7);
    serving.server = ServerFacts {
        dialect: "ollama".to_owned(),
        evidence: "/api/version and a list of models answered".to_owned(),
        version: Some("0.33.1".to_owned()),
        model: "qwen3:4b\u{1b}[31m".to_owned(),
        models: vec!["qwen3:4b\u{1b}[31m".to_owned(), "gemma3".to_owned()],
        model_bytes: Some(Bytes(3 << 30)),
        gpu_share_percent: Some(100.0),
        urls: vec!["https://models.example".to_owned()],
        ..ServerFacts::default()
    };
    let summary = summary_of(&mut record);
    summary.ttft_ms = Some(known(300.0, 420.0, 40));
    summary.ttft_from_due_ms = Some(known(303.0, 423.0, 40));
    summary.e2e_from_due_ms = Some(known(1_293.0, 1_500.0, 40));
    summary.tokens_per_event = Some(4.0);
    summary.arrivals = ArrivalCheck {
        n: 40,
        asked_cv: Some(2.0),
        offered_per_s: Some(2.61),
        due_cv: Some(1.87),
        sent_cv: Some(1.86),
        n_late: 40,
        late_p99_ns: Nanos(3 * MS),
        late_max_ns: Nanos(3_400_000),
        ..ArrivalCheck::default()
    };
    record.grade = Some(Grade {
        letter: GradeLetter::C,
        reasons: vec![
            reason(
                GradeLetter::C,
                "counts_estimated",
                "tokens of 40 answers are estimated from their words",
            ),
            reason(
                GradeLetter::B,
                "remote_server",
                "what else the server's machine did is not known",
            ),
            reason(
                GradeLetter::B,
                "itl_per_event",
                "an event holds 4.0 tokens: gaps are per event",
            ),
        ],
    });
    record
}

/// A point of which every request was refused.
pub(in crate::view) fn all_refused() -> Record {
    let refused = |n: u64| RequestSample {
        due_ns: Nanos(n * MS),
        sent_ns: Nanos(n * MS),
        end_ns: Nanos((n + 1) * MS),
        error: Some(RequestError::Connect),
        ..RequestSample::default()
    };
    let mut record = point(4, closed(16), (0..10).map(refused).collect());
    record.status = Status::Failed;
    record.status_reason =
        Some(because("given up: 10 of 10 requests failed, most of them by: connect"));
    let serving = record.serving.as_mut().unwrap();
    serving.timeline.clear();
    serving.summary = Some(ServingSummary {
        n_requests: 10,
        errors: BTreeMap::from([("connect".to_owned(), 10)]),
        ..ServingSummary::default()
    });
    record
}

/// A point that was not measured.
pub(in crate::view) fn skipped() -> Record {
    let mut record = point(5, closed(64), Vec::new());
    record.status = Status::Skipped;
    record.status_reason = Some(because("the lighter point failed"));
    let serving = record.serving.as_mut().unwrap();
    (serving.summary, serving.events) = (None, None);
    (serving.client, serving.timeline) = (ClientCheck::default(), Vec::new());
    record
}

/// All of them.
pub(in crate::view) fn run() -> Vec<Record> {
    vec![chat_by_one(), chat_by_four(), remote_at_a_rate(), all_refused(), skipped()]
}

/// Two recipes at two loads.
pub(in crate::view) fn two_recipes() -> Vec<Record> {
    let mut records = Vec::new();
    for (n, recipe) in ["llama-server", "vllm"].into_iter().enumerate() {
        for slots in [1, 4] {
            let ttft = 50.0 + 20.0 * n as f64 + 5.0 * f64::from(slots);
            let mut record = point(
                10 + 2 * n as u128 + u128::from(slots > 1),
                closed(slots),
                requests(12, u64::from(slots), ttft as u64, 10),
            );
            let serving = record.serving.as_mut().unwrap();
            serving.recipe = Some(recipe.to_owned());
            serving.server.dialect = if n == 0 { "llama.cpp" } else { "vllm" }.to_owned();
            summary_of(&mut record).ttft_ms = Some(known(ttft, ttft * 1.5, 12));
            records.push(record);
        }
    }
    records.pop();
    records
}

fn closed(n: u32) -> Load {
    Load::Concurrency { n }
}

fn level(kind: LatencyKind, ms: u64) -> ServiceLevel {
    ServiceLevel { kind, limit_ns: Nanos(ms * MS) }
}

fn reason(letter: GradeLetter, code: &str, text: &str) -> GradeReason {
    GradeReason { letter, code: code.to_owned(), text: text.to_owned() }
}

fn because(message: &str) -> StatusReason {
    StatusReason { message: message.to_owned(), ..StatusReason::default() }
}

fn summary_of(record: &mut Record) -> &mut ServingSummary {
    record.serving.as_mut().unwrap().summary.as_mut().unwrap()
}

/// `n` requests, `slots` at once, of 5 text events each. TTFT grows by 1 ms from one to the
/// next, gaps alternate around `gap_ms`.
fn requests(n: u64, slots: u64, ttft_ms: u64, gap_ms: u64) -> Vec<RequestSample> {
    let request = |i: u64| {
        let due = (i / slots) * 400 * MS + (i % slots) * MS;
        let first = due + (ttft_ms + i) * MS;
        let last = first + 4 * gap_ms * MS;
        RequestSample {
            due_ns: Nanos(due),
            sent_ns: Nanos(due + MS / 10),
            headers_ns: Some(Nanos(due + 2 * MS)),
            first_text_ns: Some(Nanos(first)),
            first_answer_ns: Some(Nanos(first)),
            last_text_ns: Some(Nanos(last)),
            last_answer_ns: Some(Nanos(last)),
            end_ns: Nanos(last + MS),
            n_text_events: 5,
            first_event_tokens: Some(1),
            prompt_tokens: Some(TokenCount { n: 40, source: CountSource::Usage }),
            output_tokens: Some(TokenCount { n: 5, source: CountSource::Usage }),
            session: i as u32,
            body_bytes: 1_000,
            finish: Some("length".to_owned()),
            ..RequestSample::default()
        }
    };
    (0..n).map(request).collect()
}

/// A distribution with intervals where `n` allows them.
fn known(median: f64, p99: f64, n: u64) -> Distribution {
    let interval = |value: f64| {
        Some(Interval { low: value * 0.98, high: value * 1.03, level: 0.95, method: METHOD })
    };
    let upper = (36..368).contains(&n).then_some(p99 * 1.1);
    let at =
        |q, value, interval| Quantile { q, value, interval, upper_bound: None, no_interval: None };
    let between = |share: f64| median + (p99 - median) * share;
    let last = |q, value| match upper {
        _ if n >= 3_688 => at(q, value, interval(value)),
        Some(bound) => Quantile { upper_bound: Some(bound), ..at(q, value, None) },
        None => Quantile { no_interval: Some(NoInterval::TooFew), ..at(q, value, None) },
    };
    Distribution {
        n,
        mean: between(0.1),
        stddev: (p99 - median) / 3.0,
        min: median * 0.9,
        max: p99 * 1.05,
        quantiles: vec![
            at(0.5, median, interval(median)),
            at(0.9, between(0.5), interval(between(0.5))),
            last(0.95, between(0.7)),
            last(0.99, p99),
            last(0.999, p99 * 1.04),
        ],
        from_histogram: false,
    }
}

/// The same of too few values for any interval.
fn few(median: f64, p99: f64, n: u64) -> Distribution {
    let mut all = known(median, p99, n);
    for quantile in &mut all.quantiles {
        (quantile.interval, quantile.upper_bound) = (None, None);
        quantile.no_interval = Some(NoInterval::TooFew);
    }
    all
}

fn rate(per_s: f64) -> SystemRate {
    let (low, high) = (per_s * 0.97, per_s * 1.03);
    let interval = Interval { low, high, level: 0.95, method: IntervalMethod::Blocks };
    SystemRate { per_s, interval: Some(interval), no_interval: None }
}

fn point(id: u128, arrival: Load, requests: Vec<RequestSample>) -> Record {
    let since_sent = |request: &RequestSample| -> Vec<Nanos> {
        let ends = request.first_text_ns.zip(request.last_text_ns);
        let Some((first, last)) = ends else { return Vec::new() };
        let (first, gap) = (first.0 - request.sent_ns.0, (last.0 - first.0) / 4);
        let wobble = [0, gap / 10, 0, gap / 10, 0];
        (0..5).map(|i| Nanos(first + i * gap + wobble[i as usize])).collect()
    };
    let times: Vec<Vec<Nanos>> = requests.iter().map(since_sent).collect();
    let n_requests = requests.len() as u64;
    let n_slots = match arrival {
        Load::Concurrency { n } => f64::from(n),
        _ => 2.0,
    };
    let summary = ServingSummary {
        statistics_version: 1,
        n_requests,
        n_ok: n_requests,
        window_end_ns: Nanos(20_000 * MS),
        ttft_ms: Some(known(50.0, 61.0, n_requests)),
        ttfo_ms: Some(known(50.0, 61.0, n_requests)),
        itl_ms: Some(known(10.1, 12.6, 4 * n_requests)),
        tpot_ms: Some(known(10.0, 10.4, n_requests)),
        e2e_ms: Some(known(1_050.0, 1_080.0, n_requests)),
        closed_ms: Some(known(1_051.0, 1_081.0, n_requests)),
        decode_rate_tps: Some(known(100.0, 104.0, n_requests)),
        request_rate_tps: Some(known(95.2 / n_slots.sqrt(), 98.0, n_requests)),
        answer_rate_tps: Some(known(95.2, 98.0, n_requests)),
        prompt_tokens: Some(known(40.0, 44.0, n_requests)),
        output_tokens: Some(known(100.0, 100.0, n_requests)),
        tokens_per_event: Some(1.0),
        output_rate_tps: Some(rate(92.4 * n_slots.sqrt())),
        total_rate_tps: Some(rate(129.4 * n_slots.sqrt())),
        request_rate_per_s: Some(rate(0.924 * n_slots.sqrt())),
        mean_in_flight: Some(n_slots * 0.99),
        max_in_flight: n_slots as u64,
        arrivals: ArrivalCheck {
            n: n_requests,
            late_max_ns: Nanos(MS / 10),
            ..ArrivalCheck::default()
        },
        ..ServingSummary::default()
    };
    let serving = Serving {
        workload: workload(arrival),
        server: server(),
        events: Some(EventLog::pack(times.iter().map(Vec::as_slice))),
        requests,
        cold: None,
        summary: Some(summary),
        found_rate: None,
        speed_ups: Vec::new(),
        client: client(),
        timeline: timeline(n_slots),
        recipe: None,
    };
    record(id, serving)
}

fn workload(arrival: Load) -> Workload {
    let n_warmup = match arrival {
        Load::Concurrency { n } => n,
        _ => 2,
    };
    Workload {
        shape_sha256: Some(
            "3f5a0c1d2e4b69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0".to_owned(),
        ),
        n_prompt: Some(36),
        n_output: Some(100),
        api: Api::Chat,
        stream: true,
        seed: 42,
        nonce: Some(1_234_567_890),
        think: Think::Auto,
        cache: CacheMode::Bust,
        length_control: LengthControl::IgnoreEos,
        n_warmup,
        timeout_ns: Some(Nanos(600_000 * MS)),
        reuse_connections: true,
        ..Workload::new("chat", arrival)
    }
}

fn server() -> ServerFacts {
    ServerFacts {
        dialect: "llama.cpp".to_owned(),
        evidence: "/props answered with build_info".to_owned(),
        version: Some("b11434-0a1b2c3".to_owned()),
        model: "SmolLM2-135M-Instruct".to_owned(),
        models: vec!["SmolLM2-135M-Instruct".to_owned()],
        n_slots: Some(4),
        n_ctx: Some(8_192),
        urls: vec!["http://127.0.0.1:8080".to_owned()],
        is_local: true,
        ..ServerFacts::default()
    }
}

fn client() -> ClientCheck {
    ClientCheck {
        wakeup_p99_ns: Some(Nanos(210_000)),
        wakeup_max_ns: Some(Nanos(1_200_000)),
        cpu_cores: Some(0.04),
        n_threads: 1,
        peak_bytes: Some(Bytes(23 << 20)),
        calibration_p99_ns: Some(Nanos(310_000)),
        kernel_stamps: true,
        could_distort: false,
        reason: None,
    }
}

fn timeline(n_slots: f64) -> Vec<TimelinePoint> {
    let at = |n: u64| TimelinePoint {
        at_ns: Nanos(n * 500 * MS),
        running: (n != 3).then_some((n_slots - (n % 2) as f64).max(0.0)),
        waiting: (n != 3).then_some((n % 3) as f64),
        kv_cache_share: Some(0.1 + 0.02 * n as f64),
        ..TimelinePoint::default()
    };
    (1..=12).map(at).collect()
}

fn record(id: u128, serving: Serving) -> Record {
    Record {
        id: Uuid::from_u128(0x01a2_00ad_bf58_760b_bf8d_3aea_0000_0000 + id),
        test: Test { n_prompt: 36, n_gen: 100, n_depth: 0, n_parallel: 1 },
        repetitions: Some(Repetitions::Adaptive {
            half_width: 0.05,
            budget_ns: Nanos(60_000 * MS),
            at_least: 1,
        }),
        model: ModelFacts { name: serving.server.model.clone(), ..ModelFacts::default() },
        engine: EngineFacts { name: serving.server.dialect.clone(), ..EngineFacts::default() },
        machine: machine(),
        serving: Some(Box::new(serving)),
        ..Record::new(
            Uuid::from_u128(0x01a2_00ac_d2c0_70b6_b3fc_c31f_0aa7_5d73),
            RecordKind::Measured,
            Timestamp::UNIX_EPOCH,
            Tool { name: "tokmark".to_owned(), version: "0.1.0".to_owned() },
        )
    }
}

fn machine() -> MachineFacts {
    MachineFacts {
        fingerprint: "3e97a506780b5182e2c09c0ebc118656".to_owned(),
        cpu: CpuFacts {
            model: Some("Example CPU".to_owned()),
            n_logical: 2,
            n_allowed: 2.0,
            isa: vec!["avx2".to_owned(), "fma".to_owned()],
            ..CpuFacts::default()
        },
        memory: MemoryFacts { allowed_bytes: Bytes(24 << 30), ..MemoryFacts::default() },
        os: OsFacts { name: "Debian GNU/Linux".to_owned(), ..OsFacts::default() },
        ..MachineFacts::default()
    }
}
