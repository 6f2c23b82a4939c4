//! The server's own figures, in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State as Shared};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::state::State;

/// Upper ends of the histogram's buckets, in seconds.
const BUCKETS_S: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Methods that are counted by name.
const KNOWN: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::OPTIONS,
    Method::PATCH,
];

/// Counts and times of requests, by route and status.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    routes: Mutex<BTreeMap<(String, String, u16), Times>>,
}

#[derive(Debug, Clone, Default)]
struct Times {
    n: u64,
    sum_s: f64,
    buckets: [u64; BUCKETS_S.len()],
}

impl Metrics {
    fn add(&self, method: &str, route: &str, status: u16, time: Duration) {
        let seconds = time.as_secs_f64();
        let mut routes = self.routes.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let times = routes.entry((route.to_owned(), method.to_owned(), status)).or_default();
        times.n += 1;
        times.sum_s += seconds;
        for (count, end) in times.buckets.iter_mut().zip(BUCKETS_S) {
            *count += u64::from(seconds <= end);
        }
    }

    pub(crate) fn text(&self) -> String {
        let routes = self.routes.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut text = String::from(
            "# HELP tokmark_http_request_duration_seconds Time from a request's head to its \
             answer's head.\n# TYPE tokmark_http_request_duration_seconds histogram\n",
        );
        for ((route, method, status), times) in routes.iter() {
            let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
            let name = "tokmark_http_request_duration_seconds";
            for (count, end) in times.buckets.iter().zip(BUCKETS_S) {
                let _ = writeln!(text, "{name}_bucket{{{labels},le=\"{end}\"}} {count}");
            }
            let _ = writeln!(text, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", times.n);
            let _ = writeln!(text, "{name}_sum{{{labels}}} {}", times.sum_s);
            let _ = writeln!(text, "{name}_count{{{labels}}} {}", times.n);
        }
        text
    }
}

/// Gives each request an id, counts it and writes one line to the log.
pub(crate) async fn watch(Shared(state): Shared<State>, request: Request, next: Next) -> Response {
    let id = Uuid::now_v7();
    // Anybody may invent methods; each would be a row for ever.
    let method = match request.method() {
        known if KNOWN.contains(known) => known.as_str().to_owned(),
        _ => "other".to_owned(),
    };
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "other".to_owned());
    let begun = Instant::now();
    // Whatever is logged meanwhile has the request's id.
    let span = tracing::info_span!("request", %id);
    let mut response = next.run(request).instrument(span).await;
    let (time, status) = (begun.elapsed(), response.status().as_u16());
    state.metrics.add(&method, &route, status, time);
    tracing::info!(request = %id, method, route, status, ms = time.as_secs_f64() * 1e3, "request");
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    response
}
