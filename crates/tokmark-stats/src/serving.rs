//! From the requests of one load point to its figures, its grade, and whether it has enough.

mod arrivals;
mod distribution;
mod flow;
mod goodput;
mod grade;
mod in_flight;
mod precision;
mod quantile_ranks;
mod request_figures;
mod student_t;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use tokmark_model::{
    Distribution, Load, Nanos, ReplicaSummary, RequestError, RequestSample, ServingSummary,
    TokenCount, Tokens, TokensPerSecond, Workload,
};

pub use arrivals::LATE_FROM;
pub use distribution::{HISTOGRAM_ABOVE, SERVING_QUANTILES};
pub use flow::{FEWEST_FOR_RATE, WINDOW_PIECES};
pub use goodput::LEVEL_QUANTILE;
pub use grade::{
    ARRIVALS_MOVED, CACHE_HIT_FLAGGED, CACHE_HIT_TOUCHED, DEFAULT_ABORT_ERROR_SHARE,
    DEFAULT_SERVING_HALF_WIDTH, IN_FLIGHT_HELD, LATE_RELATIVE, LENGTH_FLAGGED, SERVER_RATE_FLAGGED,
    ServingGradeInput, grade_serving,
};
pub use precision::{ServingPrecision, next_serving_look, serving_precision};
pub use quantile_ranks::{quantile_ranks, upper_bound_rank};
pub use request_figures::{RequestFigures, request_figures};

use crate::STATISTICS_VERSION;
use crate::order::median;
use distribution::Values;
use flow::Flow;
use window::measured_window;

/// Tokens per text event from which on gaps between events are not gaps between tokens. Below
/// it are the tokens that show no text, such as the one that ends the answer.
pub const ITL_PER_EVENT_FROM: f64 = 1.1;

/// The times of text events, wherever they lie.
pub trait EventTimes {
    /// Calls `each(i, times)` once for every request whose times are kept: `i` its position in
    /// [`ServingInput::requests`], `times` spans since its `sent_ns`, rising. May be called
    /// several times and gives the same each time.
    fn visit(&self, each: &mut dyn FnMut(usize, &[Nanos]));
}

/// `times[i]` belongs to `requests[i]`, as an unpacked [`tokmark_model::EventLog`] has them.
impl EventTimes for Vec<Vec<Nanos>> {
    fn visit(&self, each: &mut dyn FnMut(usize, &[Nanos])) {
        for (index, times) in self.iter().enumerate() {
            each(index, times);
        }
    }
}

/// A function that reads them again on each call, such as from a file.
impl<F: Fn(&mut dyn FnMut(usize, &[Nanos]))> EventTimes for F {
    fn visit(&self, each: &mut dyn FnMut(usize, &[Nanos])) {
        self(each);
    }
}

/// One load point.
#[derive(Clone, Copy)]
pub struct ServingInput<'a> {
    /// What was asked.
    pub workload: &'a Workload,
    /// The requests in the order of their due times, warm-up left out.
    pub requests: &'a [RequestSample],
    /// The times of their text events. Without them there is no ITL, and a request across an
    /// edge of the window counts as if its text had come evenly.
    pub events: &'a dyn EventTimes,
    /// The first request after the server's start, where this run started it.
    pub cold: Option<&'a RequestSample>,
}

/// Every figure of a load point. `None` without requests. Definitions stand in
/// `docs/metrics.md`, formulas in `docs/statistics.md`.
///
/// Errored requests are counted and enter no latency and no rate; cut ones are counted apart.
/// Besides the requests one vector of values is held at a time, and above
/// [`HISTOGRAM_ABOVE`] values a histogram.
pub fn summarize_serving(input: &ServingInput<'_>) -> Option<ServingSummary> {
    let requests = input.requests;
    let first = requests.first()?;
    let window = measured_window(input.workload, requests);
    let flow = window.map(|window| Flow::through(window, requests, input.events));
    let goodput = goodput::goodput(input, window);
    let n_cut = requests.iter().filter(|request| is_cut(request)).count();
    Some(ServingSummary {
        statistics_version: STATISTICS_VERSION,
        n_requests: (requests.len() - n_cut) as u64,
        n_ok: answered(input).count() as u64,
        errors: errors(requests),
        n_retries: requests.iter().map(|request| u64::from(request.n_retries)).sum(),
        n_cut: n_cut as u64,
        window_start_ns: window.map_or(first.due_ns, |window| window.start),
        window_end_ns: window.map_or(first.due_ns, |window| window.end),
        output_rate_tps: flow.as_ref().and_then(Flow::output_rate),
        total_rate_tps: flow.as_ref().and_then(Flow::total_rate),
        request_rate_per_s: flow.as_ref().map(Flow::request_rate),
        mean_in_flight: window.map(|window| in_flight::mean(requests, window)),
        max_in_flight: in_flight::most(requests),
        levels_met: goodput.as_ref().map(|(_, met)| met.clone()).unwrap_or_default(),
        goodput: goodput.map(|(goodput, _)| goodput),
        arrivals: arrivals::check(input.workload, requests),
        cold_ttft_ms: cold_ttft(input).map(ms),
        replicas: flow.as_ref().map(|flow| replicas(input, flow)).unwrap_or_default(),
        ..latencies_and_counts(input)
    })
}

/// Whether the gaps of [`ServingSummary::itl_ms`] are those of events that hold several tokens.
pub fn itl_is_per_event(summary: &ServingSummary) -> bool {
    summary.tokens_per_event.is_some_and(|tokens| tokens >= ITL_PER_EVENT_FROM)
}

/// The figures that are made request by request.
fn latencies_and_counts(input: &ServingInput<'_>) -> ServingSummary {
    let is_open = !matches!(input.workload.arrival, Load::Concurrency { .. });
    let times = |time: fn(&RequestFigures) -> Option<Nanos>| {
        spread(input, |_, figures| time(figures).map(ms))
    };
    let counts = |count: fn(&RequestSample) -> Option<TokenCount>| {
        spread(input, |request, _| count(request).map(|count| f64::from(count.n)))
    };
    let rates = |rate: fn(&RequestFigures) -> Option<TokensPerSecond>| {
        spread(input, |_, figures| rate(figures).map(|rate| rate.0))
    };
    let from_due = |time| if is_open { times(time) } else { None };
    ServingSummary {
        ttft_ms: times(|figures| figures.ttft),
        ttft_from_due_ms: from_due(|figures| figures.ttft_from_due),
        ttfo_ms: times(|figures| figures.ttfo),
        itl_ms: itl(input),
        tpot_ms: spread(input, |_, figures| figures.tpot_ns.map(|ns| ns / 1e6)),
        e2e_ms: times(|figures| figures.e2e),
        e2e_from_due_ms: from_due(|figures| figures.e2e_from_due),
        closed_ms: times(|figures| Some(figures.closed)),
        decode_rate_tps: rates(|figures| figures.decode_rate),
        request_rate_tps: rates(|figures| figures.request_rate),
        answer_rate_tps: rates(|figures| figures.answer_rate),
        prompt_tokens: counts(|request| request.prompt_tokens),
        output_tokens: counts(|request| request.output_tokens),
        reasoning_tokens: counts(|request| request.reasoning_tokens.filter(|count| count.n > 0)),
        tokens_per_event: tokens_per_event(input),
        n_hidden_reasoning: answered(input)
            .filter(|(request, figures)| request.hidden_reasoning && figures.ttft.is_some())
            .count() as u64,
        cached_share: cached_share(input),
        queue_ms: times(|figures| figures.queue),
        rate_vs_server: rate_vs_server(input),
        ..ServingSummary::default()
    }
}

/// Requests with a whole answer, and their figures.
fn answered<'a>(
    input: &ServingInput<'a>,
) -> impl Iterator<Item = (&'a RequestSample, RequestFigures)> {
    let stream = input.workload.stream;
    input
        .requests
        .iter()
        .filter_map(move |request| Some((request, request_figures(request, stream)?)))
}

/// Distribution of one figure over the answered requests that have it.
fn spread(
    input: &ServingInput<'_>,
    value: impl Fn(&RequestSample, &RequestFigures) -> Option<f64>,
) -> Option<Distribution> {
    let mut values = Values::default();
    values.extend(answered(input).filter_map(|(request, figures)| value(request, &figures)));
    values.into_distribution()
}

fn cold_ttft(input: &ServingInput<'_>) -> Option<Nanos> {
    request_figures(input.cold?, input.workload.stream)?.ttft
}

fn ms(time: Nanos) -> f64 {
    time.0 as f64 / 1e6
}

fn is_cut(request: &RequestSample) -> bool {
    request.error == Some(RequestError::Cut)
}

fn errors(requests: &[RequestSample]) -> BTreeMap<String, u64> {
    let mut errors = BTreeMap::new();
    for error in requests.iter().filter(|request| !is_cut(request)).flat_map(|r| &r.error) {
        *errors.entry(error.label()).or_insert(0) += 1;
    }
    errors
}

/// Gaps between text events of all answered requests. The gaps of one request depend on each
/// other, so the intervals are those of as many values as there are requests with a gap.
fn itl(input: &ServingInput<'_>) -> Option<Distribution> {
    if !input.workload.stream {
        return None;
    }
    let mut gaps = Values::default();
    let mut n_requests = 0;
    input.events.visit(&mut |index, times| {
        if input.requests.get(index).is_some_and(RequestSample::is_ok) && times.len() > 1 {
            n_requests += 1;
            gaps.extend(
                times.windows(2).map(|pair| ms(Nanos(pair[1].0.saturating_sub(pair[0].0)))),
            );
        }
    });
    Some(gaps.into_ordered()?.distribution(n_requests))
}

/// Streamed tokens / text events, over the streamed answers whose tokens are known.
fn tokens_per_event(input: &ServingInput<'_>) -> Option<f64> {
    let counted = answered(input).filter(|_| input.workload.stream).filter_map(|(r, figures)| {
        Some((u64::from(figures.streamed_tokens?), u64::from(r.n_text_events)))
    });
    let (tokens, events) = counted.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    (events > 0).then(|| tokens as f64 / events as f64)
}

/// Cached / all prompt tokens, over the answers that tell both.
fn cached_share(input: &ServingInput<'_>) -> Option<f64> {
    let told = answered(input).filter_map(|(request, _)| {
        Some((u64::from(request.cached_tokens?), u64::from(request.prompt_tokens?.n)))
    });
    let (cached, all) = told.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    (all > 0).then(|| cached as f64 / all as f64)
}

/// Median over the answers that have both of our decode rate / the server's own.
fn rate_vs_server(input: &ServingInput<'_>) -> Option<f64> {
    let ratio = |(request, figures): (&RequestSample, RequestFigures)| {
        let server = request.server?;
        let theirs = Tokens(u64::from(server.n_generated?)).per(server.generation_ns?)?;
        (theirs.0 > 0.0).then(|| Some(figures.decode_rate?.0 / theirs.0))?
    };
    median(&answered(input).filter_map(ratio).collect::<Vec<_>>())
}

/// One line for each base URL that got a request; empty where there is only one.
fn replicas(input: &ServingInput<'_>, flow: &Flow) -> Vec<ReplicaSummary> {
    let numbers: BTreeSet<u32> = input.requests.iter().map(|request| request.replica).collect();
    if numbers.len() < 2 {
        return Vec::new();
    }
    let of = |replica: u32| {
        let own = || input.requests.iter().filter(move |r| r.replica == replica && !is_cut(r));
        let time = |time: fn(&RequestFigures) -> Option<f64>| {
            spread(input, |r, figures| time(figures).filter(|_| r.replica == replica))
        };
        ReplicaSummary {
            replica,
            n_requests: own().count() as u64,
            n_errors: own().filter(|request| !request.is_ok()).count() as u64,
            ttft_ms: time(|figures| figures.ttft.map(ms)),
            tpot_ms: time(|figures| figures.tpot_ns.map(|ns| ns / 1e6)),
            output_rate_tps: flow.output_rate_of(replica),
        }
    };
    numbers.into_iter().map(of).collect()
}
