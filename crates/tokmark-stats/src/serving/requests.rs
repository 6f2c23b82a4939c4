//! The requests of a load point, wherever they lie.

use tokmark_model::{Nanos, RequestSample};

/// The requests of a load point in the order of their due times, warm-up left out.
///
/// A long run at full rate has more of them than fit in memory, so the statistics pass over
/// them several times and hold one column of numbers at a time.
pub trait Requests {
    /// Calls `each(request, times)` once for every request: `times` those of its text events
    /// as spans since its `sent_ns`, rising; empty where they were not kept. Without them there
    /// is no ITL, and a request across an edge of the window counts as if its text had come
    /// evenly. Gives the same each time.
    fn visit(&self, each: &mut dyn FnMut(&RequestSample, &[Nanos]));
}

/// Requests without the times of their text events.
impl Requests for &[RequestSample] {
    fn visit(&self, each: &mut dyn FnMut(&RequestSample, &[Nanos])) {
        for request in *self {
            each(request, &[]);
        }
    }
}

/// Requests in memory; `times[i]` belongs to `requests[i]`.
#[derive(Debug, Clone, Copy)]
pub struct RequestsWithEvents<'a> {
    /// The requests in the order of their due times.
    pub requests: &'a [RequestSample],
    /// Times of their text events, as an unpacked [`tokmark_model::EventLog`] has them; may be
    /// shorter.
    pub times: &'a [Vec<Nanos>],
}

impl Requests for RequestsWithEvents<'_> {
    fn visit(&self, each: &mut dyn FnMut(&RequestSample, &[Nanos])) {
        for (index, request) in self.requests.iter().enumerate() {
            each(request, self.times.get(index).map_or(&[], Vec::as_slice));
        }
    }
}

/// The requests of one base URL.
pub(super) struct OfReplica<'a> {
    pub(super) all: &'a dyn Requests,
    pub(super) replica: u32,
}

impl Requests for OfReplica<'_> {
    fn visit(&self, each: &mut dyn FnMut(&RequestSample, &[Nanos])) {
        self.all.visit(&mut |request, times| {
            if request.replica == self.replica {
                each(request, times);
            }
        });
    }
}

/// What `value` makes of each request, in their order, without the `None`s.
pub(super) fn column<T>(
    requests: &dyn Requests,
    mut value: impl FnMut(&RequestSample) -> Option<T>,
) -> Vec<T> {
    let mut column = Vec::new();
    requests.visit(&mut |request, _| column.extend(value(request)));
    column
}

/// How many requests are such.
pub(super) fn count(requests: &dyn Requests, mut such: impl FnMut(&RequestSample) -> bool) -> u64 {
    let mut n = 0;
    requests.visit(&mut |request, _| n += u64::from(such(request)));
    n
}
