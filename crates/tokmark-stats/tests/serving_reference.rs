//! Quantiles, ranks and intervals against NumPy and SciPy: `serving/make.py` made the values.

#[path = "serving/point.rs"]
mod point;

use point::Point;
use serde_json::Value;
use tokmark_model::Nanos;
use tokmark_stats::{SERVING_QUANTILES, quantile_ranks, upper_bound_rank};

fn cases(text: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

#[track_caller]
fn assert_close(ours_ms: f64, theirs_ns: f64, what: &str) {
    let theirs = theirs_ns / 1e6;
    assert!(
        (ours_ms - theirs).abs() <= 1e-9 * theirs.max(1e-6),
        "{what}: {ours_ms} is not {theirs}"
    );
}

#[test]
fn ranks_are_those_of_scipys_binomial() {
    for case in cases(include_str!("serving/ranks.json")) {
        let (n, p) = (case["n"].as_u64().unwrap(), case["p"].as_f64().unwrap());
        let two_sided: Option<(u64, u64)> =
            serde_json::from_value(case["two_sided"].clone()).unwrap();
        assert_eq!(quantile_ranks(n, p, 0.95), two_sided, "n {n}, p {p}");
        assert_eq!(upper_bound_rank(n, p, 0.95), case["one_sided"].as_u64(), "n {n}, p {p}");
    }
}

#[test]
fn distributions_are_numpys_with_intervals_by_scipys_ranks() {
    for case in cases(include_str!("serving/spreads.json")) {
        let times: Vec<u64> = serde_json::from_value(case["ns"].clone()).unwrap();
        let mut point = Point::closed(1);
        for time in &times {
            point.answer(0, &[], 1).end_ns = Nanos(*time);
        }
        let found = point.summary().closed_ms.unwrap();
        let number = |value: &Value| value.as_f64().unwrap();
        assert_eq!(found.n, times.len() as u64);
        assert_close(found.mean, number(&case["mean"]), "mean");
        assert_close(found.stddev, number(&case["stddev"]), "stddev");
        for (i, quantile) in found.quantiles.iter().enumerate() {
            let what = format!("n {}, q {}", times.len(), quantile.q);
            assert_eq!(quantile.q, SERVING_QUANTILES[i]);
            assert_close(quantile.value, number(&case["quantiles"][i]), &what);
            let (interval, bound) = (&case["intervals"][i], &case["bounds"][i]);
            assert_eq!(quantile.interval.is_some(), !interval.is_null(), "{what}");
            assert_eq!(
                quantile.no_interval.is_some(),
                interval.is_null() && bound.is_null(),
                "{what}"
            );
            let shows_bound = interval.is_null() && !bound.is_null();
            assert_eq!(quantile.upper_bound.is_some(), shows_bound, "{what}");
            if let Some(ours) = quantile.interval {
                assert_close(ours.low, number(&interval[0]), &what);
                assert_close(ours.high, number(&interval[1]), &what);
            }
            if let Some(ours) = quantile.upper_bound {
                assert_close(ours, number(bound), &what);
            }
        }
    }
}
