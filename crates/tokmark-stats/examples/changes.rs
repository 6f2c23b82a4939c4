//! Prints how often change points are false, and how often known steps are found, as Markdown
//! tables; exits with 1 if a promised bound is missed.
//!
//! `cargo run --release -p tokmark-stats --example changes [TRIALS] [SEED] [SPREAD LAG1]`
//!
//! With a spread and a correlation, series of these are drawn alone, and nothing is promised.

#[path = "../tests/simulation/mod.rs"]
mod simulation;

use std::process::ExitCode;

use simulation::changes::{History, NEAR, NOISES, finds, steady_histories, stepped_histories};
use tokmark_stats::{ChangeOptions, Dependence};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| {
        let given = arguments.next();
        given.map_or(default, |text| text.parse().expect("trials and seed are whole numbers"))
    };
    let trials = u32::try_from(number(400)).expect("at most 4 billion trials");
    let seed = number(20_260_101);
    let noise: Vec<f64> =
        arguments.map(|text| text.parse().expect("spread and lag 1 are numbers")).collect();
    println!("{trials} trials each, seed {seed}; alpha 5 %, steps from 2 % on\n");
    let (steady, stepped) = match *noise.as_slice() {
        [] => (steady_histories(), stepped_histories(&NOISES)),
        [spread, lag1] => {
            let steady = [30, 100].map(|n| (History::steady(n, spread, lag1), None));
            let stepped = stepped_histories(&[(spread, lag1)]);
            (steady.to_vec(), stepped.into_iter().map(|(history, _)| (history, None)).collect())
        }
        _ => panic!("a spread comes with its lag 1"),
    };
    let steady_met = print_steady(&steady, trials, seed);
    println!("\nKnown steps, found by a change point within {NEAR} values of them:\n");
    let stepped_met = print_stepped(&stepped, trials, seed);
    let all_met = steady_met && stepped_met;
    if !noise.is_empty() {
        // Nothing is promised of it.
        return ExitCode::SUCCESS;
    }
    println!("\n{}", if all_met { "all bounds hold" } else { "A BOUND IS MISSED" });
    if all_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether the bounds hold.
fn print_steady(histories: &[(History, Option<f64>)], trials: u32, seed: u64) -> bool {
    let usual = ChangeOptions::default();
    let any_step = ChangeOptions { smallest_step: 0.0, ..usual };
    let ignored = ChangeOptions { dependence: Dependence::Ignored, ..any_step };
    print_head(&[
        "n",
        "spread",
        "lag 1",
        "wild",
        "false alarms",
        "false regressions",
        "alarms with steps of any size",
        "promised",
        "correlation ignored",
    ]);
    let mut all_met = true;
    let mut last = None;
    for (history, bound) in histories {
        let found = finds(history, &usual, trials, seed);
        // Where any step counts, the spread is only a unit.
        let shape = History { spread: 0.0, ..history.clone() };
        let [any, ignored] = match last {
            Some((of, finds)) if of == shape => finds,
            _ => [any_step, ignored].map(|options| finds(history, &options, trials, seed)),
        };
        last = Some((shape, [any, ignored]));
        all_met &= bound.is_none_or(|most| any.false_alarms <= most);
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            name(history),
            percent(found.false_alarms),
            percent(found.false_regressions),
            percent(any.false_alarms),
            bound.map_or_else(String::new, |most| format!("<= {}", percent(most))),
            percent(ignored.false_alarms),
        );
    }
    all_met
}

/// Whether the bounds hold.
fn print_stepped(histories: &[(History, Option<f64>)], trials: u32, seed: u64) -> bool {
    let usual = ChangeOptions::default();
    let finer = ChangeOptions { smallest_step: 0.01, ..usual };
    print_head(&[
        "step",
        "n",
        "spread",
        "lag 1",
        "wild",
        "at",
        "recall",
        "promised",
        "precision",
        "off by",
        "interval holds",
        "recall from 1 % on",
        "precision from 1 % on",
    ]);
    let mut all_met = true;
    for (history, bound) in histories {
        let found = finds(history, &usual, trials, seed);
        let small = history.steps.iter().all(|(_, ratio)| (ratio - 1.0).abs() < 0.03);
        let finer = small.then(|| finds(history, &finer, trials, seed));
        all_met &= bound.is_none_or(|least| found.recall.is_some_and(|recall| recall >= least));
        let at: Vec<String> = history.steps.iter().map(|(at, _)| at.to_string()).collect();
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            history.steps.first().map_or_else(String::new, |(_, ratio)| percent(ratio - 1.0)),
            name(history),
            at.join(", "),
            some_percent(found.recall),
            bound.map_or_else(String::new, |least| format!(">= {}", percent(least))),
            some_percent(found.precision),
            found.distance.map_or_else(String::new, |distance| format!("{distance:.2}")),
            some_percent(found.held),
            some_percent(finer.and_then(|finer| finer.recall)),
            some_percent(finer.and_then(|finer| finer.precision)),
        );
    }
    all_met
}

fn print_head(columns: &[&str]) {
    println!("| {} |", columns.join(" | "));
    println!("|{}", " --- |".repeat(columns.len()));
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn some_percent(share: Option<f64>) -> String {
    share.map_or_else(String::new, percent)
}

fn name(history: &History) -> String {
    let History { n, spread, lag1, wild, .. } = history;
    let lag1 = (lag1 * 100.0).round() / 100.0;
    format!("{n} | {} | {lag1} | {}", percent(*spread), percent(*wild))
}
