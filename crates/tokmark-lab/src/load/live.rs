//! What is seen of a point while it runs.

use std::collections::VecDeque;
use std::time::Duration;

use tokmark_http::{Finished, Progress};
use tokmark_model::KeptShare;
use tokmark_stats::quantile;

/// The last so many values make the quantiles so far.
const N_RECENT: usize = 2_000;

/// How far a point has come, with what its last requests say. For people; records get their
/// figures from all requests.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// The requests are those of the warm-up.
    pub is_warm_up: bool,
    /// Since the first due time.
    pub elapsed: Duration,
    /// Time that the point may take.
    pub at_most: Option<Duration>,
    /// Requests asked for.
    pub n_asked: Option<u64>,
    /// Requests that are over.
    pub n_over: u64,
    /// Of those, without an answer.
    pub n_errors: u64,
    /// Requests under way.
    pub n_in_flight: u32,
    /// Requests ended per second.
    pub requests_per_s: f64,
    /// Text events per second.
    pub events_per_s: f64,
    /// Median and 99 % quantile of the last TTFTs.
    pub ttft: Option<(Duration, Duration)>,
    /// Median and 99 % quantile of the last gaps.
    pub itl: Option<(Duration, Duration)>,
    /// Half width of the wider of the two medians at the last look.
    pub half_width: Option<f64>,
    /// Of a point that goes on until its levels are judged, at the last look: the level that the
    /// fewest requests kept.
    pub kept: Option<KeptShare>,
}

/// Values of the last requests.
#[derive(Debug, Default)]
pub(super) struct Recent {
    ttft: VecDeque<f64>,
    itl: VecDeque<f64>,
}

impl Recent {
    pub(super) fn add(&mut self, finished: &Finished) {
        if !finished.sample.is_ok() {
            return;
        }
        if finished.sample.in_one_piece {
            return;
        }
        let Some(first) = finished.events.first() else { return };
        push(&mut self.ttft, first.0 as f64);
        for pair in finished.events.windows(2).rev().take(64) {
            push(&mut self.itl, pair[1].0.saturating_sub(pair[0].0) as f64);
        }
    }

    pub(super) fn show(&self, progress: &Progress, live: &mut Live) {
        let seconds = progress.elapsed.as_secs_f64().max(1e-3);
        live.elapsed = progress.elapsed;
        live.n_over = progress.n_over;
        live.n_errors = progress.n_errors;
        live.n_in_flight = progress.n_in_flight;
        live.requests_per_s = progress.n_over as f64 / seconds;
        live.events_per_s = progress.n_events as f64 / seconds;
        live.ttft = two_quantiles(&self.ttft);
        live.itl = two_quantiles(&self.itl);
    }
}

fn push(values: &mut VecDeque<f64>, value: f64) {
    if values.len() == N_RECENT {
        values.pop_front();
    }
    values.push_back(value);
}

fn two_quantiles(values: &VecDeque<f64>) -> Option<(Duration, Duration)> {
    let mut values: Vec<f64> = values.iter().copied().collect();
    values.sort_unstable_by(f64::total_cmp);
    let at = |q| quantile(&values, q).map(|ns| Duration::from_nanos(ns as u64));
    Some((at(0.5)?, at(0.99)?))
}
