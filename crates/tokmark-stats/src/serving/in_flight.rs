//! How many requests were under way.

use tokmark_model::{Nanos, RequestSample};

use super::window::Window;

/// Most requests under way at once, cut ones included: they were under way. A request is from
/// `sent_ns` until before `end_ns`.
pub(super) fn most(requests: &[RequestSample]) -> u64 {
    let mut most = 0;
    sweep(requests, |_, n| {
        most = most.max(n);
        true
    });
    most
}

/// The first instant at which `n` requests are under way.
pub(super) fn first_instant_of(requests: &[RequestSample], n: u64) -> Option<Nanos> {
    let mut instant = None;
    sweep(requests, |time, under_way| {
        instant = (under_way >= n).then_some(time);
        instant.is_none()
    });
    instant
}

/// Mean number under way in a window.
pub(super) fn mean(requests: &[RequestSample], window: Window) -> f64 {
    let inside = |request: &RequestSample| {
        let (from, to) = (request.sent_ns.max(window.start), request.end_ns.min(window.end));
        to.0.saturating_sub(from.0)
    };
    let total: u128 = requests.iter().map(|request| u128::from(inside(request))).sum();
    total as f64 * 1e-9 / window.length_s()
}

/// Calls back at each sending, in order of time, with the number then under way, until told
/// to stop. What ends at the instant of a sending has ended before it.
fn sweep(requests: &[RequestSample], mut at_sending: impl FnMut(Nanos, u64) -> bool) {
    let mut sent: Vec<Nanos> = requests.iter().map(|request| request.sent_ns).collect();
    let mut ended: Vec<Nanos> =
        requests.iter().map(|request| request.end_ns.max(request.sent_ns)).collect();
    sent.sort_unstable();
    ended.sort_unstable();
    let mut n_ended = 0;
    for (n_sent_before, time) in sent.into_iter().enumerate() {
        while ended.get(n_ended).is_some_and(|end| *end <= time) && n_ended < n_sent_before {
            n_ended += 1;
        }
        if !at_sending(time, (n_sent_before + 1 - n_ended) as u64) {
            return;
        }
    }
}
