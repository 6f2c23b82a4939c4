//! The client against a server of known times on this machine, at the load of a point.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokmark_http::{
    Endpoint, EndpointOptions, Finished, Flow, HttpError, Progress, Watcher, drive,
};
use tokmark_model::{Load, Nanos, Think, Workload};
use tokmark_run::{Extent, Interrupt, Schedule, WorkerCommand};
use tokmark_stats::quantile;
use tokmark_stub::Truth;
use tokmark_workload::PromptSource;

/// Longest time for a calibration.
const AT_MOST: Duration = Duration::from_secs(4);
/// Rounds of all slots, so that the burst of the first does not decide alone.
const ROUNDS: u64 = 3;
/// Requests at least, for a 99 % quantile that is not the maximum.
const AT_LEAST: u64 = 100;
/// Events of an answer: enough to keep all slots busy while others begin.
const N_EVENTS: &str = "32";
/// Time to the first token of the server of known times.
const TTFT: &str = "50ms";
/// Its time between tokens: a fast server is the harder test.
const ITL: &str = "10ms";
/// Conversations of calibrations, far from all others.
const SESSIONS: u64 = 3 << 29;

/// What the client added to times that the server knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// Requests compared.
    pub n: u64,
    /// Mean of measured - true times to first token.
    pub ttft_mean: f64,
    /// 99 % quantile of these, in ns.
    pub ttft_p99: f64,
}

/// Runs the load of `workload` against `stub`, a command that serves and prints its address.
/// `None` where the stub can't be run or fails, and for a replay, whose load has no rate.
pub fn calibrate(
    stub: &WorkerCommand,
    source: &Arc<PromptSource>,
    workload: &Workload,
    interrupt: &Interrupt,
) -> Option<Calibration> {
    let stub = Stub::start(stub)?;
    compare(&stub.url, source, workload, interrupt).ok().flatten()
}

fn compare(
    url: &str,
    source: &Arc<PromptSource>,
    workload: &Workload,
    interrupt: &Interrupt,
) -> Result<Option<Calibration>, HttpError> {
    let endpoint = Endpoint::open(&[url], &EndpointOptions::default())?;
    let n = match workload.arrival {
        Load::Concurrency { n } => (u64::from(n) * ROUNDS).max(AT_LEAST),
        Load::Rate { .. } | Load::Replay { .. } => u64::MAX,
    };
    // A trace has no rate of its own to repeat here.
    if matches!(workload.arrival, Load::Replay { .. }) {
        return Ok(None);
    }
    let workload =
        Workload { api: endpoint.api(), think: Think::Auto, n_retries: 0, ..workload.clone() };
    let extent = Extent { n_requests: Some(n), duration: Some(AT_MOST) };
    let arrival = at_least(&workload.arrival);
    let Ok(schedule) = Schedule::new(&arrival, workload.seed, extent) else {
        return Ok(None);
    };
    let mut measured = Measured { interrupt, ttft: HashMap::new() };
    drive(&endpoint, source, &workload, schedule, SESSIONS, &mut measured)?;
    let Some(truth) = endpoint.get_json::<Truth>("/stub/truth") else { return Ok(None) };
    let mut added: Vec<f64> = truth
        .rows
        .iter()
        .filter_map(|row| {
            let own = measured.ttft.get(&row.id?)?;
            let theirs = row.first_text_ns?.checked_sub(row.received_ns)?;
            Some(own.0 as f64 - theirs as f64)
        })
        .collect();
    added.sort_unstable_by(f64::total_cmp);
    let n = added.len() as u64;
    let ttft_mean = added.iter().sum::<f64>() / added.len().max(1) as f64;
    Ok(quantile(&added, 0.99).map(|ttft_p99| Calibration { n, ttft_mean, ttft_p99 }))
}

/// A lower rate would bring too few answers in the time, and ask less of the client.
fn at_least(arrival: &Load) -> Load {
    match *arrival {
        Load::Rate { per_s, arrivals } => {
            let per_s = per_s.max(AT_LEAST as f64 / AT_MOST.as_secs_f64());
            Load::Rate { per_s, arrivals }
        }
        ref other => other.clone(),
    }
}

/// Keeps the times to first token.
struct Measured<'a> {
    interrupt: &'a Interrupt,
    ttft: HashMap<u64, Nanos>,
}

impl Watcher for Measured<'_> {
    fn over(&mut self, finished: &Finished) {
        // A connection made for the request is no part of what the server can know.
        if let (Some(first), false) = (finished.events.first(), finished.sample.connected) {
            self.ttft.insert(finished.index, *first);
        }
    }

    fn tick(&mut self, _: &Progress) -> Flow {
        if self.interrupt.is_raised() { Flow::Cut } else { Flow::Go }
    }
}

/// A running stub; ends with this value.
struct Stub {
    child: Child,
    url: String,
}

impl Stub {
    fn start(command: &WorkerCommand) -> Option<Self> {
        let mut child = Command::new(&command.program)
            .args(&command.args)
            .args(["--ttft", TTFT, "--itl", ITL, "--events", N_EVENTS])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let stdout = child.stdout.take()?;
        let mut stub = Stub { child, url: String::new() };
        let begun = Instant::now();
        for line in BufReader::new(stdout).lines() {
            let line = line.ok()?;
            if let Some(at) = line.find("http://") {
                stub.url = line[at..].split_whitespace().next()?.to_owned();
                return Some(stub);
            }
            if begun.elapsed() > AT_MOST {
                break;
            }
        }
        None
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use tokmark_model::Arrivals;

    use super::*;

    #[test]
    fn a_check_has_enough_answers_and_never_less_load_than_its_point() {
        let rate = |per_s| Load::Rate { per_s, arrivals: Arrivals::Poisson };
        assert_eq!(at_least(&rate(0.5)), rate(25.0));
        assert_eq!(at_least(&rate(300.0)), rate(300.0));
        assert_eq!(at_least(&Load::Concurrency { n: 2 }), Load::Concurrency { n: 2 });
    }
}
