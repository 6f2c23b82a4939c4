//! What `tokmark-stats` makes of the samples. Shapes only; the formulas stand there and
//! in `docs/statistics.md`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Nanos, TokensPerSecond};

/// How an interval was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntervalMethod {
    /// Exact binomial order-statistic interval of the median.
    OrderStatistic,
    /// The same over medians of blocks, for correlated samples.
    Blocks,
    /// The same at a smaller sample size: the effective one of correlated samples, and in
    /// adaptive runs that of a presumed correlation.
    EffectiveSize,
}

/// A two-sided interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// Lower end, in the unit of the estimate.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Nominal confidence, 0.95.
    pub level: f64,
    /// How it was made.
    pub method: IntervalMethod,
}

/// Why there is no interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoInterval {
    /// Below six samples no 95 % interval of the median exists.
    TooFew,
    /// The source gave no samples.
    NoSamples,
}

/// A rate with what is known about its precision: always one of interval or reason.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// Point estimate.
    pub rate_tps: TokensPerSecond,
    /// Its interval in tokens per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Why the interval is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_interval: Option<NoInterval>,
}

/// Lag-1 autocorrelation of the repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Correlation {
    /// Estimate, -1 to 1.
    pub lag1: f64,
    /// Significantly above 0.
    pub significant: bool,
    /// Independent samples that these are worth.
    pub effective_n: f64,
}

/// Trend of the repetition times over the session.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Drift {
    /// Theil-Sen slope times the number of repetitions, as a share of the median: 0.10 is
    /// 10 % slower at the end than at the start.
    pub relative: f64,
    /// Two-sided p value of Mann and Kendall's test.
    pub p_value: f64,
    /// Significant and large enough to matter.
    pub significant: bool,
}

/// Times of single tokens in a generation test, over all repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TokenTimes {
    /// Tokens counted.
    pub n: u64,
    /// Median.
    pub p50_ns: Nanos,
    /// 90 % quantile.
    pub p90_ns: Nanos,
    /// 99 % quantile.
    pub p99_ns: Nanos,
    /// Longest.
    pub max_ns: Nanos,
    /// Tokens that took over five times the median.
    pub n_stalls: u64,
    /// Theil-Sen slope over the position in the generation, % of the median per 1,000 tokens.
    pub drift_percent_per_1000: Option<f64>,
}

/// Why the repetitions ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The interval was as narrow as asked.
    Converged,
    /// The time budget was spent.
    Budget,
    /// The asked number was made.
    Fixed,
    /// The user stopped it; what was done is kept.
    Interrupted,
    /// A limit or a failure ended it; what was done is kept.
    CutShort,
}

/// Everything computed from the repetitions of one test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Version of the statistics that made it.
    pub statistics_version: u32,
    /// Timed repetitions.
    pub n: u32,
    /// Tokens / median repetition time, with its interval.
    pub rate: Estimate,
    /// The same per sequence, in a test with several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_sequence: Option<Estimate>,
    /// The prompt phase alone, in a `pg` test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_rate: Option<Estimate>,
    /// The generation phase alone, in a `pg` test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_rate: Option<Estimate>,
    /// The rate with the machine's drift taken out by the probe. Shown, never ranked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_adjusted_rate: Option<Estimate>,
    /// Total tokens / total time.
    pub total_rate_tps: TokensPerSecond,
    /// llama-bench's `avg_ts`: mean of the repetitions' rates.
    pub avg_ts: TokensPerSecond,
    /// llama-bench's `stddev_ts`: their sample standard deviation (n - 1), 0 for one.
    pub stddev_ts: TokensPerSecond,
    /// llama-bench's `avg_ns`.
    pub avg_ns: Nanos,
    /// llama-bench's `stddev_ns`, without its overflow.
    pub stddev_ns: Nanos,
    /// max(upper - median, median - lower) / median of the repetition times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_width: Option<f64>,
    /// The same of the rate: max(high - rate, rate - low) / rate of `rate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_half_width: Option<f64>,
    /// The asked precision was reached; `None` where none was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub converged: Option<bool>,
    /// Why the repetitions ended.
    pub stop_reason: StopReason,
    /// Dependence between repetitions, from eight on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<Correlation>,
    /// Trend over the session, from eight repetitions on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// Positions of flagged repetitions in the record's list. None was dropped.
    #[serde(default)]
    pub outliers: Vec<u32>,
    /// Times of single tokens, in tests that generate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_times: Option<TokenTimes>,
    /// Generation rate / peak memory in GB of 10^9 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efficiency_tps_per_gb: Option<f64>,
}

/// How far a figure can be believed, best first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum GradeLetter {
    /// Converged, quiet, no flag.
    A,
    /// Converged, with flags that did not touch the figures.
    B,
    /// Not converged, few samples, or a sensor unknown.
    C,
    /// Correlated or drifting.
    D,
    /// Throttled, swapped, or other processes used 0.1 to 0.5 core.
    E,
    /// Other processes used over 0.5 core, the probe moved, or above the ceiling.
    F,
}

/// One reason for a grade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GradeReason {
    /// The best grade that this reason allows.
    pub letter: GradeLetter,
    /// Stable name, e.g. `other_processes`.
    pub code: String,
    /// One clause for people, e.g. `other processes used 1.6 of 2 cores`.
    pub text: String,
}

/// The grade: the worst reason decides, all are listed, worst first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Grade {
    /// A to F.
    pub letter: GradeLetter,
    /// Every reason, worst first; empty for a clean A.
    pub reasons: Vec<GradeReason>,
}
