//! One point: how its latencies are spread, when its requests ran, what the server said.

use std::path::Path;

use tokmark_model::{Nanos, Record, RequestSample, Serving, TimelinePoint};
use tokmark_plot::{
    Axis, Block, Distribution, DistributionShape, LinePoint, LineSeries, Lines, QuantileMark,
    Reading, RequestSpan, Sample, Section, Timeline, Unit, XAxis,
};
use tokmark_stats::{itl_is_per_event, request_figures};

use super::super::load::asked::{client, manners, sizes};
use super::super::load::rows::ending;
use super::drawn::Drawn;
use super::{heading, plotted};

/// Ratio of the largest to the smallest value from which on a latency's axis is logarithmic.
const WIDE: f64 = 20.0;

/// Everything of one point.
pub(super) fn section(record: &Record, large_logs: &Path) -> Section {
    let mut blocks = Vec::new();
    if record.status != tokmark_model::Status::Ok {
        blocks.push(Block::Text(ending(record)));
    }
    if let Some(serving) = record.serving.as_deref() {
        blocks.push(Block::Text(format!(
            "{}; {}.",
            sizes(&serving.workload),
            manners(&serving.workload)
        )));
        let client = client(&serving.client);
        blocks.extend((!client.is_empty()).then(|| Block::Text(format!("The client: {client}."))));
        let drawn = Drawn::of(serving, large_logs);
        blocks.extend(drawn.said.clone().map(Block::Text));
        if !drawn.requests.is_empty() {
            blocks.extend([ttft(serving, &drawn), itl(serving, &drawn), timeline(serving, &drawn)]);
        }
        blocks.extend(counters(serving, &drawn));
    }
    Section { heading: heading(record), blocks }
}

fn ttft(serving: &Serving, drawn: &Drawn<'_>) -> Block {
    let stream = serving.workload.stream;
    let ttft = |request: &RequestSample| request_figures(request, stream)?.ttft;
    let values = drawn.requests.iter().filter_map(ttft).map(Nanos::as_secs_f64).collect();
    let of = serving.summary.as_ref().and_then(|summary| summary.ttft_ms.as_ref());
    let reason = if stream { "no request was answered" } else { "answers came in one piece" };
    spread("TTFT", values, of, reason)
}

/// The gaps come from the times of text events.
fn itl(serving: &Serving, drawn: &Drawn<'_>) -> Block {
    let per_event = serving.summary.as_ref().is_some_and(itl_is_per_event);
    let title = if per_event { "ITL, per event" } else { "ITL" };
    let of = serving.summary.as_ref().and_then(|summary| summary.itl_ms.as_ref());
    let times = match &drawn.times {
        Ok(times) if serving.workload.stream => times,
        Ok(_) => return spread(title, Vec::new(), of, "answers came in one piece"),
        Err(reason) => return spread(title, Vec::new(), of, reason),
    };
    let answered = drawn.requests.iter().zip(times).filter(|(request, _)| request.is_ok());
    let gaps = answered.flat_map(|(_, times)| times.windows(2));
    let gaps = gaps.map(|pair| Nanos(pair[1].0.saturating_sub(pair[0].0)).as_secs_f64());
    spread(title, gaps.collect(), of, "no answer has two text events")
}

/// Cumulative shares of `values` in seconds, with the quantiles that the statistics made.
fn spread(
    title: &str,
    values: Vec<f64>,
    of: Option<&tokmark_model::Distribution>,
    reason: &str,
) -> Block {
    let full_title = format!("Distribution of {title}");
    if values.is_empty() {
        return Block::Plot(Box::new(tokmark_plot::Plot::empty(&full_title, reason)));
    }
    let quantiles = of.map(|of| of.quantiles.as_slice()).unwrap_or_default().iter();
    let marks = quantiles
        .filter(|found| found.q < 0.995)
        .map(|found| QuantileMark { level: found.q, value: found.value / 1e3 });
    let plot = Distribution {
        title: full_title.clone(),
        value: axis(title, &values),
        samples: vec![Sample { label: String::new(), quantiles: marks.collect(), values }],
        shape: DistributionShape::Cumulative,
    };
    plotted(&full_title, plot.plot())
}

fn axis(title: &str, values: &[f64]) -> Axis {
    let low = values.iter().copied().fold(f64::MAX, f64::min);
    let high = values.iter().copied().fold(f64::MIN, f64::max);
    if low > 0.0 && high / low >= WIDE {
        Axis::log(title, Unit::Seconds)
    } else {
        Axis::linear(title, Unit::Seconds)
    }
}

fn timeline(serving: &Serving, drawn: &Drawn<'_>) -> Block {
    let title = "Requests over time";
    let span = |(n, request): (&usize, &RequestSample)| RequestSpan {
        label: n.to_string(),
        due_s: Some(request.due_ns.as_secs_f64()),
        sent_s: Some(request.sent_ns.as_secs_f64()),
        first_text_s: request.first_text_ns.map(Nanos::as_secs_f64),
        last_text_s: request.last_text_ns.map(Nanos::as_secs_f64),
        end_s: Some(request.end_ns.as_secs_f64()),
        error: request.error.as_ref().map(tokmark_model::RequestError::label),
    };
    let requests = drawn.numbers.iter().zip(drawn.requests.iter()).map(span).collect();
    plotted(
        title,
        Timeline { title: title.to_owned(), requests, at_least_s: Some(whole(serving, drawn)) }
            .plot(),
    )
}

/// From the first due time to the last end or reading: what every plot over time shows.
fn whole(serving: &Serving, drawn: &Drawn<'_>) -> (f64, f64) {
    let ends = drawn.requests.iter().map(|request| request.end_ns);
    let readings = serving.timeline.iter().map(|point| point.at_ns);
    (0.0, ends.chain(readings).max().unwrap_or_default().as_secs_f64())
}

/// A counter by its name.
type Counter = (&'static str, fn(&TimelinePoint) -> Option<f64>);

/// The server's counters and this machine's, where anything was read.
fn counters(serving: &Serving, drawn: &Drawn<'_>) -> Vec<Block> {
    let whole = whole(serving, drawn);
    let requests: [Counter; 2] =
        [("running", |point| point.running), ("waiting", |point| point.waiting)];
    let cache: [Counter; 1] = [("in use", |point| point.kv_cache_share)];
    let cores: [Counter; 3] = [
        ("all", |point| point.busy_cores),
        ("client", |point| point.client_cores),
        ("taken by the hypervisor", |point| point.stolen_cores),
    ];
    let pressure: [Counter; 1] = [("some task waits for a core", |point| point.cpu_pressure)];
    let clock: [Counter; 1] = [("mean of the cores", |point| point.clock_mhz)];
    let heat: [Counter; 1] =
        [("since the reading before", |point| point.thermal_throttles.map(|n| n as f64))];
    let memory: [Counter; 1] =
        [("resident", |point| point.server_bytes.map(|bytes| bytes.get() as f64))];
    let y = |what: &'static str, unit: Unit| Axis::linear(what, unit).from_zero();
    let shown: [(&str, Axis, &[Counter]); 7] = [
        ("Requests in the server", y("Requests", Unit::counted("request", "requests")), &requests),
        ("KV cache of the server", y("KV cache", Unit::Share), &cache),
        ("Cores busy on this machine", y("Cores", Unit::symbol("cores")), &cores),
        ("Waiting for a core", y("Share of the time", Unit::Share), &pressure),
        ("Clock of this machine", y("Clock", Unit::symbol("MHz")), &clock),
        ("Slowed down for heat", y("Times", Unit::counted("time", "times")), &heat),
        ("Memory of the server", y("Memory", Unit::Bytes), &memory),
    ];
    let points = &serving.timeline;
    let drawn = |(title, y, counters)| over_time(title, y, counters, points, whole);
    shown.into_iter().filter_map(drawn).collect()
}

/// `None` where no reading has any of the counters.
fn over_time(
    title: &str,
    y: Axis,
    counters: &[Counter],
    points: &[TimelinePoint],
    (begin, end): (f64, f64),
) -> Option<Block> {
    let read = |(_, counter): &&Counter| points.iter().any(|point| counter(point).is_some());
    let series = |(label, counter): &Counter| {
        let point = |point: &TimelinePoint| LinePoint {
            x: point.at_ns.as_secs_f64(),
            reading: counter(point)
                .map_or_else(|| Reading::missing("the server did not tell"), Reading::value),
        };
        LineSeries { label: (*label).to_owned(), points: points.iter().map(point).collect() }
    };
    let series: Vec<LineSeries> = counters.iter().filter(read).map(series).collect();
    let plot = Lines {
        title: title.to_owned(),
        x: XAxis::Numeric(Axis::linear("Time", Unit::Seconds).at_least(begin, end)),
        y,
        intervals: String::new(),
        limits: Vec::new(),
        series,
    };
    (!plot.series.is_empty()).then(|| plotted(title, plot.plot()))
}
