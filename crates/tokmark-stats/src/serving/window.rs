//! The part of a load point in which the load is as asked.

use tokmark_model::{Load, Nanos, RequestError, RequestSample, ServiceLevel, Workload};

use super::in_flight;
use super::requests::{Requests, column};

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
/// its slots in use or never refilled one, an open loop with a single due time.
///
/// Closed loop: from the instant at which the number in flight first equals the number of slots
/// to the last instant at which a slot is refilled. Open loop and replay: from the first due
/// time to the last, and at most to the cut - the longest service level where requests were cut.
pub(super) fn measured_window(workload: &Workload, requests: &dyn Requests) -> Option<Window> {
    let window = match workload.arrival {
        Load::Concurrency { n } => {
            let full = in_flight::first_instant_of(requests, u64::from(n))?;
            Window::new(full, column(requests, |request| Some(request.sent_ns)).into_iter().max()?)
        }
        Load::Rate { .. } | Load::Replay { .. } => {
            let due = column(requests, |request| Some(request.due_ns));
            let last = *due.iter().max()?;
            let end = last.min(judged_until(&workload.service_levels, requests));
            Window::new(*due.iter().min()?, end)
        }
    }?;
    Some(before_cut_requests(window, requests))
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
