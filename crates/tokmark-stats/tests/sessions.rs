//! Two sessions against each other: reference values, and false calls by simulation.

mod simulation;

use serde_json::Value;
use simulation::Dice;
use tokmark_model::{
    IntervalMethod, MemoryUse, Nanos, Repetition, Repetitions, StopReason, Summary, Test, Verdict,
};
use tokmark_stats::{Ends, SessionRatio, compare_sessions, difference, summarize};

fn summary(times: impl IntoIterator<Item = u64>) -> Summary {
    let sample = |time| Repetition { duration_ns: Nanos(time), ..Repetition::default() };
    let samples: Vec<Repetition> = times.into_iter().map(sample).collect();
    let ask = Repetitions::Fixed { n: 0 };
    let memory = MemoryUse::default();
    summarize(&Test::tg(128), &samples, &ask, StopReason::Fixed, &memory, &[]).unwrap()
}

fn compared(a: &Summary, b: &Summary) -> SessionRatio {
    let rate = |summary: &Summary| (summary.rate.rate_tps.0, summary.rate.interval.unwrap().into());
    compare_sessions(rate(a), rate(b), 0.02).unwrap()
}

#[test]
fn ratios_of_sessions_are_those_of_an_independent_computation() {
    let file: Value = serde_json::from_str(include_str!("difference/sessions.json")).unwrap();
    let mut n_plain = 0;
    for case in file["cases"].as_array().unwrap() {
        let times = |key: &str| {
            let times = case[key].as_array().unwrap();
            times.iter().map(|time| time.as_u64().unwrap()).collect::<Vec<_>>()
        };
        let (a, b) = (summary(times("a_ns")), summary(times("b_ns")));
        let is_plain = |summary: &Summary| {
            summary.rate.interval.unwrap().method == IntervalMethod::OrderStatistic
        };
        let found = compared(&a, &b);
        let close = |ours: f64, theirs: &Value| (ours - theirs.as_f64().unwrap()).abs() < 1e-9;
        assert!(close(found.ratio, &case["ratio"]), "{found:?} {case}");
        if is_plain(&a) && is_plain(&b) {
            n_plain += 1;
            assert!(close(found.interval.low, &case["low"]), "{found:?} {case}");
            assert!(close(found.interval.high, &case["high"]), "{found:?} {case}");
        }
        let called = matches!(found.verdict, Verdict::Faster | Verdict::Slower);
        assert!(!called || case["mann_whitney_p"].as_f64().unwrap() < 0.05, "{found:?} {case}");
    }
    assert!(n_plain >= 5, "{n_plain}");
}

/// Newcombe (1998), Statistics in Medicine 17:873, table II, example (a), method 10: 56 of 70
/// against 48 of 80, Wilson's intervals, gives a difference of 0.0524 to 0.3339. The formula
/// is the same for ratios, on logarithms.
#[test]
fn newcombes_example_comes_out() {
    let wilson = |k: f64, n: f64| {
        let (p, z) = (k / n, 1.959_963_984_540_054_f64);
        let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let (centre, scale) = (p + z * z / (2.0 * n), 1.0 + z * z / n);
        (p, Ends { low: (centre - half) / scale, high: (centre + half) / scale })
    };
    let (d, ends) = difference(wilson(56.0, 70.0), wilson(48.0, 80.0));
    let published = [(d, 0.2), (ends.low, 0.0524), (ends.high, 0.3339)];
    assert!(published.iter().all(|(ours, theirs)| (ours - theirs).abs() < 5e-5), "{published:?}");
    let exp =
        |(p, Ends { low, high }): (f64, Ends)| (p.exp(), Ends { low: low.exp(), high: high.exp() });
    let (first, second) = (exp(wilson(48.0, 80.0)), exp(wilson(56.0, 70.0)));
    let found = compare_sessions(first, second, 0.02).unwrap();
    assert!((found.ratio.ln() - 0.20).abs() < 1e-12);
    assert!((found.interval.low.ln() - 0.0524).abs() < 5e-5, "{found:?}");
    assert!((found.interval.high.ln() - 0.3339).abs() < 5e-5, "{found:?}");
}

#[test]
fn a_lead_is_the_faster_sessions() {
    let (fast, slow) = ((2.0, Ends { low: 1.9, high: 2.1 }), (1.0, Ends { low: 0.9, high: 1.1 }));
    let (ahead, behind) =
        (compare_sessions(slow, fast, 0.02).unwrap(), compare_sessions(fast, slow, 0.02).unwrap());
    assert_eq!((ahead.verdict, behind.verdict), (Verdict::Faster, Verdict::Slower));
    let ((by, ends), (other, other_ends)) = (ahead.lead(), behind.lead());
    assert!((by - 1.0).abs() < 1e-12 && (other - by).abs() < 1e-12);
    assert!((ends.low - other_ends.low).abs() < 1e-12 && ends.low < by && by < ends.high);
}

#[test]
fn what_is_not_positive_is_not_compared() {
    let sound = (2.0, Ends { low: 1.0, high: 3.0 });
    for broken in [
        (0.0, Ends { low: 0.0, high: 1.0 }),
        (2.0, Ends { low: 0.0, high: 3.0 }),
        (2.0, Ends { low: 2.5, high: 3.0 }),
        (2.0, Ends { low: 1.0, high: f64::INFINITY }),
        (f64::NAN, Ends { low: 1.0, high: 3.0 }),
    ] {
        assert_eq!(compare_sessions(broken, sound, 0.02), None);
        assert_eq!(compare_sessions(sound, broken, 0.02), None);
    }
}

/// Log-normal repetitions, the second session faster by `ratio`.
fn calls(dice: &mut Dice, n: usize, spread: f64, ratio: f64) -> (f64, f64) {
    const TRIALS: u32 = 1_000;
    let mut session = |centre: f64| {
        let times = (0..n).map(|_| (centre * (spread * dice.normal()).exp() * 1e9) as u64);
        summary(times.collect::<Vec<_>>())
    };
    let (mut n_called, mut n_held) = (0, 0);
    for _ in 0..TRIALS {
        let found = compared(&session(1.0), &session(1.0 / ratio));
        n_called += u32::from(matches!(found.verdict, Verdict::Faster | Verdict::Slower));
        n_held += u32::from(found.interval.low <= ratio && ratio <= found.interval.high);
    }
    (f64::from(n_called) / f64::from(TRIALS), f64::from(n_held) / f64::from(TRIALS))
}

#[test]
fn sessions_of_one_speed_are_seldom_called_different() {
    let mut dice = Dice::new(20_260_101);
    for n in [7, 10, 28] {
        let (called, held) = calls(&mut dice, n, 0.03, 1.0);
        assert!(called <= 0.05 && held >= 0.95, "n {n}: called {called}, held {held}");
        let (called, held) = calls(&mut dice, n, 0.03, 1.1);
        assert!(called >= 0.9 && held >= 0.95, "n {n}: called {called}, held {held}");
    }
}
