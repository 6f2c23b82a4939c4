//! From the compact form to records.

use std::time::Duration;

use tokmark_model::{
    Bytes, Device, DeviceKind, Distribution, EngineFacts, EngineParams, Load, MachineFacts,
    ModelFacts, NoInterval, Note, ProcessParams, Published, Quantile, Record, RecordKind,
    ServerFacts, Serving, ServingSummary, Test, Timestamp, TokensPerSecond, Tool, Uuid, Workload,
};

use crate::compact::{CompactRun, FigureOf, SourceKind};
use crate::finding::shown;
use crate::form::Fault;

/// Makes the ids of records: UUID version 5 in this name space over all of the run's content, so
/// that the same file gives the same records, and a changed one gives others.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_9d0e_53a4_5c3b_9b35_1f2a_7c64_e0b8);

/// Says in a record that its number of parameters comes from the model's name.
const PARAMS_NOMINAL: &str = "params_nominal";

/// The shape of a figure that the source gives over all of its workloads.
const ALL_WORKLOADS: &str = "all workloads";

/// Highest rate that is taken for one, in tokens per second.
const MAX_RATE: f64 = 1e9;

/// The records of a run, by shape.
///
/// # Errors
/// Every fault.
pub(crate) fn records(run: &CompactRun) -> Result<Vec<Record>, Vec<Fault>> {
    let mut faults = Vec::new();
    let created_at = begin(run, &mut faults);
    check_source(run, &mut faults);
    check_numbers(run, &mut faults);
    if run.rates_tps.is_empty() {
        let problem = "`rates_tps` is empty";
        faults.push(Fault::new(&["rates_tps"], problem, "at least one shape with its rate"));
    }
    for (shape, rate) in &run.rates_tps {
        check_figure(shape, &rate.figure(), &mut faults);
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let content = serde_json::to_string(run).expect("a run is plain data");
    let run_id = Uuid::new_v5(&NAMESPACE, content.as_bytes());
    let rates = run.rates_tps.iter();
    Ok(rates.map(|(shape, rate)| record(run, run_id, created_at, shape, &rate.figure())).collect())
}

fn record(
    run: &CompactRun,
    run_id: Uuid,
    created_at: Timestamp,
    shape: &str,
    figure: &FigureOf,
) -> Record {
    let n_parallel = run.concurrency.unwrap_or(1);
    let test = test_of(shape);
    let notes = run.notes.iter().map(|text| Note { at: created_at, text: text.clone() });
    let flags = run.params_billion.map(|_| PARAMS_NOMINAL.to_owned());
    let devices = devices(run);
    let kind = match run.kind {
        SourceKind::Published => RecordKind::Published,
        SourceKind::ImportedSummary => RecordKind::ImportedSummary,
    };
    let tool = Tool { name: "tokmark-board".to_owned(), version: run.tokmark_run.to_string() };
    Record {
        id: Uuid::new_v5(&run_id, shape.as_bytes()),
        // Of a load point nothing is known but that it generated: no test has no token at all.
        test: Test { n_parallel, ..test.unwrap_or(Test::tg(1)) },
        params: EngineParams {
            n_threads: run.threads.unwrap_or(1),
            n_gpu_layers: run.gpu_layers.unwrap_or(-1),
            ..EngineParams::default()
        },
        process: ProcessParams { env: run.env.clone(), ..ProcessParams::default() },
        model: model(run),
        engine: EngineFacts {
            name: run.engine.clone(),
            version: run.engine_version.clone().unwrap_or_default(),
            backends: backend(&run.backend),
            devices: devices.clone(),
            ..EngineFacts::default()
        },
        devices_used: devices.into_iter().map(|device| device.name).collect(),
        machine: MachineFacts { power_cap_w: run.power_cap_w, ..MachineFacts::default() },
        flags: flags.into_iter().collect(),
        serving: match test {
            Some(_) => None,
            None => Some(Box::new(serving(run, shape, n_parallel, figure))),
        },
        published: Some(published(run, shape, figure)),
        notes: notes.collect(),
        tags: run.tags.clone(),
        ..Record::new(run_id, kind, created_at, tool)
    }
}

fn model(run: &CompactRun) -> ModelFacts {
    ModelFacts {
        name: run.model.clone(),
        sha256: run.model_sha256.clone(),
        file_size_bytes: Bytes(run.file_size_bytes.unwrap_or(0)),
        n_params: run.params_billion.map(|billions| (billions * 1e9).round() as u64),
        label: run.quantization.clone(),
        publisher: run.publisher.clone(),
        ..ModelFacts::default()
    }
}

/// The GPUs of a run on several; what is known of a single one stands in the source's words.
fn devices(run: &CompactRun) -> Vec<Device> {
    let n = run.n_gpus.filter(|n| *n > 1).unwrap_or(0);
    let device = |n| Device {
        name: format!("GPU{n}"),
        description: run.hardware.clone(),
        kind: DeviceKind::Gpu,
        memory_total_bytes: None,
        memory_free_bytes: None,
    };
    (0..n).map(device).collect()
}

fn serving(run: &CompactRun, shape: &str, n: u32, figure: &FigureOf) -> Serving {
    let summary = figure.ttft_ms.map(|ttft_ms| ServingSummary {
        ttft_ms: Some(Distribution {
            n: 0,
            mean: ttft_ms,
            stddev: 0.0,
            min: ttft_ms,
            max: ttft_ms,
            quantiles: vec![Quantile {
                q: 0.5,
                value: ttft_ms,
                interval: None,
                upper_bound: None,
                no_interval: Some(NoInterval::NoSamples),
            }],
            from_histogram: false,
        }),
        ..ServingSummary::default()
    });
    Serving {
        workload: Workload::new(shape, Load::Concurrency { n }),
        server: ServerFacts { model: run.model.clone(), ..ServerFacts::default() },
        requests: Vec::new(),
        events: None,
        cold: None,
        summary,
        found_rate: None,
        speed_ups: Vec::new(),
        client: Default::default(),
        timeline: Vec::new(),
        recipe: None,
    }
}

fn published(run: &CompactRun, shape: &str, figure: &FigureOf) -> Published {
    let undated = run.not_before.as_ref().map(|date| format!("undated, not before {date}"));
    Published {
        source: run.source.clone(),
        url: run.url.clone(),
        date: run.date.clone().or(undated),
        rate_tps: figure.rate.map(TokensPerSecond),
        rate_low_tps: figure.low.map(TokensPerSecond),
        rate_high_tps: figure.high.map(TokensPerSecond),
        shape: Some(shape.to_owned()).filter(|shape| shape != ALL_WORKLOADS),
        hardware: Some(run.hardware.clone()),
        disputed: run.disputed.clone(),
    }
}

/// A back end in llama-bench's spelling, where it is a known one.
fn backend(name: &str) -> String {
    let known =
        ["BLAS", "CANN", "CPU", "CUDA", "Metal", "MUSA", "OpenCL", "ROCm", "SYCL", "Vulkan"];
    let spelt = known.into_iter().find(|known| known.eq_ignore_ascii_case(name));
    spelt.unwrap_or(name).to_owned()
}

/// The test that llama-bench's words name: `pp512`, `tg128 @ d512`, `pp16+tg8`. `None` for
/// every other text, and for the number of parallel sequences, which has a field of its own.
fn test_of(label: &str) -> Option<Test> {
    let (work, depth) = match label.split_once(" @ d") {
        Some((work, depth)) => (work, count(depth)?),
        None => (label, 0),
    };
    let tokens = |word: &str, prefix: &str| count(word.strip_prefix(prefix)?).filter(|n| *n > 0);
    let (n_prompt, n_gen) = match work.split_once('+') {
        Some((first, second)) => (tokens(first, "pp")?, tokens(second, "tg")?),
        None => match tokens(work, "pp") {
            Some(n_prompt) => (n_prompt, 0),
            None => (0, tokens(work, "tg")?),
        },
    };
    Some(Test { n_prompt, n_gen, n_depth: depth, n_parallel: 1 })
}

/// Whether it begins like llama-bench's words.
fn looks_like_a_test(shape: &str) -> bool {
    let lower = shape.to_ascii_lowercase();
    let rest = lower.strip_prefix("pp").or_else(|| lower.strip_prefix("tg"));
    let next = rest.map(|rest| rest.trim_start_matches([' ', '_', '-', '+', ':', '@']));
    next.is_some_and(|next| next.starts_with(|c: char| c.is_ascii_digit()) || next.is_empty())
}

/// Digits only: no sign, no space.
fn count(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// When the run was made at the earliest, by the source's date.
fn begin(run: &CompactRun, faults: &mut Vec<Fault>) -> Timestamp {
    let (field, text) = match (&run.date, &run.not_before) {
        (Some(date), None) => ("date", date),
        (None, Some(date)) => ("not_before", date),
        (Some(_), Some(_)) => {
            let problem = "`not_before` stands beside a `date`";
            faults.push(Fault::new(&["not_before"], problem, "leave one of the two out"));
            return Timestamp::UNIX_EPOCH;
        }
        (None, None) => {
            let allowed = "the source's date, or `not_before` where it has none";
            faults.push(Fault::new(&[], "`date` is missing", allowed));
            return Timestamp::UNIX_EPOCH;
        }
    };
    let Some(time) = time_of(text) else {
        let problem = format!("{} is no date", shown(text));
        faults.push(Fault::new(&[field], problem, "2026-04-30, 2026-04 or 2026-04-30T18:11:44Z"));
        return Timestamp::UNIX_EPOCH;
    };
    faults.extend(in_the_future(&[field], time));
    time
}

/// The fault of a time that is not yet, wherever on earth the clock is read.
pub(crate) fn in_the_future(path: &[&str], time: Timestamp) -> Option<Fault> {
    let tomorrow = Timestamp::now() + Duration::from_secs(24 * 3600);
    let problem = || format!("{time} lies in the future");
    (time > tomorrow).then(|| Fault::new(path, problem(), "a date until today"))
}

/// The first moment of a day or month in UTC, or the time itself.
fn time_of(text: &str) -> Option<Timestamp> {
    let is_short = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    match (text.len(), is_short) {
        (7, true) => format!("{text}-01T00:00:00Z").parse().ok(),
        (10, true) => format!("{text}T00:00:00Z").parse().ok(),
        _ => text.parse().ok(),
    }
}

fn check_source(run: &CompactRun, faults: &mut Vec<Fault>) {
    let Some(url) = &run.url else { return };
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let is_plain = |host: &str| {
        !host.is_empty() && !host.contains('@') && !url.contains(|c: char| c.is_whitespace())
    };
    if !host.is_some_and(is_plain) {
        let problem = format!("{} is no address of a page", shown(url));
        let allowed = "http:// or https:// and a host, without user, password and spaces";
        faults.push(Fault::new(&["url"], problem, allowed));
    }
}

fn check_numbers(run: &CompactRun, faults: &mut Vec<Fault>) {
    let mut check = |field: &str, value: Option<f64>, most: f64| {
        if let Some(value) = value.filter(|value| !(*value > 0.0 && *value <= most)) {
            let problem = format!("`{field}` is {value}");
            faults.push(Fault::new(&[field], problem, format!("above 0, at most {most}")));
        }
    };
    check("power_cap_w", run.power_cap_w, 1e5);
    check("params_billion", run.params_billion, 1e6);
}

fn check_figure(shape: &str, figure: &FigureOf, faults: &mut Vec<Fault>) {
    let mut fault = |field: Option<&str>, problem: String, allowed: &str| {
        let path: Vec<&str> = ["rates_tps", shape].into_iter().chain(field).collect();
        faults.push(Fault::new(&path, problem, allowed));
    };
    let name = shown(shape);
    if shape.trim() != shape || shape.is_empty() || shape.chars().count() > 80 {
        fault(None, format!("{name} is no name of a shape"), "1 to 80 characters, no space around");
    }
    for value in [figure.rate, figure.low, figure.high].into_iter().flatten() {
        if !(value > 0.0 && value <= MAX_RATE) {
            let problem = format!("the rate of {name} is {value}");
            fault(None, problem, "tokens per second above 0, at most 1e9");
        }
    }
    match (figure.rate, figure.low, figure.high) {
        (Some(_), None, None) => {}
        (None, Some(low), Some(high)) if low > high => {
            let problem = format!("the range of {name} goes down, from {low} to {high}");
            fault(None, problem, "the lower figure first");
        }
        (None, Some(_), Some(_)) => {}
        _ => {
            let allowed = "either `rate`, or `low` and `high`";
            fault(None, format!("{name} has neither one rate nor a range"), allowed);
        }
    }
    let is_test = test_of(shape).is_some();
    if !is_test && looks_like_a_test(shape) {
        let allowed = "pp512, tg128, pp512+tg128, tg128 @ d4096; how many at once stands in \
                       `concurrency`";
        fault(None, format!("{name} looks like a test of an engine and is none"), allowed);
    }
    match figure.ttft_ms {
        Some(_) if is_test => {
            let problem = format!("{name} is a test of an engine and has no time to first token");
            fault(Some("ttft_ms"), problem, "leave it out");
        }
        Some(ms) if !(0.0..=1e9).contains(&ms) => {
            fault(Some("ttft_ms"), format!("`ttft_ms` is {ms}"), "milliseconds from 0 to 1e9");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_from_shapes() {
        let test =
            |n_prompt, n_gen, n_depth| Some(Test { n_prompt, n_gen, n_depth, n_parallel: 1 });
        for (label, expected) in [
            ("pp512", test(512, 0, 0)),
            ("tg128 @ d4096", test(0, 128, 4096)),
            ("pp16+tg8", test(16, 8, 0)),
            ("tg0", None),
            ("tg+5", None),
            ("tg128 x 4", None),
            ("chat", None),
            ("all workloads", None),
            ("pp", None),
        ] {
            assert_eq!(test_of(label), expected, "{label}");
            if let Some(test) = expected {
                assert_eq!(test.label(), label);
            }
        }
    }

    #[test]
    fn a_misspelt_test_is_no_shape() {
        for label in ["pp 512", "TG128", "tg128 x 4", "pp512@d512", "tg-128", "pp", "tg0"] {
            assert!(test_of(label).is_none() && looks_like_a_test(label), "{label}");
        }
        for label in ["chat", "ppl", "pp-like", "tgi chat", "all workloads"] {
            assert!(!looks_like_a_test(label), "{label}");
        }
    }

    #[test]
    fn tomorrow_is_not_yet_a_date() {
        let in_hours = |n: u64| Timestamp::now() + Duration::from_secs(n * 3600);
        assert!(in_the_future(&["date"], in_hours(23)).is_none());
        assert!(in_the_future(&["date"], in_hours(25)).is_some());
    }

    #[test]
    fn dates_begin_a_day_or_a_month() {
        let at = |text: &str| time_of(text).map(|time| time.to_string());
        assert_eq!(at("2026-04").as_deref(), Some("2026-04-01T00:00:00Z"));
        assert_eq!(at("2026-04-30").as_deref(), Some("2026-04-30T00:00:00Z"));
        assert_eq!(at("2026-04-30T18:11:44+02:00").as_deref(), Some("2026-04-30T16:11:44Z"));
        assert_eq!(at("2026"), None);
        assert_eq!(at("2026-13"), None);
        assert_eq!(at("April 2026"), None);
    }
}
