//! Whether the load was what was asked for.

use tokmark_model::{
    CacheMode, CountSource, GradeLetter, GradeReason, LengthControl, Load, RequestSample, Think,
};

use super::ServingGradeInput;
use crate::grade::reason;
use crate::order::median;
use crate::serving::request_figures::request_figures;
use crate::serving::requests::{column, count};

/// Requests count as sent too late when the 99 % quantile of sent - due is above 1 ms and above
/// this share of the median time to first token.
pub const LATE_RELATIVE: f64 = 0.05;
/// Difference between the coefficients of variation of the sent and of the due gaps above which
/// the arrivals were others than asked.
pub const ARRIVALS_MOVED: f64 = 0.10;
/// Share by which the offered rate may differ from the asked one unflagged.
pub const OFFERED_TOUCHED: f64 = 0.10;
/// Share from which on the load is another one than asked.
pub const OFFERED_ELSE: f64 = 0.25;
/// Share of the slots of a closed loop that must be in use on average.
pub const IN_FLIGHT_HELD: f64 = 0.95;
/// Cached share of the first prompts of conversations that is flagged, beyond what a trace
/// itself repeats.
pub const CACHE_HIT_FLAGGED: f64 = 0.05;
/// Cached share above which the time to first token is another one than asked.
pub const CACHE_HIT_TOUCHED: f64 = 0.50;
/// Share by which the median output length may differ from the asked one unflagged.
pub const LENGTH_FLAGGED: f64 = 0.10;

/// What the load was not, in no particular order.
pub(super) fn reasons(input: &ServingGradeInput<'_>) -> Vec<GradeReason> {
    [
        late(input),
        arrivals(input),
        offered(input),
        slots(input),
        cache(input),
        cache_suspected(input),
        lengths(input),
        reasoning(input),
        in_one_piece(input),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn late(input: &ServingGradeInput<'_>) -> Option<GradeReason> {
    let check = &input.summary.arrivals;
    let late_ms = check.late_p99_ns.0 as f64 / 1e6;
    let latency = input.summary.ttft_ms.as_ref().or(input.summary.e2e_ms.as_ref());
    let tolerated_ms = latency.and_then(|spread| spread.median()).unwrap_or(0.0) * LATE_RELATIVE;
    let beyond = late_ms > tolerated_ms.max(1.0);
    let text = format!(
        "{} of {} requests were sent over 1 ms late (p99 {late_ms:.1} ms)",
        check.n_late, check.n
    );
    let letter = if beyond { GradeLetter::D } else { GradeLetter::B };
    (check.n_late > 0).then(|| reason(letter, "late_arrivals", text))
}

fn arrivals(input: &ServingGradeInput<'_>) -> Option<GradeReason> {
    let (sent, due) = (input.summary.arrivals.sent_cv?, input.summary.arrivals.due_cv?);
    let text = format!("gaps between requests vary by {sent:.2}, asked were {due:.2}");
    ((sent - due).abs() > ARRIVALS_MOVED)
        .then(|| reason(GradeLetter::D, "arrivals_distorted", text))
}

/// Few random gaps make a rate of their own.
fn offered(input: &ServingGradeInput<'_>) -> Option<GradeReason> {
    let Load::Rate { per_s, .. } = input.workload.arrival else { return None };
    let offered = input.summary.arrivals.offered_per_s?;
    let off = (offered / per_s - 1.0).abs();
    let n = input.summary.arrivals.n;
    let text = format!(
        "{offered:.3} requests/s became due, asked were {per_s:.3}: {n} requests make few gaps"
    );
    let letter = if off > OFFERED_ELSE { GradeLetter::D } else { GradeLetter::B };
    (off > OFFERED_TOUCHED).then(|| reason(letter, "rate_not_offered", text))
}

fn slots(input: &ServingGradeInput<'_>) -> Option<GradeReason> {
    let Load::Concurrency { n } = input.workload.arrival else {
        return None;
    };
    let mean = input.summary.mean_in_flight?;
    let text = format!("{mean:.1} of {n} slots were in use on average");
    (mean < IN_FLIGHT_HELD * f64::from(n))
        .then(|| reason(GradeLetter::D, "concurrency_not_held", text))
}

/// Only first turns are judged: later ones re-send their history, and find it in the cache as
/// those of real conversations do.
fn cache(input: &ServingGradeInput<'_>) -> Option<GradeReason> {
    let repeated = match input.workload.cache {
        CacheMode::Bust => 0.0,
        CacheMode::Own => input.workload.repeated_share?,
        CacheMode::Share { .. } | CacheMode::Keep => return None,
    };
    let (mut n_cached, mut n_prompt) = (0u64, 0u64);
    input.requests.visit(&mut |request, _| {
        let counts = request.cached_tokens.zip(request.prompt_tokens);
        if let Some((cached, prompt)) = counts.filter(|_| request.is_ok() && request.turn == 0) {
            n_cached += u64::from(cached);
            n_prompt += u64::from(prompt.n);
        }
    });
    let share = (n_prompt > 0).then(|| n_cached as f64 / n_prompt as f64)?;
    let beyond = share - repeated;
    let letter = if beyond > CACHE_HIT_TOUCHED { GradeLetter::D } else { GradeLetter::B };
    let mut text = format!("{:.0} % of the prompts came from the server's cache", share * 100.0);
    if input.workload.cache == CacheMode::Own {
        text += &format!("; they repeat {:.0} % of each other", repeated * 100.0);
    }
    (beyond > CACHE_HIT_FLAGGED).then(|| reason(letter, "cache_hit", text))
}

/// Prompts that went faster than the machine can compute them, where nothing was to be reused.
fn cache_suspected(input: &ServingGradeInput<'_>) -> Option<GradeReason> {
    let ceiling = input.prefill_ceiling_tps?.0;
    let rate = |request: &RequestSample| {
        let ttft = request_figures(request, input.workload.stream)?.ttft?;
        let computed = request.prompt_tokens?.n.checked_sub(request.cached_tokens.unwrap_or(0))?;
        (ttft.0 > 0).then(|| f64::from(computed) / ttft.as_secs_f64())
    };
    let seen = median(&column(input.requests, rate))
        .filter(|_| input.workload.cache == CacheMode::Bust)?;
    let text = format!(
        "cache hit suspected: prompts at {seen:.0} tok/s, above the machine's ceiling of {ceiling:.0}"
    );
    (seen > ceiling).then(|| reason(GradeLetter::D, "cache_hit_suspected", text))
}

fn lengths(input: &ServingGradeInput<'_>) -> Option<GradeReason> {
    let asked = f64::from(input.workload.n_output.filter(|n| *n > 0)?);
    let is_estimated = |request: &RequestSample| {
        request.output_tokens.is_some_and(|count| count.source == CountSource::Estimated)
    };
    if count(input.requests, is_estimated) > 0 {
        return None;
    }
    // Of a trace, whose requests ask for different lengths, the mean is what was asked.
    let seen = input.summary.output_tokens.as_ref()?.mean;
    let held = (seen / asked - 1.0).abs() <= LENGTH_FLAGGED;
    let why = match input.workload.length_control {
        LengthControl::LimitOnly => "the server could not be told to hold the length",
        LengthControl::IgnoreEos | LengthControl::MinTokens => "the server did not hold the length",
    };
    let text = format!("answers had {seen:.0} tokens, asked were {asked:.0}: {why}");
    (!held).then(|| reason(GradeLetter::B, "lengths_not_held", text))
}

fn reasoning(input: &ServingGradeInput<'_>) -> Option<GradeReason> {
    let n = input.summary.n_reasoned;
    let text = format!("{n} answers reasoned although it was switched off");
    (input.workload.think == Think::Off && n > 0)
        .then(|| reason(GradeLetter::B, "reasoning_not_off", text))
}

fn in_one_piece(input: &ServingGradeInput<'_>) -> Option<GradeReason> {
    let (n, of) = (input.summary.n_in_one_piece, input.summary.n_ok);
    let text = format!(
        "{n} of {of} answers came in one piece although a stream was asked for: they have no TTFT, \
         ITL and TPOT"
    );
    (n > 0).then(|| reason(GradeLetter::B, "not_streamed", text))
}
