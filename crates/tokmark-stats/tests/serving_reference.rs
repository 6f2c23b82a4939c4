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
fn distributions_are_numpys_and_intervals_no_narrower_than_by_scipys_ranks() {
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
            // What these requests have in common by chance widens it, and never narrows it; how it
            // is without that, a test of the crate itself asks.
            let interval = &case["intervals"][i];
            if let Some(ours) = quantile.interval {
                assert!(ours.low * 1e6 <= number(&interval[0]) * (1.0 + 1e-9), "{what}");
                assert!(ours.high * 1e6 >= number(&interval[1]) * (1.0 - 1e-9), "{what}");
            }
        }
    }
}
