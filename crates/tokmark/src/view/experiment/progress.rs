//! An experiment while it runs: one line on a terminal, a line a look off it.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use tokmark_host::BusyProcess;
use tokmark_lab::{ExperimentObserver, ExperimentPlan};
use tokmark_model::{Contest, Looks, Visit};

use super::result::verdicts_so_far;
use crate::output::say;
use crate::view::plan::duration;
use crate::view::progress;
use crate::view::words::printable;

/// Tells how an experiment goes, between visits only.
pub(crate) struct ExperimentView {
    bar: ProgressBar,
    begun: Instant,
    names: Vec<String>,
    n_rounds: u32,
    /// Time for it; none where the number of rounds is fixed.
    budget: Option<Duration>,
    is_told_of_noise: bool,
}

impl ExperimentView {
    /// A view of the experiment that `plan` plans.
    pub(crate) fn new(plan: &ExperimentPlan, budget: Duration) -> Self {
        let is_fixed = plan.design.looks == Looks::Once;
        ExperimentView {
            bar: progress::line(),
            begun: Instant::now(),
            names: plan.variants.iter().map(|variant| printable(&variant.name)).collect(),
            n_rounds: plan.design.n_rounds,
            budget: (!is_fixed).then_some(budget),
            is_told_of_noise: false,
        }
    }

    /// Says how it is continued if something ends it. Its record has a new id each time that it
    /// is kept.
    pub(crate) fn tell_how_to_resume(&self) {
        say!("Ctrl-C keeps what is done, the same command with --resume last continues it");
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn say(&self, line: &str) {
        self.bar.suspend(|| say!("{line}"));
    }
}

impl ExperimentObserver for ExperimentView {
    fn visit_started(&mut self, visit: &Visit, n_rounds: u32) {
        let who = &self.names[visit.variant as usize];
        let what = match (visit.planted, visit.delayed) {
            (true, true) => format!("{who}, delayed, to see what would be found"),
            (true, false) => format!("{who}, beside its delayed self"),
            _ => who.clone(),
        };
        let elapsed = duration(self.begun.elapsed());
        self.bar.set_message(format!("[{n_rounds}/{}] {what}; {elapsed}", self.n_rounds));
        self.bar.tick();
        let share = f64::from(n_rounds) / f64::from(self.n_rounds.max(1));
        let whole = self.begun.elapsed().as_secs_f64() / share;
        let left = Duration::try_from_secs_f64(whole * (1.0 - share)).ok();
        progress::tell(share, &what, left);
    }

    fn looked(&mut self, contests: &[Contest], n_rounds: u32) {
        let so_far = verdicts_so_far(contests, &self.names);
        self.say(&format!("after {n_rounds} rounds: {so_far}"));
    }

    fn left_out(&mut self, variant: usize, reason: &str) {
        let reason = printable(reason);
        self.say(&format!("{} is left out from now on: {reason}", self.names[variant]));
    }

    fn disturbed(&mut self, other_cores: f64, by: &[BusyProcess]) {
        if std::mem::replace(&mut self.is_told_of_noise, true) {
            return;
        }
        let names: Vec<String> = by.iter().map(|process| printable(&process.name)).collect();
        let who = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
        self.say(&format!("warning: other processes use {other_cores:.1} cores{who}"));
    }

    fn is_time_over(&self) -> bool {
        self.budget.is_some_and(|budget| self.begun.elapsed() >= budget)
    }
}
