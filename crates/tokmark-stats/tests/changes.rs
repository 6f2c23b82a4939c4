//! The promised shares of false alarms and of steps found, by seeded simulation.
//! `examples/changes.rs` prints the same tables; `docs/statistics.md` shows them. A minute
//! optimized, hence skipped without.

mod simulation;

use simulation::changes::{History, NOISES, finds, steady_histories, stepped_histories};
use tokmark_stats::ChangeOptions;

const TRIALS: u32 = 400;
const SEED: u64 = 20_260_101;

#[test]
#[cfg_attr(debug_assertions, ignore = "minutes unless optimized: add --release")]
fn false_alarms_are_as_seldom_as_promised() {
    let options = ChangeOptions { smallest_step: 0.0, ..ChangeOptions::default() };
    for (history, bound) in steady_histories() {
        let Some(most) = bound else { continue };
        let found = finds(&history, &options, TRIALS, SEED);
        assert!(found.false_alarms <= most, "{history:?}: {found:?}");
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "minutes unless optimized: add --release")]
fn large_steps_are_found_as_often_as_promised() {
    for (history, bound) in stepped_histories(&NOISES) {
        let Some(least) = bound else { continue };
        let found = finds(&history, &ChangeOptions::default(), TRIALS, SEED);
        assert!(found.recall.is_some_and(|recall| recall >= least), "{history:?}: {found:?}");
    }
}

/// One level after the other: what was not found yet is no correlation of what was.
#[test]
fn stairs_are_found_step_by_step() {
    for (levels, each, ratio, spread) in
        [(3, 8, 0.9, 0.01), (3, 8, 1.1, 0.01), (4, 6, 0.9, 0.003), (6, 20, 0.95, 0.003)]
    {
        let steps: Vec<(usize, f64)> = (1..levels).map(|level| (level * each, ratio)).collect();
        let history = History { steps, ..History::steady(levels * each, spread, 0.0) };
        let found = finds(&history, &ChangeOptions::default(), 40, 7);
        assert!(found.recall.is_some_and(|recall| recall >= 0.9), "{history:?}: {found:?}");
        assert!(found.false_alarms <= 0.05, "{history:?}: {found:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_finds() {
    let history = History { steps: vec![(10, 0.9)], ..History::steady(20, 0.02, 0.3) };
    let search = || finds(&history, &ChangeOptions::default(), 20, 7);
    assert_eq!(search(), search());
    assert!(search().recall.is_some_and(|recall| recall > 0.5));
}
