//! Whether the load was what was asked.

use tokmark_model::{ArrivalCheck, Load, Nanos, RequestSample, Workload};

use super::distribution::Values;

/// A request sent more than this after it was due is late.
pub const LATE_FROM: Nanos = Nanos(1_000_000);

/// Due and sent times of every request that was sent, errored and cut ones included. How late
/// one was is not asked of requests that the server refused before: it made them wait.
pub(super) fn check(workload: &Workload, requests: &[RequestSample]) -> ArrivalCheck {
    let is_open = !matches!(workload.arrival, Load::Concurrency { .. });
    let cv_of = |time: fn(&RequestSample) -> Nanos| {
        let mut times: Vec<Nanos> = requests.iter().map(time).collect();
        times.sort_unstable();
        gap_variation(&times)
    };
    let lateness = || {
        let first_attempts = requests.iter().filter(|request| request.n_retries == 0);
        first_attempts.map(|request| request.sent_ns.0.saturating_sub(request.due_ns.0))
    };
    let mut values = Values::default();
    values.extend(lateness().map(|ns| ns as f64));
    let ordered = values.into_ordered();
    let rounded = |ns: f64| Nanos(ns.round() as u64);
    ArrivalCheck {
        n: requests.len() as u64,
        asked_cv: match workload.arrival {
            Load::Rate { arrivals, .. } => Some(arrivals.cv()),
            _ => None,
        },
        due_cv: if is_open { cv_of(|request| request.due_ns) } else { None },
        sent_cv: if is_open { cv_of(|request| request.sent_ns) } else { None },
        n_late: lateness().filter(|ns| *ns > LATE_FROM.0).count() as u64,
        late_p99_ns: ordered.as_ref().map_or(Nanos(0), |all| rounded(all.quantile(0.99))),
        late_max_ns: ordered.as_ref().map_or(Nanos(0), |all| rounded(all.max())),
    }
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
