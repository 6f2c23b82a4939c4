//! A load point as a record keeps it: workload, server, requests, and what the statistics
//! make of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Bytes, Comparison, EventLog, Interval, LatencyKind, Nanos, NoInterval, RequestSample, Workload,
};

/// What a server says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ServerFacts {
    /// `llama.cpp`, `vllm`, `sglang`, `mlx_lm`, `lemonade`, `lmstudio`, `openrouter`,
    /// `ollama`, or `openai` for any other.
    pub dialect: String,
    /// How it was told apart, for people: `/props answered with build_info`.
    pub evidence: String,
    /// Its version.
    pub version: Option<String>,
    /// Name of the model as requests carry it.
    pub model: String,
    /// All models that it lists.
    pub models: Vec<String>,
    /// Requests that it serves at once, where it says so.
    pub n_slots: Option<u32>,
    /// Context length of one request.
    pub n_ctx: Option<u32>,
    /// Memory of the loaded model (Ollama's `/api/ps`).
    pub model_bytes: Option<Bytes>,
    /// Of that, on GPUs, x 100.
    pub gpu_share_percent: Option<f64>,
    /// Base URLs without user, password and query, one a replica.
    pub urls: Vec<String>,
    /// Runs on this machine.
    pub is_local: bool,
}

/// A quantile with its confidence interval, where there are enough values for one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quantile {
    /// 0.5 for the median.
    pub q: f64,
    /// Hyndman and Fan's type 7 on the raw values, or from the histogram.
    pub value: f64,
    /// Two-sided 95 % order-statistic interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// One-sided 95 % upper bound, where there are enough values for that at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper_bound: Option<f64>,
    /// Why there is no interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_interval: Option<NoInterval>,
}

/// Distribution of one figure over requests or events. The field's name holds the unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Distribution {
    /// Values.
    pub n: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation; 0 for one value.
    pub stddev: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// 0.5, 0.9, 0.95, 0.99 and 0.999, in this order.
    pub quantiles: Vec<Quantile>,
    /// The quantiles come from a histogram with three significant digits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_histogram: bool,
}

impl Distribution {
    /// The quantile `q`, if it is among those kept.
    pub fn quantile(&self, q: f64) -> Option<&Quantile> {
        self.quantiles.iter().find(|quantile| (quantile.q - q).abs() < 1e-9)
    }

    /// The median.
    pub fn median(&self) -> Option<f64> {
        self.quantile(0.5).map(|quantile| quantile.value)
    }
}

/// A figure of the whole point with its interval, from equal pieces of the measured window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SystemRate {
    /// Per second, over the measured window.
    pub per_s: f64,
    /// 95 % interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Why there is no interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_interval: Option<NoInterval>,
}

/// Requests that kept every service level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Goodput {
    /// Good requests.
    pub n_good: u64,
    /// Requests that could be judged; errors and timeouts count among them.
    pub n_judged: u64,
    /// Requests without one of the limited times.
    pub n_unjudged: u64,
    /// Good / judged.
    pub share: f64,
    /// 95 % interval of the share (Wilson's).
    pub share_low: f64,
    /// Its upper end.
    pub share_high: f64,
    /// Good requests per second of the measured window.
    pub per_s: f64,
    /// 95 % interval of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Why there is no interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_interval: Option<NoInterval>,
}

/// Requests that kept one service level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeptShare {
    /// Requests that kept it.
    pub n_kept: u64,
    /// Requests that could be judged; errors and timeouts count among them.
    pub n_judged: u64,
    /// Kept / judged.
    pub share: f64,
    /// 95 % interval of the share, which holds at all looks of a search together.
    pub share_low: f64,
    /// Its upper end.
    pub share_high: f64,
}

impl Goodput {
    /// Good requests per second, with their interval.
    pub fn rate(&self) -> SystemRate {
        let Goodput { per_s, interval, no_interval, .. } = *self;
        SystemRate { per_s, interval, no_interval }
    }
}

/// Whether the load was what was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ArrivalCheck {
    /// Requests sent.
    pub n: u64,
    /// Coefficient of variation asked for; open loop only.
    pub asked_cv: Option<f64>,
    /// Requests that became due per second; of a rate with two and more.
    pub offered_per_s: Option<f64>,
    /// Of the gaps between due times.
    pub due_cv: Option<f64>,
    /// Of the gaps between sent times, the time to open a connection taken off.
    pub sent_cv: Option<f64>,
    /// Requests sent over 1 ms after they were due, the time to open a connection left out. Of
    /// open loops and replays only, as the next two.
    pub n_late: u64,
    /// 99 % quantile of sent - due - connecting.
    pub late_p99_ns: Nanos,
    /// Largest sent - due - connecting.
    pub late_max_ns: Nanos,
    /// Turns of a trace that waited for the answer before them for over 1 ms after they were due.
    /// That wait is in their latencies from due and not in how late they were sent.
    pub n_held: u64,
    /// The longest of those waits.
    pub held_max_ns: Nanos,
}

/// Whether the client could have made the figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ClientCheck {
    /// 99 % quantile of how late the client's own timers woke up during the run.
    pub wakeup_p99_ns: Option<Nanos>,
    /// Longest of those.
    pub wakeup_max_ns: Option<Nanos>,
    /// CPU time of the client / wall time of the run, in cores.
    pub cpu_cores: Option<f64>,
    /// Threads that drove requests.
    pub n_threads: u32,
    /// Peak resident set of the client.
    pub peak_bytes: Option<Bytes>,
    /// What the client adds to a time to first token at this load, against a server of known
    /// times on this machine: 99 % quantile of measured - true.
    pub calibration_p99_ns: Option<Nanos>,
    /// The time stamps come from the kernel, not from the program.
    pub kernel_stamps: bool,
    /// The client could have distorted the figures: they are not valid.
    pub could_distort: bool,
    /// Why, one clause.
    pub reason: Option<String>,
}

/// Figures of one of several base URLs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplicaSummary {
    /// Position in [`ServerFacts::urls`].
    pub replica: u32,
    /// Requests.
    pub n_requests: u64,
    /// Of those, without an answer.
    pub n_errors: u64,
    /// Time to first token, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_ms: Option<Distribution>,
    /// Time per output token, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot_ms: Option<Distribution>,
    /// Output tokens per second of the measured window; absent where an answer's tokens are not
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_rate_tps: Option<f64>,
    /// 95 % interval of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_interval: Option<Interval>,
}

/// A search for the highest rate that keeps the service levels, as far as it had come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FoundRate {
    /// The highest rate that kept them; `None` while none did.
    pub highest_met_per_s: Option<f64>,
    /// What its random gaps made of that rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub met_offered_per_s: Option<f64>,
    /// The lowest that did not.
    pub lowest_failed_per_s: Option<f64>,
    /// What its random gaps made of that rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_offered_per_s: Option<f64>,
    /// What decided that the one kept them: of its levels the one kept by the fewest. Where the
    /// interval holds the share that is asked for, the search went on by the share itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub met: Option<KeptShare>,
    /// The same of the lowest that did not; absent where no request was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<KeptShare>,
    /// The two rates are this close at the end of the search, as a share.
    pub tolerance: f64,
    /// Points so far, this one included.
    pub n_points: u32,
    /// The search was over with this point.
    pub is_over: bool,
}

/// One server with speculative decoding against one without, on the same prompts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpeedUp {
    /// The point, as tables name it.
    pub label: String,
    /// Recipe of the server that drafts.
    pub with: String,
    /// Recipe of the one that does not.
    pub without: String,
    /// Speed with over speed without: by the times per token of the same prompts.
    pub comparison: Comparison,
}

/// Everything computed from the requests of one point. Definitions stand in `docs/metrics.md`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ServingSummary {
    /// Version of the statistics that made it.
    pub statistics_version: u32,
    /// Requests, warm-up left out.
    pub n_requests: u64,
    /// Of those, with a whole answer.
    pub n_ok: u64,
    /// Errors by kind, in the words of [`crate::RequestError::label`].
    pub errors: BTreeMap<String, u64>,
    /// Attempts that were refused and tried again.
    pub n_retries: u64,
    /// Requests that were sent anew, because a kept connection was closed before an answer.
    pub n_resent: u64,
    /// Requests cut by the end of the point; in no other figure.
    pub n_cut: u64,
    /// Start of the measured window.
    pub window_start_ns: Nanos,
    /// Its end.
    pub window_end_ns: Nanos,
    /// Time to open a connection, TLS included, of the requests that one was made for; in no
    /// other figure but those from due.
    pub connect_ms: Option<Distribution>,
    /// Time to first token, from sent.
    pub ttft_ms: Option<Distribution>,
    /// The same from due; open loop only.
    pub ttft_from_due_ms: Option<Distribution>,
    /// Time to first answer token, from sent.
    pub ttfo_ms: Option<Distribution>,
    /// Gaps between text events of a request, all requests together.
    pub itl_ms: Option<Distribution>,
    /// Time per output token of a request.
    pub tpot_ms: Option<Distribution>,
    /// Last text event - sent.
    pub e2e_ms: Option<Distribution>,
    /// The same from due; open loop only.
    pub e2e_from_due_ms: Option<Distribution>,
    /// End of the stream - sent.
    pub closed_ms: Option<Distribution>,
    /// 1 / TPOT.
    pub decode_rate_tps: Option<Distribution>,
    /// Output tokens / end to end.
    pub request_rate_tps: Option<Distribution>,
    /// Answer tokens / (last answer event - sent).
    pub answer_rate_tps: Option<Distribution>,
    /// Prompt tokens of a request.
    pub prompt_tokens: Option<Distribution>,
    /// Output tokens of a request.
    pub output_tokens: Option<Distribution>,
    /// Reasoning tokens of a request, where there were any.
    pub reasoning_tokens: Option<Distribution>,
    /// Answers of which the server's own counts of tokens could not be right.
    pub n_usage_doubted: u64,
    /// Output tokens / text events; above 1 where an event holds several tokens, and ITL then
    /// is per event.
    pub tokens_per_event: Option<f64>,
    /// Times to first token that hold reasoning which was not streamed.
    pub n_hidden_reasoning: u64,
    /// Answers with reasoning text or counted reasoning tokens.
    pub n_reasoned: u64,
    /// Answers in one piece where streams were asked for: without TTFT, TTFO, TPOT and gaps.
    pub n_in_one_piece: u64,
    /// Output tokens per second in the measured window.
    pub output_rate_tps: Option<SystemRate>,
    /// Prompt and output tokens per second in the measured window.
    pub total_rate_tps: Option<SystemRate>,
    /// Requests ended per second in the measured window.
    pub request_rate_per_s: Option<SystemRate>,
    /// Mean number of requests under way in the measured window.
    pub mean_in_flight: Option<f64>,
    /// Most requests under way at once.
    pub max_in_flight: u64,
    /// Requests that kept the service levels; absent where none were given.
    pub goodput: Option<Goodput>,
    /// Whether the load was what was asked.
    pub arrivals: ArrivalCheck,
    /// Cached prompt tokens / prompt tokens, where the server says it.
    pub cached_share: Option<f64>,
    /// Time to first token of the first request after the server's start.
    pub cold_ttft_ms: Option<f64>,
    /// Longest queueing time seen: TTFT beyond what the prompt's own processing took by the
    /// server's account.
    pub queue_ms: Option<Distribution>,
    /// Our decode rate / the server's own, median over requests that have both.
    pub rate_vs_server: Option<f64>,
    /// Figures of each base URL, where there are several.
    pub replicas: Vec<ReplicaSummary>,
    /// How many requests kept each service level, by its name; of two of one kind the stricter.
    pub levels: BTreeMap<String, KeptShare>,
}

impl ServingSummary {
    /// The distribution that a service level of this kind limits, in ms.
    pub fn latency_ms(&self, kind: LatencyKind) -> Option<&Distribution> {
        match kind {
            LatencyKind::Ttft => self.ttft_ms.as_ref(),
            LatencyKind::Ttfo => self.ttfo_ms.as_ref(),
            LatencyKind::Tpot => self.tpot_ms.as_ref(),
            LatencyKind::Itl => self.itl_ms.as_ref(),
            LatencyKind::E2e => self.e2e_ms.as_ref(),
        }
    }
}

/// One reading of a server's own counters or of this machine, beside the requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TimelinePoint {
    /// Since the point's first due time.
    pub at_ns: Nanos,
    /// Requests that the server runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<f64>,
    /// Requests that wait in the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<f64>,
    /// Share of the KV cache in use, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_cache_share: Option<f64>,
    /// Cores busy on this machine, where the server is local.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy_cores: Option<f64>,
    /// Cores that the client used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_cores: Option<f64>,
    /// Cores that the hypervisor took from this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stolen_cores: Option<f64>,
    /// Share of the time in which some task of this machine waited for a core, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_pressure: Option<f64>,
    /// Mean clock of this machine's cores, where the server is local.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_mhz: Option<f64>,
    /// Times that a core of this machine was slowed down for heat, where the server is local.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thermal_throttles: Option<u64>,
    /// Resident memory of a local server's processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_bytes: Option<Bytes>,
}

/// A load point: what was asked, of whom, every request, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Serving {
    /// What was asked.
    pub workload: Workload,
    /// Of whom.
    pub server: ServerFacts,
    /// The measured requests in the order of their due times, warm-up left out. Empty where
    /// there were too many to keep here; `events` then names the file that has them.
    #[serde(default)]
    pub requests: Vec<RequestSample>,
    /// The times of all text events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<EventLog>,
    /// The first request after the server was started by a recipe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold: Option<RequestSample>,
    /// What the statistics make of them; absent without requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<ServingSummary>,
    /// What the search that this point belongs to had found with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_rate: Option<FoundRate>,
    /// This point against those of the same run, where one of the two drafts; with the later of
    /// the two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub speed_ups: Vec<SpeedUp>,
    /// Whether the client could have made the figures.
    #[serde(default)]
    pub client: ClientCheck,
    /// The server's own counters during the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<TimelinePoint>,
    /// The recipe that started the server, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
}

impl Serving {
    /// The file that has the requests, where they are too many for the record.
    pub fn requests_file(&self) -> Option<&str> {
        self.events.as_ref()?.file.as_deref()
    }
}
