//! Change points against Apache Otava and MongoDB's signal-processing-algorithms:
//! `change/make.py` made the values.

use serde_json::Value;
use tokmark_stats::{ChangeOptions, ChangePoint, Dependence, Windows, change_points};

/// As Matteson and James have it, and Otava.
const AS_PUBLISHED: ChangeOptions = ChangeOptions {
    alpha: 0.05,
    n_permutations: 999,
    seed: 1,
    min_segment: 1,
    smallest_step: 0.0,
    windows: Windows::FromStart,
    dependence: Dependence::Ignored,
};

fn cases() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("change/points.json")).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn position(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn points(values: &[f64], options: &ChangeOptions) -> Vec<ChangePoint> {
    change_points(values, options).points().unwrap().to_vec()
}

/// Whether another seed may decide otherwise.
fn is_borderline(case: &Value) -> bool {
    (0.03..0.08).contains(&case["first_p"].as_f64().unwrap())
}

/// Four standard errors of the difference of two shares, each of 1,000.
fn assert_same_share(ours: f64, theirs: f64) {
    let variance = theirs.max(0.002) * (1.0 - theirs) * 2.0 / 1_000.0;
    assert!((ours - theirs).abs() <= 4.0 * variance.sqrt(), "{ours} is not {theirs}");
}

#[test]
fn the_first_split_its_statistic_and_its_p_value_are_otavas() {
    for case in cases() {
        let theirs = case["first_p"].as_f64().unwrap();
        let values = numbers(&case["values"]);
        let mut backwards = values.clone();
        backwards.reverse();
        for (values, key) in [(values, "split"), (backwards, "split_backwards")] {
            // A level at which the first split passes, and few after it.
            let alpha = if key == "split" { (theirs + 0.1).min(1.0) } else { 1.0 };
            let n_permutations = if key == "split" { 999 } else { 1 };
            let options = ChangeOptions { alpha, n_permutations, ..AS_PUBLISHED };
            let index = position(&case[key]["index"]);
            let found = points(&values, &options);
            let point = found.iter().find(|point| point.index == index).unwrap();
            let q = case[key]["q"].as_f64().unwrap();
            assert!((point.q - q).abs() < 1e-9, "{} is not {q}", point.q);
            if key == "split" {
                assert_same_share(point.p_value, theirs);
            }
        }
    }
}

#[test]
fn change_points_and_their_statistics_are_otavas() {
    for case in cases().iter().filter(|case| !is_borderline(case)) {
        let found = points(&numbers(&case["values"]), &AS_PUBLISHED);
        let theirs = case["otava"].as_array().unwrap();
        assert_eq!(found.len(), theirs.len(), "{found:?} {theirs:?}");
        for (point, theirs) in found.iter().zip(theirs) {
            assert_eq!(point.index, position(&theirs["index"]));
            assert!((point.q - theirs["q"].as_f64().unwrap()).abs() < 1e-9);
            assert_same_share(point.p_value, theirs["p"].as_f64().unwrap());
        }
    }
}

#[test]
fn usual_options_find_the_points_of_mongodbs_e_divisive() {
    for case in cases() {
        let options = ChangeOptions { smallest_step: 0.0, ..ChangeOptions::default() };
        let found: Vec<usize> =
            points(&numbers(&case["values"]), &options).iter().map(|point| point.index).collect();
        let theirs: Vec<usize> = case["mongodb"].as_array().unwrap().iter().map(position).collect();
        assert_eq!(found, theirs);
    }
}
