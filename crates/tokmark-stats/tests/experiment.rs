//! Whole experiments against the truth, by seeded simulation, and what is told of them. Some
//! seconds optimized, minutes without, hence skipped there.

mod simulation;

use simulation::Dice;
use simulation::experiments::Trials;
use tokmark_model::{Contest, FoundAs, Looks, Nanos, Power, PowerDoubt, Standing, Verdict, Visit};
use tokmark_stats::{VisitTimes, judge_experiment, overall};

const SEED: u64 = 20_260_101;

/// Three standard deviations of a share of `n`.
fn margin(share: f64, n: u32) -> f64 {
    3.0 * (share * (1.0 - share) / f64::from(n)).sqrt()
}

fn share(n: u32, of: impl FnMut(u32) -> bool) -> f64 {
    let mut of = of;
    f64::from((0..n).filter(|&trial| of(trial)).count() as u32) / f64::from(n)
}

fn is_different(contests: &[Contest]) -> bool {
    let called = |verdict| matches!(verdict, Verdict::Faster | Verdict::Slower);
    contests.iter().flat_map(|c| &c.pairings).any(|p| called(p.comparison.verdict))
}

#[test]
#[cfg_attr(debug_assertions, ignore = "minutes unless optimized: add --release")]
fn of_equal_variants_any_verdict_of_a_difference_is_rare() {
    const TRIALS: u32 = 1_000;
    let two = |n_tests, sd, n_rounds| Trials::equal(n_tests, sd, n_rounds);
    let three = Trials { slower: vec![0.0; 3], ..two(2, 0.03, 40) };
    let once = Trials { looks: Looks::Once, ..two(2, 0.05, 7) };
    let four = Trials { slower: vec![0.0; 4], same_within: 0.001, ..two(2, 0.02, 28) };
    let waves = Trials { phi: 0.8, same_within: 0.001, ..two(2, 0.08, 40) };
    let of_three = Trials { phi: 0.5, slower: vec![0.0; 3], ..waves.clone() };
    for trials in [two(1, 0.05, 100), two(2, 0.02, 28), three, once, four, waves, of_three] {
        let mut dice = Dice::new(SEED);
        let wrong = share(TRIALS, |trial| {
            let contests = trials.made(&mut dice, u64::from(trial));
            let is_best = contests.iter().any(|c| c.standings.contains(&Standing::Best));
            assert!(!is_best || is_different(&contests));
            is_different(&contests)
        });
        println!("{trials:?}: {wrong}");
        assert!(wrong <= 0.05 + margin(0.05, TRIALS), "{trials:?}: {wrong}");
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "minutes unless optimized: add --release")]
fn a_difference_is_found_and_the_best_is_marked() {
    const TRIALS: u32 = 300;
    for (slower, n_rounds, at_least) in [
        (vec![0.0, 0.05], 40, 0.99),
        (vec![0.0, 0.05, 0.05], 40, 0.97),
        (vec![0.0, 0.10], 10, 0.95),
    ] {
        let trials = Trials { slower, ..Trials::equal(2, 0.03, n_rounds) };
        let mut dice = Dice::new(SEED);
        let right = share(TRIALS, |trial| {
            let contests = trials.made(&mut dice, u64::from(trial));
            contests[0].standings[0] == Standing::Best
                && contests[0].standings[1..].iter().all(|&found| found == Standing::Behind)
        });
        println!("{trials:?}: {right}");
        assert!(right >= at_least, "{trials:?}: {right}");
    }
}

#[test]
fn where_medians_and_pairs_disagree_the_pairs_decide() {
    // A machine whose pace moves: b is 3 % faster in 17 of 20 pairs and was disturbed in three of
    // middling length, so that the median of its visits is the longer one.
    let a: Vec<u64> = (0..20).map(|i| 100 + 2 * (7 * i % 20)).collect();
    let b = |time: u64| match time {
        114..=118 => 1_250 * time,
        _ => 970 * time,
    };
    let time = |visit: u32, ms_1000: u64, variant: u32| VisitTimes {
        visit: Visit { variant, position: visit, planted: false, delayed: false },
        times: vec![Some(Nanos(ms_1000 * 1_000))],
    };
    let mut visits = Vec::new();
    for (i, &own) in (0u32..).zip(&a) {
        let pair = [time(2 * i, 1_000 * own, 0), time(2 * i + 1, b(own), 1)];
        visits.extend(pair);
    }
    let design = Trials { looks: Looks::Once, ..Trials::equal(1, 0.03, 20) }.design(SEED);
    let contest = &judge_experiment(&design, &[true; 2], &visits)[0];
    let rate = |variant: usize| contest.rates[variant].unwrap().rate_tps.get();
    assert!(rate(0) > rate(1), "by the medians a is the faster one");
    assert_eq!(contest.pairings[0].comparison.verdict, Verdict::Faster);
    assert_eq!(contest.fastest(), Some(1));
    assert_eq!(contest.standings, [Standing::Behind, Standing::Best]);
}

fn power_of(contests: &[Contest]) -> Power {
    contests[0].power.expect("there are planted blocks")
}

/// The share in which the experiment says that a variant is slower which is slower by `share`,
/// and the mean of what experiments on equal variants say of that.
fn found_and_told(sd: f64, n_rounds: u32, n_tests: usize) -> (f64, f64) {
    let (n_true, n_told) = (300, if n_rounds < 50 { 40 } else { 24 });
    let equal = Trials { planted: Some((0.03, 0.03)), ..Trials::equal(n_tests, sd, n_rounds) };
    let slower = Trials { slower: vec![0.0, 0.03], planted: None, ..equal.clone() };
    let mut dice = Dice::new(SEED);
    let found = share(n_true, |trial| {
        let contests = slower.made(&mut dice, u64::from(trial));
        contests[0].pairings[0].comparison.verdict == Verdict::Slower
    });
    let told = (0..n_told)
        .map(|trial| {
            let power = power_of(&equal.made(&mut dice, trial));
            f64::from(power.n_found) / f64::from(power.n_tries)
        })
        .sum::<f64>();
    (found, told / n_told as f64)
}

#[track_caller]
fn assert_told(sd: f64, sizes: [u32; 3], n_tests: usize) {
    for n_rounds in sizes {
        let (found, told) = found_and_told(sd, n_rounds, n_tests);
        println!("sd {sd}, N {n_rounds}, tests {n_tests}: found {found:.3}, told {told:.3}");
        assert!((found - told).abs() < 0.12, "sd {sd}, N {n_rounds}: {found} is told as {told}");
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "minutes unless optimized: add --release")]
fn power_is_what_is_found_on_a_quiet_machine() {
    assert_told(0.01, [20, 28, 100], 1);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "minutes unless optimized: add --release")]
fn power_is_what_is_found_on_a_usual_machine() {
    assert_told(0.03, [20, 28, 100], 2);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "minutes unless optimized: add --release")]
fn power_is_what_is_found_on_a_noisy_machine() {
    assert_told(0.05, [20, 28, 100], 1);
}

/// Visits of two equal variants in one test, as many rounds as asked for, of one spread, and what
/// the planted ones see of a delay of 3 %.
fn power_where(made: f64, sd: f64, same_within: f64, n_tests: usize) -> Power {
    let trials =
        Trials { planted: Some((0.03, made)), same_within, ..Trials::equal(n_tests, sd, 28) };
    power_of(&trials.made(&mut Dice::new(SEED), 7))
}

#[test]
fn a_delay_that_did_not_arrive_is_said() {
    let arrived = power_where(0.03, 0.005, 0.001, 1);
    assert_eq!(arrived.doubt, None, "{arrived:?}");
    let (low, high) = (arrived.planted_low.unwrap(), arrived.planted_high.unwrap());
    assert!(low < 0.03 && 0.03 < high && high - low < 0.03, "{arrived:?}");
    assert!(arrived.planted_seen.is_some_and(|seen| low <= seen && seen <= high), "{arrived:?}");
    let lost = power_where(0.0, 0.005, 0.001, 1);
    assert_eq!(lost.doubt, Some(PowerDoubt::DelayNotSeen), "{lost:?}");
    assert!(lost.planted_high.unwrap() < 0.03, "{lost:?}");
    let too_much = power_where(0.06, 0.005, 0.001, 1);
    assert_eq!(too_much.doubt, Some(PowerDoubt::DelayNotSeen), "{too_much:?}");
    let hidden_in_noise = power_where(0.0, 0.2, 0.001, 1);
    assert_eq!(hidden_in_noise.doubt, None, "the interval holds it: {hidden_in_noise:?}");
}

#[test]
fn what_the_verdict_calls_the_same_is_found_only_as_an_interval() {
    let usual = power_where(0.03, 0.005, 0.02, 1);
    assert_eq!((usual.found_as, usual.n_found), (FoundAs::Slower, usual.n_tries));
    let tolerant = power_where(0.03, 0.005, 0.05, 1);
    assert_eq!(tolerant.found_as, FoundAs::BelowOne);
    assert_eq!(tolerant.n_rounds, 28, "however early it ended: {tolerant:?}");
    assert!(tolerant.n_found > tolerant.n_tries / 2, "{tolerant:?}");
}

#[test]
fn other_tests_take_their_part_of_the_error() {
    let found = |n_tests| power_where(0.03, 0.03, 0.001, n_tests).n_found;
    let (alone, of_six) = (found(1), found(6));
    assert!(of_six < alone, "{of_six} of six, {alone} alone");
}

/// Visits to variants that take so many ns, two tests, in turn, a little longer every time: a trend
/// that is no reason to doubt a difference which is far larger.
fn in_turn(times: &[u64], n_rounds: u32) -> Vec<VisitTimes> {
    let n = times.len() as u32;
    (0..n * n_rounds)
        .map(|position| {
            let variant = position % n;
            let visit = Visit { variant, position, planted: false, delayed: false };
            let time = Some(Nanos(times[variant as usize] + u64::from(position)));
            VisitTimes { visit, times: vec![time, time] }
        })
        .collect()
}

#[test]
fn nobody_is_the_best_of_one() {
    let design = Trials::equal(2, 0.0, 12).design(1);
    let of = |times: &[u64], is_measured: &[bool]| {
        judge_experiment(&design, is_measured, &in_turn(times, 12)).remove(0).standings
    };
    use Standing::{Absent, Alone, Behind, Best, Tied};
    let (fast, slow) = (1_000_000_000, 2_000_000_000);
    assert_eq!(of(&[fast, slow], &[true, false]), [Alone, Absent]);
    assert_eq!(of(&[slow, fast], &[false, false]), [Absent, Absent]);
    assert_eq!(of(&[fast, slow], &[true, true]), [Best, Behind]);
    assert_eq!(of(&[slow, fast, slow], &[true, true, false]), [Behind, Best, Absent]);
    assert_eq!(of(&[fast, fast, slow], &[true, true, true]), [Tied, Tied, Behind]);
    assert_eq!(of(&[fast, fast, slow], &[true, false, false]), [Alone, Absent, Absent]);
}

#[test]
fn a_view_has_the_ratio_to_the_fastest() {
    let design = Trials::equal(2, 0.0, 12).design(1);
    let times = [2_000_000_000, 1_000_000_000, 2_500_000_000];
    let contests = judge_experiment(&design, &[true; 3], &in_turn(&times, 12));
    let contest = &contests[0];
    let top = contest.fastest().unwrap();
    assert_eq!(top, 1);
    let first = contest.beside(0, top).unwrap();
    assert!((first.ratio - 0.5).abs() < 1e-6);
    assert_eq!((first.verdict, first.withdrawn), (Verdict::Slower, false));
    let interval = first.interval.unwrap();
    assert!(interval.low <= first.ratio && first.ratio <= interval.high);
    assert!((contest.beside(2, top).unwrap().ratio - 0.4).abs() < 1e-6);
    assert!(contest.beside(top, top).is_none());
    assert_eq!(first.mirrored().mirrored().verdict, first.verdict);
    assert_eq!(overall(&contests), Verdict::Faster);
}

#[test]
fn what_holm_takes_back_is_told_apart_from_what_was_never_said() {
    // Seven of seven in each of four tests: p = 1/64 each, 1/16 together.
    let design = Trials { looks: Looks::Once, ..Trials::equal(4, 0.0, 7) }.design(1);
    let mut visits = in_turn(&[1_000_000_000, 2_000_000_000], 7);
    for visit in &mut visits {
        visit.times = vec![visit.times[0]; 4];
    }
    let contests = judge_experiment(&design, &[true; 2], &visits);
    assert!(!tokmark_stats::design_can_decide(&design, 2));
    for contest in &contests {
        let comparison = &contest.pairings[0].comparison;
        assert_eq!((comparison.verdict, comparison.withdrawn), (Verdict::Undecided, true));
        assert!(comparison.interval.unwrap().high < 1.0);
        assert_eq!(contest.standings, [Standing::Tied, Standing::Tied]);
    }
}
