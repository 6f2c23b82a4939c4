//! Load points as comma-separated values, for programs: nothing rounded, absent is empty.

use serde::Serialize;
use tokmark_model::{
    CacheMode, Distribution, Load, Nanos, Record, Serving, ServingSummary, SystemRate,
};

use crate::view::csv::line;

/// One of a summary's distributions.
type Figure = fn(&ServingSummary) -> &Option<Distribution>;

/// Names and values of a row, in the order of the columns.
struct Fields(Vec<(String, String)>);

/// A row a point under one header (RFC 4180 with line feeds); empty without records. Times are
/// in ms, rates per second.
pub(crate) fn csv(records: &[Record]) -> String {
    let rows: Vec<Fields> = records.iter().map(fields).collect();
    let Some(first) = rows.first() else { return String::new() };
    let mut text = line(first.0.iter().map(|(name, _)| name.as_str()));
    for row in &rows {
        text += &line(row.0.iter().map(|(_, value)| value.as_str()));
    }
    text
}

impl Fields {
    fn add(&mut self, name: &str, value: impl ToString) {
        self.0.push((name.to_owned(), value.to_string()));
    }

    fn add_known(&mut self, name: &str, value: Option<impl ToString>) {
        self.0.push((name.to_owned(), value.map_or_else(String::new, |value| value.to_string())));
    }

    /// Mean, extremes and quantiles, with interval or bound of those that are looked at most.
    fn add_distribution(&mut self, name: &str, unit: &str, of: Option<&Distribution>) {
        let mut add = |what: &str, value: Option<f64>| {
            self.add_known(&format!("{name}_{what}{unit}"), value);
        };
        add("mean", of.map(|of| of.mean));
        add("max", of.map(|of| of.max));
        for (word, q) in [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)] {
            let found = of.and_then(|of| of.quantile(q));
            add(word, found.map(|found| found.value));
            if word == "p50" || word == "p99" {
                let interval = found.and_then(|found| found.interval);
                add(&format!("{word}_low"), interval.map(|interval| interval.low));
                add(&format!("{word}_high"), interval.map(|interval| interval.high));
            }
            if word == "p99" {
                add("p99_upper_bound", found.and_then(|found| found.upper_bound));
            }
        }
    }

    fn add_rate(&mut self, name: &str, unit: &str, of: Option<&SystemRate>) {
        let interval = of.and_then(|rate| rate.interval);
        self.add_known(&format!("{name}{unit}"), of.map(|rate| rate.per_s));
        self.add_known(&format!("{name}_low{unit}"), interval.map(|interval| interval.low));
        self.add_known(&format!("{name}_high{unit}"), interval.map(|interval| interval.high));
    }
}

fn fields(record: &Record) -> Fields {
    let serving = record.serving.as_deref();
    let summary = serving.and_then(|serving| serving.summary.as_ref());
    let mut fields = Fields(Vec::new());
    fields.add("id", record.id);
    fields.add("run_id", record.run_id);
    fields.add("created_at", record.created_at);
    fields.add("status", word(record.status));
    fields.add_known("reason", record.status_reason.as_ref().map(|reason| &reason.message));
    fields.add("point", record.label());
    asked(&mut fields, serving);
    counted(&mut fields, summary);
    latencies(&mut fields, summary);
    rates(&mut fields, summary);
    checks(&mut fields, serving, summary);
    let grade = record.grade.as_ref();
    let codes = grade.map(|grade| {
        grade.reasons.iter().map(|reason| reason.code.as_str()).collect::<Vec<_>>().join(" ")
    });
    fields.add_known("n_drafted", record.speculation.as_ref().map(|found| found.n_drafted));
    fields.add_known("n_accepted", record.speculation.as_ref().map(|found| found.n_accepted));
    fields.add_known("grade", grade.map(|grade| format!("{:?}", grade.letter)));
    fields.add_known("grade_codes", codes);
    fields
}

/// What was asked, and of whom.
fn asked(fields: &mut Fields, serving: Option<&Serving>) {
    let workload = serving.map(|serving| &serving.workload);
    let server = serving.map(|serving| &serving.server);
    fields.add_known("recipe", serving.and_then(|serving| serving.recipe.as_ref()));
    fields.add_known("dialect", server.map(|server| &server.dialect));
    fields.add_known("version", server.and_then(|server| server.version.as_ref()));
    fields.add_known("model", server.map(|server| &server.model));
    fields.add_known("urls", server.map(|server| server.urls.join(" ")));
    fields.add_known("shape", workload.map(|workload| &workload.shape));
    let arrival = workload.map(|workload| &workload.arrival);
    let (mut concurrency, mut rate, mut arrivals, mut speed) = (None, None, None, None);
    match arrival {
        Some(Load::Concurrency { n }) => concurrency = Some(n),
        Some(Load::Rate { per_s, arrivals: kind }) => {
            (rate, arrivals) = (Some(per_s), Some(kind.label()));
        }
        Some(Load::Replay { speed: factor }) => speed = Some(factor),
        None => {}
    }
    fields.add_known("concurrency", concurrency);
    fields.add_known("rate_per_s", rate);
    fields.add_known("arrivals", arrivals);
    fields.add_known("replay_speed", speed);
    fields.add_known("n_prompt", workload.and_then(|workload| workload.n_prompt));
    fields.add_known("n_output", workload.and_then(|workload| workload.n_output));
    fields.add_known("turns", workload.map(|workload| workload.turns));
    fields.add_known("n_tools", workload.map(|workload| workload.n_tools));
    fields.add_known("api", workload.map(|workload| word(workload.api)));
    fields.add_known("stream", workload.map(|workload| workload.stream));
    fields.add_known("temperature", workload.and_then(|workload| workload.temperature));
    fields.add_known("seed", workload.map(|workload| workload.seed));
    fields.add_known("think", workload.map(|workload| word(workload.think)));
    fields.add_known("cache", workload.map(|workload| cache(workload.cache)));
    fields.add_known("length_control", workload.map(|workload| word(workload.length_control)));
}

fn counted(fields: &mut Fields, summary: Option<&ServingSummary>) {
    let errors = summary.map(|summary| {
        let kinds = summary.errors.iter().map(|(kind, n)| format!("{kind} x {n}"));
        kinds.collect::<Vec<_>>().join("; ")
    });
    fields.add_known("n_requests", summary.map(|summary| summary.n_requests));
    fields.add_known("n_ok", summary.map(|summary| summary.n_ok));
    fields.add_known("n_failed", summary.map(|summary| summary.errors.values().sum::<u64>()));
    fields.add_known("errors", errors);
    fields.add_known("n_retries", summary.map(|summary| summary.n_retries));
    fields.add_known("n_resent", summary.map(|summary| summary.n_resent));
    fields.add_known("n_cut", summary.map(|summary| summary.n_cut));
    let window = summary
        .map(|summary| summary.window_end_ns.as_secs_f64() - summary.window_start_ns.as_secs_f64());
    fields.add_known("window_s", window);
}

fn latencies(fields: &mut Fields, summary: Option<&ServingSummary>) {
    let figures: [(&str, Figure); 10] = [
        ("connect", |summary| &summary.connect_ms),
        ("ttft", |summary| &summary.ttft_ms),
        ("ttft_from_due", |summary| &summary.ttft_from_due_ms),
        ("ttfo", |summary| &summary.ttfo_ms),
        ("itl", |summary| &summary.itl_ms),
        ("tpot", |summary| &summary.tpot_ms),
        ("e2e", |summary| &summary.e2e_ms),
        ("e2e_from_due", |summary| &summary.e2e_from_due_ms),
        ("closed", |summary| &summary.closed_ms),
        ("queue", |summary| &summary.queue_ms),
    ];
    for (name, of) in figures {
        fields.add_distribution(name, "_ms", summary.and_then(|summary| of(summary).as_ref()));
    }
    fields.add_known("cold_ttft_ms", summary.and_then(|summary| summary.cold_ttft_ms));
    fields.add_known("tokens_per_event", summary.and_then(|summary| summary.tokens_per_event));
    fields.add_known("n_hidden_reasoning", summary.map(|summary| summary.n_hidden_reasoning));
}

fn rates(fields: &mut Fields, summary: Option<&ServingSummary>) {
    let of_requests: [(&str, &str, Figure); 6] = [
        ("decode_rate", "_tps", |summary| &summary.decode_rate_tps),
        ("request_rate", "_tps", |summary| &summary.request_rate_tps),
        ("answer_rate", "_tps", |summary| &summary.answer_rate_tps),
        ("prompt_tokens", "", |summary| &summary.prompt_tokens),
        ("output_tokens", "", |summary| &summary.output_tokens),
        ("reasoning_tokens", "", |summary| &summary.reasoning_tokens),
    ];
    for (name, unit, of) in of_requests {
        let found = summary.and_then(|summary| of(summary).as_ref());
        fields.add_known(&format!("{name}_mean{unit}"), found.map(|found| found.mean));
        fields.add_known(&format!("{name}_p50{unit}"), found.and_then(Distribution::median));
    }
    let output = summary.and_then(|summary| summary.output_rate_tps.as_ref());
    let total = summary.and_then(|summary| summary.total_rate_tps.as_ref());
    let requests = summary.and_then(|summary| summary.request_rate_per_s.as_ref());
    fields.add_rate("output_rate", "_tps", output);
    fields.add_rate("total_rate", "_tps", total);
    fields.add_rate("requests", "_per_s", requests);
    fields.add_known("mean_in_flight", summary.and_then(|summary| summary.mean_in_flight));
    fields.add_known("max_in_flight", summary.map(|summary| summary.max_in_flight));
}

/// Goodput, arrivals, cache, client.
fn checks(fields: &mut Fields, serving: Option<&Serving>, summary: Option<&ServingSummary>) {
    let goodput = summary.and_then(|summary| summary.goodput);
    fields.add_known("n_good", goodput.map(|goodput| goodput.n_good));
    fields.add_known("n_judged", goodput.map(|goodput| goodput.n_judged));
    fields.add_known("n_unjudged", goodput.map(|goodput| goodput.n_unjudged));
    fields.add_known("good_share", goodput.map(|goodput| goodput.share));
    fields.add_known("good_share_low", goodput.map(|goodput| goodput.share_low));
    fields.add_known("good_share_high", goodput.map(|goodput| goodput.share_high));
    let per_s = goodput.map(|goodput| goodput.rate());
    fields.add_rate("goodput", "_per_s", per_s.as_ref());
    let found = serving.and_then(|serving| serving.found_rate);
    fields.add_known("ramp_highest_met_per_s", found.and_then(|found| found.highest_met_per_s));
    fields.add_known("ramp_met_offered_per_s", found.and_then(|found| found.met_offered_per_s));
    fields.add_known("ramp_lowest_failed_per_s", found.and_then(|found| found.lowest_failed_per_s));
    fields
        .add_known("ramp_failed_offered_per_s", found.and_then(|found| found.failed_offered_per_s));
    fields.add_known("ramp_is_over", found.map(|found| found.is_over));
    let arrivals = summary.map(|summary| summary.arrivals);
    fields.add_known("asked_cv", arrivals.and_then(|arrivals| arrivals.asked_cv));
    fields.add_known("due_cv", arrivals.and_then(|arrivals| arrivals.due_cv));
    fields.add_known("sent_cv", arrivals.and_then(|arrivals| arrivals.sent_cv));
    fields.add_known("n_late", arrivals.map(|arrivals| arrivals.n_late));
    fields.add_known("late_p99_ms", arrivals.map(|arrivals| ms(arrivals.late_p99_ns)));
    fields.add_known("late_max_ms", arrivals.map(|arrivals| ms(arrivals.late_max_ns)));
    fields.add_known("cached_share", summary.and_then(|summary| summary.cached_share));
    fields.add_known("rate_vs_server", summary.and_then(|summary| summary.rate_vs_server));
    let client = serving.map(|serving| &serving.client);
    let wakeup = client.and_then(|client| client.wakeup_p99_ns);
    fields.add_known("client_wakeup_p99_ms", wakeup.map(ms));
    fields.add_known("client_cores", client.and_then(|client| client.cpu_cores));
    let added = client.and_then(|client| client.calibration_p99_ns);
    fields.add_known("client_added_p99_ms", added.map(ms));
    fields.add_known("client_could_distort", client.map(|client| client.could_distort));
}

fn ms(time: Nanos) -> f64 {
    time.0 as f64 / 1e6
}

/// A word of the record's vocabulary, as it stands in JSON.
fn word(of: impl Serialize) -> String {
    let value = serde_json::to_value(of).ok();
    value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn cache(mode: CacheMode) -> String {
    match mode {
        CacheMode::Bust => "bust".to_owned(),
        CacheMode::Share { share } => format!("share:{share}"),
        CacheMode::Own => "own".to_owned(),
        CacheMode::Keep => "keep".to_owned(),
    }
}
