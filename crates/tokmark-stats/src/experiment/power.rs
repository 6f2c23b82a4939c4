//! What would have been found: the experiment made again, many times, from its own noise.

use tokmark_model::{Comparison, Design, FoundAs, Nanos, Power, PowerDoubt, Verdict};

use super::{Times, is_experiment_look};
use crate::compare::{Look, decide_together, said};
use crate::order::{ascending, median, quantile};
use crate::random::SplitMix;
use crate::session::{LEVEL, session_of_logs_at_look};
use crate::stopping::positive;

/// Tries with a known difference, see [`Power`].
pub const POWER_TRIES: u32 = 500;
/// Fewest pairs from which the noise of a try is drawn.
pub const FEWEST_FOR_POWER: usize = 6;

/// Draws for the interval of the planted pairs' median.
const SEEN_DRAWS: usize = 1_000;
/// Share of the delay by which the interval of the planted pairs may miss it.
const SEEN_WITHIN: f64 = 0.1;
/// Rounds in a block, there and back.
const BLOCK: usize = 2;

/// The power of each test; `None` with fewer than [`FEWEST_FOR_POWER`] pairs. `of_tests[i]`
/// belongs to the design's i-th test.
///
/// In a try for one test the second variant takes `share` longer in it; in the others it is
/// what was measured. Whole blocks of deviations of all tests together are drawn with replacement,
/// and looked at as the experiment is, up to `n_rounds` rounds.
pub(super) fn powers(
    design: &Design,
    n_rounds: u32,
    share: f64,
    of_tests: &[Times],
) -> Vec<Option<Power>> {
    let noise = Noise::of(of_tests);
    let found_as = if share > design.same_within { FoundAs::Slower } else { FoundAs::BelowOne };
    let design = &Design { n_rounds, ..design.clone() };
    let n_found = noise.n_found(design, share, found_as);
    let mut dice = SplitMix::new(!design.seed);
    (0..of_tests.len())
        .map(|test| {
            let n_found = n_found[test]?;
            let planted = &noise.planted[test];
            let seen = noise.seen(test, &mut dice);
            let doubt = match seen {
                None => Some(PowerDoubt::TooFewPlanted),
                Some((low, high)) => {
                    let pardoned = SEEN_WITHIN * share;
                    let is_left_out = low > share + pardoned || high < share - pardoned;
                    is_left_out.then_some(PowerDoubt::DelayNotSeen)
                }
            };
            Some(Power {
                share,
                n_tries: POWER_TRIES,
                n_found,
                found_as,
                n_rounds,
                n_planted_pairs: planted.len() as u32,
                planted_seen: median(planted).map(longer_by),
                planted_low: seen.map(|(low, _)| low),
                planted_high: seen.map(|(_, high)| high),
                doubt,
            })
        })
        .collect()
}

/// By how much longer the second takes, from the log of its speed over the first's.
fn longer_by(log: f64) -> f64 {
    (-log).exp() - 1.0
}

/// ln(t first / t second): the second's speed over the first's.
fn log((first, second): &(Nanos, Nanos)) -> f64 {
    (positive(*first) / positive(*second)).ln()
}

/// A round by test: its deviation, where it was measured.
type Round = Vec<Option<f64>>;

/// What the pairs of an experiment say of its noise.
struct Noise {
    /// Deviations of the log ratios from their medians, of the measured and the planted blocks.
    blocks: Vec<Vec<Round>>,
    /// Median log ratio of each test as it was measured.
    measured: Vec<Option<f64>>,
    /// Log ratios of the planted pairs of each test.
    planted: Vec<Vec<f64>>,
}

impl Noise {
    fn of(of_tests: &[Times]) -> Self {
        let logs_of = |of: fn(&Times) -> [&[Option<Nanos>]; 2]| -> Vec<Vec<Option<f64>>> {
            let logs = |times: &Times| {
                let [first, second] = of(times);
                let both = first.iter().zip(second);
                both.map(|(a, b)| a.zip(*b).as_ref().map(log)).collect()
            };
            of_tests.iter().map(logs).collect()
        };
        let measured = logs_of(|times| [&times.plain[0], &times.plain[1]]);
        let planted = logs_of(|times| [&times.planted[0], &times.planted[1]]);
        let mut blocks = blocks(&measured);
        blocks.extend(self::blocks(&planted));
        let known = |logs: &Vec<Option<f64>>| logs.iter().flatten().copied().collect::<Vec<f64>>();
        Noise {
            blocks,
            measured: measured.iter().map(|logs| median(&known(logs))).collect(),
            planted: planted.iter().map(known).collect(),
        }
    }

    fn n_deviations(&self, test: usize) -> usize {
        self.blocks.iter().flatten().filter(|round| round[test].is_some()).count()
    }

    /// Rounds of blocks drawn with replacement, `n` of them.
    fn draw(&self, n: usize, dice: &mut SplitMix) -> Vec<&Round> {
        let mut rounds = Vec::with_capacity(n + BLOCK);
        while rounds.len() < n {
            rounds.extend(&self.blocks[dice.below(self.blocks.len())]);
        }
        rounds.truncate(n);
        rounds
    }

    /// Of [`POWER_TRIES`] the tries in which the difference was found, by test.
    fn n_found(&self, design: &Design, share: f64, found_as: FoundAs) -> Vec<Option<u32>> {
        let n_tests = self.measured.len();
        let has_power = |test: usize| {
            self.measured[test].is_some() && self.n_deviations(test) >= FEWEST_FOR_POWER
        };
        let tests: Vec<usize> = (0..n_tests).filter(|&test| has_power(test)).collect();
        let mut found: Vec<Option<u32>> =
            (0..n_tests).map(|test| has_power(test).then_some(0)).collect();
        if tests.is_empty() {
            return found;
        }
        let mut dice = SplitMix::new(design.seed);
        for _ in 0..POWER_TRIES {
            let rounds = self.draw(design.n_rounds as usize, &mut dice);
            let mut open = tests.clone();
            for n in (1..=design.n_rounds).filter(|&n| is_experiment_look(design, n)) {
                let looked = self.look(design, &rounds[..n as usize], share);
                open.retain(|&test| {
                    let mut family: Vec<Comparison> = Vec::with_capacity(n_tests);
                    let mut place = 0;
                    for (other, said) in looked.iter().enumerate() {
                        if other == test {
                            place = family.len();
                        }
                        let said = said.as_ref();
                        family.extend(said.map(|(measured, slower)| {
                            if other == test { slower.clone() } else { measured.clone() }
                        }));
                    }
                    decide_together(&mut family);
                    let is_open = family.iter().any(|said| said.verdict == Verdict::Undecided);
                    if n < design.n_rounds && is_open {
                        return true;
                    }
                    if family.get(place).is_some_and(|said| is_found(said, found_as)) {
                        found[test] = found[test].map(|n_found| n_found + 1);
                    }
                    false
                });
                if open.is_empty() {
                    break;
                }
            }
        }
        found
    }

    /// What a look says of each test: with the difference that was measured, and with the known
    /// one in its place.
    fn look(
        &self,
        design: &Design,
        rounds: &[&Round],
        share: f64,
    ) -> Vec<Option<(Comparison, Comparison)>> {
        let of_test = |(test, measured): (usize, &Option<f64>)| {
            let measured = (*measured)?;
            let deviations: Vec<f64> = rounds.iter().filter_map(|round| round[test]).collect();
            let look = Look::at(deviations.len(), design.looks);
            let session = session_of_logs_at_look(&deviations, look.level())?;
            let said = |shift| said(&session, &deviations, shift, look, design.same_within);
            Some((said(measured), said(-share.ln_1p())))
        };
        self.measured.iter().enumerate().map(of_test).collect()
    }

    /// The interval of the planted pairs' median as a share of the time: that median less those
    /// of as many deviations, drawn in blocks. `None` with fewer than two pairs.
    fn seen(&self, test: usize, dice: &mut SplitMix) -> Option<(f64, f64)> {
        let n = self.planted[test].len();
        let seen = median(&self.planted[test]).filter(|_| n >= 2)?;
        let drawn: Vec<f64> = (0..SEEN_DRAWS)
            .filter_map(|_| {
                let rounds = self.draw(n, dice);
                median(&rounds.iter().filter_map(|round| round[test]).collect::<Vec<_>>())
            })
            .collect();
        let drawn = ascending(&drawn);
        let end = |p: f64| Some(longer_by(seen - quantile(&drawn, p)?));
        let outside = 0.5 * (1.0 - LEVEL);
        end(outside).zip(end(1.0 - outside))
    }
}

fn is_found(said: &Comparison, found_as: FoundAs) -> bool {
    match found_as {
        FoundAs::Slower => said.verdict == Verdict::Slower,
        FoundAs::BelowOne => {
            said.interval.is_some_and(|interval| interval.high < 1.0) && said.p_value <= 1.0 - LEVEL
        }
    }
}

/// The blocks of deviations of one kind of rounds; `logs[test][round]`. Deviations from a median
/// of few are smaller than those from the truth, so they are stretched by sqrt(n / (n - 1)).
fn blocks(logs: &[Vec<Option<f64>>]) -> Vec<Vec<Round>> {
    let scales: Vec<Option<(f64, f64)>> = logs
        .iter()
        .map(|logs| {
            let known: Vec<f64> = logs.iter().flatten().copied().collect();
            let n = known.len() as f64;
            let centre = median(&known).filter(|_| known.len() >= 2)?;
            Some((centre, (n / (n - 1.0)).sqrt()))
        })
        .collect();
    let n_rounds = logs.iter().map(Vec::len).max().unwrap_or(0);
    let rounds: Vec<Round> = (0..n_rounds)
        .map(|round| {
            let deviation = |(logs, scale): (&Vec<Option<f64>>, &Option<(f64, f64)>)| {
                let (centre, factor) = (*scale)?;
                Some(factor * (logs.get(round).copied().flatten()? - centre))
            };
            logs.iter().zip(&scales).map(deviation).collect()
        })
        .collect();
    let is_known = |block: &&[Round]| block.iter().flatten().any(Option::is_some);
    rounds.chunks(BLOCK).filter(is_known).map(<[Round]>::to_vec).collect()
}
