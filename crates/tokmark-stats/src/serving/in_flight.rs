//! How many requests were under way.

use tokmark_model::Nanos;

use super::requests::Requests;
use super::window::Window;

/// Most requests under way at once, cut ones included: they were under way. A request is from
/// `sent_ns` until before `end_ns`.
pub(super) fn most(requests: &dyn Requests) -> u64 {
    let mut most = 0;
    sweep(requests, |_, n| {
        most = most.max(n);
        true
    });
    most
}

/// The first instant at which `n` requests are under way.
pub(super) fn first_instant_of(requests: &dyn Requests, n: u64) -> Option<Nanos> {
    let mut instant = None;
    sweep(requests, |time, under_way| {
        instant = (under_way >= n).then_some(time);
        instant.is_none()
    });
    instant
}

/// Mean number under way in a window.
pub(super) fn mean(requests: &dyn Requests, window: Window) -> f64 {
    let mut total = 0u128;
    requests.visit(&mut |request, _| {
        let (from, to) = (request.sent_ns.max(window.start), request.end_ns.min(window.end));
        total += u128::from(to.0.saturating_sub(from.0));
    });
    total as f64 * 1e-9 / window.length_s()
}

/// Calls back at each sending, in order of time, with the number then under way, until told
/// to stop. What ends at the instant of a sending has ended before it.
fn sweep(requests: &dyn Requests, mut at_sending: impl FnMut(Nanos, u64) -> bool) {
    let (mut sent, mut ended) = (Vec::new(), Vec::new());
    requests.visit(&mut |request, _| {
        sent.push(request.sent_ns);
        ended.push(request.end_ns.max(request.sent_ns));
    });
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
