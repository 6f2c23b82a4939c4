//! Two variants against each other, by adjacent pairs.

use serde::{Deserialize, Serialize};
use tokmark_model::{Comparison, Interval, Looks, Nanos, Verdict};

use crate::order::sign_test;
use crate::session::{LEVEL, SessionMedian, session_of_logs};
use crate::stopping::{is_look, next_look, positive};

/// Pairs after which a sequential comparison ends, unless asked otherwise.
pub const DEFAULT_MAX_PAIRS: u32 = 200;
/// Share within which two variants are called the same, unless asked otherwise.
pub const DEFAULT_SAME_WITHIN: f64 = 0.02;

/// Exponent of the alpha spent by a share of the pairs.
const SPENDING_POWER: i32 = 3;

/// What is asked of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CompareOptions {
    /// x of *same within x*, as a share.
    pub same_within: f64,
    /// How often the pairs are looked at.
    pub looks: Looks,
}

impl Default for CompareOptions {
    fn default() -> Self {
        CompareOptions { same_within: DEFAULT_SAME_WITHIN, looks: Looks::Once }
    }
}

/// Compares two variants by the median of ln(t first / t second) over `pairs`, adjacent pairs
/// `(t first, t second)` of A B B A blocks in the order measured. `None` without pairs.
///
/// The interval is the exact order-statistic one, widened as a session's where the log ratios
/// are correlated or drift. With [`Looks::Sequential`] the look at n of N pairs spends
/// alpha (n/N)^3 - alpha (n'/N)^3, n' the look before: the power family of Kim and DeMets
/// (1987) with exponent 3, each look at the error it adds alone (the union bound), so it holds
/// for the exact binomial interval without a joint distribution. Above N pairs the last look's
/// level stays.
pub fn compare(pairs: &[(Nanos, Nanos)], options: &CompareOptions) -> Option<Comparison> {
    let logs: Vec<f64> =
        pairs.iter().map(|(first, second)| (positive(*first) / positive(*second)).ln()).collect();
    let look = Look::at(logs.len(), options.looks);
    let session = session_of_logs(&logs, look.level())?;
    Some(said(&session, &logs, 0.0, look, options.same_within))
}

/// One look at the pairs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    n_pairs: u32,
    /// Its share of the whole error.
    weight: f64,
}

impl Look {
    pub(crate) fn at(n_pairs: usize, looks: Looks) -> Self {
        let n_pairs = u32::try_from(n_pairs).unwrap_or(u32::MAX);
        Look { n_pairs, weight: look_weight(n_pairs, looks) }
    }

    /// The level of its interval.
    pub(crate) fn level(self) -> f64 {
        1.0 - (1.0 - LEVEL) * self.weight
    }
}

/// What the look says of `logs`, whose session is known, each larger by `shift`.
pub(crate) fn said(
    session: &SessionMedian,
    logs: &[f64],
    shift: f64,
    look: Look,
    same_within: f64,
) -> Comparison {
    let end = |log: f64| (log + shift).exp();
    let ratio = end(session.median);
    let interval = session.interval.map(|i| Interval { low: end(i.low), high: end(i.high), ..i });
    // Stretched as the interval is: then it excludes 1 at just the levels above 1 - p.
    let stretched = |log: &f64| session.median + (log - session.median) * session.stretch + shift;
    let p_value = sign_test(&logs.iter().map(stretched).collect::<Vec<_>>());
    Comparison {
        n_pairs: look.n_pairs,
        ratio,
        interval,
        half_width: interval.map(|i| (i.high / ratio).max(ratio / i.low) - 1.0),
        p_value: (p_value / look.weight).min(1.0),
        verdict: verdict(interval, same_within),
        withdrawn: false,
        same_within,
        correlation: session.correlation,
        drift: session.drift,
    }
}

fn verdict(interval: Option<Interval>, same_within: f64) -> Verdict {
    interval.map_or(Verdict::Undecided, |ends| verdict_between(ends.low, ends.high, same_within))
}

/// Same before faster or slower before undecided, of an interval of a ratio of speeds.
pub(crate) fn verdict_between(low: f64, high: f64, same_within: f64) -> Verdict {
    if low >= 1.0 / (1.0 + same_within) && high <= 1.0 + same_within {
        Verdict::Same
    } else if low > 1.0 {
        Verdict::Faster
    } else if high < 1.0 {
        Verdict::Slower
    } else {
        Verdict::Undecided
    }
}

/// Share of the whole error that the look at `n` pairs may spend.
pub(crate) fn look_weight(n: u32, looks: Looks) -> f64 {
    let Looks::Sequential { max_pairs } = looks else {
        return 1.0;
    };
    let max_pairs = max_pairs.max(1);
    let n = n.clamp(1, max_pairs);
    let spent = |n: u32| (f64::from(n) / f64::from(max_pairs)).powi(SPENDING_POWER);
    let before = (0..n).rev().find(|&earlier| is_look(earlier)).unwrap_or(0);
    spent(n) - spent(before)
}

/// What a sequential comparison waits for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "goal", rename_all = "snake_case")]
pub enum PairGoal {
    /// Any verdict but undecided.
    Verdict,
    /// A half width of the ratio's interval of at most this share.
    HalfWidth {
        /// E.g. 0.01 for 1 %.
        share: f64,
    },
}

/// When to stop making pairs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairRule {
    /// What it waits for.
    pub goal: PairGoal,
    /// x of *same within x*.
    pub same_within: f64,
    /// Pairs after which it ends in any case.
    pub max_pairs: u32,
}

impl PairRule {
    /// Stops at the first verdict, at [`DEFAULT_MAX_PAIRS`] pairs at the latest.
    pub fn until_verdict(same_within: f64) -> Self {
        PairRule { goal: PairGoal::Verdict, same_within, max_pairs: DEFAULT_MAX_PAIRS }
    }

    /// Stops when the ratio is known within `share`, at `max_pairs` at the latest.
    pub fn until_half_width(share: f64, max_pairs: u32) -> Self {
        let goal = PairGoal::HalfWidth { share };
        PairRule { goal, same_within: DEFAULT_SAME_WITHIN, max_pairs }
    }

    /// The next number of pairs above `n` at which to look; `None` after the last.
    pub fn next_look(&self, n: u32) -> Option<u32> {
        (n < self.max_pairs).then(|| next_look(n).min(self.max_pairs))
    }

    /// Whether `n` pairs are a look.
    pub fn is_look(&self, n: u32) -> bool {
        n == self.max_pairs || (n < self.max_pairs && is_look(n))
    }

    /// The options under which [`compare`] pays for this rule's looks.
    pub fn options(&self) -> CompareOptions {
        let looks = Looks::Sequential { max_pairs: self.max_pairs };
        CompareOptions { same_within: self.same_within, looks }
    }

    /// The comparison at a look. `None` without pairs.
    pub fn look(&self, pairs: &[(Nanos, Nanos)]) -> Option<Comparison> {
        compare(pairs, &self.options())
    }

    /// Whether no further pair is needed after this look.
    pub fn is_done(&self, look: &Comparison) -> bool {
        look.n_pairs >= self.max_pairs
            || match self.goal {
                PairGoal::Verdict => look.verdict != Verdict::Undecided,
                PairGoal::HalfWidth { share } => look.half_width.is_some_and(|h| h <= share),
            }
    }
}

/// Holm's step-down adjusted p values; `adjusted[i]` belongs to `p_values[i]`. Rejecting where
/// the adjusted value is at most alpha keeps the chance of any false rejection below alpha,
/// whatever the dependence between the tests. (Holm 1979.)
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, &position) in order.iter().enumerate() {
        let factor = (p_values.len() - rank) as f64;
        largest = largest.max((factor * p_values[position]).min(1.0));
        adjusted[position] = largest;
    }
    adjusted
}

/// Takes several comparisons as one family: *faster* and *slower* become *undecided*, and are
/// marked as withdrawn, where Holm's adjusted p value exceeds 0.05. The p values become the
/// adjusted ones. *Same* and the intervals stay what each comparison alone says.
pub fn decide_together(family: &mut [Comparison]) {
    let p_values: Vec<f64> = family.iter().map(|comparison| comparison.p_value).collect();
    for (comparison, adjusted) in family.iter_mut().zip(holm(&p_values)) {
        comparison.p_value = adjusted;
        let called = matches!(comparison.verdict, Verdict::Faster | Verdict::Slower);
        if called && adjusted > 1.0 - LEVEL {
            comparison.verdict = Verdict::Undecided;
            comparison.withdrawn = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_looks_spend_what_the_power_family_says() {
        let text = include_str!("../tests/reference/spending.json");
        let file: serde_json::Value = serde_json::from_str(text).unwrap();
        for case in file["cases"].as_array().unwrap() {
            let max_pairs = case["max_pairs"].as_u64().unwrap() as u32;
            let rule = PairRule { max_pairs, ..PairRule::until_verdict(0.02) };
            let looks: Vec<u32> = serde_json::from_value(case["looks"].clone()).unwrap();
            let alpha: Vec<f64> = serde_json::from_value(case["alpha"].clone()).unwrap();
            let ours: Vec<u32> = (1..=max_pairs).filter(|&n| rule.is_look(n)).collect();
            assert_eq!(ours, looks, "of {max_pairs}");
            for (n, alpha) in looks.iter().zip(alpha) {
                let weight = look_weight(*n, Looks::Sequential { max_pairs });
                assert!(((1.0 - LEVEL) * weight - alpha).abs() < 1e-14, "{n} of {max_pairs}");
            }
        }
        assert_eq!(look_weight(20, Looks::Once), 1.0);
    }

    /// R's rpact finds its shares by integration, to some eight digits.
    #[test]
    fn the_looks_spend_what_rpact_says() {
        let file: serde_json::Value =
            serde_json::from_str(include_str!("../tests/reference/r.json")).unwrap();
        let cases = file["spending"].as_array().unwrap();
        assert!(cases.len() > 5);
        for case in cases {
            let max_pairs = case["max_pairs"].as_u64().unwrap() as u32;
            let rule = PairRule { max_pairs, ..PairRule::until_verdict(0.02) };
            let looks = (1..=max_pairs).filter(|&n| rule.is_look(n));
            let alpha: Vec<f64> = serde_json::from_value(case["alpha"].clone()).unwrap();
            assert_eq!(looks.clone().count(), alpha.len());
            for (n, alpha) in looks.zip(alpha) {
                let weight = look_weight(n, Looks::Sequential { max_pairs });
                assert!(((1.0 - LEVEL) * weight - alpha).abs() < 1e-7, "{n} of {max_pairs}");
            }
        }
    }
}
