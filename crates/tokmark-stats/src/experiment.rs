//! From the visits of an experiment to its figures and verdicts.

mod power;

use tokmark_model::{
    Comparison, Contest, CountSource, Design, Estimate, GradeLetter, Looks, Nanos, Pairing, Record,
    ServingSummary, Standing, Status, Test, TokenCount, Verdict, Visit,
};

use crate::compare::{CompareOptions, compare, decide_together};
use crate::order::median;
use crate::session::{Size, session_median};
use crate::stopping::{is_look, positive};
use crate::summary::rate_estimate;

pub use power::{FEWEST_FOR_POWER, POWER_TRIES};

/// A visit with its time for each test of the design; `None` where it has none.
#[derive(Debug, Clone, PartialEq)]
pub struct VisitTimes {
    /// The visit.
    pub visit: Visit,
    /// Median time of a repetition, by test.
    pub times: Vec<Option<Nanos>>,
}

/// The times that a visit's records give for the tests of its design: those of the record at a test's
/// place, or of the one load point, which stands for every test. A test that stands there twice
/// has two records.
pub fn visit_times(records: &[Record], tests: &[Test]) -> Vec<Option<Nanos>> {
    let point = records.iter().find(|record| record.serving.is_some());
    let time = |(n, test)| visit_time(point.or(records.get(n))?, test);
    tests.iter().enumerate().map(time).collect()
}

/// The time that a visit's record gives for `test`: the median of its repetitions. Of a load
/// point on an endpoint, at one request at a time: for a prompt the median time to the first
/// token, scaled from the prompt tokens that were counted to those of `test`; for a generation `n_gen` times the median time per output token. `None` unless it
/// ended well.
pub fn visit_time(record: &Record, test: &Test) -> Option<Nanos> {
    let is_of_test = record.serving.is_some() || record.test == *test;
    if record.status != Status::Ok || !is_of_test {
        return None;
    }
    let ns = match &record.serving {
        Some(serving) => {
            let summary = serving.summary.as_ref()?;
            let ms = if test.n_gen > 0 {
                summary.tpot_ms.as_ref()?.median()? * f64::from(test.n_gen)
            } else {
                summary.ttft_ms.as_ref()?.median()? * asked_over_counted(summary, test)
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

/// Prompt tokens of `test` over those that were counted: a template adds tokens, and another
/// tokenizer makes more or fewer of the same text. 1 where nobody counted.
fn asked_over_counted(summary: &ServingSummary, test: &Test) -> f64 {
    let counted = summary.prompt_tokens.as_ref().and_then(|found| found.median());
    counted.filter(|n| *n >= 1.0).map_or(1.0, |n| f64::from(test.n_prompt) / n)
}

/// What has to be known of the figures that [`visit_time`] takes from a record, in the words
/// of [`tokmark_model::Variant::flags`].
pub fn visit_flags(record: &Record) -> Vec<&'static str> {
    let Some(serving) = &record.serving else {
        let told = |flag: &&str| record.flags.iter().any(|own| own == flag);
        return ["context_over_trained", "threads_over_cores"].into_iter().filter(told).collect();
    };
    let Some(summary) = &serving.summary else { return Vec::new() };
    let is_estimated = |count: Option<TokenCount>| {
        count.is_some_and(|count| count.source == CountSource::Estimated)
    };
    let requests = &serving.requests;
    let flags = [
        (summary.prompt_tokens.is_none(), "prompt_tokens_asked"),
        (requests.iter().any(|r| is_estimated(r.prompt_tokens)), "prompt_tokens_estimated"),
        (requests.iter().any(|r| is_estimated(r.output_tokens)), "output_tokens_estimated"),
        (summary.n_hidden_reasoning > 0, "hidden_reasoning"),
    ];
    flags.into_iter().filter_map(|(holds, flag)| holds.then_some(flag)).collect()
}

/// Figures and verdicts of an experiment from its visits in the order made, one [`Contest`] for
/// each test of `design`. Visits of planted blocks enter only [`tokmark_model::Power`]. `is_measured` has an
/// entry for each variant; one that was left out has no figure, whatever was measured before.
///
/// The k-th visit of one variant and the k-th of another are a pair: in every block of visits
/// they are adjacent in time, or, with several variants, equally far apart there and back. All
/// comparisons of the experiment are one family for Holm's correction.
pub fn judge_experiment(
    design: &Design,
    is_measured: &[bool],
    visits: &[VisitTimes],
) -> Vec<Contest> {
    let mut contests = judge_so_far(design, is_measured, visits);
    if let Some(share) = design.planted_delay.filter(|_| is_measured.len() == 2) {
        let of_tests: Vec<Times> =
            (0..design.tests.len()).map(|test| Times::of(visits, test, is_measured)).collect();
        // One that was cut had no more rounds than were made.
        let n_made = of_tests.iter().map(Times::n_rounds).max().unwrap_or(0);
        let n_rounds = if is_decided(&contests) { design.n_rounds } else { n_made };
        let found = power::powers(design, n_rounds, share, &of_tests);
        for (contest, power) in contests.iter_mut().zip(found) {
            contest.power = power;
        }
    }
    contests
}

/// The same without [`tokmark_model::Power`], whose tries take a while: for a look at an experiment under way.
pub fn judge_so_far(design: &Design, is_measured: &[bool], visits: &[VisitTimes]) -> Vec<Contest> {
    let options = CompareOptions { same_within: design.same_within, looks: design.looks };
    let mut contests: Vec<Contest> = (0..design.tests.len())
        .map(|test| {
            let times = Times::of(visits, test, is_measured);
            let pairings = pairings(&times.plain, &options);
            let rates = times.rates(&design.tests[test]);
            let test = design.tests[test];
            Contest { test, rates, pairings, standings: Vec::new(), power: None }
        })
        .collect();
    decide(contests.iter_mut().flat_map(|contest| &mut contest.pairings));
    for contest in &mut contests {
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

/// Whether every comparison has its verdict: then no further visit is needed.
pub fn is_decided(contests: &[Contest]) -> bool {
    let mut pairings = contests.iter().flat_map(|contest| &contest.pairings).peekable();
    pairings.peek().is_some()
        && pairings.all(|pairing| pairing.comparison.verdict != Verdict::Undecided)
}

/// Whether an experiment is looked at after `n_rounds` rounds.
pub fn is_experiment_look(design: &Design, n_rounds: u32) -> bool {
    n_rounds == design.n_rounds
        || (n_rounds < design.n_rounds && design.looks != Looks::Once && is_look(n_rounds))
}

/// Whether a visit's record has grade F, whatever its reason.
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
    fn of(visits: &[VisitTimes], test: usize, is_measured: &[bool]) -> Self {
        let plain = vec![Vec::new(); is_measured.len()];
        let mut times = Times { plain, planted: Default::default() };
        for VisitTimes { visit, times: of_visit } in visits {
            let time = of_visit.get(test).copied().flatten();
            if visit.planted {
                times.planted[usize::from(visit.delayed)].push(time);
            } else if is_measured.get(visit.variant as usize) == Some(&true) {
                times.plain[visit.variant as usize].push(time);
            }
        }
        times
    }

    /// Rounds of which each variant has its visit.
    fn n_rounds(&self) -> u32 {
        self.plain.iter().map(Vec::len).min().unwrap_or(0) as u32
    }

    fn rates(&self, test: &Test) -> Vec<Option<Estimate>> {
        let rate = |times: &Vec<Option<Nanos>>| {
            let times: Vec<f64> = times.iter().flatten().map(|&time| positive(time)).collect();
            session_median(&times, Size::Fixed).map(|s| rate_estimate(test.n_tokens(), &s))
        };
        self.plain.iter().map(rate).collect()
    }
}

/// Each two variants that have pairs; `values[variant][visit]`, less being better.
pub(crate) fn pairings(values: &[Vec<Option<Nanos>>], options: &CompareOptions) -> Vec<Pairing> {
    let n = values.len();
    let each_two = (0..n).flat_map(|first| (first + 1..n).map(move |second| (first, second)));
    each_two
        .filter_map(|(first, second)| {
            let comparison = compare(&pairs(&values[first], &values[second]), options)?;
            Some(Pairing { first: first as u32, second: second as u32, comparison })
        })
        .collect()
}

/// Decides all these together, see [`decide_together`].
pub(crate) fn decide<'a>(pairings: impl Iterator<Item = &'a mut Pairing>) {
    let mut pairings: Vec<&mut Pairing> = pairings.collect();
    let mut family: Vec<Comparison> =
        pairings.iter().map(|pairing| pairing.comparison.clone()).collect();
    decide_together(&mut family);
    for (pairing, decided) in pairings.iter_mut().zip(family) {
        pairing.comparison = decided;
    }
}

/// The pairs of which both halves were measured.
pub(crate) fn pairs(first: &[Option<Nanos>], second: &[Option<Nanos>]) -> Vec<(Nanos, Nanos)> {
    first.iter().zip(second).filter_map(|(first, second)| first.zip(*second)).collect()
}

fn standings(contest: &Contest) -> Vec<Standing> {
    let is_measured: Vec<bool> = contest.rates.iter().map(Option::is_some).collect();
    standings_beside(contest.fastest(), &is_measured, &contest.pairings)
}

/// Where each variant stands beside `top`, the one with the best figure. *Best* needs a variant
/// that it beats: what is left of several that failed is *alone*.
pub(crate) fn standings_beside(
    top: Option<usize>,
    is_measured: &[bool],
    pairings: &[Pairing],
) -> Vec<Standing> {
    let is_behind = |variant: usize, top: usize| {
        let (top, variant) = (top as u32, variant as u32);
        pairings.iter().any(|pairing| match pairing.comparison.verdict {
            Verdict::Slower => pairing.first == top && pairing.second == variant,
            Verdict::Faster => pairing.first == variant && pairing.second == top,
            Verdict::Same | Verdict::Undecided => false,
        })
    };
    let mut standings: Vec<Standing> = is_measured
        .iter()
        .enumerate()
        .map(|(variant, is_measured)| match top {
            Some(top) if *is_measured && variant != top && is_behind(variant, top) => {
                Standing::Behind
            }
            Some(_) if *is_measured => Standing::Tied,
            _ => Standing::Absent,
        })
        .collect();
    let n_of = |standing: Standing| standings.iter().filter(|&&found| found == standing).count();
    match (top, n_of(Standing::Tied), n_of(Standing::Behind)) {
        (Some(top), 1, 0) => standings[top] = Standing::Alone,
        (Some(top), 1, _) => standings[top] = Standing::Best,
        _ => (),
    }
    standings
}
