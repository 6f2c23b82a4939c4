//! From the visits of an experiment to its figures and verdicts.

use tokmark_model::{
    Comparison, Contest, Design, Estimate, GradeLetter, Looks, Nanos, Pairing, Power, Record,
    Standing, Status, Test, Verdict, Visit,
};

use crate::compare::{CompareOptions, compare, decide_together};
use crate::order::median;
use crate::random::SplitMix;
use crate::session::{Size, session_median};
use crate::stopping::{is_look, positive};
use crate::summary::rate_estimate;

/// Tries with a known difference, see [`Power`].
pub const POWER_TRIES: u32 = 500;
/// Fewest pairs from which the noise of a try is drawn.
pub const FEWEST_FOR_POWER: usize = 6;

/// A visit with its time for each test of the design; `None` where it has none.
#[derive(Debug, Clone, PartialEq)]
pub struct VisitTimes {
    /// The visit.
    pub visit: Visit,
    /// Median time of a repetition, by test.
    pub times: Vec<Option<Nanos>>,
}

/// The time that a visit's record gives for `test`: the median of its repetitions. Of a load
/// point on an endpoint, at one request at a time: for a prompt the median time to the first
/// token, for a generation `n_gen` times the median time per output token. `None` unless it
/// ended well.
pub fn visit_time(record: &Record, test: &Test) -> Option<Nanos> {
    if record.status != Status::Ok {
        return None;
    }
    let ns = match &record.serving {
        Some(serving) => {
            let summary = serving.summary.as_ref()?;
            let ms = if test.n_gen > 0 {
                summary.tpot_ms.as_ref()?.median()? * f64::from(test.n_gen)
            } else {
                summary.ttft_ms.as_ref()?.median()?
            };
            1e6 * ms
        }
        None => {
            let times: Vec<f64> = record.samples.iter().map(|s| positive(s.duration_ns)).collect();
            median(&times)?
        }
    };
    (ns.is_finite() && ns >= 1.0).then_some(Nanos(ns.round() as u64))
}

/// Figures and verdicts of an experiment from its visits in the order made, one [`Contest`] for
/// each test of `design`. Visits of planted blocks enter only [`Power`].
///
/// The k-th visit of one variant and the k-th of another are a pair: in every block of visits
/// they are adjacent in time, or, with several variants, equally far apart there and back. All
/// comparisons of the experiment are one family for Holm's correction.
pub fn judge_experiment(design: &Design, n_variants: usize, visits: &[VisitTimes]) -> Vec<Contest> {
    let options = CompareOptions { same_within: design.same_within, looks: design.looks };
    let mut contests: Vec<Contest> = (0..design.tests.len())
        .map(|test| {
            let times = Times::of(visits, test, n_variants);
            let pairings = times.pairings(&options);
            let power = design
                .planted_delay
                .filter(|_| n_variants == 2)
                .and_then(|share| power(&times, share, design.seed, &options));
            let rates = times.rates(&design.tests[test]);
            Contest { test: design.tests[test], rates, pairings, standings: Vec::new(), power }
        })
        .collect();
    let mut family: Vec<Comparison> =
        contests.iter().flat_map(|c| &c.pairings).map(|p| p.comparison.clone()).collect();
    decide_together(&mut family);
    let mut decided = family.into_iter();
    for contest in &mut contests {
        for pairing in &mut contest.pairings {
            pairing.comparison = decided.next().expect("one for each pairing");
        }
        contest.standings = standings(contest);
    }
    contests
}

/// The verdict of two variants over all tests: slower if one test says so; else undecided if one
/// is or nothing was compared; else faster if one is; else the same.
pub fn overall(contests: &[Contest]) -> Verdict {
    let verdicts: Vec<Option<Verdict>> = contests
        .iter()
        .map(|contest| contest.pairings.first().map(|pairing| pairing.comparison.verdict))
        .collect();
    let any = |verdict| verdicts.contains(&Some(verdict));
    if any(Verdict::Slower) {
        Verdict::Slower
    } else if verdicts.is_empty() || any(Verdict::Undecided) || verdicts.contains(&None) {
        Verdict::Undecided
    } else if any(Verdict::Faster) {
        Verdict::Faster
    } else {
        Verdict::Same
    }
}

/// Whether every comparison between variants that are still measured has its verdict: then no
/// further visit is needed.
pub fn is_decided(contests: &[Contest], is_measured: &[bool]) -> bool {
    let measured = |variant: u32| is_measured.get(variant as usize).copied().unwrap_or(false);
    let mut pairings = contests
        .iter()
        .flat_map(|contest| &contest.pairings)
        .filter(|pairing| measured(pairing.first) && measured(pairing.second))
        .peekable();
    pairings.peek().is_some()
        && pairings.all(|pairing| pairing.comparison.verdict != Verdict::Undecided)
}

/// Whether an experiment is looked at after `n_rounds` rounds.
pub fn is_experiment_look(design: &Design, n_rounds: u32) -> bool {
    n_rounds == design.n_rounds
        || (n_rounds < design.n_rounds && design.looks != Looks::Once && is_look(n_rounds))
}

/// Whether the machine did so much else during a visit's record that its grade is F.
pub fn is_disturbed(record: &Record) -> bool {
    record.grade.as_ref().is_some_and(|grade| grade.letter == GradeLetter::F)
}

/// The times of one test.
struct Times {
    /// Of each variant by visit, planted blocks left out.
    plain: Vec<Vec<Option<Nanos>>>,
    /// In planted blocks: undelayed and delayed.
    planted: [Vec<Option<Nanos>>; 2],
}

impl Times {
    fn of(visits: &[VisitTimes], test: usize, n_variants: usize) -> Self {
        let mut times = Times { plain: vec![Vec::new(); n_variants], planted: Default::default() };
        for VisitTimes { visit, times: of_visit } in visits {
            let time = of_visit.get(test).copied().flatten();
            if visit.planted {
                times.planted[usize::from(visit.delayed)].push(time);
            } else if let Some(variant) = times.plain.get_mut(visit.variant as usize) {
                variant.push(time);
            }
        }
        times
    }

    fn pairings(&self, options: &CompareOptions) -> Vec<Pairing> {
        let n = self.plain.len();
        let each_two = (0..n).flat_map(|first| (first + 1..n).map(move |second| (first, second)));
        each_two
            .filter_map(|(first, second)| {
                let pairs = pairs(&self.plain[first], &self.plain[second]);
                let comparison = compare(&pairs, options)?;
                Some(Pairing { first: first as u32, second: second as u32, comparison })
            })
            .collect()
    }

    fn rates(&self, test: &Test) -> Vec<Option<Estimate>> {
        let rate = |times: &Vec<Option<Nanos>>| {
            let times: Vec<f64> = times.iter().flatten().map(|&time| positive(time)).collect();
            session_median(&times, Size::Fixed).map(|s| rate_estimate(test.n_tokens(), &s))
        };
        self.plain.iter().map(rate).collect()
    }
}

/// The pairs of which both halves were measured.
fn pairs(first: &[Option<Nanos>], second: &[Option<Nanos>]) -> Vec<(Nanos, Nanos)> {
    first.iter().zip(second).filter_map(|(first, second)| first.zip(*second)).collect()
}

/// ln(t first / t second): the second's speed over the first's.
fn logs(pairs: &[(Nanos, Nanos)]) -> Vec<f64> {
    pairs.iter().map(|(first, second)| (positive(*first) / positive(*second)).ln()).collect()
}

/// What would be found of a second variant that takes `share` longer: each try draws as many
/// pairs as were made, with replacement, from the deviations of all pairs, those of planted
/// blocks included, from their medians. `None` with too few pairs.
fn power(times: &Times, share: f64, seed: u64, options: &CompareOptions) -> Option<Power> {
    let measured = pairs(&times.plain[0], &times.plain[1]);
    let planted = logs(&pairs(&times.planted[0], &times.planted[1]));
    let centred = |logs: &[f64]| -> Vec<f64> {
        let centre = median(logs).unwrap_or_default();
        logs.iter().map(|log| log - centre).collect()
    };
    let mut noise = centred(&logs(&measured));
    noise.extend(centred(&planted));
    if noise.len() < FEWEST_FOR_POWER {
        return None;
    }
    let slower = -(1.0 + share).ln();
    let mut dice = SplitMix::new(seed);
    let n_found = (0..POWER_TRIES)
        .filter(|_| {
            let tried: Vec<(Nanos, Nanos)> = (0..measured.len())
                .map(|_| {
                    let log = slower + noise[dice.below(noise.len())];
                    (Nanos(UNIT_NS as u64), Nanos((UNIT_NS * (-log).exp()) as u64))
                })
                .collect();
            compare(&tried, options).is_some_and(|found| found.verdict == Verdict::Slower)
        })
        .count();
    Some(Power {
        share,
        n_tries: POWER_TRIES,
        n_found: n_found as u32,
        n_planted_pairs: planted.len() as u32,
        planted_seen: median(&planted).map(|log| (-log).exp() - 1.0),
    })
}

/// Time that stands for 1 in a try; large, so that rounding to whole nanoseconds says nothing.
const UNIT_NS: f64 = 1e12;

fn standings(contest: &Contest) -> Vec<Standing> {
    let rate = |variant: usize| contest.rates[variant].map(|rate| rate.rate_tps.get());
    let measured = (0..contest.rates.len()).filter(|&variant| rate(variant).is_some());
    let top = measured.max_by(|&a, &b| rate(a).unwrap_or(0.0).total_cmp(&rate(b).unwrap_or(0.0)));
    let Some(top) = top else { return vec![Standing::Absent; contest.rates.len()] };
    let is_behind = |variant: usize| {
        let (top, variant) = (top as u32, variant as u32);
        contest.pairings.iter().any(|pairing| {
            let verdict = pairing.comparison.verdict;
            (pairing.first == top && pairing.second == variant && verdict == Verdict::Slower)
                || (pairing.first == variant && pairing.second == top && verdict == Verdict::Faster)
        })
    };
    let mut standings: Vec<Standing> = (0..contest.rates.len())
        .map(|variant| match rate(variant) {
            None => Standing::Absent,
            Some(_) if variant != top && is_behind(variant) => Standing::Behind,
            Some(_) => Standing::Tied,
        })
        .collect();
    let is_alone = standings.iter().filter(|standing| **standing == Standing::Tied).count() == 1;
    if is_alone {
        standings[top] = Standing::Best;
    }
    standings
}
