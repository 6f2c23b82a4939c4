//! The part of a load point in which the load is as asked.

use tokmark_model::{Load, Nanos, RequestError, RequestSample, ServiceLevel, Workload};

use super::distribution::Values;
use super::in_flight;
use super::requests::{Requests, column};

/// Share of the answers of an open loop that end within its run-in.
pub const RUN_IN_QUANTILE: f64 = 0.99;
/// Answers that an open loop has at least waited for when its window begins.
pub const FIRST_ANSWERS: usize = 10;

/// From `start` until before `end`, of positive length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub start: Nanos,
    pub end: Nanos,
}

impl Window {
    fn new(start: Nanos, end: Nanos) -> Option<Self> {
        (start < end).then_some(Window { start, end })
    }

    pub(super) fn length_s(&self) -> f64 {
        Nanos(self.end.0 - self.start.0).as_secs_f64()
    }

    pub(super) fn holds(&self, time: Nanos) -> bool {
        self.start <= time && time < self.end
    }
}

/// The measured window of a point; `None` where it has none: a closed loop that never had all
/// its slots in use or never refilled one, an open loop that went on for less than its run-in after
/// that.
///
/// Closed loop: from the instant at which the number in flight first equals the number of slots
/// to the last instant at which a slot is refilled. Open loop and replay: from the end of the
/// [`run_in`] to the last due time, and at most to the cut - the longest service level where
/// requests were cut.
pub(super) fn measured_window(workload: &Workload, requests: &dyn Requests) -> Option<Window> {
    let window = match workload.arrival {
        Load::Concurrency { n } => {
            let full = in_flight::first_instant_of(requests, u64::from(n))?;
            Window::new(full, column(requests, |request| Some(request.sent_ns)).into_iter().max()?)
        }
        Load::Rate { .. } | Load::Replay { .. } => {
            let (first, end) = judged_span(workload, requests)?;
            let run_in = run_in(requests, Nanos(end.0.saturating_sub(first.0)))?;
            let start = Nanos(first.0.saturating_add(run_in.0));
            // A shorter one would be made of the same few requests as the run-in.
            Window::new(start, end).filter(|window| end.0 - window.start.0 >= run_in.0)
        }
    }?;
    Some(before_cut_requests(window, requests))
}

/// First and last due time of an open loop whose requests all can be judged: the last one due a
/// longest service level before requests were cut.
pub(super) fn judged_span(workload: &Workload, requests: &dyn Requests) -> Option<(Nanos, Nanos)> {
    let due = column(requests, |request| Some(request.due_ns));
    let end = *due.iter().max()?;
    let end = end.min(judged_until(&workload.service_levels, requests));
    Some((*due.iter().min()?, end))
}

/// How long an open loop that begins at an empty server takes until as much runs out of it as
/// runs in: the 99 % quantile of the times from due to end of its answers, but at most half of
/// `span`, because beyond its capacity these times grow with the span and say nothing. And at
/// least the longest of the [`FIRST_ANSWERS`] due first: nothing can run out before. `None`
/// without answers.
fn run_in(requests: &dyn Requests, span: Nanos) -> Option<Nanos> {
    let (mut times, mut first) = (Values::new(), Vec::with_capacity(FIRST_ANSWERS + 1));
    requests.visit(&mut |request, _| {
        if request.is_ok() {
            let time = request.end_ns.0.saturating_sub(request.due_ns.0);
            times.push(time as f64);
            first.push((request.due_ns, time));
            first.sort_unstable();
            first.truncate(FIRST_ANSWERS);
        }
    });
    let longest_first = first.into_iter().map(|(_, time)| time).max()?;
    let usual = times.into_ordered()?.quantile(RUN_IN_QUANTILE).round() as u64;
    Some(Nanos(usual.min(span.0 / 2).max(longest_first)))
}

/// Requests due later than this may have been cut before a service level could judge them.
/// Where none was cut all are judged.
fn judged_until(levels: &[ServiceLevel], requests: &dyn Requests) -> Nanos {
    let longest = levels.iter().map(|level| level.limit_ns.0).max().unwrap_or(0);
    match cut(requests, |request| request.end_ns.0).min() {
        Some(cut_at) => Nanos(cut_at.saturating_sub(longest)),
        None => Nanos(u64::MAX),
    }
}

/// The window without the part in which requests ran that were cut, whose tokens no rate
/// counts; unless that is more than half of it, as when a request hung from early on.
fn before_cut_requests(window: Window, requests: &dyn Requests) -> Window {
    let Some(first_cut) = cut(requests, |request| request.sent_ns).min() else {
        return window;
    };
    let half = window.start.0 + (window.end.0 - window.start.0).div_ceil(2);
    match first_cut.0 >= half {
        true => Window { end: window.end.min(first_cut), ..window },
        false => window,
    }
}

/// A time of each request that was cut.
fn cut<T>(requests: &dyn Requests, time: impl Fn(&RequestSample) -> T) -> impl Iterator<Item = T> {
    let is_cut = |request: &RequestSample| request.error == Some(RequestError::Cut);
    column(requests, |request| is_cut(request).then(|| time(request))).into_iter()
}
