//! The highest rate that still keeps the service levels.

use tokmark_model::{Arrivals, FoundRate, Load, Record, Workload};
use tokmark_run::{Bisection, RateSearch};

/// Rate of the first point, where nothing better is known.
const FIRST_PER_S: f64 = 1.0;
/// No server here is asked for more.
const MOST_PER_S: f64 = 100_000.0;
/// No user waits for less.
const LEAST_PER_S: f64 = 1.0 / 600.0;
/// Factor from one rate to the next while nothing has failed.
const GROWTH: f64 = 2.0;
/// The highest rate that met and the lowest that failed are this close at the end.
const TOLERANCE: f64 = 0.05;

/// A search: points to measure, one after the other.
#[derive(Debug)]
pub struct Ramp {
    bisection: Bisection,
    arrivals: Arrivals,
}

/// A search that begins at `first_per_s`, or at 1 request a second.
///
/// # Panics
/// Never: the limits are constants.
pub fn ramp(first_per_s: Option<f64>, arrivals: Arrivals) -> Ramp {
    let first_per_s = first_per_s.unwrap_or(FIRST_PER_S).clamp(LEAST_PER_S, MOST_PER_S);
    let limits = RateSearch {
        first_per_s,
        least_per_s: LEAST_PER_S,
        most_per_s: MOST_PER_S,
        growth: GROWTH,
        tolerance: TOLERANCE,
    };
    let bisection = Bisection::new(limits).expect("the limits contain the first rate");
    Ramp { bisection, arrivals }
}

impl Ramp {
    /// The workload of the next point; `None` once the search is over.
    pub fn next(&self, workload: &Workload) -> Option<Workload> {
        let per_s = self.bisection.next_rate()?;
        let arrival = Load::Rate { per_s, arrivals: self.arrivals };
        Some(Workload { arrival, ..workload.clone() })
    }

    /// Takes in the record of the point that [`Ramp::next`] named. It met its service levels
    /// if every one is kept by the level quantile of its requests and none failed to arrive.
    pub fn report(&mut self, record: &Record) {
        let summary = record.serving.as_ref().and_then(|serving| serving.summary.as_ref());
        let met = summary.is_some_and(|summary| {
            !summary.levels_met.is_empty() && summary.levels_met.values().all(|met| *met)
        });
        self.bisection.report(met);
    }

    /// What is known so far.
    pub fn found(&self) -> FoundRate {
        let found = self.bisection.result();
        FoundRate {
            highest_met_per_s: found.highest_met_per_s,
            lowest_failed_per_s: found.lowest_failed_per_s,
            tolerance: found.tolerance,
            n_points: found.n_points,
            is_over: self.bisection.next_rate().is_none(),
        }
    }
}
