//! Prints the simulated coverage of the intervals and the errors of the comparisons as
//! Markdown tables; exits with 1 if a promised bound is missed.
//!
//! `cargo run --release -p tokmark-stats --example coverage [TRIALS] [SEED]`

#[path = "../tests/simulation/mod.rs"]
mod simulation;

use std::process::ExitCode;

use simulation::{
    Bound, Calls, Contest, Outcome, Scenario, Source, contest_table, contests, fixed_scenarios,
    intervals, scenarios,
};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| {
        let given = arguments.next();
        given.map_or(default, |text| text.parse().expect("trials and seed are whole numbers"))
    };
    let trials = u32::try_from(number(2_000)).expect("at most 4 billion trials");
    let seed = number(20_260_101);
    println!("{trials} trials each, seed {seed}; nominal 95 % intervals, asked ±2 %\n");
    let mut all_met = true;
    print_head(&[
        "samples",
        "spread",
        "budget",
        "holds",
        "D or worse",
        "holds or D",
        "promised",
        "converged",
        "median n",
        "median half width",
    ]);
    for (scenario, bound) in scenarios() {
        let outcome = intervals(&scenario, trials, seed);
        all_met &= outcome.meets(bound);
        print_interval_row(&scenario, &outcome, bound);
    }
    println!("\nFixed numbers of repetitions, widened only where dependence is significant:\n");
    print_head(&[
        "samples",
        "spread",
        "n",
        "holds",
        "D or worse",
        "holds or D",
        "promised",
        "converged",
        "median n",
        "median half width",
    ]);
    for scenario in fixed_scenarios() {
        print_interval_row(&scenario, &intervals(&scenario, trials, seed), Bound::None);
    }
    println!("\nComparisons, within 200 pairs A B B A, same within 1 %:\n");
    print_head(&[
        "true ratio",
        "pair spread",
        "machine's lag 1",
        "same",
        "faster",
        "slower",
        "undecided",
        "promised",
        "holds",
        "median pairs",
    ]);
    for (contest, wrong, right) in contest_table() {
        let calls = contests(&contest, trials, seed);
        all_met &= wrong.is_none_or(|most| calls.different() <= most)
            && right.is_none_or(|least| calls.right(&contest) >= least);
        print_contest_row(&contest, &calls, wrong, right);
    }
    println!("\n{}", if all_met { "all bounds hold" } else { "A BOUND IS MISSED" });
    if all_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_head(columns: &[&str]) {
    println!("| {} |", columns.join(" | "));
    println!("|{}", " --- |".repeat(columns.len()));
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn name(source: Source) -> String {
    match source {
        Source::Normal => "normal".to_owned(),
        Source::LogNormal => "log-normal".to_owned(),
        Source::Contaminated => "contaminated".to_owned(),
        Source::Autoregressive(phi) => format!("AR(1) {phi}"),
        Source::Drift(over) => format!("drift 10 % over {over}"),
    }
}

fn print_interval_row(scenario: &Scenario, outcome: &Outcome, bound: Bound) {
    let promised = match bound {
        Bound::Covered(share) => format!("holds >= {:.0} %", share * 100.0),
        Bound::CoveredOrGradedD(share) => format!("holds or D >= {:.0} %", share * 100.0),
        Bound::None => String::new(),
    };
    println!(
        "| {} | {} | {} | {} | {} | {} | {promised} | {} | {} | {} |",
        name(scenario.source),
        percent(scenario.sd),
        scenario.max_n,
        percent(outcome.covered),
        percent(outcome.graded_d),
        percent(outcome.covered_or_d),
        percent(outcome.converged),
        outcome.median_n,
        percent(outcome.median_half_width),
    );
}

fn print_contest_row(contest: &Contest, calls: &Calls, wrong: Option<f64>, right: Option<f64>) {
    let promised = match (wrong, right) {
        (Some(most), _) => format!("different <= {:.0} %", most * 100.0),
        (_, Some(least)) => format!("called >= {:.0} %", least * 100.0),
        (None, None) => String::new(),
    };
    println!(
        "| {} | {} | {} | {} | {} | {} | {} | {promised} | {} | {} |",
        contest.ratio,
        percent(contest.pair_sd),
        contest.phi,
        percent(calls.same),
        percent(calls.faster),
        percent(calls.slower),
        percent(calls.undecided),
        percent(calls.covered),
        calls.median_pairs,
    );
}
