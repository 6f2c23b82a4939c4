//! What a comparison of two variants says. Shapes only; the formulas stand in
//! `tokmark-stats` and in `docs/statistics.md`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Correlation, Drift, Interval};

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The interval lies inside [1/(1+x), 1+x]. This wins over the next two.
    Same,
    /// The interval lies above 1: the second variant is faster than the first.
    Faster,
    /// The interval lies below 1: the second variant is slower than the first.
    Slower,
    /// None of these.
    Undecided,
}

/// How often the pairs are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Looks {
    /// Once, at a number of pairs fixed before.
    #[default]
    Once,
    /// At 7, 10, 14, 20, ... and at last at `max_pairs`; each look spends its part of the
    /// error.
    Sequential {
        /// Number of pairs of the last look.
        max_pairs: u32,
    },
}

/// The second variant's speed over the first's, with what is known about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Pairs.
    pub n_pairs: u32,
    /// Median ratio of the speeds, second over first: 1.03 means that the second is 3 %
    /// faster.
    pub ratio: f64,
    /// Interval of the ratio. Its `level` is the nominal one, 0.95, that holds over all looks
    /// together; a single look of several is made at a higher one. Absent with too few pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// max(high / ratio, ratio / low) - 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_width: Option<f64>,
    /// Two-sided p value of the sign test, of log ratios stretched where the interval is and with
    /// the looks paid for; of several comparisons decided together the one adjusted after Holm.
    pub p_value: f64,
    /// What this says.
    pub verdict: Verdict,
    /// By its interval it is *faster* or *slower*, and *undecided* only because Holm's correction
    /// for several comparisons withdrew that. The interval is not corrected and excludes 1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// The x that the verdict used.
    pub same_within: f64,
    /// Dependence of the log ratios, from eight pairs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<Correlation>,
    /// Trend of the log ratios over the session, as a share of speed; from eight pairs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
}

impl Comparison {
    /// The same told of the first variant: its speed over the second's.
    pub fn mirrored(&self) -> Self {
        let over = |end: f64| 1.0 / end;
        let verdict = match self.verdict {
            Verdict::Faster => Verdict::Slower,
            Verdict::Slower => Verdict::Faster,
            verdict @ (Verdict::Same | Verdict::Undecided) => verdict,
        };
        Comparison {
            ratio: over(self.ratio),
            interval: self.interval.map(|i| Interval { low: over(i.high), high: over(i.low), ..i }),
            verdict,
            drift: self.drift.map(|drift| Drift { relative: -drift.relative, ..drift }),
            ..self.clone()
        }
    }
}
