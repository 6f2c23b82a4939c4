//! What must hold for any samples.

use proptest::prelude::*;
use tokmark_model::{
    MemoryUse, Nanos, Repetition, Repetitions, StopReason, Summary, Test, Verdict,
};
use tokmark_stats::{
    CompareOptions, StoppingRule, compare, holm, mann_kendall, median, quantile, summarize,
    theil_sen,
};

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn summary(times: &[u64], ask: &Repetitions) -> Summary {
    let samples: Vec<Repetition> = times
        .iter()
        .map(|&time| Repetition { duration_ns: Nanos(time), ..Repetition::default() })
        .collect();
    let stop = StopReason::Fixed;
    summarize(&Test::tg(64), &samples, ask, stop, &MemoryUse::default(), &[]).unwrap()
}

const ADAPTIVE: Repetitions =
    Repetitions::Adaptive { half_width: 0.02, budget_ns: Nanos(60_000_000_000), at_least: 0 };
const FIXED: Repetitions = Repetitions::Fixed { n: 0 };

proptest! {
    #[test]
    fn quantiles_are_ordered_and_bounded(
        values in prop::collection::vec(-1e9..1e9f64, 1..200), p in 0.0..1.0f64, q in 0.0..1.0f64,
    ) {
        let values = sorted(values);
        let (low, high) = (quantile(&values, p.min(q)).unwrap(), quantile(&values, p.max(q)).unwrap());
        prop_assert!(low <= high);
        prop_assert!(values[0] <= low && high <= values[values.len() - 1]);
    }

    #[test]
    fn scaling_times_scales_the_rate_and_nothing_else(
        times in prop::collection::vec(1_000u64..1_000_000, 1..60),
    ) {
        let doubled: Vec<u64> = times.iter().map(|time| time * 4).collect();
        for ask in [ADAPTIVE, FIXED] {
            let (one, four) = (summary(&times, &ask), summary(&doubled, &ask));
            prop_assert!((one.rate.rate_tps.0 / four.rate.rate_tps.0 - 4.0).abs() < 1e-9);
            match (one.half_width, four.half_width) {
                (Some(one), Some(four)) => prop_assert!((one - four).abs() <= 1e-9 * one.max(1.0)),
                (one, four) => prop_assert_eq!(one, four),
            }
            prop_assert_eq!(one.outliers, four.outliers);
        }
    }

    #[test]
    fn intervals_hold_the_estimate_and_are_finite(
        times in prop::collection::vec(0u64..10_000_000_000, 1..80),
    ) {
        for ask in [ADAPTIVE, FIXED] {
            let rate = summary(&times, &ask).rate;
            prop_assert!(rate.rate_tps.0.is_finite() && rate.rate_tps.0 > 0.0);
            prop_assert_eq!(rate.interval.is_some(), times.len() >= 6);
            prop_assert_eq!(rate.no_interval.is_none(), times.len() >= 6);
            if let Some(interval) = rate.interval {
                prop_assert!(interval.low <= rate.rate_tps.0 && rate.rate_tps.0 <= interval.high);
                prop_assert!(interval.low >= 0.0);
            }
        }
    }

    #[test]
    fn order_of_samples_matters_only_through_dependence(
        times in prop::collection::vec(1_000u64..1_000_000, 6..60), seed in 0usize..1000,
    ) {
        let mut turned = times.clone();
        turned.rotate_left(seed % times.len());
        turned.reverse();
        let (one, other) = (summary(&times, &FIXED), summary(&turned, &FIXED));
        prop_assert_eq!(one.rate.rate_tps, other.rate.rate_tps);
        let dependent = |s: &Summary| {
            s.correlation.is_some_and(|c| c.significant) || s.drift.is_some_and(|d| d.significant)
        };
        if !dependent(&one) && !dependent(&other) {
            prop_assert_eq!(one.rate.interval, other.rate.interval);
        }
    }

    #[test]
    fn the_rule_and_the_summary_agree_on_the_half_width(
        times in prop::collection::vec(1_000u64..1_000_000, 1..60),
    ) {
        let nanos: Vec<Nanos> = times.iter().copied().map(Nanos).collect();
        let rule = StoppingRule::new(0.02);
        prop_assert_eq!(rule.half_width(&nanos), summary(&times, &ADAPTIVE).half_width);
    }

    #[test]
    fn an_adaptive_interval_is_never_narrower_than_a_fixed_one(
        times in prop::collection::vec(1_000u64..1_000_000, 6..60),
    ) {
        prop_assert!(summary(&times, &ADAPTIVE).half_width >= summary(&times, &FIXED).half_width);
    }

    #[test]
    fn exchanging_the_variants_turns_the_verdict_round(
        pairs in prop::collection::vec((1_000u64..2_000, 1_000u64..2_000), 1..60),
    ) {
        let forth: Vec<_> = pairs.iter().map(|&(a, b)| (Nanos(a), Nanos(b))).collect();
        let back: Vec<_> = pairs.iter().map(|&(a, b)| (Nanos(b), Nanos(a))).collect();
        let options = CompareOptions::default();
        let (forth, back) = (compare(&forth, &options).unwrap(), compare(&back, &options).unwrap());
        prop_assert!((forth.ratio * back.ratio - 1.0).abs() < 1e-12);
        let turned = match back.verdict {
            Verdict::Faster => Verdict::Slower,
            Verdict::Slower => Verdict::Faster,
            other => other,
        };
        prop_assert_eq!(forth.verdict, turned);
        prop_assert!((forth.p_value - back.p_value).abs() < 1e-12);
    }

    #[test]
    fn slopes_turn_round_with_the_series(values in prop::collection::vec(-1e3..1e3f64, 2..60)) {
        let x: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
        let turned: Vec<f64> = values.iter().rev().copied().collect();
        let (forth, back) = (theil_sen(&x, &values).unwrap(), theil_sen(&x, &turned).unwrap());
        prop_assert!((forth + back).abs() <= 1e-9);
        prop_assert!((mann_kendall(&values) - mann_kendall(&turned)).abs() < 1e-12);
    }

    #[test]
    fn holm_never_lowers_a_p_value_nor_changes_their_order(
        p_values in prop::collection::vec(0.0..1.0f64, 0..20),
    ) {
        let adjusted = holm(&p_values);
        for (i, (p, a)) in p_values.iter().zip(&adjusted).enumerate() {
            prop_assert!(a >= p && *a <= 1.0);
            for (q, b) in p_values.iter().zip(&adjusted).skip(i) {
                prop_assert!((p <= q && a <= b) || (p >= q && a >= b));
            }
        }
    }

    #[test]
    fn a_median_splits_its_values(values in prop::collection::vec(-1e3..1e3f64, 1..60)) {
        let middle = median(&values).unwrap();
        let below = values.iter().filter(|value| **value < middle).count();
        let above = values.iter().filter(|value| **value > middle).count();
        prop_assert!(2 * below <= values.len() && 2 * above <= values.len());
    }
}
