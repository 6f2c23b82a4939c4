//! Schedules by their distributions, with fixed seeds, and the search for the highest rate.

use std::time::Duration;

use proptest::prelude::*;
use tokmark_model::{Arrivals, Load, Nanos};
use tokmark_run::{Bisection, Due, Extent, RateSearch, Schedule, ScheduleError};

const N: usize = 20_000;

fn first(n: u64) -> Extent {
    Extent { n_requests: Some(n), duration: None }
}

fn open(per_s: f64, arrivals: Arrivals) -> Load {
    Load::Rate { per_s, arrivals }
}

fn times(schedule: Schedule) -> Vec<u64> {
    schedule
        .map(|due| match due {
            Due::At(time) => time.get(),
            Due::WhenFree => panic!("an open loop has due times"),
        })
        .collect()
}

/// Gaps of an open loop, in units of their mean. At so low a rate a nanosecond is nothing even
/// to the shortest gaps of bursts.
fn gaps(arrivals: Arrivals, seed: u64) -> Vec<f64> {
    let schedule = Schedule::new(&open(0.01, arrivals), seed, first(N as u64 + 1)).unwrap();
    times(schedule).windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e11).collect()
}

fn mean_and_cv(gaps: &[f64]) -> (f64, f64) {
    let n = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / n;
    let squares: f64 = gaps.iter().map(|gap| (gap - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt() / mean)
}

/// Largest distance between the empirical and the given distribution function.
fn kolmogorov_smirnov(gaps: &[f64], distribution: impl Fn(f64) -> f64) -> f64 {
    let mut sorted = gaps.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let distances = sorted.iter().enumerate().map(|(i, gap)| {
        let expected = distribution(*gap);
        (expected - i as f64 / n).max((i + 1) as f64 / n - expected)
    });
    distances.fold(0.0, f64::max)
}

/// Critical value at 1 %: 1.628 / sqrt(n) (Smirnov 1948, for large n).
fn critical() -> f64 {
    1.628 / (N as f64).sqrt()
}

/// Distribution function of a gamma variable of scale 1: the power series of the incomplete
/// gamma function. `gamma` is Gamma(shape).
fn gamma_distribution(shape: f64, gamma: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut k) = (1.0 / shape, 1.0 / shape, shape);
    while term > sum * 1e-16 {
        k += 1.0;
        term *= x / k;
        sum += term;
    }
    x.powf(shape) * (-x).exp() * sum / gamma
}

#[test]
fn a_constant_rate_is_exact_to_the_nanosecond_however_long_it_runs() {
    let schedule = Schedule::new(&open(3.0, Arrivals::Constant), 1, first(3_000_001)).unwrap();
    let due = times(schedule);
    assert_eq!(due[..4], [0, 333_333_333, 666_666_667, 1_000_000_000]);
    assert_eq!(due[3_000_000], 1_000_000 * 1_000_000_000);
    assert!(due.windows(2).all(|pair| (333_333_333..=333_333_334).contains(&(pair[1] - pair[0]))));
}

#[test]
fn a_coefficient_of_variation_of_0_is_constant() {
    let gamma = Schedule::new(&open(7.0, Arrivals::Gamma { cv: 0.0 }), 1, first(50)).unwrap();
    let constant = Schedule::new(&open(7.0, Arrivals::Constant), 9, first(50)).unwrap();
    assert!(gamma.eq(constant));
}

#[test]
fn poisson_gaps_are_exponential() {
    for seed in 1..=5 {
        let gaps = gaps(Arrivals::Poisson, seed);
        let (mean, cv) = mean_and_cv(&gaps);
        // Four standard errors: 1 / sqrt(n) each.
        assert!((mean - 1.0).abs() < 0.0283 && (cv - 1.0).abs() < 0.0283, "{seed}: {mean} {cv}");
        let distance = kolmogorov_smirnov(&gaps, |gap| 1.0 - (-gap).exp());
        assert!(distance < critical(), "{seed}: {distance}");
    }
}

#[test]
fn gamma_gaps_have_their_distribution_on_both_sides_of_poisson() {
    let gamma_of_a_quarter = 3.625_609_908_221_908;
    for (cv, shape, gamma) in [(0.5, 4.0, 6.0), (2.0, 0.25, gamma_of_a_quarter)] {
        for seed in 1..=5 {
            let gaps = gaps(Arrivals::Gamma { cv }, seed);
            let (mean, found) = mean_and_cv(&gaps);
            // Four standard errors of the mean; some five of the deviation, which for the
            // bursty one is large.
            assert!((mean - 1.0).abs() < 4.0 * cv / (N as f64).sqrt(), "{cv} {seed}: {mean}");
            assert!((found / cv - 1.0).abs() < 0.08, "{cv} {seed}: {found}");
            let distance =
                kolmogorov_smirnov(&gaps, |gap| gamma_distribution(shape, gamma, gap * shape));
            assert!(distance < critical(), "{cv} {seed}: {distance}");
        }
    }
}

#[test]
fn the_test_of_the_distribution_tells_gamma_from_poisson() {
    let gaps = gaps(Arrivals::Gamma { cv: 0.9 }, 1);
    assert!(kolmogorov_smirnov(&gaps, |gap| 1.0 - (-gap).exp()) > critical());
}

#[test]
fn gaps_do_not_depend_on_each_other() {
    for arrivals in [Arrivals::Poisson, Arrivals::Gamma { cv: 0.5 }, Arrivals::Gamma { cv: 2.0 }] {
        let gaps = gaps(arrivals, 3);
        let (mean, _) = mean_and_cv(&gaps);
        let common: f64 = gaps.windows(2).map(|p| (p[0] - mean) * (p[1] - mean)).sum();
        let all: f64 = gaps.iter().map(|gap| (gap - mean).powi(2)).sum();
        assert!((common / all).abs() < 4.0 / (N as f64).sqrt(), "{arrivals:?}");
    }
}

#[test]
fn a_seed_means_the_same_due_times_in_every_version() {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("schedule/due_times.json")).unwrap();
    for case in file["cases"].as_array().unwrap() {
        let arrivals = match case["gamma_cv"].as_f64() {
            Some(cv) => Arrivals::Gamma { cv },
            None => Arrivals::Poisson,
        };
        let load = open(case["per_s"].as_f64().unwrap(), arrivals);
        let schedule = Schedule::new(&load, case["seed"].as_u64().unwrap(), first(12)).unwrap();
        let expected: Vec<u64> = serde_json::from_value(case["due_ns"].clone()).unwrap();
        for (ours, expected) in times(schedule).into_iter().zip(expected) {
            assert!(ours.abs_diff(expected) <= 1, "{case}: {ours} is not {expected}");
        }
    }
}

#[test]
fn another_seed_gives_other_due_times() {
    let due = |seed| times(Schedule::new(&open(5.0, Arrivals::Poisson), seed, first(9)).unwrap());
    assert_eq!(due(4), due(4));
    assert_ne!(due(4)[1..], due(5)[1..]);
}

#[test]
fn a_closed_loop_is_due_when_a_slot_is_free() {
    let extent = Extent { n_requests: Some(5), duration: Some(Duration::from_secs(2)) };
    let schedule = Schedule::new(&Load::Concurrency { n: 2 }, 1, extent).unwrap();
    assert_eq!(schedule.n_slots(), Some(2));
    assert_eq!(schedule.ends_at(), Some(Nanos(2_000_000_000)));
    assert_eq!(schedule.collect::<Vec<_>>(), [Due::WhenFree; 5]);
}

#[test]
fn whichever_limit_comes_first_ends_an_open_loop() {
    let load = open(50.0, Arrivals::Constant);
    let count = |n_requests, ms: Option<u64>| {
        let duration = ms.map(Duration::from_millis);
        let mut schedule = Schedule::new(&load, 1, Extent { n_requests, duration }).unwrap();
        let n = schedule.by_ref().take(1_000).count();
        assert_eq!((schedule.next().is_none(), schedule.n_slots()), (n < 1_000, None));
        n
    };
    // Due at 0, 20, ..., 980 ms; nothing at the end itself.
    assert_eq!(count(None, Some(1_000)), 50);
    assert_eq!(count(None, Some(1_001)), 51);
    assert_eq!(count(Some(10), Some(1_000)), 10);
    assert_eq!(count(Some(0), None), 0);
    assert_eq!(count(None, None), 1_000);
}

#[test]
fn a_replay_begins_at_0_and_keeps_the_traces_gaps_over_the_speed() {
    let trace = vec![Nanos(5_000), Nanos(1_000), Nanos(2_001), Nanos(9_000)];
    let replay = |speed, extent| times(Schedule::replay(trace.clone(), speed, extent).unwrap());
    assert_eq!(replay(1.0, Extent::default()), [0, 1_001, 4_000, 8_000]);
    assert_eq!(replay(2.0, Extent::default()), [0, 501, 2_000, 4_000]);
    assert_eq!(replay(1.0, first(2)), [0, 1_001]);
    let short = Extent { n_requests: None, duration: Some(Duration::from_nanos(4_000)) };
    assert_eq!(replay(1.0, short), [0, 1_001]);
}

#[test]
fn loads_that_make_no_sense_are_refused_with_what_to_do() {
    let refused = |load| Schedule::new(&load, 1, Extent::default()).unwrap_err();
    assert_eq!(refused(Load::Concurrency { n: 0 }), ScheduleError::NoSlots);
    for per_s in [0.0, -1.0, f64::INFINITY] {
        assert_eq!(refused(open(per_s, Arrivals::Poisson)), ScheduleError::Rate { per_s });
    }
    assert!(matches!(refused(open(f64::NAN, Arrivals::Poisson)), ScheduleError::Rate { .. }));
    let negative = refused(open(1.0, Arrivals::Gamma { cv: -0.5 }));
    assert_eq!(
        negative.to_string(),
        "arrivals with a coefficient of variation of -0.5; ask for 0 or more"
    );
    assert_eq!(refused(Load::Replay { speed: 1.0 }), ScheduleError::NoDueTimes);
    let nothing = Schedule::replay(vec![], 1.0, Extent::default()).unwrap_err();
    assert_eq!(nothing, ScheduleError::NoDueTimes);
    let still = Schedule::replay(vec![Nanos(1)], 0.0, Extent::default()).unwrap_err();
    assert_eq!(still, ScheduleError::Speed { speed: 0.0 });
}

const LIMITS: RateSearch = RateSearch {
    first_per_s: 1.0,
    least_per_s: 0.1,
    most_per_s: 100.0,
    growth: 2.0,
    tolerance: 0.05,
};

/// Rates tried until the search is over, each with whether it met.
fn search(limits: RateSearch, meets: impl Fn(f64) -> bool) -> (Vec<f64>, Bisection) {
    let mut search = Bisection::new(limits).unwrap();
    let mut tried = vec![];
    while let Some(rate) = search.next_rate() {
        tried.push(rate);
        search.report(meets(rate));
    }
    (tried, search)
}

#[test]
fn rates_double_until_the_first_failure_and_are_then_halved_in() {
    let (tried, search) = search(LIMITS, |rate| rate < 13.0);
    assert_eq!(tried[..5], [1.0, 2.0, 4.0, 8.0, 16.0]);
    // The root of 128, with the digits that 5 % needs and two more.
    assert_eq!(tried[5], 11.31);
    let found = search.result();
    let (met, failed) = (found.highest_met_per_s.unwrap(), found.lowest_failed_per_s.unwrap());
    assert!(met < 13.0 && failed >= 13.0 && failed / met <= 1.05, "{found:?}");
    // An octave in four halvings: 2^(1/16) = 1.044.
    assert_eq!((found.n_points as usize, found.n_points, found.tolerance), (tried.len(), 9, 0.05));
}

#[test]
fn a_first_rate_that_fails_is_lowered_until_one_meets() {
    let (tried, search) = search(LIMITS, |rate| rate < 0.3);
    assert_eq!(tried[..3], [1.0, 0.5, 0.25]);
    let found = search.result();
    assert!(found.highest_met_per_s.unwrap() >= 0.3 / 1.05, "{found:?}");
}

#[test]
fn where_nothing_meets_there_is_no_highest_rate() {
    let (tried, search) = search(LIMITS, |_| false);
    assert_eq!(tried, [1.0, 0.5, 0.25, 0.125, 0.1]);
    let found = search.result();
    assert_eq!((found.highest_met_per_s, found.lowest_failed_per_s), (None, Some(0.1)));
}

#[test]
fn where_nothing_fails_the_cap_is_met() {
    let (tried, search) = search(LIMITS, |_| true);
    assert_eq!(tried, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 100.0]);
    let found = search.result();
    assert_eq!((found.highest_met_per_s, found.lowest_failed_per_s), (Some(100.0), None));
}

#[test]
fn asking_again_changes_nothing_and_late_reports_are_ignored() {
    let (_, mut search) = search(LIMITS, |rate| rate < 13.0);
    let before = search.clone();
    search.report(false);
    assert_eq!((search.next_rate(), &search), (None, &before));
    let fresh = Bisection::new(LIMITS).unwrap();
    assert_eq!((fresh.next_rate(), fresh.next_rate()), (Some(1.0), Some(1.0)));
    assert_eq!(fresh.result().n_points, 0);
}

#[test]
fn contradicting_limits_are_refused() {
    let refused = |limits| Bisection::new(limits).unwrap_err();
    let outside = refused(RateSearch { first_per_s: 200.0, ..LIMITS });
    assert!(matches!(outside, ScheduleError::Search { .. }), "{outside}");
    assert!(matches!(
        refused(RateSearch { growth: 1.0, ..LIMITS }),
        ScheduleError::Search { what } if what.contains("factor")
    ));
    assert!(matches!(
        refused(RateSearch { tolerance: 0.0, ..LIMITS }),
        ScheduleError::Search { what } if what.contains("tolerance")
    ));
    let never = refused(RateSearch { least_per_s: 0.0, ..LIMITS });
    assert_eq!(never, ScheduleError::Rate { per_s: 0.0 });
}

proptest! {
    #[test]
    fn every_search_ends_around_the_true_rate(
        truth in 0.05..200.0f64, tolerance in 1e-6..0.5f64, growth in 1.01..10.0f64,
    ) {
        let limits = RateSearch { growth, tolerance, ..LIMITS };
        let (tried, search) = search(limits, |rate| rate <= truth);
        prop_assert!(tried.len() < 600);
        let found = search.result();
        match (found.highest_met_per_s, found.lowest_failed_per_s) {
            (Some(met), Some(failed)) => {
                prop_assert!(met <= truth && truth < failed && failed <= met * (1.0 + tolerance));
            }
            (Some(met), None) => prop_assert!(met == 100.0 && truth >= 100.0),
            (None, Some(failed)) => prop_assert!(failed == 0.1 && truth < 0.1),
            (None, None) => prop_assert!(false, "nothing was tried"),
        }
    }

    #[test]
    fn due_times_never_fall(per_s in 0.01..1e5f64, cv in 0.0..5.0f64, seed: u64) {
        let schedule = Schedule::new(&open(per_s, Arrivals::Gamma { cv }), seed, first(200)).unwrap();
        let due = times(schedule);
        prop_assert_eq!(due[0], 0);
        prop_assert!(due.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}
