//! Drives a stub in this process.

use std::sync::Arc;
use std::time::Duration;

use tokmark_http::{
    Endpoint, EndpointOptions, Finished, Flow, Progress, TargetOptions, Watcher, drive,
};
use tokmark_model::{Load, Nanos, RequestSample, Workload};
use tokmark_run::{Extent, Schedule};
use tokmark_stub::{Dialect, Options, Running, Stub};
use tokmark_workload::{Length, PromptSource, Shape, SourceOptions};

/// A stub that misbehaves as `mode` says, with short times.
pub fn stub(dialect: Dialect, mode: &str) -> Running {
    let mut options = Options::of(dialect);
    options.behaviour.ttft = Duration::from_millis(5);
    options.behaviour.itl = Duration::from_millis(1);
    options.behaviour.n_events = 8;
    options.behaviour.apply(mode).unwrap();
    Stub::start(options).unwrap()
}

pub fn workload(arrival: Load) -> Workload {
    Workload {
        n_prompt: Some(20),
        n_output: Some(8),
        timeout_ns: Some(Nanos(20_000_000_000)),
        ..Workload::new("chat", arrival)
    }
}

pub fn source(turns: u32) -> Arc<PromptSource> {
    let shape = Shape {
        prompt_tokens: Length::Fixed(40),
        output_tokens: Length::Fixed(8),
        turns,
        follow_up_tokens: (turns > 1).then_some(Length::Fixed(10)),
        ..Shape::builtin("chat").unwrap()
    };
    Arc::new(PromptSource::from_shape(shape, SourceOptions::default()).unwrap())
}

pub fn endpoint(url: &str, target: TargetOptions) -> Endpoint {
    Endpoint::open(&[url], &EndpointOptions { target, ..EndpointOptions::default() }).unwrap()
}

/// Keeps what is over, and cuts once so many are under way, or once it is told to.
#[derive(Default)]
pub struct Keep<'a> {
    pub finished: Vec<Finished>,
    pub cut_at_in_flight: Option<u32>,
    pub cut_when: Option<Box<dyn FnMut() -> bool + 'a>>,
}

impl Watcher for Keep<'_> {
    fn over(&mut self, finished: &Finished) {
        self.finished.push(finished.clone());
    }

    fn tick(&mut self, progress: &Progress) -> Flow {
        match self.cut_at_in_flight {
            Some(n) if progress.n_in_flight >= n => Flow::Cut,
            _ if self.cut_when.as_mut().is_some_and(|now| now()) => Flow::Cut,
            _ => Flow::Go,
        }
    }
}

/// `n` requests, two at once; what came of each.
pub fn requests(endpoint: &Endpoint, workload: &Workload, n: u64, turns: u32) -> Vec<Finished> {
    let extent = Extent { n_requests: Some(n), duration: None };
    let schedule = Schedule::new(&workload.arrival, 1, extent).unwrap();
    let mut keep = Keep::default();
    let driven = drive(endpoint, &source(turns), workload, schedule, 0, &mut keep).unwrap();
    assert_eq!(driven.log.n_requests(), keep.finished.len() as u64);
    keep.finished
}

/// The samples of `n` requests to a stub in this mode.
pub fn samples(mode: &str, n: u64) -> Vec<RequestSample> {
    let stub = stub(Dialect::OpenAi, mode);
    let endpoint = endpoint(&stub.url(), TargetOptions::default());
    let workload = workload(Load::Concurrency { n: 2 });
    requests(&endpoint, &workload, n, 1).into_iter().map(|finished| finished.sample).collect()
}
