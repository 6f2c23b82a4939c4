use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokmark_host::BusyProcess;
use tokmark_lab::{Estimate, Measuring, Observer, Phase, Subject};
use tokmark_model::{Record, Test};

use super::plan::duration;
use super::words::number;

/// The progress of a run: one line on a terminal, redrawn only between repetitions;
/// nothing off a terminal.
#[derive(Debug, Clone)]
pub(crate) struct ProgressView {
    bar: ProgressBar,
    begun: Instant,
    estimate: Option<Estimate>,
    each_test: bool,
    is_silent: bool,
    label: String,
}

/// A line on a terminal, nothing off it. No ticker: nothing may be redrawn while a repetition
/// runs.
pub(super) fn line() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg}").expect("the template is constant");
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10)).with_style(style)
}

impl ProgressView {
    /// A view that counts down from `estimate`.
    pub(crate) fn new(estimate: Option<Estimate>) -> Self {
        ProgressView {
            bar: line(),
            begun: Instant::now(),
            estimate,
            each_test: false,
            is_silent: false,
            label: String::new(),
        }
    }

    /// Prints a line for each test, as llama-bench's `--progress`.
    pub(crate) fn say_each_test(&mut self) {
        self.each_test = true;
    }

    /// Says no more than llama-bench does.
    pub(crate) fn silence(&mut self) {
        self.is_silent = true;
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.bar.set_message("");
        self.bar.tick();
        if !self.bar.is_hidden() {
            crate::output::say_bare!("\r\x1b[2K");
        }
    }

    fn show(&self, what: &str) {
        let left = self
            .estimate
            .and_then(|estimate| estimate.expected.checked_sub(self.begun.elapsed()))
            .filter(|left| *left >= Duration::from_secs(1))
            .map_or_else(String::new, |left| format!(", about {} left", duration(left)));
        self.bar.set_message(format!("{} {what}{left}", self.label));
        self.bar.tick();
    }
}

impl Observer for ProgressView {
    fn test_started(&mut self, index: usize, n: usize, _subject: &Subject, test: &Test) {
        self.label = format!("[{}/{n}] {}:", index + 1, test.label());
        if self.each_test {
            crate::output::say!("tokmark: test {}/{n}: {}: starting", index + 1, test.label());
        }
    }

    fn phase(&mut self, phase: Phase) {
        match phase {
            Phase::Waiting { other_cores } => {
                self.show(&format!("waiting, other processes use {other_cores:.1} cores"));
            }
            Phase::Loading => self.show("loading"),
            Phase::WarmingUp => self.show("warming up"),
            Phase::Measuring(measuring) => self.show(&measured(&measuring)),
        }
    }

    fn disturbed(&mut self, other_cores: f64, by: &[BusyProcess]) {
        if self.is_silent {
            return;
        }
        self.clear();
        let named: Vec<String> =
            by.iter().map(|process| format!("{} {:.1}", process.name, process.cores)).collect();
        let named =
            if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) };
        crate::output::say!(
            "warning: {} other processes use {other_cores:.1} cores{named}; \
             these figures can't be trusted, --wait-quiet 60s waits for them",
            self.label
        );
    }

    fn test_finished(&mut self, record: &Record) {
        if self.each_test {
            let n = record.samples.len();
            crate::output::say!(
                "tokmark: {} done, {n} repetitions",
                self.label.trim_end_matches(':')
            );
        }
    }
}

fn measured(measuring: &Measuring) -> String {
    let n = match measuring.n_asked {
        Some(asked) => format!("repetition {}/{asked}", measuring.n),
        None => format!("repetition {}", measuring.n),
    };
    let width =
        measuring.half_width.map_or_else(String::new, |width| format!(" ±{:.1} %", width * 100.0));
    format!("{n}, {} tok/s{width}", number(measuring.rate.get()))
}
