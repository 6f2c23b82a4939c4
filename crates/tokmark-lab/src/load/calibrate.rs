//! The client against a server of known times on this machine, at the load of a point.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokmark_http::{
    Endpoint, EndpointOptions, Finished, Flow, HttpError, Progress, Watcher, drive,
};
use tokmark_model::{Arrivals, Load, Nanos, Think, Workload};
use tokmark_run::{Extent, Interrupt, Schedule, WorkerCommand};
use tokmark_stats::quantile;
use tokmark_stub::Truth;
use tokmark_workload::PromptSource;

/// Longest time for a calibration.
const AT_MOST: Duration = Duration::from_secs(4);
/// Rounds of all slots, so that the burst of the first does not decide alone.
const ROUNDS: u64 = 3;
/// Requests compared at least, for a 99 % quantile that is not the maximum.
const AT_LEAST: u64 = 100;
/// Most of them leave time for as many in [`AT_MOST`], also where arrivals are random and the
/// first ones make connections, which are left out.
const ENOUGH: u64 = 140;
/// Events of an answer at most: enough to keep all slots busy while others begin.
const MOST_EVENTS: u32 = 32;
/// Time to the first token of the server of known times.
const TTFT: Duration = Duration::from_millis(20);
/// Its time between tokens: a fast server is the harder test.
const ITL: Duration = Duration::from_millis(10);
/// Fastest mean rate of a trace that is repeated; its prompts have to be made meanwhile.
const MOST_PER_S: f64 = 1000.0;
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
/// `None` where the stub can't be run or fails, and where fewer than 100 requests could be
/// compared. A replay is checked at its mean rate.
pub fn calibrate(
    stub: &WorkerCommand,
    source: &Arc<PromptSource>,
    workload: &Workload,
    interrupt: &Interrupt,
) -> Option<Calibration> {
    let stub = Stub::start(stub, n_events(&workload.arrival))?;
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
        // The first of each slot makes its connection.
        Load::Concurrency { n } => u64::from(n) + (u64::from(n) * ROUNDS).max(AT_LEAST),
        Load::Rate { .. } | Load::Replay { .. } => u64::MAX,
    };
    let workload = Workload {
        api: endpoint.api(),
        think: Think::Auto,
        n_retries: 0,
        // What is compared leaves new connections out.
        reuse_connections: true,
        ..workload.clone()
    };
    let extent = Extent { n_requests: Some(n), duration: Some(AT_MOST) };
    let arrival = at_least(&workload.arrival, source);
    let workload = Workload { arrival: arrival.clone(), ..workload };
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
    if n < AT_LEAST {
        return Ok(None);
    }
    let ttft_mean = added.iter().sum::<f64>() / n as f64;
    Ok(quantile(&added, 0.99).map(|ttft_p99| Calibration { n, ttft_mean, ttft_p99 }))
}

/// Events of an answer, whatever length the workload asks for: as many as leave time for
/// [`AT_LEAST`] answers, one after the other in each slot.
fn n_events(arrival: &Load) -> u32 {
    let Load::Concurrency { n } = *arrival else { return MOST_EVENTS };
    let rounds = (u64::from(n) + AT_LEAST).div_ceil(u64::from(n).max(1));
    // A part of the time is left for what the client adds.
    let each = AT_MOST.mul_f64(0.8 / rounds as f64).saturating_sub(TTFT);
    let gaps = (each.as_nanos() / ITL.as_nanos()) as u32;
    (gaps + 1).min(MOST_EVENTS)
}

/// A lower rate would bring too few answers in the time, and ask less of the client. A trace
/// comes at its mean rate.
fn at_least(arrival: &Load, source: &PromptSource) -> Load {
    let (per_s, arrivals) = match *arrival {
        Load::Concurrency { .. } => return arrival.clone(),
        Load::Rate { per_s, arrivals } => (per_s, arrivals),
        Load::Replay { speed } => (mean_rate(source) * speed, Arrivals::Poisson),
    };
    Load::Rate { per_s: per_s.max(ENOUGH as f64 / AT_MOST.as_secs_f64()), arrivals }
}

/// Requests per second of a trace; none where it has no time between its conversations.
fn mean_rate(source: &PromptSource) -> f64 {
    let due = |session: u32| source.first(session).due.map_or(0, |due| due.0);
    let last = source.n_sessions().unwrap_or(1).saturating_sub(1);
    let span_s = due(last).saturating_sub(due(0)) as f64 / 1e9;
    let per_s = source.n_requests().unwrap_or_default() as f64 / span_s;
    if per_s.is_finite() { per_s.min(MOST_PER_S) } else { 0.0 }
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
    fn start(command: &WorkerCommand, n_events: u32) -> Option<Self> {
        let ms = |time: Duration| format!("{}ms", time.as_millis());
        let mut child = Command::new(&command.program)
            .args(&command.args)
            .args(["--ttft", &ms(TTFT), "--itl", &ms(ITL)])
            .args(["--events", &n_events.to_string(), "--mode", "fixed-length"])
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
    use tokmark_workload::{Shape, SourceOptions, Trace};

    use super::*;

    #[test]
    fn a_check_has_enough_answers_and_never_less_load_than_its_point() {
        let chat = Shape::builtin("chat").unwrap();
        let source = PromptSource::from_shape(chat, SourceOptions::default()).unwrap();
        let rate = |per_s| Load::Rate { per_s, arrivals: Arrivals::Poisson };
        assert_eq!(at_least(&rate(0.5), &source), rate(35.0));
        assert_eq!(at_least(&rate(300.0), &source), rate(300.0));
        assert_eq!(at_least(&Load::Concurrency { n: 2 }, &source), Load::Concurrency { n: 2 });
    }

    #[test]
    fn a_trace_is_checked_at_its_mean_rate() {
        let at = |ms: &[u64]| {
            let line = |ms: &u64| {
                format!(r#"{{"timestamp": {ms}, "input_length": 8, "output_length": 4}}"#)
            };
            let lines: Vec<String> = ms.iter().map(line).collect();
            let trace = Trace::read(lines.join("\n").as_bytes(), None).unwrap();
            PromptSource::from_trace(trace, SourceOptions::default()).unwrap()
        };
        let replay = |source: &PromptSource, speed| match at_least(&Load::Replay { speed }, source)
        {
            Load::Rate { per_s, .. } => per_s,
            other => panic!("{other:?}"),
        };
        let hundred = at(&[0, 10, 20, 30]);
        assert!((replay(&hundred, 1.0) - 4.0 / 0.03).abs() < 1e-6);
        assert!((replay(&hundred, 2.0) - 8.0 / 0.03).abs() < 1e-6);
        assert!((replay(&at(&[0, 10_000]), 1.0) - 35.0).abs() < 1e-9);
        assert!((replay(&at(&[5, 5]), 1.0) - 35.0).abs() < 1e-9);
    }

    #[test]
    fn answers_are_short_enough_for_enough_of_them() {
        for n in [1, 2, 4, 16, 1_000, 100_000] {
            let events = n_events(&Load::Concurrency { n });
            let rounds = (u64::from(n) + AT_LEAST).div_ceil(u64::from(n)) as u32;
            assert!((TTFT + ITL * (events - 1)) * rounds <= AT_MOST, "{n}: {events} events");
        }
        assert_eq!(n_events(&Load::Concurrency { n: 1 }), 2);
        assert_eq!(n_events(&Load::Concurrency { n: 16 }), MOST_EVENTS);
    }
}
