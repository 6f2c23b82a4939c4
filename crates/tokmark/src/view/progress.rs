use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokmark_host::BusyProcess;
use tokmark_lab::{Measuring, Observer, Phase, Subject};
use tokmark_model::{JobProgress, Record, Test};
use tokmark_stats::Length;

use super::plan::duration;
use super::words::number;

/// The progress of a run: one line on a terminal, redrawn only between repetitions;
/// nothing off a terminal.
#[derive(Debug, Clone)]
pub(crate) struct ProgressView {
    bar: ProgressBar,
    begun: Instant,
    estimate: Option<Length>,
    each_test: bool,
    is_silent: bool,
    label: String,
    /// Tests that are over, of how many.
    tests: (usize, usize),
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

/// Variable that has progress written as JSON, one object a line, for programs.
const FORM: &str = "TOKMARK_PROGRESS";

/// Tells a program how far a run is, where one asked: `share` of it is done.
pub(super) fn tell(share: f64, doing: &str, remaining: Option<Duration>) {
    if std::env::var_os(FORM).is_none_or(|form| form != "json") {
        return;
    }
    let progress = JobProgress {
        share: share.clamp(0.0, 1.0),
        doing: doing.to_owned(),
        remaining_s: remaining.map(|left| left.as_secs_f64()),
    };
    let line = serde_json::to_string(&progress).unwrap_or_default();
    crate::output::say!("{line}");
}

impl ProgressView {
    /// A view that counts down from `estimate`.
    pub(crate) fn new(estimate: Option<Length>) -> Self {
        ProgressView {
            bar: line(),
            begun: Instant::now(),
            estimate,
            each_test: false,
            is_silent: false,
            label: String::new(),
            tests: (0, 0),
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
        let remaining =
            self.estimate.and_then(|estimate| estimate.expected.checked_sub(self.begun.elapsed()));
        let (done, n) = self.tests;
        tell(done as f64 / n.max(1) as f64, &format!("{} {what}", self.label), remaining);
    }
}

impl Observer for ProgressView {
    fn test_started(&mut self, index: usize, n: usize, _subject: &Subject, test: &Test) {
        self.label = format!("[{}/{n}] {}:", index + 1, test.label());
        self.tests = (index, n);
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
             while they do, figures can't be trusted; --wait-quiet 60s waits for them",
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
