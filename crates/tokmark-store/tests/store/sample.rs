//! Records to save: `record(n)` is always the same, and begins `n` seconds into a day.

use std::collections::BTreeMap;

use serde_json::json;
use tokmark_model::*;

/// Text that breaks careless SQL, JSON and patterns.
pub const NASTY: &str =
    "Ünï'codé \"quoted\" `x`; DROP TABLE tokmark_records;-- %_!\\ \n\t🦀 \u{202e}";

pub fn time(seconds: u64) -> Timestamp {
    let begin: Timestamp = "2026-11-21T00:00:00.123456789Z".parse().unwrap();
    begin + std::time::Duration::from_secs(seconds)
}

/// A version 7 id made at this time; `random` is the rest of it.
pub fn id(at: Timestamp, random: u64) -> RecordId {
    let milliseconds = u128::try_from(at.as_millisecond()).unwrap();
    Uuid::from_u128(milliseconds << 80 | 7 << 76 | 2 << 62 | u128::from(random))
}

pub fn run_id(n: u64) -> Uuid {
    id(time(0), 1_000_000 + n)
}

pub fn record(n: u64) -> Record {
    Record {
        id: id(time(n), n),
        test: Test::tg(128),
        model: ModelFacts {
            name: "SmolLM2 135M Instruct".into(),
            file_name: "SmolLM2-135M-Instruct.Q4_1.gguf".into(),
            sha256: Some("ab".repeat(32)),
            quantization: Some("Q4_1".into()),
            ..ModelFacts::default()
        },
        engine: EngineFacts {
            name: "llama.cpp".into(),
            version: "b7000".into(),
            backends: "CPU".into(),
            ..EngineFacts::default()
        },
        devices_used: vec!["CPU".into()],
        machine: MachineFacts { fingerprint: "machine-1".into(), ..MachineFacts::default() },
        warmup_ns: vec![Nanos(500)],
        samples: vec![sample(0, n), sample(1, n)],
        summary: Some(summary(100.0 + n as f64)),
        grade: Some(Grade { letter: GradeLetter::A, reasons: Vec::new() }),
        ..Record::new(
            run_id(n / 10),
            RecordKind::Measured,
            time(n),
            Tool { name: "tokmark".into(), version: "0.1.0".into() },
        )
    }
}

fn sample(i: u64, n: u64) -> Repetition {
    Repetition {
        start_ns: Nanos(i * 2_000),
        duration_ns: Nanos(1_000 + n),
        token_ns: (0..128).map(|token| Nanos(8_000_000 + token * 977 % 1_000)).collect(),
        noise: Some(Noise { wall_ns: Nanos(1_000), other_cores: Some(0.1), ..Noise::default() }),
        ..Repetition::default()
    }
}

pub fn summary(rate: f64) -> Summary {
    let rate_tps = TokensPerSecond(rate);
    let ends = (rate * 0.99, rate * 1.01);
    Summary {
        statistics_version: 1,
        n: 2,
        rate: Estimate {
            rate_tps,
            interval: Some(Interval {
                low: ends.0,
                high: ends.1,
                level: 0.95,
                method: IntervalMethod::OrderStatistic,
            }),
            no_interval: None,
        },
        rate_per_sequence: None,
        prompt_rate: None,
        generation_rate: None,
        probe_adjusted_rate: None,
        total_rate_tps: rate_tps,
        avg_ts: rate_tps,
        stddev_ts: TokensPerSecond(0.1),
        avg_ns: Nanos(1_000),
        stddev_ns: Nanos(3),
        half_width: Some(0.01),
        rate_half_width: Some(0.01),
        converged: None,
        stop_reason: StopReason::Fixed,
        correlation: None,
        drift: None,
        outliers: Vec::new(),
        token_times: None,
        efficiency_tps_per_gb: None,
    }
}

/// A record with awkward numbers, every kind of text, and fields of a later version.
pub fn awkward(n: u64) -> Record {
    let mut record = record(n);
    record.model.name = NASTY.into();
    record.model.source = Some("zero\0inside".into());
    record.engine.backends = "CUDA,'BLAS'".into();
    record.machine.fingerprint = "\0".into();
    record.machine.power_cap_w = Some(0.1 + 0.2);
    record.memory.host_peak_bytes = Some(Bytes(u64::MAX));
    record.samples[0].noise = Some(Noise { clock_mhz: Some(f64::MAX), ..Noise::default() });
    record.samples[1].duration_ns = Nanos(u64::MAX);
    record.status_reason = Some(StatusReason { message: NASTY.into(), ..Default::default() });
    let requests = json!([{ "ttft_ms": 1.0000000000000002 }, null, NASTY]);
    record.newer.insert("requests".to_owned(), requests);
    record.notes = vec![
        Note { at: time(5), text: NASTY.into() },
        Note { at: time(6), text: "b".into() },
        Note { at: time(6), text: "a".into() },
    ];
    record.tags = vec!["zeta".into(), NASTY.into(), "alpha".into()];
    record.newer = BTreeMap::from([
        (
            "energy".into(),
            json!({ "joules": [5e-324, -0.0, 1.7976931348623157e308, 123456789.125] }),
        ),
        ("counts".into(), json!([u64::MAX, i64::MIN, 0])),
        (NASTY.into(), json!({ "deep": [[[{}]]] })),
    ]);
    record
}
