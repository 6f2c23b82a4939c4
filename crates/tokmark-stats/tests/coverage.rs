//! The promised bounds, by seeded simulation of 2,000 trials each. `examples/coverage.rs`
//! prints the same tables; `docs/statistics.md` shows them. Some 10 s optimized, minutes
//! without, hence skipped there.

mod simulation;

use simulation::{Bound, contest_table, contests, intervals, scenarios};

const TRIALS: u32 = 2_000;
const SEED: u64 = 20_260_101;

fn assert_bounds(kind: impl Fn(Bound) -> bool) {
    for (scenario, bound) in scenarios().into_iter().filter(|(_, bound)| kind(*bound)) {
        let outcome = intervals(&scenario, TRIALS, SEED);
        assert!(outcome.meets(bound), "{scenario:?}: {outcome:?} misses {bound:?}");
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "minutes unless optimized: add --release")]
fn intervals_hold_the_median_of_independent_repetitions() {
    assert_bounds(|bound| matches!(bound, Bound::Covered(_)));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "minutes unless optimized: add --release")]
fn intervals_of_dependent_repetitions_hold_the_median_or_are_graded_d() {
    assert_bounds(|bound| matches!(bound, Bound::CoveredOrGradedD(_)));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "minutes unless optimized: add --release")]
fn comparisons_call_what_differs_and_seldom_what_does_not() {
    for (contest, wrong, right) in contest_table() {
        let calls = contests(&contest, TRIALS, SEED);
        assert!(wrong.is_none_or(|most| calls.different() <= most), "{contest:?}: {calls:?}");
        assert!(right.is_none_or(|least| calls.right(&contest) >= least), "{contest:?}: {calls:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let (scenario, _) = scenarios()[2];
    let (one, other) = (intervals(&scenario, 50, 7), intervals(&scenario, 50, 7));
    assert_eq!((one.covered, one.median_half_width), (other.covered, other.median_half_width));
}
