//! Whether the load was what was asked.

use tokmark_model::{ArrivalCheck, Load, Nanos, RequestSample, Workload};

use super::distribution::Values;
use super::requests::{Requests, column};

/// A request sent more than this after it was due is late, the time to open its connection left
/// out.
pub const LATE_FROM: Nanos = Nanos(1_000_000);

/// Due and sent times of every request that was sent, errored and cut ones included. How late
/// one was is asked of open loops and replays alone, since a slot of a closed loop knows no due
/// time but its own; and not of requests that the server refused before: it made them wait. A
/// connection is the server's and the network's time, not the client's.
pub(super) fn check(workload: &Workload, requests: &dyn Requests) -> ArrivalCheck {
    let is_open = !matches!(workload.arrival, Load::Concurrency { .. });
    let cv_of = |time: fn(&RequestSample) -> Nanos| {
        // What the server refused first is sent when the server likes.
        let mut times = column(requests, |request| (request.n_retries == 0).then(|| time(request)));
        times.sort_unstable();
        gap_variation(&times)
    };
    let (mut n, mut n_late, mut lateness) = (0, 0, Values::new());
    let (mut n_held, mut held_max) = (0, Nanos(0));
    requests.visit(&mut |request, _| {
        n += 1;
        if is_open && request.n_retries == 0 {
            let held = request.held_ns.unwrap_or_default();
            n_held += u64::from(held.0 > LATE_FROM.0);
            held_max = held_max.max(held);
            let late = begun(request).0.saturating_sub(wanted(request).0);
            n_late += u64::from(late > LATE_FROM.0);
            lateness.push(late as f64);
        }
    });
    let ordered = lateness.into_ordered();
    let rounded = |ns: f64| Nanos(ns.round() as u64);
    ArrivalCheck {
        n,
        asked_cv: match workload.arrival {
            Load::Rate { arrivals, .. } => Some(arrivals.cv()),
            _ => None,
        },
        offered_per_s: offered(workload, requests),
        due_cv: if is_open { cv_of(wanted) } else { None },
        sent_cv: if is_open { cv_of(begun) } else { None },
        n_late,
        late_p99_ns: ordered.as_ref().map_or(Nanos(0), |all| rounded(all.quantile(0.99))),
        late_max_ns: ordered.as_ref().map_or(Nanos(0), |all| rounded(all.max())),
        n_held,
        held_max_ns: held_max,
    }
}

/// Gaps between due times of a rate / time from the first to the last.
fn offered(workload: &Workload, requests: &dyn Requests) -> Option<f64> {
    if !matches!(workload.arrival, Load::Rate { .. }) {
        return None;
    }
    let due = column(requests, |request| Some(request.due_ns));
    let span = Nanos(due.iter().max()?.0 - due.iter().min()?.0);
    (span.0 > 0).then(|| (due.len() - 1) as f64 / span.as_secs_f64())
}

/// When it could be sent at the earliest.
fn wanted(request: &RequestSample) -> Nanos {
    Nanos(request.due_ns.0 + request.held_ns.unwrap_or_default().0)
}

/// When the client began to send: it opened a connection, if it had none.
fn begun(request: &RequestSample) -> Nanos {
    let connecting = request.connect_ns.map_or(0, |time| time.0);
    let begun = Nanos(request.sent_ns.0.saturating_sub(connecting));
    request.first_sent_ns.unwrap_or(begun)
}

/// Sample deviation / mean of the gaps between successive times, which rise. `None` below two
/// gaps and where no time passed.
fn gap_variation(times: &[Nanos]) -> Option<f64> {
    let gaps = || times.windows(2).map(|pair| (pair[1].0 - pair[0].0) as f64);
    let n = gaps().count() as f64;
    let mean = gaps().sum::<f64>() / n;
    if n < 2.0 || mean <= 0.0 {
        return None;
    }
    let squares: f64 = gaps().map(|gap| (gap - mean).powi(2)).sum();
    Some((squares / (n - 1.0)).sqrt() / mean)
}
