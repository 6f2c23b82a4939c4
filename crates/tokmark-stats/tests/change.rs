//! Change points: what is found, what is not, and what must hold for any series.

use proptest::prelude::*;
use tokmark_stats::{
    ChangeOptions, ChangePoint, Changes, Direction, change_points, energy_statistic,
};

const USUAL: fn() -> ChangeOptions = ChangeOptions::default;

/// `n` rates around `rate`, within 1 % of it, without order.
fn level(n: u32, rate: f64) -> Vec<f64> {
    (0..n).map(|i| rate * (1.0 + (f64::from(i * 7919 % 101) / 101.0 - 0.5) * 0.02)).collect()
}

fn found(values: &[f64]) -> Vec<ChangePoint> {
    change_points(values, &USUAL()).points().unwrap().to_vec()
}

#[test]
fn a_slower_level_is_a_regression_with_its_ratio() {
    let values = [level(20, 50.0), level(12, 45.0)].concat();
    let changes = change_points(&values, &USUAL());
    let points = changes.points().unwrap();
    assert_eq!(points.len(), 1);
    let point = points[0];
    assert_eq!((point.index, point.direction), (20, Direction::Slower));
    assert_eq!((point.before.start, point.before.n), (0, 20));
    assert_eq!((point.after.start, point.after.n), (20, 12));
    assert!((point.before.median - 50.0).abs() < 0.3 && (point.after.median - 45.0).abs() < 0.3);
    let interval = point.interval.unwrap();
    assert!(interval.low < 0.9 && 0.9 < interval.high && interval.high < 0.92, "{interval:?}");
    assert_eq!(point.p_value, 1.0 / 200.0);
    assert_eq!(changes.regressions().count(), 1);
}

#[test]
fn a_mended_dip_is_two_points_of_which_one_is_a_regression() {
    let values = [level(20, 50.0), level(8, 46.0), level(20, 50.0)].concat();
    let changes = change_points(&values, &USUAL());
    let directions: Vec<_> =
        changes.points().unwrap().iter().map(|point| (point.index, point.direction)).collect();
    assert_eq!(directions, [(20, Direction::Slower), (28, Direction::Faster)]);
    assert_eq!(changes.regressions().count(), 1);
}

#[test]
fn a_significant_step_below_the_smallest_is_no_change_point() {
    let values = [level(40, 50.0), level(40, 49.3)].concat();
    assert!(found(&values).is_empty());
    let finer = ChangeOptions { smallest_step: 0.01, ..USUAL() };
    let points = change_points(&values, &finer);
    assert_eq!(points.points().unwrap()[0].index, 40);
}

#[test]
fn a_point_beside_a_step_that_was_dropped_speaks_of_the_whole_level() {
    let values = [level(40, 50.0), level(40, 49.4), level(30, 40.0)].concat();
    let points = found(&values);
    assert_eq!(points.len(), 1);
    assert_eq!((points[0].index, points[0].before.n), (80, 80));
}

#[test]
fn a_short_series_gets_no_verdict() {
    for n in 0..8 {
        let values = level(n, 50.0);
        let n = n as usize;
        assert_eq!(change_points(&values, &USUAL()), Changes::TooShort { n, needs: 8 });
    }
    assert_eq!(found(&level(8, 50.0)), []);
    let needs = |alpha, min_segment| ChangeOptions { alpha, min_segment, ..USUAL() }.needs();
    // 2 of C(8, 4) = 70 arrangements; 2 of C(10, 5) = 252; 2 of C(2, 1) are all.
    assert_eq!([needs(0.05, 3), needs(0.01, 3), needs(1.0, 0)], [8, 10, 2]);
    assert_eq!(needs(0.05, 10), 20);
    assert_eq!(change_points(&[], &USUAL()).regressions().count(), 0);
}

#[test]
fn what_is_no_rate_is_named() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut values = level(20, 50.0);
        values[7] = bad;
        assert_eq!(change_points(&values, &USUAL()), Changes::NotARate { index: 7 });
        assert_eq!(change_points(&[bad], &USUAL()), Changes::NotARate { index: 0 });
    }
}

#[test]
fn odd_options_are_moved_within_bounds() {
    let values = [level(20, 50.0), level(20, 45.0)].concat();
    let odd =
        ChangeOptions { smallest_step: f64::NAN, min_segment: 0, n_permutations: 0, ..USUAL() };
    assert_eq!(change_points(&values, &odd).points().unwrap()[0].index, 20);
    for alpha in [f64::NAN, -1.0, 0.0] {
        let strict = ChangeOptions { alpha, ..USUAL() };
        assert!(matches!(change_points(&values[..10], &strict), Changes::TooShort { .. }));
    }
    let all = ChangeOptions { alpha: 7.0, ..USUAL() };
    assert!(change_points(&values, &all).points().is_some());
}

#[test]
fn steps_within_the_own_intervals_are_marked() {
    let values = [level(20, 50.0), level(20, 45.0)].concat();
    let point = found(&values)[0];
    assert_eq!(point.is_within_own_intervals(&[Some(0.02); 40]), Some(false));
    assert_eq!(point.is_within_own_intervals(&[Some(0.30); 40]), Some(true));
    assert_eq!(point.is_within_own_intervals(&[None; 40]), None);
    assert_eq!(point.is_within_own_intervals(&[]), None);
}

#[test]
fn the_answer_is_written_and_read_back() {
    let changes = change_points(&[level(20, 50.0), level(20, 45.0)].concat(), &USUAL());
    let text = serde_json::to_string(&changes).unwrap();
    assert!(text.starts_with(r#"{"answer":"searched","points":[{"index":20,"direction":"slower""#));
    assert_eq!(serde_json::from_str::<Changes>(&text).unwrap(), changes);
    let short = serde_json::to_string(&Changes::TooShort { n: 3, needs: 8 }).unwrap();
    assert_eq!(short, r#"{"answer":"too_short","n":3,"needs":8}"#);
}

/// Rates of up to three levels.
fn rates() -> impl Strategy<Value = Vec<f64>> {
    let level = (8..25usize, 0.7..1.4f64, any::<u64>()).prop_map(|(n, ratio, seed)| {
        let mut state = seed;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        (0..n).map(|_| 50.0 * ratio * (1.0 + 0.04 * (uniform() + uniform() - 1.0))).collect()
    });
    prop::collection::vec(level, 1..4).prop_map(|levels: Vec<Vec<f64>>| levels.concat())
}

fn indices(changes: &Changes) -> Vec<usize> {
    changes.points().unwrap().iter().map(|point| point.index).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_unit_of_the_rates_does_not_matter(values in rates(), unit in 1e-6..1e6f64) {
        let scaled: Vec<f64> = values.iter().map(|value| value * unit).collect();
        let (one, other) = (change_points(&values, &USUAL()), change_points(&scaled, &USUAL()));
        prop_assert_eq!(indices(&one), indices(&other));
        for (one, other) in one.points().unwrap().iter().zip(other.points().unwrap()) {
            prop_assert!((one.ratio / other.ratio - 1.0).abs() < 1e-9);
            prop_assert_eq!(one.p_value, other.p_value);
        }
    }

    #[test]
    fn a_series_read_backwards_has_its_points_mirrored(values in rates()) {
        let mut backwards = values.clone();
        backwards.reverse();
        let mut mirrored: Vec<usize> = indices(&change_points(&backwards, &USUAL()))
            .iter()
            .map(|index| values.len() - index)
            .collect();
        mirrored.reverse();
        prop_assert_eq!(indices(&change_points(&values, &USUAL())), mirrored);
    }

    #[test]
    fn a_constant_series_has_no_change(rate in 1e-9..1e9f64, n in 8..60usize) {
        prop_assert_eq!(found(&vec![rate; n]), vec![]);
    }

    #[test]
    fn points_ascend_with_room_between_and_steps_that_count(
        values in rates(), min_segment in 1..7usize, smallest_step in 0.0..0.2f64,
    ) {
        let options = ChangeOptions { min_segment, smallest_step, ..USUAL() };
        prop_assume!(values.len() >= options.needs());
        let changes = change_points(&values, &options);
        for point in changes.points().unwrap() {
            prop_assert!(point.before.n >= min_segment && point.after.n >= min_segment);
            prop_assert_eq!(point.index, point.after.start);
            prop_assert_eq!(point.index, point.before.start + point.before.n);
            prop_assert!(point.ratio.max(1.0 / point.ratio) - 1.0 >= smallest_step - 1e-12);
            prop_assert_eq!(point.direction == Direction::Slower, point.ratio < 1.0);
            prop_assert!(point.p_value > 0.0 && point.p_value <= options.alpha);
            if let Some(interval) = point.interval {
                prop_assert!(interval.low <= point.ratio && point.ratio <= interval.high);
            }
        }
    }

    #[test]
    fn nothing_panics(
        values in prop::collection::vec(any::<f64>(), 0..40),
        alpha in any::<f64>(),
        smallest_step in any::<f64>(),
        min_segment in any::<usize>(),
        seed in any::<u64>(),
    ) {
        let options = ChangeOptions { alpha, smallest_step, min_segment, seed, ..USUAL() };
        change_points(&values, &options);
        let positive: Vec<f64> = values.iter().map(|v| v.abs()).filter(|v| v.is_normal()).collect();
        let alpha = if alpha < 0.001 { 0.001 } else { alpha };
        let min_segment = min_segment % 9;
        let options = ChangeOptions { alpha, min_segment, ..options };
        change_points(&positive, &options);
        energy_statistic(&values, &positive);
    }
}
