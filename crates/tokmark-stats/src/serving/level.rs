//! Whether a rate keeps a service level, from requests that come in bursts and are looked at
//! again and again.

use tokmark_model::KeptShare;

use crate::session::LEVEL;

/// Share of the judged requests that must keep a service level for the point to meet it.
pub const LEVEL_QUANTILE: f64 = 0.99;
/// Weight of "all keep it" before anything is known, in requests: broken shares around
/// 1 - [`LEVEL_QUANTILE`] are what the search looks for.
const PRIOR_KEPT: f64 = 99.0;
/// Share of broken requests above which they are the rule, and each counts by itself.
const RULE: f64 = 0.5;

/// What requests say to one level, one after the other in the order of their due times.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LevelTally {
    n_kept: u64,
    n_broken: u64,
    /// Broken requests with fewer than a wave of kept ones between them are one burst.
    n_bursts: u64,
    kept_since: u64,
}

impl LevelTally {
    /// `wave`: requests that are under way at once, and so share a queue.
    pub(super) fn add(&mut self, is_kept: bool, wave: u64) {
        if is_kept {
            self.n_kept += 1;
            self.kept_since += 1;
            return;
        }
        self.n_bursts += u64::from(self.n_broken == 0 || self.kept_since >= wave);
        self.n_broken += 1;
        self.kept_since = 0;
    }

    /// Requests per independent one.
    pub(super) fn weight(&self) -> f64 {
        (self.n_broken as f64 / self.n_independent().max(1) as f64).max(1.0)
    }

    /// Broken requests, those of one burst counted once.
    fn n_independent(&self) -> u64 {
        let n_judged = self.n_kept + self.n_broken;
        let is_rule = self.n_broken as f64 > RULE * n_judged as f64;
        if is_rule { self.n_broken } else { self.n_bursts }
    }

    /// `None` without a judged request.
    pub(super) fn share(&self) -> Option<KeptShare> {
        let n_judged = self.n_kept + self.n_broken;
        if n_judged == 0 {
            return None;
        }
        let share = self.n_kept as f64 / n_judged as f64;
        let n = n_judged as f64 / self.weight();
        let (low, high) = broken_interval(self.n_independent(), n);
        Some(KeptShare {
            n_kept: self.n_kept,
            n_judged,
            share,
            share_low: 1.0 - high,
            share_high: 1.0 - low,
        })
    }
}

/// Whether at least [`LEVEL_QUANTILE`] of the requests keep the level; `None` while the interval
/// holds that share.
pub fn is_level_met(kept: &KeptShare) -> Option<bool> {
    if kept.share_low >= LEVEL_QUANTILE {
        Some(true)
    } else if kept.share_high < LEVEL_QUANTILE {
        Some(false)
    } else {
        None
    }
}

/// Fewest requests, of which none breaks a level, that show that it is met.
pub fn fewest_to_meet() -> u64 {
    let is_enough = |n: &u64| 1.0 - broken_interval(0, *n as f64).1 >= LEVEL_QUANTILE;
    (1..).find(is_enough).unwrap_or(u64::MAX)
}

/// Interval of a share of which `n_broken` of `n` were seen, that holds at all looks together: the
/// shares that a mixture over shares, beta-distributed with (1, [`PRIOR_KEPT`]), has not
/// beaten by 1 / (1 - level) in likelihood (Robbins 1970; Ville's inequality bounds how often it
/// ever does). `n` may be fractional.
fn broken_interval(n_broken: u64, n: f64) -> (f64, f64) {
    let broken = n_broken as f64;
    let kept = (n - broken).max(0.0);
    // B(1 + broken, prior + kept) / B(1, prior), whose first argument is whole.
    let factorial: f64 = (1..=n_broken).map(|i| (i as f64).ln()).sum();
    let rising: f64 = (0..=n_broken).map(|i| (PRIOR_KEPT + kept + i as f64).ln()).sum();
    let mixture = factorial + PRIOR_KEPT.ln() - rising;
    let is_possible = |share: f64| {
        let log = |count: f64, share: f64| if count > 0.0 { count * share.ln() } else { 0.0 };
        mixture - log(broken, share) - log(kept, 1.0 - share) < -(1.0 - LEVEL).ln()
    };
    let likeliest = broken / (broken + kept);
    let edge = |mut inside: f64, mut outside: f64| {
        if is_possible(outside) {
            return outside;
        }
        for _ in 0..60 {
            let middle = 0.5 * (inside + outside);
            if is_possible(middle) { inside = middle } else { outside = middle }
        }
        inside
    };
    (edge(likeliest, 0.0), edge(likeliest, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(verdicts: impl IntoIterator<Item = bool>, wave: u64) -> KeptShare {
        let mut tally = LevelTally::default();
        for is_kept in verdicts {
            tally.add(is_kept, wave);
        }
        tally.share().unwrap()
    }

    /// SciPy: `betaln`, and `brentq` for the edges.
    #[test]
    fn the_interval_is_that_of_the_beta_mixture() {
        let file: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/serving/kept_share.json")).unwrap();
        for case in file["cases"].as_array().unwrap() {
            let number = |name: &str| case[name].as_f64().unwrap();
            let (low, high) = broken_interval(case["broken"].as_u64().unwrap(), number("n"));
            assert!((low - number("low")).abs() < 1e-9, "{case}: {low}");
            assert!((high - number("high")).abs() < 1e-9, "{case}: {high}");
        }
    }

    #[test]
    fn a_level_is_met_after_enough_requests_and_failed_after_a_few() {
        let after = |n: u64, n_broken: u64| is_level_met(&tally((0..n).map(|i| i >= n_broken), 1));
        assert_eq!(fewest_to_meet(), 473);
        assert_eq!((after(472, 0), after(473, 0)), (None, Some(true)));
        assert_eq!((after(3, 3), after(4, 4)), (None, Some(false)));
        assert_eq!(after(2_000, 20), None);
        assert_eq!(LevelTally::default().share().map(|kept| kept.n_judged), None);
    }

    #[test]
    fn what_breaks_together_counts_once_unless_it_is_the_rule() {
        // Twenty in one queue, and twenty alone, of 300.
        let together = tally((0..300).map(|i| !(100..120).contains(&i)), 8);
        let alone = tally((0..300).map(|i| i % 15 != 7), 8);
        assert_eq!((together.n_kept, together.share), (alone.n_kept, alone.share));
        assert_eq!((is_level_met(&together), is_level_met(&alone)), (None, Some(false)));
        // An overload is one long burst.
        assert_eq!(is_level_met(&tally((0..40).map(|i| i < 10), 8)), Some(false));
    }

    /// Looked at after each of 3,000 requests, shares of exactly 99 % are called so by at most
    /// 5 % of 400 series.
    #[test]
    fn looking_often_costs_nothing() {
        let mut state = 7u64;
        let mut is_broken = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33).is_multiple_of(100)
        };
        let decides = |_: &u32| {
            let mut tally = LevelTally::default();
            (0..3_000).any(|_| {
                tally.add(!is_broken(), 1);
                is_level_met(&tally.share().unwrap()).is_some()
            })
        };
        let n_wrong = (0..400).filter(decides).count();
        assert!((1..=20).contains(&n_wrong), "{n_wrong}");
    }
}
