//! The basics against NumPy, SciPy and statsmodels: `reference/make.py` made the values, and
//! `reference/compare.py` those of comparisons, which `reference/compare.R` made once more with R.

use serde_json::Value;
use tokmark_model::{Comparison, Looks, Nanos, Verdict};
use tokmark_stats::{
    CompareOptions, autocorrelation_lag1, compare, decide_together, holm, mad, mann_kendall,
    median, order_statistic_ranks, quantile, rounds_needed, sign_test, theil_sen,
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

/// R's answers to the cases of another file, in their order.
fn of_r(what: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("reference/r.json")).unwrap();
    file[what].as_array().unwrap().clone()
}

#[test]
fn holm_is_that_of_r() {
    let cases = cases(include_str!("reference/holm.json"));
    let answers = of_r("holm");
    assert_eq!(cases.len(), answers.len());
    for (case, answer) in cases.iter().zip(answers) {
        for (ours, theirs) in holm(&numbers(&case["p"])).iter().zip(answer.as_array().unwrap()) {
            assert_close(*ours, theirs, "holm");
        }
    }
}

/// The comparison of pairs with these ratios in millionths.
fn compared(ratios: &Value, options: &CompareOptions) -> Comparison {
    let pair = |ratio: &f64| (Nanos(1_000 * *ratio as u64), Nanos(1_000_000_000));
    let pairs: Vec<(Nanos, Nanos)> = numbers(ratios).iter().map(pair).collect();
    compare(&pairs, options).unwrap()
}

#[test]
fn verdicts_are_those_of_scipys_binomial_at_the_level_of_the_look() {
    let mut n_verdicts = 0;
    for case in cases(include_str!("reference/verdicts.json")) {
        let looks = case["max_pairs"]
            .as_u64()
            .map_or(Looks::Once, |max_pairs| Looks::Sequential { max_pairs: max_pairs as u32 });
        let same_within = case["same_within"].as_f64().unwrap();
        let found = compared(&case["ratios"], &CompareOptions { same_within, looks });
        let ends = found.interval.map(|interval| (interval.low, interval.high));
        assert_eq!(ends.is_none(), case["low"].is_null(), "{case}");
        if let Some((low, high)) = ends {
            assert_close(low, &case["low"], "low end");
            assert_close(high, &case["high"], "high end");
        }
        assert_close(found.p_value, &case["p"], "p value");
        let verdict: Verdict = serde_json::from_value(case["verdict"].clone()).unwrap();
        assert_eq!(found.verdict, verdict, "{case}");
        n_verdicts += u32::from(verdict != Verdict::Undecided);
    }
    assert!(n_verdicts > 20, "{n_verdicts}");
}

#[test]
fn verdicts_are_those_of_r() {
    let cases = cases(include_str!("reference/verdicts.json"));
    let answers = of_r("verdicts");
    assert_eq!(cases.len(), answers.len());
    for (case, answer) in cases.iter().zip(answers) {
        let looks = case["max_pairs"]
            .as_u64()
            .map_or(Looks::Once, |max_pairs| Looks::Sequential { max_pairs: max_pairs as u32 });
        let same_within = case["same_within"].as_f64().unwrap();
        let found = compared(&case["ratios"], &CompareOptions { same_within, looks });
        assert_close(found.p_value, &answer["p"], "p value");
        if let Some(interval) = found.interval {
            assert_close(interval.low, &answer["low"], "low end");
            assert_close(interval.high, &answer["high"], "high end");
        }
        let verdict: Verdict = serde_json::from_value(answer["verdict"].clone()).unwrap();
        assert_eq!(found.verdict, verdict, "{case}");
    }
}

#[test]
fn families_are_decided_as_with_statsmodels_holm() {
    let mut n_withdrawn = 0;
    for case in cases(include_str!("reference/families.json")) {
        let members = case["families"].as_array().unwrap();
        let options = CompareOptions::default();
        let mut family: Vec<Comparison> =
            members.iter().map(|ratios| compared(ratios, &options)).collect();
        decide_together(&mut family);
        let verdicts: Vec<Verdict> = serde_json::from_value(case["verdicts"].clone()).unwrap();
        let withdrawn: Vec<bool> = serde_json::from_value(case["withdrawn"].clone()).unwrap();
        for (i, found) in family.iter().enumerate() {
            assert_close(found.p_value, &case["adjusted"][i], "adjusted p value");
            assert_eq!((found.verdict, found.withdrawn), (verdicts[i], withdrawn[i]), "{found:?}");
            if found.withdrawn {
                let interval = found.interval.unwrap();
                assert!(interval.low > 1.0 || interval.high < 1.0, "not corrected: {found:?}");
            }
        }
        n_withdrawn += withdrawn.iter().filter(|withdrawn| **withdrawn).count();
    }
    assert!(n_withdrawn > 5);
}

#[test]
fn rounds_needed_are_those_found_with_scipy() {
    for case in cases(include_str!("reference/rounds.json")) {
        let family = case["n_comparisons"].as_u64().unwrap() as usize;
        let looks = match case["sequential"].as_bool().unwrap() {
            true => Looks::Sequential { max_pairs: 200 },
            false => Looks::Once,
        };
        assert_eq!(u64::from(rounds_needed(family, looks)), case["rounds"].as_u64().unwrap());
    }
}
