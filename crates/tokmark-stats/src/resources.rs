//! What the variants of an experiment take beside time for their tests.

use tokmark_model::{Bytes, Design, Nanos, Record, Resource, ResourceContest, ResourceUse, Visit};

use crate::compare::CompareOptions;
use crate::experiment::{decide, pairings, standings_beside};
use crate::session::{Size, session_median};
use crate::stopping::positive;

/// A visit with what its process took.
#[derive(Debug, Clone, PartialEq)]
pub struct VisitResources {
    /// The visit.
    pub visit: Visit,
    /// From the start of its process to the first decode possible.
    pub load: Option<Nanos>,
    /// Peak resident memory of its process.
    pub peak: Option<Bytes>,
}

/// What the records of a visit's tests say: the load of their one process, and the highest peak.
/// `None` for servers, whose memory is not that of one model and one request.
pub fn visit_resources(visit: &Visit, records: &[Record]) -> VisitResources {
    let own = || records.iter().filter(|record| record.serving.is_none());
    VisitResources {
        visit: visit.clone(),
        load: own().find_map(|record| record.load.as_ref().map(|load| load.duration_ns)),
        peak: own().filter_map(|record| record.memory.host_peak_bytes).max(),
    }
}

/// Figures and verdicts of the resources of an experiment, from its visits in the order made.
/// Pairs, looks and intervals are those of the tests; all comparisons of resources are one
/// family of their own for Holm's correction. A resource that is known of no variant is left out.
pub fn judge_resources(
    design: &Design,
    is_measured: &[bool],
    visits: &[VisitResources],
) -> Vec<ResourceContest> {
    let options = CompareOptions { same_within: design.same_within, looks: design.looks };
    let of = |resource: Resource| -> Vec<Vec<Option<Nanos>>> {
        let mut values = vec![Vec::new(); is_measured.len()];
        for found in visits.iter().filter(|found| !found.visit.planted) {
            let variant = found.visit.variant as usize;
            if is_measured.get(variant) == Some(&true) {
                values[variant].push(match resource {
                    Resource::LoadNs => found.load,
                    // A number like any other to the comparison, of which less is better.
                    Resource::PeakBytes => found.peak.map(|peak| Nanos(peak.get())),
                });
            }
        }
        values
    };
    let mut contests: Vec<ResourceContest> = [Resource::LoadNs, Resource::PeakBytes]
        .into_iter()
        .map(|resource| contest(resource, &of(resource), &options))
        .filter(|contest| contest.uses.iter().any(Option::is_some))
        .collect();
    decide(contests.iter_mut().flat_map(|contest| &mut contest.pairings));
    for contest in &mut contests {
        let is_known: Vec<bool> = contest.uses.iter().map(Option::is_some).collect();
        contest.standings = standings_beside(contest.least(), &is_known, &contest.pairings);
    }
    contests
}

fn contest(
    resource: Resource,
    values: &[Vec<Option<Nanos>>],
    options: &CompareOptions,
) -> ResourceContest {
    let uses = values.iter().map(|values| {
        let known: Vec<f64> = values.iter().flatten().map(|&value| positive(value)).collect();
        let session = session_median(&known, Size::Fixed)?;
        Some(ResourceUse { median: session.median, interval: session.interval })
    });
    let (uses, pairings) = (uses.collect(), pairings(values, options));
    ResourceContest { resource, uses, pairings, standings: Vec::new() }
}

#[cfg(test)]
mod tests {
    use tokmark_model::{Looks, Standing, Test};

    use super::*;

    fn visits(of: impl Fn(u32, u32) -> (u64, u64)) -> Vec<VisitResources> {
        (0..24)
            .map(|position| {
                let variant = position % 2;
                let (load, peak) = of(variant, position);
                let visit = Visit { variant, position, planted: false, delayed: false };
                VisitResources { visit, load: Some(Nanos(load)), peak: Some(Bytes(peak)) }
            })
            .collect()
    }

    fn judged(visits: &[VisitResources]) -> Vec<ResourceContest> {
        let design = Design {
            tests: vec![Test::pp(8)],
            n_repetitions: 3,
            n_rounds: 12,
            seed: 1,
            looks: Looks::Once,
            same_within: 0.02,
            planted_delay: None,
        };
        judge_resources(&design, &[true, true], visits)
    }

    #[test]
    fn less_is_better_and_equal_ones_are_tied() {
        let found = judged(&visits(|variant, n| {
            (1_000_000 * (10 + u64::from(variant)) + u64::from(n), 1 << 20)
        }));
        assert_eq!(found[0].standings, [Standing::Best, Standing::Behind]);
        assert_eq!(found[1].standings, [Standing::Tied, Standing::Tied]);
        let ratio = found[0].pairings[0].comparison.ratio;
        assert!((ratio - 10.0 / 11.0).abs() < 1e-4, "{ratio}");
    }

    #[test]
    fn what_nobody_knows_is_left_out() {
        let mut unknown = visits(|_, _| (1, 1));
        for visit in &mut unknown {
            visit.load = None;
        }
        let found = judged(&unknown);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].resource, Resource::PeakBytes);
    }
}
