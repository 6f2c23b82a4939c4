//! The highest rate that still keeps the service levels.

use std::collections::BTreeMap;

use tokmark_model::{
    Arrivals, FoundRate, KeptShare, LatencyKind, Load, Record, ServiceLevel, Status, Workload,
};
use tokmark_run::{Bisection, RateSearch};
use tokmark_stats::{LEVEL_QUANTILE, is_level_met};

/// Rate of the first point, where nothing better is known.
const FIRST_PER_S: f64 = 1.0;
/// No server here is asked for more.
const MOST_PER_S: f64 = 100_000.0;
/// No user waits for less.
const LEAST_PER_S: f64 = 0.002;
/// Factor from one rate to the next while nothing has failed.
const GROWTH: f64 = 2.0;
/// The highest rate that met and the lowest that failed are this close at the end. How sure each
/// of the two is stands beside it.
const TOLERANCE: f64 = 0.05;

/// A search: points to measure, one after the other.
#[derive(Debug)]
pub struct Ramp {
    bisection: Bisection,
    arrivals: Arrivals,
    /// What decided of the highest rate that met, and of the lowest that failed.
    met: Tried,
    failed: Tried,
    /// Service levels that no request of a point could be held to.
    unjudged: Vec<LatencyKind>,
    /// A request that has the server for itself breaks the levels.
    is_hopeless: bool,
}

/// A rate that was tried.
#[derive(Debug, Clone, Copy, Default)]
struct Tried {
    by: Option<KeptShare>,
    offered_per_s: Option<f64>,
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
    let (met, failed) = (Tried::default(), Tried::default());
    Ramp { bisection, arrivals, met, failed, unjudged: Vec::new(), is_hopeless: false }
}

impl Ramp {
    /// The workload of the next point; `None` once the search is over or cannot go on.
    pub fn next(&self, workload: &Workload) -> Option<Workload> {
        if !self.unjudged.is_empty() || self.is_hopeless {
            return None;
        }
        let per_s = self.bisection.next_rate()?;
        let arrival = Load::Rate { per_s, arrivals: self.arrivals };
        Some(Workload { arrival, ..workload.clone() })
    }

    /// Takes in the record of the point that [`Ramp::next`] named. It met its service levels, or
    /// failed them, where their intervals say so, else by the shares of requests that kept them; a
    /// point without an answer failed.
    /// Gives the levels that none of the requests that came back could be held to (`tpot` of
    /// answers of one token, say): whether a rate keeps those cannot be found, and the search ends.
    /// A point that the user cut says nothing of its rate.
    pub fn report(&mut self, record: &Record) -> &[LatencyKind] {
        if record.status == Status::Interrupted {
            return &self.unjudged;
        }
        let serving = record.serving.as_deref();
        let summary = serving.and_then(|serving| serving.summary.as_ref());
        let verdict = serving.zip(summary).map(|(serving, summary)| {
            Verdict::of(&serving.workload.service_levels, &summary.levels)
        });
        match verdict {
            Some(Ok(verdict)) => {
                let offered_per_s = summary.and_then(|summary| summary.arrivals.offered_per_s);
                self.decide(verdict.is_met, Tried { by: Some(verdict.weakest), offered_per_s });
            }
            Some(Err(unjudged))
                if !unjudged.is_empty() && summary.is_some_and(|summary| summary.n_ok > 0) =>
            {
                self.unjudged = unjudged;
            }
            _ => self.decide(false, Tried::default()),
        }
        // Where no two requests met and the levels surely broke, a lower rate keeps them no better.
        let is_alone = summary.is_some_and(|summary| summary.max_in_flight <= 1);
        let is_sure = self.failed.by.is_none_or(|kept| is_level_met(&kept) == Some(false));
        let has_met = self.bisection.result().highest_met_per_s.is_some();
        self.is_hopeless = is_alone && is_sure && !has_met && self.unjudged.is_empty();
        &self.unjudged
    }

    fn decide(&mut self, is_met: bool, tried: Tried) {
        self.bisection.report(is_met);
        *(if is_met { &mut self.met } else { &mut self.failed }) = tried;
    }

    /// What is known so far.
    pub fn found(&self) -> FoundRate {
        let found = self.bisection.result();
        FoundRate {
            highest_met_per_s: found.highest_met_per_s,
            met_offered_per_s: self.met.offered_per_s,
            lowest_failed_per_s: found.lowest_failed_per_s,
            failed_offered_per_s: self.failed.offered_per_s,
            met: self.met.by,
            failed: self.failed.by,
            tolerance: found.tolerance,
            n_points: found.n_points,
            is_over: self.is_hopeless || self.bisection.next_rate().is_none(),
        }
    }
}

/// What the requests of a point say of its rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    /// The rate keeps the levels: surely where the intervals say so, else by the shares alone.
    is_met: bool,
    /// The interval of every level lies above the share that is asked for, or that of one below.
    pub(super) is_sure: bool,
    /// The level that the fewest kept, of those that surely failed where one did.
    pub(super) weakest: KeptShare,
}

impl Verdict {
    /// From what is known of each level, by its word.
    ///
    /// # Errors
    /// The levels that no request could be held to; none of them where none was given.
    pub(super) fn of(
        levels: &[ServiceLevel],
        kept: &BTreeMap<String, KeptShare>,
    ) -> Result<Self, Vec<LatencyKind>> {
        let unjudged = levels.iter().filter(|level| !kept.contains_key(level.kind.word()));
        let unjudged: Vec<LatencyKind> = unjudged.map(|level| level.kind).collect();
        let is_failed = kept.values().any(|level| is_level_met(level) == Some(false));
        let decides = |level: &&KeptShare| !is_failed || is_level_met(level) == Some(false);
        let weakest = kept.values().filter(decides).min_by(|a, b| a.share.total_cmp(&b.share));
        let Some(weakest) = weakest.filter(|_| unjudged.is_empty()) else { return Err(unjudged) };
        let is_kept = kept.values().all(|level| is_level_met(level) == Some(true));
        let is_sure = is_failed || is_kept;
        let is_met = if is_sure { is_kept } else { weakest.share >= LEVEL_QUANTILE };
        Ok(Verdict { is_met, is_sure, weakest: *weakest })
    }
}

#[cfg(test)]
mod tests;
