//! How far the figures of a load point can be believed, and why not further.

mod asked;
mod steady;

use tokmark_model::{
    ClientCheck, CountSource, Grade, GradeLetter, GradeReason, RequestSample, ServingSummary,
    Status, TokenCount, TokensPerSecond, Workload,
};

pub use asked::{
    ARRIVALS_MOVED, CACHE_HIT_FLAGGED, CACHE_HIT_TOUCHED, IN_FLIGHT_HELD, LATE_RELATIVE,
    LENGTH_FLAGGED, OFFERED_ELSE, OFFERED_TOUCHED,
};

use super::itl_is_per_event;
use super::precision::serving_precision;
use super::requests::{Requests, count};
use crate::grade::reason;
use crate::guard::{OTHER_CORES_TOUCHED, OTHER_CORES_WORTHLESS, stolen};

/// Half width of the median time to first token and of the median request rate that a point
/// must reach to count as converged where none was asked.
pub const DEFAULT_SERVING_HALF_WIDTH: f64 = 0.05;
/// Share of errors from which on a point speaks for the survivors only, where none was asked.
pub const DEFAULT_ABORT_ERROR_SHARE: f64 = 0.05;
/// Share by which our decode rate and the server's own may differ unflagged.
pub const SERVER_RATE_FLAGGED: f64 = 0.10;

const ENDED_EARLY: &str = "ended_early";

/// Everything that the grade of a load point looks at.
#[derive(Clone, Copy)]
pub struct ServingGradeInput<'a> {
    /// How the point ended.
    pub status: Status,
    /// What was asked.
    pub workload: &'a Workload,
    /// Its requests.
    pub requests: &'a dyn Requests,
    /// What [`super::summarize_serving`] made of them.
    pub summary: &'a ServingSummary,
    /// Whether the client could have made the figures.
    pub client: &'a ClientCheck,
    /// The server runs on this machine.
    pub is_local: bool,
    /// Mean cores that processes other than the server, its children and Tokmark used during
    /// the point, where the server is local and this could be read.
    pub other_cores: Option<f64>,
    /// CPU time that the hypervisor took from the client's machine / wall time x allowed CPUs.
    pub stolen_share: Option<f64>,
    /// Precision that was asked for; [`DEFAULT_SERVING_HALF_WIDTH`] where none was.
    pub asked_half_width: Option<f64>,
    /// Share of errors at which a point is given up; [`DEFAULT_ABORT_ERROR_SHARE`] where none
    /// was asked.
    pub abort_error_share: Option<f64>,
    /// Prompt tokens per second that the server's machine cannot exceed, where known.
    pub prefill_ceiling_tps: Option<TokensPerSecond>,
}

/// The grade with all its reasons, worst first; the worst decides. Letters, codes and
/// thresholds stand in `docs/statistics.md`.
pub fn grade_serving(input: &ServingGradeInput<'_>) -> Grade {
    let mut reasons = machine(input);
    reasons.extend(steady::reasons(input));
    reasons.extend(asked::reasons(input));
    reasons.extend(ended_early(input.status));
    reasons.extend(precision(input));
    reasons.extend(errors(input));
    reasons.extend(counts(input));
    sorted(reasons)
}

/// The worst first, which decides.
fn sorted(mut reasons: Vec<GradeReason>) -> Grade {
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.letter));
    let letter = reasons.first().map_or(GradeLetter::A, |worst| worst.letter);
    Grade { letter, reasons }
}

/// Adds that the point ended early with `status`, where that came out after it was graded.
pub fn add_early_end(grade: &mut Grade, status: Status) {
    let mut reasons = std::mem::take(&mut grade.reasons);
    reasons.retain(|reason| reason.code != ENDED_EARLY);
    reasons.extend(ended_early(status));
    *grade = sorted(reasons);
}

/// The client, and what else ran beside a local server.
fn machine(input: &ServingGradeInput<'_>) -> Vec<GradeReason> {
    let mut reasons = Vec::new();
    if input.client.could_distort {
        let why = input.client.reason.as_deref().unwrap_or("it was too busy");
        let text = format!("invalid: the client could have made the figures: {why}");
        reasons.push(reason(GradeLetter::F, "client_limited", text));
    }
    if !input.is_local {
        let text = "what else the server's machine did is not known";
        reasons.push(reason(GradeLetter::B, "remote_server", text));
    }
    if let Some(cores) = input.other_cores.filter(|cores| *cores >= OTHER_CORES_TOUCHED) {
        let letter = if cores > OTHER_CORES_WORTHLESS { GradeLetter::F } else { GradeLetter::E };
        let text = format!("other processes used {cores:.1} cores");
        reasons.push(reason(letter, "other_processes", text));
    }
    reasons.extend(input.stolen_share.and_then(stolen));
    let sensors = [
        ("other processes", input.is_local && input.other_cores.is_none()),
        ("the client's wake-up lateness", input.client.wakeup_p99_ns.is_none()),
        ("the client's CPU time", input.client.cpu_cores.is_none()),
    ];
    let unknown: Vec<&str> =
        sensors.iter().filter(|(_, missing)| *missing).map(|(name, _)| *name).collect();
    if !unknown.is_empty() {
        let text = format!("not readable here: {}", unknown.join(", "));
        reasons.push(reason(GradeLetter::C, "sensor_unknown", text));
    }
    reasons
}

fn ended_early(status: Status) -> Option<GradeReason> {
    let how = match status {
        Status::Ok => return None,
        Status::Interrupted => "by the user",
        Status::TimedOut => "at the time limit",
        Status::OutOfMemory => "for want of memory",
        Status::Crashed => "because the server crashed",
        Status::Failed | Status::Skipped | Status::Unsupported => "because of failures",
    };
    Some(reason(GradeLetter::C, ENDED_EARLY, format!("the point ended early {how}")))
}

/// Few requests for the asked precision.
fn precision(input: &ServingGradeInput<'_>) -> Option<GradeReason> {
    let plural = if input.summary.n_ok == 1 { "" } else { "s" };
    let n = format!("{} answered request{plural}", input.summary.n_ok);
    if input.summary.n_ok == 0 {
        let text = "no request was answered".to_owned();
        return Some(reason(GradeLetter::C, "too_few", text));
    }
    if input.summary.request_rate_per_s.is_none() {
        let text = format!("{n}, no measured window");
        return Some(reason(GradeLetter::C, "too_few", text));
    }
    let known = serving_precision(input.workload, input.requests);
    let is_rate =
        known.ttft.is_some() && known.request_rate.is_none_or(|rate| Some(rate) > known.ttft);
    let what = if is_rate { "the median rate of a request" } else { "the median TTFT" };
    let Some(reached) = known.half_width else {
        let text = format!("{n}, too few waves of them for an interval of {what}");
        return Some(reason(GradeLetter::C, "too_few", text));
    };
    let asked = input.asked_half_width.unwrap_or(DEFAULT_SERVING_HALF_WIDTH);
    let wanted = if input.asked_half_width.is_some() { "asked" } else { "wanted" };
    let text =
        format!("{what} is known to ±{:.1} %, {wanted} ±{:.1} %", reached * 100.0, asked * 100.0);
    (reached > asked).then(|| reason(GradeLetter::C, "not_converged", text))
}

fn errors(input: &ServingGradeInput<'_>) -> Vec<GradeReason> {
    let (n, summary) = (input.summary.n_requests, input.summary);
    let n_errors: u64 = summary.errors.values().sum();
    let mut reasons = Vec::new();
    if n_errors > 0 {
        let share = n_errors as f64 / n as f64;
        let allowed = input.abort_error_share.unwrap_or(DEFAULT_ABORT_ERROR_SHARE);
        let letter = if share < allowed { GradeLetter::B } else { GradeLetter::D };
        let kinds: Vec<String> =
            summary.errors.iter().map(|(kind, count)| format!("{kind} x {count}")).collect();
        let text = format!("{n_errors} of {n} requests failed ({})", kinds.join(", "));
        reasons.push(reason(letter, "errors", text));
    }
    if summary.n_cut > 0 {
        // They hang, or are the longest: what is left of the point is the faster part.
        let share = summary.n_cut as f64 / (n + summary.n_cut) as f64;
        let letter =
            if share < DEFAULT_ABORT_ERROR_SHARE { GradeLetter::B } else { GradeLetter::D };
        let text = format!("{} requests had no end when the point was over", summary.n_cut);
        reasons.push(reason(letter, "cut_at_end", text));
    }
    if summary.n_retries > 0 {
        let plural = if summary.n_retries == 1 { "" } else { "s" };
        let text = format!("the server refused {} attempt{plural}", summary.n_retries);
        reasons.push(reason(GradeLetter::B, "retries", text));
    }
    if summary.n_resent > 0 {
        let plural = if summary.n_resent == 1 { " was" } else { "s were" };
        let text = format!(
            "{} request{plural} sent anew: the server had ended the kept connection",
            summary.n_resent
        );
        reasons.push(reason(GradeLetter::B, "resent", text));
    }
    reasons
}

/// What is known of the tokens.
fn counts(input: &ServingGradeInput<'_>) -> Vec<GradeReason> {
    let mut reasons = Vec::new();
    let summary = input.summary;
    let n_estimated = count(input.requests, |request: &RequestSample| {
        let is_estimated = |count: TokenCount| count.source == CountSource::Estimated;
        request.is_ok() && request.output_tokens.is_some_and(is_estimated)
    });
    if n_estimated > 0 {
        let text = format!("tokens of {n_estimated} answers are estimated from their words");
        reasons.push(reason(GradeLetter::C, "counts_estimated", text));
    }
    if summary.n_usage_doubted > 0 {
        let n = summary.n_usage_doubted;
        let text = format!("the server's counts of tokens cannot be right in {n} answers");
        reasons.push(reason(GradeLetter::B, "usage_doubted", text));
    }
    let moved = summary.rate_vs_server.filter(|ratio| (ratio - 1.0).abs() > SERVER_RATE_FLAGGED);
    if let Some(ratio) = moved {
        let text = format!("the decode rate seen is {ratio:.2} x the server's own");
        reasons.push(reason(GradeLetter::B, "server_disagrees", text));
    }
    if summary.n_hidden_reasoning > 0 {
        let n = summary.n_hidden_reasoning;
        let text = format!("{n} times to first token include reasoning that was not streamed");
        reasons.push(reason(GradeLetter::B, "includes_hidden_reasoning", text));
    }
    if itl_is_per_event(summary) {
        let tokens = summary.tokens_per_event.unwrap_or_default();
        let text = format!("an event holds {tokens:.1} tokens: gaps are per event");
        reasons.push(reason(GradeLetter::B, "itl_per_event", text));
    }
    reasons
}
