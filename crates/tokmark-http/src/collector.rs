//! The caller's side of a load point: keeps the log, and asks the watcher.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokmark_model::RequestError;

use crate::drive::Shared;
use crate::exchange::Finished;
use crate::log::RequestLog;

/// How often the watcher is asked.
const TICK: Duration = Duration::from_millis(100);
/// Requests that are under way when no more are wanted have this long, or twice the longest
/// one seen, to end.
const GRACE: Duration = Duration::from_secs(10);

/// What the watcher wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Go,
    /// No more requests; those under way may end.
    Finish,
    /// Cut what is under way.
    Cut,
}

/// How far a point has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Since the first due time.
    pub elapsed: Duration,
    /// Requests that are over.
    pub n_over: u64,
    /// Of those, without an answer.
    pub n_errors: u64,
    /// Requests under way.
    pub n_in_flight: u32,
    /// Text events of the requests that are over.
    pub n_events: u64,
}

/// Is told of every request that is over, and asked now and then whether to go on.
pub trait Watcher {
    /// A request is over. Called on the driving thread, never on those that read streams.
    fn over(&mut self, finished: &Finished);
    /// About ten times a second.
    fn tick(&mut self, progress: &Progress) -> Flow;
}

/// Why no more requests were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The extent was reached.
    Complete,
    /// The watcher wanted no more.
    Stopped,
}

/// The caller's side: writes the log and asks the watcher.
pub(crate) struct Collector<'a> {
    log: &'a mut RequestLog,
    n_errors: u64,
    longest: Duration,
    /// Errors of which a message is kept.
    told: HashSet<RequestError>,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(log: &'a mut RequestLog) -> Self {
        Collector { log, n_errors: 0, longest: Duration::ZERO, told: HashSet::new() }
    }

    pub(crate) fn run(
        &mut self,
        shared: &Shared,
        over: &Receiver<Finished>,
        watcher: &mut dyn Watcher,
    ) -> std::io::Result<Ended> {
        let mut ended = Ended::Complete;
        let mut cut_at = None;
        let mut next_tick = Instant::now() + TICK;
        let result = loop {
            match over.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
                Ok(mut finished) => {
                    self.thin_out(&mut finished);
                    if let Err(error) = self.keep(&finished) {
                        break Err(error);
                    }
                    watcher.over(&finished);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break Ok(()),
            }
            let now = Instant::now();
            if now < next_tick {
                continue;
            }
            next_tick = now + TICK;
            let flow = watcher.tick(&self.progress(shared));
            if flow != Flow::Go {
                ended = Ended::Stopped;
                shared.finish();
            }
            if cut_at.is_none() && !shared.wants_more() {
                cut_at = Some(now + GRACE.max(self.longest * 2));
            }
            if flow == Flow::Cut || cut_at.is_some_and(|at| now >= at) {
                shared.cut();
            }
        };
        shared.cut();
        result.map(|()| ended)
    }

    /// Of each kind of error the first message is enough: thousands say the same.
    fn thin_out(&mut self, finished: &mut Finished) {
        let sample = &mut finished.sample;
        if let (Some(error), Some(_)) = (&sample.error, &sample.message)
            && !self.told.insert(error.clone())
        {
            sample.message = None;
        }
    }

    fn keep(&mut self, finished: &Finished) -> std::io::Result<()> {
        let sample = &finished.sample;
        self.n_errors += u64::from(!sample.is_ok());
        let length = sample.end_ns.0.saturating_sub(sample.sent_ns.0);
        self.longest = self.longest.max(Duration::from_nanos(length));
        self.log.push(sample, &finished.events, finished.uncounted().as_ref())
    }

    fn progress(&self, shared: &Shared) -> Progress {
        Progress {
            elapsed: shared.elapsed(),
            n_over: self.log.n_requests(),
            n_errors: self.n_errors,
            n_in_flight: shared.n_in_flight(),
            n_events: self.log.n_events(),
        }
    }
}
