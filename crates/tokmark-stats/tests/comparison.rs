//! Comparisons worked out by hand.

use tokmark_model::Nanos;
use tokmark_model::{Looks, Verdict};
use tokmark_stats::{CompareOptions, PairRule, compare, decide_together, holm};

/// Pairs with these ratios t first / t second, in millionths.
fn pairs(ratios: &[u64]) -> Vec<(Nanos, Nanos)> {
    ratios.iter().map(|&ratio| (Nanos(1_000 * ratio), Nanos(1_000_000_000))).collect()
}

fn verdict(ratios: &[u64], same_within: f64) -> Verdict {
    compare(&pairs(ratios), &CompareOptions { same_within, looks: Looks::Once }).unwrap().verdict
}

#[test]
fn no_pairs_give_no_comparison() {
    assert_eq!(compare(&[], &CompareOptions::default()), None);
}

#[test]
fn the_ratio_is_the_median_and_the_ends_are_pairs() {
    let ratios = [1_020_000, 1_030_000, 1_010_000, 1_050_000, 1_040_000, 1_060_000, 1_000_500];
    let found = compare(&pairs(&ratios), &CompareOptions::default()).unwrap();
    assert!((found.ratio - 1.03).abs() < 1e-12);
    let interval = found.interval.unwrap();
    assert!((interval.low - 1.0005).abs() < 1e-12 && (interval.high - 1.06).abs() < 1e-12);
    assert_eq!(found.verdict, Verdict::Faster);
    assert!((found.p_value - 2.0 / 128.0).abs() < 1e-12);
    // 1.06 / 1.03 is less far than 1.03 / 1.0005.
    assert!((found.half_width.unwrap() - (1.03 / 1.0005 - 1.0)).abs() < 1e-12);
}

#[test]
fn same_wins_over_faster() {
    let ratios = [1_002_000, 1_003_000, 1_001_000, 1_005_000, 1_004_000, 1_006_000, 1_000_500];
    assert_eq!(verdict(&ratios, 0.01), Verdict::Same);
    assert_eq!(verdict(&ratios, 0.001), Verdict::Faster);
}

#[test]
fn slower_and_undecided_are_told_apart() {
    assert_eq!(
        verdict(&[950_000, 960_000, 940_000, 955_000, 945_000, 970_000], 0.01),
        Verdict::Slower
    );
    assert_eq!(
        verdict(&[950_000, 1_060_000, 940_000, 955_000, 945_000, 970_000], 0.01),
        Verdict::Undecided
    );
}

#[test]
fn five_pairs_decide_nothing() {
    let found = compare(&pairs(&[2_000_000; 5]), &CompareOptions::default()).unwrap();
    assert_eq!((found.verdict, found.interval), (Verdict::Undecided, None));
}

#[test]
fn early_looks_of_several_need_more_than_one_look_does() {
    let ratios = [1_020_000, 1_030_000, 1_010_000, 1_050_000, 1_040_000, 1_060_000, 1_000_500];
    let rule = PairRule::until_verdict(0.01);
    let look = rule.look(&pairs(&ratios)).unwrap();
    assert_eq!(look.verdict, Verdict::Undecided);
    assert!(!rule.is_done(&look));
}

#[test]
fn the_last_look_comes_at_the_most_pairs() {
    let rule = PairRule { max_pairs: 25, ..PairRule::until_verdict(0.01) };
    let mut looks = vec![];
    while let Some(look) = rule.next_look(looks.last().copied().unwrap_or(0)) {
        looks.push(look);
    }
    assert_eq!(looks, [7, 10, 14, 20, 25]);
    assert!(rule.is_look(25) && !rule.is_look(28) && !rule.is_look(24));
    let undecided: Vec<u64> = (0..25).map(|i| 1_000_000 + 100_000 * (i % 2)).collect();
    assert!(rule.is_done(&rule.look(&pairs(&undecided)).unwrap()));
}

#[test]
fn a_precision_goal_ends_at_its_half_width() {
    let rule = PairRule::until_half_width(0.01, 400);
    let narrow: Vec<u64> = (0..112).map(|i| 1_000_000 + 100 * ((i * 37) % 101)).collect();
    assert!(rule.is_done(&rule.look(&pairs(&narrow)).unwrap()));
    let wide: Vec<u64> = (0..112).map(|i| 1_000_000 + 9_000 * ((i * 37) % 101)).collect();
    assert!(!rule.is_done(&rule.look(&pairs(&wide)).unwrap()));
}

#[test]
fn holm_by_hand() {
    let adjusted = holm(&[0.01, 0.04, 0.03]);
    for (ours, expected) in adjusted.iter().zip([0.03, 0.06, 0.06]) {
        assert!((ours - expected).abs() < 1e-12);
    }
    assert!(holm(&[]).is_empty());
}

#[test]
fn a_family_withdraws_what_one_test_alone_would_call() {
    // Seven of seven: p = 1/64 alone, above 0.05 as the best of four.
    let ratios = [1_020_000, 1_030_000, 1_010_000, 1_050_000, 1_040_000, 1_060_000, 1_000_500];
    let one = compare(&pairs(&ratios), &CompareOptions::default()).unwrap();
    let mut pair = vec![one.clone(); 2];
    decide_together(&mut pair);
    assert!(pair.iter().all(|comparison| comparison.verdict == Verdict::Faster));
    let mut four = vec![one; 4];
    decide_together(&mut four);
    assert!(four.iter().all(|comparison| comparison.verdict == Verdict::Undecided));
}

#[test]
fn a_comparison_survives_json() {
    let found = compare(&pairs(&[1_020_000; 9]), &CompareOptions::default()).unwrap();
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<tokmark_model::Comparison>(&text).unwrap(), found);
}
