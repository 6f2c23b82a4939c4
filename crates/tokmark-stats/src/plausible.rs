//! What no measurement can have given: checked before figures are made of a stranger's record.

use tokmark_model::{
    GradeLetter, Nanos, Record, RecordKind, Repetitions, RequestSample, Serving, StopReason,
    Summary,
};

use crate::recompute::Unsound;

/// More tokens than any context or answer holds.
const MAX_TOKENS: u32 = 1 << 30;
/// More sequences than any engine decodes at once.
const MAX_PARALLEL: u32 = 1 << 20;

fn impossible<T>(field: impl Into<String>, why: &'static str) -> Result<T, Unsound> {
    Err(Unsound::Impossible { field: field.into(), why })
}

/// Refuses a record that says what can't be.
pub(crate) fn check(record: &Record) -> Result<(), Unsound> {
    if record.record_version == 0 {
        return impossible("record_version", "versions begin at 1");
    }
    let is_published = record.kind == RecordKind::Published;
    if record.published.is_some() && !is_published {
        return impossible("published", "only records of the kind published have it");
    }
    if !record.samples.is_empty() {
        samples(record)?;
    }
    match record.serving.as_deref() {
        Some(serving) => requests(serving, record),
        None => Ok(()),
    }
}

fn samples(record: &Record) -> Result<(), Unsound> {
    let test = &record.test;
    if test.n_parallel == 0 || test.n_parallel > MAX_PARALLEL {
        return impossible("test/n_parallel", "1 or more sequences are decoded");
    }
    if [test.n_prompt, test.n_gen, test.n_depth].iter().any(|&n| n > MAX_TOKENS) {
        return impossible("test", "no context holds so many tokens");
    }
    if test.n_tokens().get() == 0 {
        return impossible("test", "a rate is of tokens, and there are none");
    }
    for (n, sample) in record.samples.iter().enumerate() {
        if sample.duration_ns == Nanos(0) {
            return impossible(format!("samples/{n}/duration_ns"), "work takes time");
        }
        if sample.token_ns.len() as u64 > u64::from(test.n_gen) {
            let why = "a token is generated in one step, and there are more steps than tokens";
            return impossible(format!("samples/{n}/token_ns"), why);
        }
        let steps = sample.token_ns.iter().map(|step| u128::from(step.0)).sum::<u128>();
        let phases = u128::from(sample.prompt_ns.unwrap_or_default().0) + steps;
        if phases > u128::from(sample.duration_ns.0) {
            let why = "prompt and steps together took longer than the repetition";
            return impossible(format!("samples/{n}"), why);
        }
    }
    Ok(())
}

fn requests(serving: &Serving, record: &Record) -> Result<(), Unsound> {
    for (n, request) in serving.requests.iter().enumerate() {
        if !is_in_order(request) {
            let why = "it was sent, then answered, then over";
            return impossible(format!("serving/requests/{n}"), why);
        }
        let counts = [request.prompt_tokens, request.output_tokens, request.reasoning_tokens];
        if counts.iter().flatten().any(|count| count.n > MAX_TOKENS) {
            let why = "no answer holds so many tokens";
            return impossible(format!("serving/requests/{n}"), why);
        }
    }
    let letter = record.grade.as_ref().map(|grade| grade.letter);
    if serving.client.could_distort && letter.is_some_and(|letter| letter != GradeLetter::F) {
        return impossible("grade", "a client that could distort the figures makes them F");
    }
    Ok(())
}

fn is_in_order(request: &RequestSample) -> bool {
    if request.error.is_some() {
        return true;
    }
    let times = [
        Some(request.first_sent()),
        Some(request.sent_ns),
        request.first_text_ns,
        request.last_text_ns,
        Some(request.end_ns),
    ];
    times.iter().flatten().is_sorted()
}

/// Refuses a claim to have converged where the interval is wider than was asked.
pub(crate) fn stopped(
    ask: &Repetitions,
    stop: StopReason,
    summary: Option<&Summary>,
) -> Result<(), Unsound> {
    let Repetitions::Adaptive { half_width: asked, .. } = ask else { return Ok(()) };
    let width = summary.and_then(|summary| summary.half_width);
    let is_narrow = width.is_some_and(|width| width <= asked * (1.0 + 1e-9));
    if stop == StopReason::Converged && !is_narrow {
        return impossible("summary/stop_reason", "the interval is wider than was asked");
    }
    Ok(())
}
