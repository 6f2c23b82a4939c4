//! Whether the point was in one state from its first request to its last.

use std::collections::BTreeMap;

use tokmark_model::{Drift, GradeLetter, GradeReason, Load, RequestSample};

use super::ServingGradeInput;
use crate::dependence::correlation;
use crate::grade::reason;
use crate::order::median;
use crate::serving::precision::{wave_length, wave_medians};
use crate::serving::request_figures::{RequestFigures, request_figures};
use crate::serving::requests::column;
use crate::trend::drift;

/// A latency with its name for people, from the instant that the load cares for.
type Latency = (&'static str, fn(&RequestFigures) -> Option<f64>);

/// Trends, and the correlation of requests that follow each other alone.
///
/// A trend is sought over the medians of waves, since requests under way together share the
/// server's batches and its queue. For the same reason their correlation is expected and no
/// reason; it widens intervals. Only a closed loop of one slot makes requests that know nothing
/// of each other: there correlation means that the machine changed. A replay has no trend that
/// could be told from its trace's.
pub(super) fn reasons(input: &ServingGradeInput<'_>) -> Vec<GradeReason> {
    let (first_token, time_per_token): (Latency, Latency) = match input.workload.arrival {
        Load::Replay { .. } => return Vec::new(),
        Load::Concurrency { .. } => (("time to first token", ttft), ("time per token", tpot)),
        Load::Rate { .. } => (("time to first token", from_due), ("time per token", tpot)),
    };
    let latencies = [first_token, time_per_token];
    let alone = matches!(input.workload.arrival, Load::Concurrency { n: 1 });
    let mut reasons = Vec::new();
    for (name, latency) in latencies {
        let values = relative_to_turn(input, latency);
        if let Some(found) = trend(input, &values) {
            let direction = if found.relative > 0.0 { "rose" } else { "fell" };
            let size = found.relative.abs() * 100.0;
            let text = format!("the {name} {direction} by {size:.0} % over the point");
            reasons.push(reason(GradeLetter::D, "drifting", text));
        }
        let correlated = correlation(&values).filter(|found| alone && found.significant);
        if let Some(found) = correlated {
            let text =
                format!("successive requests' {name} is correlated (lag 1: {:.2})", found.lag1);
            reasons.push(reason(GradeLetter::D, "correlated", text));
        }
    }
    reasons
}

fn ttft(figures: &RequestFigures) -> Option<f64> {
    figures.ttft.map(|time| time.0 as f64)
}

fn from_due(figures: &RequestFigures) -> Option<f64> {
    figures.ttft_from_due.map(|time| time.0 as f64)
}

fn tpot(figures: &RequestFigures) -> Option<f64> {
    figures.tpot_ns
}

/// The latency of each answered request over the median of its turn: in a conversation the
/// prompt grows from turn to turn, and with it the latency.
fn relative_to_turn(
    input: &ServingGradeInput<'_>,
    latency: fn(&RequestFigures) -> Option<f64>,
) -> Vec<f64> {
    let of_request = |request: &RequestSample| {
        Some((request.turn, latency(&request_figures(request, input.workload.stream)?)?))
    };
    let values: Vec<(u32, f64)> = column(input.requests, of_request);
    let mut turns: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (turn, value) in &values {
        turns.entry(*turn).or_default().push(*value);
    }
    let medians: BTreeMap<u32, f64> = turns
        .into_iter()
        .filter_map(|(turn, values)| Some((turn, median(&values).filter(|m| *m > 0.0)?)))
        .collect();
    values.iter().filter_map(|(turn, value)| Some(value / medians.get(turn)?)).collect()
}

fn trend(input: &ServingGradeInput<'_>, values: &[f64]) -> Option<Drift> {
    let waves = wave_medians(values, wave_length(input.workload, input.requests));
    let middle = median(&waves).filter(|middle| *middle > 0.0)?;
    drift(&waves, middle).filter(|found| found.significant)
}
