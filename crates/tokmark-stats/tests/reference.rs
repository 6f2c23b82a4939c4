//! The basics against NumPy, SciPy and statsmodels: `reference/make.py` made the values.

use serde_json::Value;
use tokmark_stats::{
    autocorrelation_lag1, holm, mad, mann_kendall, median, order_statistic_ranks, quantile,
    sign_test, theil_sen,
};

fn cases(text: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[track_caller]
fn assert_close(ours: f64, theirs: &Value, what: &str) {
    let theirs = theirs.as_f64().unwrap();
    let tolerance = 1e-9 * theirs.abs().max(1e-6);
    assert!((ours - theirs).abs() <= tolerance, "{what}: {ours} is not {theirs}");
}

#[test]
fn quantiles_medians_and_mads_are_numpys() {
    for case in cases(include_str!("reference/quantiles.json")) {
        let values = numbers(&case["values"]);
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        for (p, expected) in numbers(&case["p"]).iter().zip(case["quantiles"].as_array().unwrap()) {
            assert_close(quantile(&sorted, *p).unwrap(), expected, "quantile");
        }
        assert_close(median(&values).unwrap(), &case["median"], "median");
        assert_close(mad(&values).unwrap(), &case["mad"], "mad");
    }
}

#[test]
fn ranks_are_those_of_scipys_binomial() {
    for case in cases(include_str!("reference/ranks.json")) {
        let n = usize::try_from(case["n"].as_u64().unwrap()).unwrap();
        let level = case["level"].as_f64().unwrap();
        let expected: Option<(usize, usize)> =
            serde_json::from_value(case["ranks"].clone()).unwrap();
        assert_eq!(order_statistic_ranks(n, level), expected, "n {n}, level {level}");
    }
}

#[test]
fn trends_are_those_of_scipy() {
    for case in cases(include_str!("reference/trends.json")) {
        let values = numbers(&case["values"]);
        let positions: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
        assert_close(theil_sen(&positions, &values).unwrap(), &case["theil_sen"], "theil_sen");
        assert_close(mann_kendall(&values), &case["mann_kendall"], "mann_kendall");
        assert_close(autocorrelation_lag1(&values).unwrap(), &case["lag1"], "lag1");
        // SciPy's own p value is exact for small samples without ties: the approximation
        // must agree where a trend is near.
        let exact = case["kendalltau_p"].as_f64().unwrap();
        assert!(exact > 0.5 || (mann_kendall(&values) - exact).abs() < 0.02, "{exact}");
    }
}

#[test]
fn correlation_is_the_lag1_of_the_ranks_without_its_bias() {
    for case in cases(include_str!("reference/trends.json")) {
        let values = numbers(&case["values"]);
        let n = values.len() as f64;
        let raw = case["rank_lag1"].as_f64().unwrap();
        let expected = ((n * raw + 1.0) / (n - 4.0)).clamp(-0.95, 0.95);
        let found = tokmark_stats::correlation(&values).unwrap();
        assert!((found.lag1 - expected).abs() < 1e-12, "{} is not {expected}", found.lag1);
        assert_eq!(found.significant, (raw + 1.0 / n) * n.sqrt() > 1.959_963_984_540_054);
    }
}

#[test]
fn sign_tests_are_scipys_binomial_tests() {
    for case in cases(include_str!("reference/sign_tests.json")) {
        assert_close(sign_test(&numbers(&case["values"])), &case["p"], "sign test");
    }
}

#[test]
fn holm_is_that_of_statsmodels() {
    for case in cases(include_str!("reference/holm.json")) {
        let ours = holm(&numbers(&case["p"]));
        for (ours, theirs) in ours.iter().zip(case["adjusted"].as_array().unwrap()) {
            assert_close(*ours, theirs, "holm");
        }
    }
}
