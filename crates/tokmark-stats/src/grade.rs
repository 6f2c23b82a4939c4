//! How far a figure can be believed, and why not further.

use tokmark_model::{
    Grade, GradeLetter, GradeReason, Nanos, RecordKind, Repetition, Repetitions, Status,
    StopReason, Summary, TokensPerSecond,
};

use crate::guard;

/// Precision that a run with a fixed number of repetitions must have to count as converged, as
/// the asked half width of the rate: the default of adaptive runs.
pub const DEFAULT_HALF_WIDTH: f64 = 0.02;

/// Everything that a grade looks at.
#[derive(Debug, Clone, Copy)]
pub struct GradeInput<'a> {
    /// Only `measured` records are graded.
    pub kind: RecordKind,
    /// How the test ended.
    pub status: Status,
    /// What was asked for.
    pub repetitions: &'a Repetitions,
    /// What [`crate::summarize`] made of `samples`.
    pub summary: &'a Summary,
    /// The repetitions, in order, with what the machine did meanwhile.
    pub samples: &'a [Repetition],
    /// Probe times before the first test.
    pub probe_baseline_ns: &'a [Nanos],
    /// CPUs that the worker may use, by affinity and cgroup; fractional under a quota.
    pub n_cpus_allowed: Option<f64>,
    /// Rate that this machine cannot exceed in this test, where known.
    pub ceiling_tps: Option<TokensPerSecond>,
}

/// The grade with all its reasons, worst first; the worst decides. `None` unless the record
/// was measured. Letters, codes and thresholds stand in `docs/statistics.md`.
pub fn grade(input: &GradeInput<'_>) -> Option<Grade> {
    if input.kind != RecordKind::Measured {
        return None;
    }
    let mut reasons = guard::reasons(input);
    reasons.extend(above_ceiling(input));
    reasons.extend(dependence(input.summary));
    reasons.extend(ended_early(input.status));
    reasons.extend(precision(input));
    reasons.extend(harmless_flags(input.summary));
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.letter));
    let letter = reasons.first().map_or(GradeLetter::A, |worst| worst.letter);
    Some(Grade { letter, reasons })
}

pub(crate) fn reason(letter: GradeLetter, code: &str, text: impl Into<String>) -> GradeReason {
    GradeReason { letter, code: code.to_owned(), text: text.into() }
}

fn above_ceiling(input: &GradeInput<'_>) -> Option<GradeReason> {
    let ceiling = input.ceiling_tps?.0;
    let rate = input.summary.rate.rate_tps.0;
    let text = format!("{rate:.1} tok/s is above this machine's ceiling of {ceiling:.1}");
    (rate > ceiling).then(|| reason(GradeLetter::F, "above_ceiling", text))
}

fn dependence(summary: &Summary) -> Vec<GradeReason> {
    let correlated = summary.correlation.filter(|found| found.significant).map(|found| {
        let text = format!("repetitions are correlated (lag 1: {:.2})", found.lag1);
        reason(GradeLetter::D, "correlated", text)
    });
    let drifting = summary.drift.filter(|found| found.significant).map(|found| {
        let direction = if found.relative > 0.0 { "slower" } else { "faster" };
        let size = found.relative.abs() * 100.0;
        let text = format!("repetitions became {size:.0} % {direction} over the test");
        reason(GradeLetter::D, "drifting", text)
    });
    correlated.into_iter().chain(drifting).collect()
}

fn ended_early(status: Status) -> Option<GradeReason> {
    let how = match status {
        Status::Ok => return None,
        Status::Interrupted => "the user",
        Status::TimedOut => "the time limit",
        Status::OutOfMemory => "the memory limit",
        Status::Crashed => "a crash",
        Status::Failed | Status::Skipped | Status::Unsupported => "a failure",
    };
    Some(reason(GradeLetter::C, "ended_early", format!("ended early by {how}")))
}

/// Few samples, or wider than asked.
fn precision(input: &GradeInput<'_>) -> Option<GradeReason> {
    let summary = input.summary;
    let Some(reached) = summary.rate_half_width.or(summary.half_width) else {
        let plural = if summary.n == 1 { "" } else { "s" };
        let text = format!("{} repetition{plural}, no interval", summary.n);
        return Some(reason(GradeLetter::C, "too_few", text));
    };
    let asked = match *input.repetitions {
        Repetitions::Adaptive { half_width, .. } => half_width,
        Repetitions::Fixed { .. } => DEFAULT_HALF_WIDTH,
    };
    let converged = summary.converged == Some(true) || reached <= asked;
    let ended = match summary.stop_reason {
        StopReason::Converged | StopReason::Fixed => "known to",
        StopReason::Budget => "stopped by the time budget at",
        StopReason::Interrupted => "interrupted at",
        StopReason::CutShort => "cut short at",
    };
    let wanted = match input.repetitions {
        Repetitions::Adaptive { .. } => "asked",
        Repetitions::Fixed { .. } => "wanted",
    };
    let text = format!("{ended} ±{} %, {wanted} ±{} %", percent(reached), percent(asked));
    (!converged).then(|| reason(GradeLetter::C, "not_converged", text))
}

/// Two significant digits at least: `2`, `4.1`, `0.52`.
fn percent(share: f64) -> String {
    let value = share * 100.0;
    let digits = if value >= 10.0 {
        0
    } else if value >= 1.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Seen, listed, and harmless to a median.
fn harmless_flags(summary: &Summary) -> Vec<GradeReason> {
    let mut flags = Vec::new();
    if !summary.outliers.is_empty() {
        let what = if summary.outliers.len() == 1 { "is an outlier" } else { "are outliers" };
        let text = format!("{} of {} repetitions {what}", summary.outliers.len(), summary.n);
        flags.push(reason(GradeLetter::B, "outliers", text));
    }
    if let Some(times) = summary.token_times.filter(|times| times.n_stalls > 0) {
        let text =
            format!("{} of {} tokens stalled (over 5 x the median)", times.n_stalls, times.n);
        flags.push(reason(GradeLetter::B, "stalls", text));
    }
    flags
}
