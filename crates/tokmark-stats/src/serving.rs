//! From the requests of one load point to its figures, its grade, and whether it has enough.

mod arrivals;
mod distribution;
mod flow;
mod goodput;
mod grade;
mod in_flight;
mod level;
mod precision;
mod quantile_ranks;
mod request_figures;
mod requests;
mod student_t;
mod window;
mod worth;

use std::collections::BTreeMap;

use tokmark_model::{
    CountSource, Distribution, KeptShare, Load, Nanos, ReplicaSummary, RequestError, RequestSample,
    Serving, ServingSummary, TokenCount, Workload,
};

pub use arrivals::LATE_FROM;
pub use distribution::{HISTOGRAM_ABOVE, SERVING_QUANTILES};
pub use flow::{FEWEST_FOR_RATE, WINDOW_PIECES};
pub use grade::{
    ARRIVALS_MOVED, CACHE_HIT_FLAGGED, CACHE_HIT_TOUCHED, DEFAULT_ABORT_ERROR_SHARE,
    DEFAULT_SERVING_HALF_WIDTH, IN_FLIGHT_HELD, LATE_RELATIVE, LENGTH_FLAGGED, OFFERED_ELSE,
    OFFERED_TOUCHED, SERVER_RATE_FLAGGED, ServingGradeInput, add_early_end, grade_serving,
};
pub use level::{LEVEL_QUANTILE, fewest_to_meet, is_level_met};
pub use precision::{ServingPrecision, next_serving_look, serving_precision};
pub use quantile_ranks::{quantile_ranks, upper_bound_rank};
pub use request_figures::{RequestFigures, request_figures, server_step_ns};
pub use requests::{Requests, RequestsWithEvents};
pub use window::{FIRST_ANSWERS, RUN_IN_QUANTILE};

use crate::STATISTICS_VERSION;
use crate::order::median;
use distribution::Values;
use flow::Flow;
use precision::wave_length;
use requests::{OfReplica, column};
use window::measured_window;
use worth::Groups;

/// Tokens per text event from which on gaps between events are not gaps between tokens. Below
/// it are the tokens that show no text, such as the one that ends the answer.
pub const ITL_PER_EVENT_FROM: f64 = 1.1;

/// Columns of values that are held at once: of a million requests each takes 8 MB.
const COLUMNS_AT_ONCE: usize = 2;

/// One load point.
#[derive(Clone, Copy)]
pub struct ServingInput<'a> {
    /// What was asked.
    pub workload: &'a Workload,
    /// Its requests.
    pub requests: &'a dyn Requests,
    /// The first request after the server's start, where this run started it.
    pub cold: Option<&'a RequestSample>,
}

/// Every figure of a load point. `None` without requests. Definitions stand in
/// `docs/metrics.md`, formulas in `docs/statistics.md`.
///
/// Errored requests are counted and enter no latency and no rate; cut ones are counted apart.
/// A few columns of values are held at a time, and above [`HISTOGRAM_ABOVE`] values a histogram
/// in place of one.
pub fn summarize_serving(input: &ServingInput<'_>) -> Option<ServingSummary> {
    let requests = input.requests;
    let tally = Tally::of(input);
    let first_due = tally.first_due?;
    let window = measured_window(input.workload, requests);
    let wave = wave_length(input.workload, requests);
    let flow = window.map(|window| Flow::through(window, requests, wave));
    // Where nothing was answered there is no rate, not a rate of 0.
    let answered = flow.as_ref().filter(|_| tally.n_ok > 0);
    let judged = goodput::judged(input, window);
    Some(ServingSummary {
        statistics_version: STATISTICS_VERSION,
        n_requests: tally.n_requests,
        n_ok: tally.n_ok,
        n_retries: tally.n_retries,
        n_resent: tally.n_resent,
        n_cut: tally.n_cut,
        window_start_ns: window.map_or(first_due, |window| window.start),
        window_end_ns: window.map_or(first_due, |window| window.end),
        output_rate_tps: answered.and_then(Flow::output_rate),
        total_rate_tps: answered.and_then(Flow::total_rate),
        request_rate_per_s: answered.map(Flow::request_rate),
        mean_in_flight: window.map(|window| in_flight::mean(requests, window)),
        max_in_flight: in_flight::most(requests),
        levels: judged.levels,
        goodput: judged.goodput,
        arrivals: arrivals::check(input.workload, requests),
        cold_ttft_ms: cold_ttft(input).map(ms),
        tokens_per_event: share(tally.streamed_tokens, tally.text_events),
        n_hidden_reasoning: tally.n_hidden_reasoning,
        n_usage_doubted: tally.n_usage_doubted,
        n_reasoned: tally.n_reasoned,
        n_in_one_piece: tally.n_in_one_piece,
        cached_share: share(tally.cached_tokens, tally.prompt_tokens),
        replicas: flow.as_ref().map(|flow| replicas(input, flow, &tally, wave)).unwrap_or_default(),
        errors: tally.errors,
        rate_vs_server: rate_vs_server(input),
        ..latencies_and_counts(input, wave)
    })
}

/// The same of a load point from the requests and events in its record. `None` where it holds
/// none, also where its events can't be unpacked.
pub fn summarize_again(serving: &Serving) -> Option<ServingSummary> {
    let times = serving.events.as_ref().and_then(|events| events.unpack().ok());
    let times = times.unwrap_or_default();
    summarize_serving(&ServingInput {
        workload: &serving.workload,
        requests: &RequestsWithEvents { requests: &serving.requests, times: &times },
        cold: serving.cold.as_ref(),
    })
}

/// How many requests kept each service level, by its word: [`ServingSummary::levels`] alone.
pub fn serving_levels(workload: &Workload, requests: &dyn Requests) -> BTreeMap<String, KeptShare> {
    let input = ServingInput { workload, requests, cold: None };
    goodput::judged(&input, measured_window(workload, requests)).levels
}

/// Whether the gaps of [`ServingSummary::itl_ms`] are those of events that hold several tokens.
pub fn itl_is_per_event(summary: &ServingSummary) -> bool {
    summary.tokens_per_event.is_some_and(|tokens| tokens >= ITL_PER_EVENT_FROM)
}

/// What is counted in one pass.
#[derive(Debug, Default)]
struct Tally {
    first_due: Option<Nanos>,
    /// Cut ones left out.
    n_requests: u64,
    n_ok: u64,
    n_cut: u64,
    n_retries: u64,
    n_resent: u64,
    errors: BTreeMap<String, u64>,
    n_hidden_reasoning: u64,
    n_usage_doubted: u64,
    n_reasoned: u64,
    n_in_one_piece: u64,
    /// Streamed tokens and text events, of the streamed answers whose tokens are known.
    streamed_tokens: u64,
    text_events: u64,
    /// Cached and all prompt tokens, of the answers that tell both.
    cached_tokens: u64,
    prompt_tokens: u64,
    /// Requests and errors of each base URL.
    replicas: BTreeMap<u32, (u64, u64)>,
}

impl Tally {
    fn of(input: &ServingInput<'_>) -> Self {
        let mut tally = Tally::default();
        input.requests.visit(&mut |request, _| tally.add(request, input.workload.stream));
        tally
    }

    fn add(&mut self, request: &RequestSample, stream: bool) {
        self.first_due = self.first_due.into_iter().chain([request.due_ns]).min();
        self.n_retries += u64::from(request.n_retries);
        self.n_resent += u64::from(request.resent);
        let replica = self.replicas.entry(request.replica).or_default();
        if request.error == Some(RequestError::Cut) {
            self.n_cut += 1;
            return;
        }
        self.n_requests += 1;
        replica.0 += 1;
        if let Some(error) = &request.error {
            replica.1 += 1;
            *self.errors.entry(error.label()).or_insert(0) += 1;
        }
        let Some(figures) = request_figures(request, stream) else { return };
        self.n_ok += 1;
        self.n_hidden_reasoning += u64::from(request.hidden_reasoning && figures.ttft.is_some());
        self.n_usage_doubted += u64::from(request.usage_doubted);
        let is_counted = request.reasoning_tokens.is_some_and(|count| count.n > 0);
        self.n_reasoned += u64::from(request.has_reasoned || is_counted);
        let in_one_piece = stream && request.in_one_piece;
        self.n_in_one_piece += u64::from(in_one_piece);
        // Words are no measure of how many tokens an event holds.
        let is_counted = |count: &TokenCount| count.source != CountSource::Estimated;
        let has_tokens = request.output_tokens.as_ref().is_some_and(is_counted);
        let is_asked = stream && !in_one_piece && has_tokens;
        if let Some(tokens) = figures.streamed_tokens.filter(|_| is_asked) {
            self.streamed_tokens += u64::from(tokens);
            self.text_events += u64::from(request.n_text_events);
        }
        if let (Some(cached), Some(prompt)) = (request.cached_tokens, request.prompt_tokens) {
            self.cached_tokens += u64::from(cached);
            self.prompt_tokens += u64::from(prompt.n);
        }
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// One figure of an answered request.
type Figure = fn(&RequestSample, &RequestFigures) -> Option<f64>;

/// The figures that are made request by request.
fn latencies_and_counts(input: &ServingInput<'_>, wave: usize) -> ServingSummary {
    let [ttft_ms, ttfo_ms, e2e_ms, closed_ms] = spreads(
        input,
        wave,
        [
            |_, figures| figures.ttft.map(ms),
            |_, figures| figures.ttfo.map(ms),
            |_, figures| figures.e2e.map(ms),
            |_, figures| Some(ms(figures.closed)),
        ],
    );
    let is_open = !matches!(input.workload.arrival, Load::Concurrency { .. });
    let from_due: [Figure; 2] =
        [|_, figures| figures.ttft_from_due.map(ms), |_, figures| figures.e2e_from_due.map(ms)];
    let [ttft_from_due_ms, e2e_from_due_ms] =
        if is_open { spreads(input, wave, from_due) } else { [None, None] };
    let [tpot_ms, decode_rate_tps, request_rate_tps, answer_rate_tps] = spreads(
        input,
        wave,
        [
            |_, figures| figures.tpot_ns.map(|ns| ns / 1e6),
            |_, figures| figures.decode_rate.map(|rate| rate.0),
            |_, figures| figures.request_rate.map(|rate| rate.0),
            |_, figures| figures.answer_rate.map(|rate| rate.0),
        ],
    );
    let [connect_ms, prompt_tokens, output_tokens, reasoning_tokens, queue_ms] = spreads(
        input,
        wave,
        [
            |request, _| request.connect_ns.map(ms),
            |request, _| request.prompt_tokens.map(|count| f64::from(count.n)),
            |request, _| request.output_tokens.map(|count| f64::from(count.n)),
            |request, _| {
                let count = request.reasoning_tokens.filter(|count| count.n > 0);
                count.map(|count| f64::from(count.n))
            },
            |_, figures| figures.queue.map(ms),
        ],
    );
    ServingSummary {
        connect_ms,
        ttft_ms,
        ttft_from_due_ms,
        ttfo_ms,
        itl_ms: itl(input, wave),
        tpot_ms,
        e2e_ms,
        e2e_from_due_ms,
        closed_ms,
        decode_rate_tps,
        request_rate_tps,
        answer_rate_tps,
        prompt_tokens,
        output_tokens,
        reasoning_tokens,
        queue_ms,
        ..ServingSummary::default()
    }
}

/// Distribution of each figure over the answered requests that have it, in as few passes as
/// [`COLUMNS_AT_ONCE`] allows: one for the values, one for what they are worth.
fn spreads<const N: usize>(
    input: &ServingInput<'_>,
    wave: usize,
    figures: [Figure; N],
) -> [Option<Distribution>; N] {
    let mut found = [const { None }; N];
    for (found, figures) in found.chunks_mut(COLUMNS_AT_ONCE).zip(figures.chunks(COLUMNS_AT_ONCE)) {
        let mut values = [const { Values::new() }; COLUMNS_AT_ONCE];
        let each = |add: &mut dyn FnMut(usize, f64)| {
            input.requests.visit(&mut |request, _| {
                if let Some(of_request) = request_figures(request, input.workload.stream) {
                    for (column, figure) in figures.iter().enumerate() {
                        if let Some(value) = figure(request, &of_request) {
                            add(column, value);
                        }
                    }
                }
            });
        };
        each(&mut |column, value| values[column].push(value));
        let ordered = values.map(Values::into_ordered);
        let mut groups = ordered.each_ref().map(|ordered| {
            ordered.as_ref().and_then(|ordered| Groups::new(ordered, ordered.n(), wave))
        });
        if groups.iter().any(Option::is_some) {
            each(&mut |column, value| {
                if let Some(groups) = &mut groups[column] {
                    groups.add([value].into_iter());
                }
            });
        }
        for ((found, ordered), groups) in found.iter_mut().zip(ordered).zip(groups) {
            let worth = groups.map(|groups| groups.worth());
            *found = ordered.map(|ordered| ordered.distribution(worth));
        }
    }
    found
}

fn cold_ttft(input: &ServingInput<'_>) -> Option<Nanos> {
    request_figures(input.cold?, input.workload.stream)?.ttft
}

fn ms(time: Nanos) -> f64 {
    time.0 as f64 / 1e6
}

/// Gaps between text events of all answered requests. The gaps of one request depend on each
/// other: they are worth no more than one value for each request with a gap.
fn itl(input: &ServingInput<'_>, wave: usize) -> Option<Distribution> {
    if !input.workload.stream {
        return None;
    }
    let each = |add: &mut dyn FnMut(&[Nanos])| {
        input.requests.visit(&mut |request, times| {
            if request.is_ok() && times.len() > 1 {
                add(times);
            }
        });
    };
    let gaps = |times: &[Nanos]| {
        let pairs = times.windows(2);
        pairs.map(|pair| ms(Nanos(pair[1].0.saturating_sub(pair[0].0)))).collect::<Vec<_>>()
    };
    let mut all = Values::new();
    let mut n_requests = 0;
    each(&mut |times| {
        n_requests += 1;
        all.extend(gaps(times));
    });
    let ordered = all.into_ordered()?;
    let mut groups = Groups::new(&ordered, n_requests, wave);
    if let Some(groups) = &mut groups {
        each(&mut |times| groups.add(gaps(times).into_iter()));
    }
    Some(ordered.distribution(groups.map(|groups| groups.worth())))
}

/// Median over the answers that have both of our decode rate / the server's own.
fn rate_vs_server(input: &ServingInput<'_>) -> Option<f64> {
    let ratio = |request: &RequestSample| {
        let theirs = server_step_ns(&request.server?)?;
        let ours = request_figures(request, input.workload.stream)?.tpot_ns?;
        (ours > 0.0).then(|| theirs / ours)
    };
    median(&column(input.requests, ratio))
}

/// One line for each base URL that got a request; empty where there is only one.
fn replicas(
    input: &ServingInput<'_>,
    flow: &Flow,
    tally: &Tally,
    wave: usize,
) -> Vec<ReplicaSummary> {
    if tally.replicas.len() < 2 {
        return Vec::new();
    }
    // As many of a wave as fall to one of them.
    let wave = wave.div_ceil(tally.replicas.len());
    let of = |(&replica, &(n_requests, n_errors)): (&u32, &(u64, u64))| {
        let own = OfReplica { all: input.requests, replica };
        let [ttft_ms, tpot_ms] = spreads(
            &ServingInput { requests: &own, ..*input },
            wave,
            [|_, figures| figures.ttft.map(ms), |_, figures| figures.tpot_ns.map(|ns| ns / 1e6)],
        );
        // Where nothing was answered there is no rate, not a rate of 0.
        let output = flow.output_rate_of(replica).filter(|_| n_requests > n_errors);
        ReplicaSummary {
            replica,
            n_requests,
            n_errors,
            ttft_ms,
            tpot_ms,
            output_rate_tps: output.map(|rate| rate.per_s),
            output_interval: output.and_then(|rate| rate.interval),
        }
    };
    tally.replicas.iter().map(of).collect()
}
