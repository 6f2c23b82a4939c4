//! Summaries worked out by hand.

use tokmark_model::{
    Bytes, IntervalMethod, MemoryUse, Nanos, NoInterval, Repetition, Repetitions, StopReason,
    Summary, Test, TokensPerSecond,
};
use tokmark_stats::summarize;

const SECOND: u64 = 1_000_000_000;
const FIXED: Repetitions = Repetitions::Fixed { n: 0 };

fn repetitions(times_ns: &[u64]) -> Vec<Repetition> {
    let one = |&time| Repetition { duration_ns: Nanos(time), ..Repetition::default() };
    times_ns.iter().map(one).collect()
}

fn summary(test: &Test, samples: &[Repetition]) -> Summary {
    summarize(test, samples, &FIXED, StopReason::Fixed, &MemoryUse::default(), &[]).unwrap()
}

#[test]
fn no_samples_give_no_summary() {
    let none = summarize(&Test::pp(8), &[], &FIXED, StopReason::Fixed, &MemoryUse::default(), &[]);
    assert_eq!(none, None);
}

#[test]
fn the_rate_is_tokens_over_the_median_time() {
    // Sorted 1.0 1.0 1.0 1.25 2.0 2.0 4.0 s: median 1.25 s, extremes at n = 7.
    let times = [2.0, 1.0, 4.0, 1.25, 1.0, 2.0, 1.0].map(|s| (s * 1e9) as u64);
    let found = summary(&Test::tg(100), &repetitions(&times));
    assert_eq!(found.rate.rate_tps, TokensPerSecond(80.0));
    let interval = found.rate.interval.unwrap();
    assert_eq!((interval.low, interval.high), (25.0, 100.0));
    assert_eq!(interval.method, IntervalMethod::OrderStatistic);
    assert_eq!(found.half_width, Some(2.2));
    // 80 - 25 is more than 100 - 80.
    assert_eq!(found.rate_half_width, Some(0.6875));
    // 700 tokens in 12.25 s.
    assert!((found.total_rate_tps.0 - 57.142_857).abs() < 1e-6);
    assert_eq!(found.correlation, None, "seven repetitions say nothing about dependence");
}

#[test]
fn five_samples_have_a_rate_and_a_reason_for_no_interval() {
    let found = summary(&Test::tg(10), &repetitions(&[SECOND; 5]));
    assert_eq!(found.rate.rate_tps, TokensPerSecond(10.0));
    assert_eq!(found.rate.interval, None);
    assert_eq!(found.rate.no_interval, Some(NoInterval::TooFew));
    assert_eq!(found.half_width, None);
}

#[test]
fn llama_benchs_figures_are_means_of_rates_and_sample_deviations() {
    // Rates 100, 50, 25: mean 58.33, squared deviations 1736.11 + 69.44 + 1111.11 over 2.
    let found = summary(&Test::tg(100), &repetitions(&[SECOND, 2 * SECOND, 4 * SECOND]));
    assert!((found.avg_ts.0 - 58.333_333).abs() < 1e-6);
    assert!((found.stddev_ts.0 - 38.188_131).abs() < 1e-6);
    assert_eq!(found.avg_ns, Nanos(2_333_333_333));
    assert_eq!(found.stddev_ns, Nanos(1_527_525_231));
}

#[test]
fn one_repetition_has_no_deviation() {
    let found = summary(&Test::tg(100), &repetitions(&[SECOND]));
    assert_eq!((found.stddev_ts, found.stddev_ns), (TokensPerSecond(0.0), Nanos(0)));
}

#[test]
fn minutes_do_not_overflow_the_deviation() {
    let found = summary(&Test::pp(8), &repetitions(&[600 * SECOND, 620 * SECOND]));
    // 20 s / sqrt 2.
    assert_eq!(found.stddev_ns, Nanos(14_142_135_623));
}

#[test]
fn phases_of_a_pg_test_have_their_own_rates() {
    let samples = vec![
        Repetition {
            duration_ns: Nanos(3 * SECOND),
            prompt_ns: Some(Nanos(SECOND)),
            ..Repetition::default()
        };
        6
    ];
    let test = Test { n_prompt: 300, n_gen: 100, n_depth: 0, n_parallel: 2 };
    let found = summary(&test, &samples);
    assert_eq!(found.prompt_rate.unwrap().rate_tps, TokensPerSecond(600.0));
    assert_eq!(found.generation_rate.unwrap().rate_tps, TokensPerSecond(100.0));
    assert!((found.rate.rate_tps.0 - 800.0 / 3.0).abs() < 1e-9);
    assert!((found.rate_per_sequence.unwrap().rate_tps.0 - 400.0 / 3.0).abs() < 1e-9);
}

#[test]
fn a_phase_missing_once_is_missing() {
    let mut samples = vec![
        Repetition {
            duration_ns: Nanos(3),
            prompt_ns: Some(Nanos(1)),
            ..Repetition::default()
        };
        6
    ];
    samples[2].prompt_ns = None;
    let test = Test { n_prompt: 3, n_gen: 1, n_depth: 0, n_parallel: 1 };
    assert_eq!(summary(&test, &samples).prompt_rate, None);
}

#[test]
fn efficiency_counts_host_and_device_and_only_generation() {
    let memory = MemoryUse {
        host_peak_bytes: Some(Bytes(1_500_000_000)),
        device_peak_bytes: Some(Bytes(500_000_000)),
        ..MemoryUse::default()
    };
    let samples = repetitions(&[SECOND; 6]);
    let of = |test| {
        summarize(&test, &samples, &FIXED, StopReason::Fixed, &memory, &[])
            .unwrap()
            .efficiency_tps_per_gb
    };
    assert_eq!(of(Test::tg(100)), Some(50.0));
    assert_eq!(of(Test::pp(100)), None);
    assert_eq!(summary(&Test::tg(100), &samples).efficiency_tps_per_gb, None);
}

#[test]
fn outliers_are_flagged_and_kept() {
    let found = summary(&Test::tg(10), &repetitions(&[100, 101, 99, 100, 500, 102, 98]));
    assert_eq!(found.outliers, vec![4]);
    assert_eq!(found.n, 7);
    assert!((found.total_rate_tps.0 - 70.0 / 1100e-9).abs() < 1.0);
}

#[test]
fn precision_is_reached_only_where_it_was_asked() {
    let ask =
        Repetitions::Adaptive { half_width: 0.02, budget_ns: Nanos(60 * SECOND), at_least: 5 };
    let samples = repetitions(&[SECOND; 7]);
    let of = |stop| {
        summarize(&Test::tg(1), &samples, &ask, stop, &MemoryUse::default(), &[]).unwrap().converged
    };
    assert_eq!(of(StopReason::Converged), Some(true));
    assert_eq!(of(StopReason::Budget), Some(false));
    assert_eq!(summary(&Test::tg(1), &samples).converged, None);
}

#[test]
fn a_repetition_of_no_time_gives_a_finite_rate() {
    let found = summary(&Test::tg(1), &repetitions(&[0; 7]));
    assert_eq!(found.rate.rate_tps, TokensPerSecond(1e9));
    assert!(found.avg_ts.0.is_finite());
}

#[test]
fn the_probe_takes_out_a_slow_phase_beside_the_raw_rate() {
    let slowed = |i: u64| 100 + 2 * (i % 8);
    let samples: Vec<Repetition> = (0..24)
        .map(|i| Repetition {
            duration_ns: Nanos(slowed(i) * 10_000_000),
            probe_ns: Some(Nanos(slowed(i) * 100_000)),
            ..Repetition::default()
        })
        .collect();
    let baseline = [Nanos(10_000_000); 5];
    let found = summarize(
        &Test::tg(100),
        &samples,
        &FIXED,
        StopReason::Fixed,
        &MemoryUse::default(),
        &baseline,
    )
    .unwrap();
    assert!(found.rate.rate_tps.0 < 94.0);
    assert!((found.probe_adjusted_rate.unwrap().rate_tps.0 - 100.0).abs() < 0.01);
}
