//! Whether a load point has enough requests.

use tokmark_model::{Load, Workload};

use super::request_figures::request_figures;
use super::requests::Requests;
use crate::order::median;
use crate::session::half_width_at_look;
use crate::stopping::next_look;

/// How well the two figures that a point is repeated for are known so far: each the larger
/// distance from the median to an end of its 95 % interval, as a share of the median.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ServingPrecision {
    /// Of the median time to first token; `None` below six waves, or where there is none.
    pub ttft: Option<f64>,
    /// Of the median request rate, output tokens / end to end; `None` in the same cases.
    pub request_rate: Option<f64>,
    /// The worse of the two; `None` while one that will be shown has no interval.
    pub half_width: Option<f64>,
}

impl ServingPrecision {
    /// Whether both are known to the asked share. Ask only at a look, and once more when the
    /// budget ends: the intervals pay for that many questions.
    pub fn converged(&self, asked_half_width: f64) -> bool {
        self.half_width.is_some_and(|half_width| half_width <= asked_half_width)
    }
}

/// The precision reached by `requests`, in the order of their due times.
///
/// A wave, as many consecutive requests as are under way at once, takes the place of a
/// repetition: its requests share the server's batches and queue and are not independent. The
/// interval of the median over the waves' medians is that of an adaptive run, with presumed
/// correlation (`docs/statistics.md`).
pub fn serving_precision(workload: &Workload, requests: &dyn Requests) -> ServingPrecision {
    let wave = wave_length(workload, requests);
    let half_width = |values: &[f64]| half_width_at_look(&wave_medians(values, wave));
    let (mut ttft, mut rate) = (Vec::new(), Vec::new());
    requests.visit(&mut |request, _| {
        if let Some(figures) = request_figures(request, workload.stream) {
            ttft.extend(figures.ttft.map(|time| time.0.max(1) as f64));
            rate.extend(figures.request_rate.map(|rate| rate.0).filter(|rate| *rate > 0.0));
        }
    });
    let shown = [&ttft, &rate].into_iter().filter(|values| !values.is_empty());
    let widths: Option<Vec<f64>> = shown.map(|values| half_width(values)).collect();
    ServingPrecision {
        ttft: half_width(&ttft),
        request_rate: half_width(&rate),
        half_width: widths.and_then(|widths| widths.into_iter().reduce(f64::max)),
    }
}

/// Smallest number of answered requests above `n_answered` at which the precision is looked
/// at: 7, 10, 14, 20, 28, 40, ... times the slots of a closed loop; these numbers themselves in
/// every other load. `u64::MAX` beyond the last that fits.
pub fn next_serving_look(load: &Load, n_answered: u64) -> u64 {
    let slots = match load {
        Load::Concurrency { n } => u64::from(*n).max(1),
        Load::Rate { .. } | Load::Replay { .. } => 1,
    };
    let waves = u32::try_from(n_answered / slots).unwrap_or(u32::MAX);
    match next_look(waves) {
        u32::MAX => u64::MAX,
        look => u64::from(look).saturating_mul(slots),
    }
}

/// Requests under way at once: the slots of a closed loop, else the mean over the whole point,
/// rounded; 1 at least.
pub(super) fn wave_length(workload: &Workload, requests: &dyn Requests) -> usize {
    if let Load::Concurrency { n } = workload.arrival {
        return n.max(1) as usize;
    }
    let (mut under_way, mut start, mut end) = (0u128, u64::MAX, 0);
    requests.visit(&mut |request, _| {
        under_way += u128::from(request.end_ns.0.saturating_sub(request.sent_ns.0));
        (start, end) = (start.min(request.sent_ns.0), end.max(request.end_ns.0));
    });
    let mean = under_way as f64 / end.saturating_sub(start).max(1) as f64;
    mean.round().max(1.0) as usize
}

/// Medians of whole waves; what is left at the end makes none.
pub(super) fn wave_medians(values: &[f64], wave: usize) -> Vec<f64> {
    values.chunks_exact(wave).filter_map(median).collect()
}
