//! The highest rate that still keeps the service levels.

use tokmark_model::{
    Arrivals, FoundRate, LatencyKind, Load, Record, ServiceLevel, Status, Workload,
};
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
    /// Service levels that no request of a point could be held to.
    unjudged: Vec<LatencyKind>,
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
    Ramp { bisection, arrivals, unjudged: Vec::new() }
}

impl Ramp {
    /// The workload of the next point; `None` once the search is over or cannot go on.
    pub fn next(&self, workload: &Workload) -> Option<Workload> {
        if !self.unjudged.is_empty() {
            return None;
        }
        let per_s = self.bisection.next_rate()?;
        let arrival = Load::Rate { per_s, arrivals: self.arrivals };
        Some(Workload { arrival, ..workload.clone() })
    }

    /// Takes in the record of the point that [`Ramp::next`] named. It met its service levels
    /// if every one is kept by the level quantile of its requests and none failed to arrive.
    /// Gives the levels that none of the requests that came back could be held to (`tpot` of
    /// answers of one token, say): whether a rate keeps those cannot be found, and the search ends.
    /// A point that the user cut says nothing of its rate.
    pub fn report(&mut self, record: &Record) -> &[LatencyKind] {
        if record.status == Status::Interrupted {
            return &self.unjudged;
        }
        let Some(serving) = &record.serving else {
            self.bisection.report(false);
            return &[];
        };
        let summary = serving.summary.as_ref();
        let of_level = |level: &ServiceLevel| summary?.levels_met.get(level.kind.word()).copied();
        let levels = &serving.workload.service_levels;
        if summary.is_some_and(|summary| summary.n_ok > 0) {
            let unjudged = levels.iter().filter(|level| of_level(level).is_none());
            self.unjudged = unjudged.map(|level| level.kind).collect();
        }
        if self.unjudged.is_empty() {
            let met = levels.iter().all(|level| of_level(level) == Some(true));
            self.bisection.report(met && !levels.is_empty());
        }
        &self.unjudged
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokmark_model::{Nanos, ServerFacts, ServingSummary, Uuid};

    use super::*;
    use crate::load::skipped_point;

    /// The record of a point with two levels, and what its requests said to them.
    fn point(workload: &Workload, met: &[(&str, bool)]) -> Record {
        let level = |kind| ServiceLevel { kind, limit_ns: Nanos(50_000_000) };
        let levels = vec![level(LatencyKind::Ttft), level(LatencyKind::Tpot)];
        let workload = Workload { service_levels: levels, ..workload.clone() };
        let mut record = skipped_point(Uuid::nil(), &workload, &ServerFacts::default(), "");
        let levels_met: BTreeMap<String, bool> =
            met.iter().map(|(kind, met)| ((*kind).to_owned(), *met)).collect();
        let summary = ServingSummary { n_ok: 9, levels_met, ..ServingSummary::default() };
        record.serving.as_mut().unwrap().summary = Some(summary);
        record
    }

    #[test]
    fn a_point_that_was_cut_is_asked_again() {
        let mut search = ramp(Some(4.0), Arrivals::Constant);
        let asked = Workload::new("chat", Load::Concurrency { n: 1 });
        let before = search.next(&asked).unwrap();
        for met in [true, false] {
            let mut cut = point(&before, &[("ttft", met), ("tpot", met)]);
            cut.status = Status::Interrupted;
            assert!(search.report(&cut).is_empty());
            assert_eq!(search.next(&asked).unwrap().arrival, before.arrival);
        }
        assert_eq!(search.found().n_points, 0);
    }

    #[test]
    fn a_level_that_nothing_can_be_held_to_ends_the_search() {
        let mut search = ramp(Some(4.0), Arrivals::Constant);
        let asked = Workload::new("chat", Load::Concurrency { n: 1 });
        let workload = search.next(&asked).unwrap();
        let both = point(&workload, &[("ttft", true), ("tpot", true)]);
        assert!(search.report(&both).is_empty());
        assert_eq!(search.found().highest_met_per_s, Some(4.0));
        let workload = search.next(&asked).unwrap();
        assert_eq!(search.report(&point(&workload, &[("ttft", true)])), [LatencyKind::Tpot]);
        assert!(search.next(&asked).is_none());
        let found = search.found();
        assert_eq!((found.highest_met_per_s, found.is_over), (Some(4.0), false));
    }
}
