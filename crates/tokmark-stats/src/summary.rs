//! From the repetitions of one test to its figures.

use tokmark_model::{
    Bytes, Estimate, Interval, MemoryUse, Nanos, NoInterval, Repetition, Repetitions, StopReason,
    Summary, Test, TestKind, Tokens, TokensPerSecond,
};

use crate::STATISTICS_VERSION;
use crate::order::outliers;
use crate::probe::adjusted_times;
use crate::session::{SessionMedian, Size, session_median};
use crate::stopping::positive;
use crate::tokens::token_times;

/// Every figure of one test. `samples` in the order measured, `ask` and `stop` as the runner
/// had them, `memory` of the same test, `probe_baseline` taken before it. `None` without
/// samples.
///
/// Nothing is dropped and nothing is random: the same samples give the same summary. A
/// repetition of 0 ns counts as 1 ns.
pub fn summarize(
    test: &Test,
    samples: &[Repetition],
    ask: &Repetitions,
    stop: StopReason,
    memory: &MemoryUse,
    probe_baseline: &[Nanos],
) -> Option<Summary> {
    let (size, converged) = match ask {
        Repetitions::Fixed { .. } => (Size::Fixed, None),
        Repetitions::Adaptive { .. } => (Size::ByWidth, Some(stop == StopReason::Converged)),
    };
    let estimate = |times: &[f64], n_tokens: Tokens| {
        session_median(times, size).map(|session| rate_estimate(n_tokens, &session))
    };
    let times: Vec<f64> = samples.iter().map(|s| positive(s.duration_ns)).collect();
    let session = session_median(&times, size)?;
    let rate = rate_estimate(test.n_tokens(), &session);
    let per_sequence = |n: u32| Tokens(u64::from(n) * u64::from(test.n_parallel));
    let phases = phase_times(test, samples);
    let llama_bench = LlamaBench::of(test.n_tokens(), &times);
    let token_times = if test.n_gen > 0 { token_times(samples) } else { None };

    Some(Summary {
        statistics_version: STATISTICS_VERSION,
        n: u32::try_from(samples.len()).unwrap_or(u32::MAX),
        rate,
        rate_per_sequence: (test.n_parallel > 1)
            .then(|| scaled(&rate, 1.0 / f64::from(test.n_parallel))),
        prompt_rate: phases
            .as_ref()
            .and_then(|(prompt, _)| estimate(prompt, per_sequence(test.n_prompt))),
        generation_rate: phases
            .as_ref()
            .and_then(|(_, generation)| estimate(generation, per_sequence(test.n_gen))),
        probe_adjusted_rate: adjusted_times(samples, probe_baseline)
            .and_then(|times| estimate(&times, test.n_tokens())),
        total_rate_tps: total_rate(test.n_tokens(), &times),
        avg_ts: llama_bench.avg_ts,
        stddev_ts: llama_bench.stddev_ts,
        avg_ns: llama_bench.avg_ns,
        stddev_ns: llama_bench.stddev_ns,
        half_width: session.half_width(),
        rate_half_width: half_width(&rate),
        converged,
        stop_reason: stop,
        correlation: session.correlation,
        drift: session.drift,
        outliers: outliers(&times).into_iter().filter_map(|i| u32::try_from(i).ok()).collect(),
        token_times,
        efficiency_tps_per_gb: efficiency(test, rate.rate_tps, memory),
    })
}

/// Tokens / median time; the interval's ends change places, since a longer time is a lower
/// rate.
pub(crate) fn rate_estimate(n_tokens: Tokens, session: &SessionMedian) -> Estimate {
    let rate = |time_ns: f64| 1e9 * n_tokens.0 as f64 / time_ns;
    let interval = session.interval.map(|times| Interval {
        low: rate(times.high),
        high: rate(times.low),
        ..times
    });
    Estimate {
        rate_tps: TokensPerSecond(rate(session.median)),
        interval,
        no_interval: interval.is_none().then_some(NoInterval::TooFew),
    }
}

/// The wider side of the rate's interval, as a share of the rate.
fn half_width(estimate: &Estimate) -> Option<f64> {
    let rate = estimate.rate_tps.0;
    let width = estimate.interval.map(|ends| (ends.high - rate).max(rate - ends.low) / rate);
    width.filter(|width| width.is_finite() && *width >= 0.0)
}

fn scaled(estimate: &Estimate, factor: f64) -> Estimate {
    let interval =
        estimate.interval.map(|i| Interval { low: i.low * factor, high: i.high * factor, ..i });
    Estimate { rate_tps: TokensPerSecond(estimate.rate_tps.0 * factor), interval, ..*estimate }
}

/// Prompt and generation times of a `pg` test, if every repetition kept them.
fn phase_times(test: &Test, samples: &[Repetition]) -> Option<(Vec<f64>, Vec<f64>)> {
    if test.kind() != TestKind::Pg {
        return None;
    }
    let split = |sample: &Repetition| {
        let prompt = sample.prompt_ns?;
        let generation = Nanos(sample.duration_ns.0.saturating_sub(prompt.0));
        Some((positive(prompt), positive(generation)))
    };
    samples.iter().map(split).collect::<Option<Vec<_>>>().map(|pairs| pairs.into_iter().unzip())
}

fn total_rate(n_tokens: Tokens, times: &[f64]) -> TokensPerSecond {
    let total_s = times.iter().sum::<f64>() * 1e-9;
    TokensPerSecond(n_tokens.0 as f64 * times.len() as f64 / total_s)
}

/// Generation rate over peak memory, tok/s per 10^9 bytes; generation tests with a known host
/// peak only. An absent device peak counts as no device.
fn efficiency(test: &Test, rate: TokensPerSecond, memory: &MemoryUse) -> Option<f64> {
    if test.kind() != TestKind::Tg {
        return None;
    }
    let host = memory.host_peak_bytes?.0;
    let device = memory.device_peak_bytes.unwrap_or_default().0;
    let peak_gb = Bytes(host.saturating_add(device)).as_gb();
    (peak_gb > 0.0).then(|| rate.0 / peak_gb)
}

/// llama-bench's own four figures, as its `test::avg_ts`, `stdev_ts`, `avg_ns` and `stdev_ns`
/// define them.
struct LlamaBench {
    avg_ts: TokensPerSecond,
    stddev_ts: TokensPerSecond,
    avg_ns: Nanos,
    stddev_ns: Nanos,
}

impl LlamaBench {
    /// `times` in nanoseconds, not empty. `avg_ns` is cut to whole nanoseconds as there.
    /// `stddev_ns` is not: llama-bench squares in 64-bit integers and overflows above some
    /// seconds, so it is computed in floating point and then cut.
    fn of(n_tokens: Tokens, times: &[f64]) -> Self {
        let rates: Vec<f64> = times.iter().map(|t| 1e9 * n_tokens.0 as f64 / t).collect();
        LlamaBench {
            avg_ts: TokensPerSecond(mean(&rates)),
            stddev_ts: TokensPerSecond(sample_deviation(&rates)),
            avg_ns: Nanos(mean(times) as u64),
            stddev_ns: Nanos(sample_deviation(times) as u64),
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Root of the sum of squared deviations over n - 1; 0 for one value.
fn sample_deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}
