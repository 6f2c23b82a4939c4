//! When a point has enough, and what is seen of it meanwhile.

use std::time::Duration;

use tokmark_host::busiest_processes;
use tokmark_http::{Finished, Flow, Progress, Watcher};
use tokmark_model::{LatencyKind, Nanos, RequestError, RequestSample, Workload};
use tokmark_run::Interrupt;
use tokmark_stats::{RequestsWithEvents, next_serving_look, serving_levels, serving_precision};

use super::live::{Live, Recent};
use super::ramp::Verdict;
use super::{LoadExtent, LoadObserver, LoadOptions, USUAL_ABORT_ERRORS};
use crate::session::QUIET_CORES;

/// Requests at which errors are first held against the limit.
const ENOUGH_TO_ABORT: u64 = 10;
/// Time over which the busiest processes are found, once a point.
const NAMING: Duration = Duration::from_millis(200);

/// Waits for warm-up requests, unless they take too long or the user has enough.
pub(super) struct Patient<'a> {
    pub(super) interrupt: &'a Interrupt,
    pub(super) observer: &'a mut dyn LoadObserver,
    pub(super) limit: Duration,
    pub(super) recent: Recent,
    pub(super) live: Live,
    /// The limit was reached with so many requests over.
    pub(super) cut_at: Option<u64>,
}

impl Watcher for Patient<'_> {
    fn over(&mut self, finished: &Finished) {
        self.recent.add(finished);
    }

    fn tick(&mut self, progress: &Progress) -> Flow {
        self.recent.show(progress, &mut self.live);
        self.observer.live(&self.live);
        if progress.elapsed >= self.limit {
            self.cut_at.get_or_insert(progress.n_over);
        }
        if self.interrupt.is_raised() || self.cut_at.is_some() { Flow::Cut } else { Flow::Go }
    }
}

/// Decides when a point has enough.
pub(super) struct PointWatcher<'a> {
    workload: &'a Workload,
    options: &'a LoadOptions,
    observer: &'a mut dyn LoadObserver,
    recent: Recent,
    live: Live,
    /// Requests of a point that goes on until something is known of them, with their events where
    /// a level needs these: answered ones alone, unless it is to be judged.
    samples: Vec<RequestSample>,
    times: Vec<Vec<Nanos>>,
    next_look: u64,
    pub(super) converged: bool,
    /// Requests that are over, cut ones left out.
    n_over: u64,
    /// Of those, without an answer.
    n_errors: u64,
    pub(super) aborted: Option<String>,
    sensors: Option<(tokmark_host::Sensors, tokmark_host::Reading)>,
    is_told: bool,
}

impl<'a> PointWatcher<'a> {
    pub(super) fn new(
        workload: &'a Workload,
        options: &'a LoadOptions,
        observer: &'a mut dyn LoadObserver,
    ) -> Self {
        let n_asked = match options.extent {
            LoadExtent::Requests(n) => Some(n),
            _ => None,
        };
        let live = Live { at_most: options.extent.at_most(), n_asked, ..Live::default() };
        let me = std::process::id();
        let sensors = (!options.server_pids.is_empty()).then(|| {
            let own: Vec<u32> = options.server_pids.iter().copied().chain([me]).collect();
            let sensors = tokmark_host::Sensors::new(me, &own);
            let before = sensors.read();
            (sensors, before)
        });
        PointWatcher {
            workload,
            options,
            observer,
            recent: Recent::default(),
            live,
            samples: Vec::new(),
            times: Vec::new(),
            next_look: next_serving_look(&workload.arrival, 0),
            converged: false,
            n_over: 0,
            n_errors: 0,
            aborted: None,
            sensors,
            is_told: false,
        }
    }

    /// Says once who else keeps the machine busy.
    fn tell_disturbance(&mut self) {
        let Some((sensors, before)) = &self.sensors else { return };
        if self.is_told {
            return;
        }
        let now = sensors.read();
        let Some(cores) = now.since(before).other_cores else { return };
        if cores > QUIET_CORES {
            self.is_told = true;
            let mut own = self.options.server_pids.clone();
            own.push(std::process::id());
            self.observer.disturbed(cores, &busiest_processes(3, NAMING, &own));
        } else if let Some((_, before)) = &mut self.sensors {
            *before = now;
        }
    }

    /// Whether too many requests failed. To be asked once more when all are over: many fail
    /// between the last look and the end.
    pub(super) fn check_errors(&mut self) -> bool {
        let share = self.n_errors as f64 / self.n_over.max(1) as f64;
        let most = self.options.abort_errors.unwrap_or(USUAL_ABORT_ERRORS);
        let is_enough = self.n_over >= ENOUGH_TO_ABORT && share > most;
        if is_enough {
            self.aborted = Some(format!("{} of {} requests failed", self.n_errors, self.n_over));
        }
        is_enough
    }

    /// Whether it is known by now if the levels are kept. Of the requests that have been due for
    /// less than the longest time of any, only the fast ones are over: they are not asked.
    fn is_judged(&mut self, elapsed: Nanos) -> bool {
        let span = |sample: &RequestSample| sample.end_ns.0.saturating_sub(sample.due_ns.0);
        let longest = self.samples.iter().map(span).max().unwrap_or(0);
        let last = Nanos(elapsed.0.saturating_sub(longest));
        let mut known: Vec<usize> = (0..self.samples.len()).collect();
        known.retain(|&index| self.samples[index].due_ns <= last);
        known.sort_by_key(|&index| self.samples[index].due_ns);
        let requests: Vec<RequestSample> =
            known.iter().map(|&index| self.samples[index].clone()).collect();
        let times: Vec<Vec<Nanos>> =
            known.iter().map(|&index| self.times.get(index).cloned().unwrap_or_default()).collect();
        let requests = RequestsWithEvents { requests: &requests, times: &times };
        let kept = serving_levels(self.workload, &requests);
        let Ok(verdict) = Verdict::of(&self.workload.service_levels, &kept) else { return false };
        self.live.kept = Some(verdict.weakest);
        verdict.is_sure
    }

    fn look(&mut self, asked: f64) {
        self.samples.sort_by_key(|sample| sample.due_ns);
        let precision = serving_precision(self.workload, &self.samples.as_slice());
        self.live.half_width = precision.half_width;
        self.converged = precision.converged(asked);
        self.next_look = next_serving_look(&self.workload.arrival, self.samples.len() as u64);
    }
}

impl Watcher for PointWatcher<'_> {
    fn over(&mut self, finished: &Finished) {
        self.recent.add(finished);
        if finished.sample.error != Some(RequestError::Cut) {
            self.n_over += 1;
            self.n_errors += u64::from(!finished.sample.is_ok());
        }
        let sample = &finished.sample;
        let is_kept = match self.options.extent {
            LoadExtent::Until { .. } => sample.is_ok(),
            LoadExtent::Judged(_) => sample.error != Some(RequestError::Cut),
            LoadExtent::Requests(_) | LoadExtent::For(_) => false,
        };
        if is_kept {
            self.samples.push(sample.clone());
            let levels = &self.workload.service_levels;
            if levels.iter().any(|level| level.kind == LatencyKind::Itl) {
                self.times.push(finished.events.clone());
            }
        }
    }

    fn tick(&mut self, progress: &Progress) -> Flow {
        self.tell_disturbance();
        self.recent.show(progress, &mut self.live);
        let mut flow = Flow::Go;
        if let LoadExtent::Until { half_width, budget } = self.options.extent {
            let is_spent = progress.elapsed >= budget;
            if !self.converged && (self.samples.len() as u64 >= self.next_look || is_spent) {
                self.look(half_width);
            }
            if self.converged || is_spent {
                flow = Flow::Finish;
            }
        }
        if let LoadExtent::Judged(most) = self.options.extent {
            let n = self.samples.len() as u64;
            if progress.elapsed >= most
                || n >= self.next_look && self.is_judged(progress.elapsed.into())
            {
                flow = Flow::Finish;
            } else if n >= self.next_look {
                self.next_look = n + n / 16 + 1;
            }
        }
        if self.check_errors() {
            flow = Flow::Cut;
        }
        if self.options.interrupt.is_raised() {
            let is_urgent = self.options.interrupt.is_idle_and_urgent();
            flow = if is_urgent || flow == Flow::Cut { Flow::Cut } else { Flow::Finish };
        }
        self.observer.live(&self.live);
        flow
    }
}
