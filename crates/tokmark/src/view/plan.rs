//! What will be done and how long it will take.

use std::time::Duration;

use tokmark_lab::Subject;
use tokmark_model::{MachineFacts, PlannedTest};
use tokmark_stats::Length;

use super::words::{model, printable};

pub(crate) use tokmark_plot::duration;

/// Labels beyond this many are counted, not listed.
const LISTED: usize = 6;

/// One line on the model and the machine.
pub(crate) fn subject(subject: &Subject, machine: &MachineFacts, n_threads: u32) -> String {
    let facts = &subject.facts;
    let cpu = machine.cpu.model.as_deref().unwrap_or("unknown processor");
    let threads = if n_threads == 1 { "thread" } else { "threads" };
    format!(
        "{} ({}) on {cpu}, {n_threads} {threads}",
        printable(&model(facts)),
        facts.file_size_bytes
    )
}

/// One line on the tests and their length; `longest`: what one of them may take.
pub(crate) fn tests(
    planned: &[PlannedTest],
    estimate: Option<Length>,
    longest: Duration,
) -> String {
    let mut labels: Vec<String> = Vec::new();
    for planned in planned {
        let label = planned.test.label();
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    let what = match (planned.len(), labels.len()) {
        (1, _) => labels.remove(0),
        (n, distinct) if distinct <= LISTED => format!("{n} tests: {}", labels.join(", ")),
        (n, _) => format!("{n} tests: {}, ...", labels[..LISTED].join(", ")),
    };
    let how_long = match estimate {
        Some(Length { expected, at_most: Some(at_most) }) => {
            format!("about {}, at most {}", duration(expected), duration(at_most))
        }
        Some(Length { expected, at_most: None }) => format!("about {}", duration(expected)),
        None => format!("length unknown, at most {} a test", duration(longest)),
    };
    format!("{what}; {how_long}")
}
