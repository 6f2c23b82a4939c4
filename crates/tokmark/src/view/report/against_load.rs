//! What more load does: latencies and throughput over the points of a shape.

use tokmark_model::{Arrivals, Distribution, LatencyKind, Load, Record, Serving, ServingSummary};
use tokmark_plot::{
    Axis, Limit, LinePoint, LineSeries, Lines, Reading, Scatter, ScatterGroup, ScatterPoint,
    Section, Unit, XAxis,
};

use super::super::load::rows::ending;
use super::super::load::summary;
use super::super::words::printable;
use super::{Block, plotted};

/// Ratio of the largest to the smallest value from which on an axis is logarithmic.
const WIDE: f64 = 8.0;
/// Confidence of all intervals here.
const INTERVALS: &str = "95 % interval";

/// Points of one shape on one server that differ in their load alone.
struct Family<'a> {
    name: String,
    is_rate: bool,
    /// By load, lightest first.
    records: Vec<&'a Record>,
}

/// Nothing for a point that no other can be laid beside.
pub(super) fn section(records: &[Record]) -> Option<Section> {
    let families = families(records);
    if families.iter().map(|family| family.records.len()).sum::<usize>() < 2 {
        return None;
    }
    let several = families.iter().filter(|family| family.records.len() > 1);
    let mut blocks: Vec<Block> = several.map(latency).collect();
    blocks.push(throughput(&families));
    Some(Section { heading: "Against load".to_owned(), blocks })
}

fn families(records: &[Record]) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for record in records {
        let Some((name, is_rate)) = record.serving.as_deref().and_then(family_of) else { continue };
        match families.iter_mut().find(|of| of.name == name && of.is_rate == is_rate) {
            Some(family) => family.records.push(record),
            None => families.push(Family { name, is_rate, records: vec![record] }),
        }
    }
    for family in &mut families {
        family.records.sort_by(|a, b| load_of(a).total_cmp(&load_of(b)));
    }
    families
}

/// The name that points share, and whether their load is a rate; none for a replay.
fn family_of(serving: &Serving) -> Option<(String, bool)> {
    let recipe = serving.recipe.as_deref().unwrap_or_default();
    let shape = &serving.workload.shape;
    let (how, is_rate) = match serving.workload.arrival {
        Load::Concurrency { .. } => (String::new(), false),
        Load::Rate { arrivals: Arrivals::Poisson, .. } => (String::new(), true),
        Load::Rate { arrivals, .. } => (format!(" {}", arrivals.label()), true),
        Load::Replay { .. } => return None,
    };
    Some((printable(format!("{recipe} {shape}{how}").trim()), is_rate))
}

/// Requests at once, or requests per second.
fn load_of(record: &Record) -> f64 {
    match record.serving.as_ref().map(|serving| &serving.workload.arrival) {
        Some(Load::Concurrency { n }) => f64::from(*n),
        Some(Load::Rate { per_s, .. }) => *per_s,
        Some(Load::Replay { .. }) | None => 0.0,
    }
}

/// TTFT over the load.
fn latency(family: &Family<'_>) -> Block {
    let title = format!("TTFT against load: {}", family.name);
    let from_sent = |summary: &ServingSummary| summary.ttft_ms.clone();
    let from_due = |summary: &ServingSummary| summary.ttft_from_due_ms.clone();
    let mut series = vec![
        line("p50", family, from_sent, 0.5),
        line("p90", family, from_sent, 0.9),
        line("p99", family, from_sent, 0.99),
    ];
    if family.is_rate {
        series.push(line("p99 from due", family, from_due, 0.99));
    }
    let known = || series.iter().flat_map(|line| &line.points).filter_map(value);
    let (x_title, unit) = if family.is_rate {
        ("Requests per second", Unit::symbol("/s"))
    } else {
        ("Concurrency", Unit::counted("request", "requests"))
    };
    let x = axis(x_title, unit, family.records.iter().map(|record| load_of(record)));
    let plot = Lines {
        title: title.clone(),
        x: XAxis::Numeric(x),
        y: axis("TTFT", Unit::Seconds, known()),
        limits: limits(family.records.first().copied()),
        intervals: INTERVALS.to_owned(),
        series,
    };
    plotted(&title, plot.plot())
}

fn value(point: &LinePoint) -> Option<f64> {
    match point.reading {
        Reading::Value { value, .. } => Some(value),
        Reading::Range { .. } | Reading::Missing { .. } => None,
    }
}

/// Logarithmic where the values lie far apart.
fn axis(title: &str, unit: Unit, values: impl Iterator<Item = f64>) -> Axis {
    let (low, high) =
        values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    if low > 0.0 && high / low >= WIDE {
        Axis::log(title, unit)
    } else {
        Axis::linear(title, unit).from_zero()
    }
}

fn line(
    label: &str,
    family: &Family<'_>,
    of: impl Fn(&ServingSummary) -> Option<Distribution>,
    q: f64,
) -> LineSeries {
    let point = |record: &&Record| {
        let distribution = summary(record).and_then(&of);
        LinePoint { x: load_of(record), reading: reading(record, distribution.as_ref(), q) }
    };
    LineSeries { label: label.to_owned(), points: family.records.iter().map(point).collect() }
}

/// A quantile in seconds with its interval, or why there is none.
fn reading(record: &Record, of: Option<&Distribution>, q: f64) -> Reading {
    let Some(found) = of.and_then(|of| of.quantile(q)) else {
        return Reading::missing(match summary(record) {
            None => ending(record),
            Some(summary) if summary.n_ok == 0 => "no request was answered".to_owned(),
            Some(_) => "answers came in one piece".to_owned(),
        });
    };
    match found.interval {
        Some(ends) => Reading::within(found.value / 1e3, ends.low / 1e3, ends.high / 1e3),
        None => Reading::value(found.value / 1e3),
    }
}

/// The service level of TTFT.
fn limits(record: Option<&Record>) -> Vec<Limit> {
    let serving = record.and_then(|record| record.serving.as_ref());
    let levels = serving.map(|serving| serving.workload.service_levels.as_slice());
    let of_ttft = levels.unwrap_or_default().iter().filter(|level| level.kind == LatencyKind::Ttft);
    of_ttft
        .map(|level| Limit { label: "level".to_owned(), value: level.limit_ns.as_secs_f64() })
        .collect()
}

/// What the system gives against what each of its users gets.
fn throughput(families: &[Family<'_>]) -> Block {
    let title = "Throughput against interactivity";
    let point = |record: &&Record| {
        let summary = summary(record)?;
        Some(ScatterPoint {
            x: summary.request_rate_tps.as_ref()?.median()?,
            y: summary.output_rate_tps?.per_s,
            label: record.serving.as_ref()?.workload.arrival.label(),
        })
    };
    let group = |family: &Family<'_>| ScatterGroup {
        label: if family.is_rate {
            format!("{} at rates", family.name)
        } else {
            family.name.clone()
        },
        points: family.records.iter().filter_map(point).collect(),
        connected: true,
    };
    let groups: Vec<ScatterGroup> = families.iter().map(group).collect();
    let points = || groups.iter().flat_map(|group| &group.points);
    let plot = Scatter {
        title: title.to_owned(),
        x: axis("Request rate p50", Unit::symbol("tok/s"), points().map(|point| point.x)),
        y: axis("Output rate", Unit::symbol("tok/s"), points().map(|point| point.y)),
        groups,
    };
    plotted(title, plot.plot())
}
