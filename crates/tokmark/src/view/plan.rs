//! What will be done and how long it will take.

use std::time::Duration;

use tokmark_lab::{Estimate, Subject};
use tokmark_model::{MachineFacts, PlannedTest};

use super::words::{model, printable};

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
    estimate: Option<Estimate>,
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
        Some(Estimate { expected, at_most: Some(at_most) }) => {
            format!("about {}, at most {}", duration(expected), duration(at_most))
        }
        Some(Estimate { expected, at_most: None }) => format!("about {}", duration(expected)),
        None => format!("length unknown, at most {} a test", duration(longest)),
    };
    format!("{what}; {how_long}")
}

/// `12 s`, `3 min`, `2.5 h`, `3 days`: rounded up, for an announcement.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        "a second".to_owned()
    } else if seconds < 100.0 {
        format!("{:.0} s", seconds.ceil())
    } else if seconds < 100.0 * 60.0 {
        format!("{:.0} min", (seconds / 60.0).ceil())
    } else if seconds < 48.0 * 3600.0 {
        format!("{:.1} h", seconds / 3600.0)
    } else {
        let days = format!("{:.0}", (seconds / 86_400.0).ceil());
        format!("{} days", super::words::thousands(&days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_announced_in_their_unit() {
        let shown = [0.2, 11.2, 130.0, 9_000.0, 9e9].map(Duration::from_secs_f64).map(duration);
        assert_eq!(shown, ["a second", "12 s", "3 min", "2.5 h", "104,167 days"]);
    }
}
