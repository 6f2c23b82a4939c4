//! Seeded simulation of whole experiments: visits in blocks there and back, looks, verdicts
//! decided together, and planted blocks between them.

use tokmark_model::{Contest, Design, Looks, Nanos, Test, Visit};
use tokmark_stats::{VisitTimes, is_decided, is_experiment_look, judge_experiment, judge_so_far};

use super::Dice;

/// One block in so many is planted.
const PLANTED_EVERY: u32 = 4;

/// Experiments that are made alike.
#[derive(Debug, Clone)]
pub struct Trials {
    pub n_tests: usize,
    /// `slower[variant]`: by which share longer a variant takes in the first test.
    pub slower: Vec<f64>,
    /// Standard deviation of the log ratio of one pair.
    pub pair_sd: f64,
    /// Correlation of the machine's state from one visit to the next; it is common to all tests of
    /// a visit. 0: every time is independent.
    pub phi: f64,
    pub n_rounds: u32,
    pub looks: Looks,
    pub same_within: f64,
    /// What the worker is told to delay itself by, and by what it does.
    pub planted: Option<(f64, f64)>,
}

impl Trials {
    /// Two equal variants in `n_tests` tests, looked at again and again.
    pub fn equal(n_tests: usize, pair_sd: f64, n_rounds: u32) -> Self {
        Trials {
            n_tests,
            slower: vec![0.0; 2],
            pair_sd,
            phi: 0.0,
            n_rounds,
            looks: Looks::Sequential { max_pairs: n_rounds },
            same_within: 0.02,
            planted: None,
        }
    }

    pub fn design(&self, seed: u64) -> Design {
        Design {
            tests: (0..self.n_tests).map(|n| Test::pp(8 << n)).collect(),
            n_repetitions: 3,
            n_rounds: self.n_rounds,
            seed,
            looks: self.looks,
            same_within: self.same_within,
            planted_delay: self.planted.map(|(told, _)| told),
        }
    }

    /// The visits of one experiment, made until it is decided, and its design.
    pub fn visits(&self, dice: &mut Dice, seed: u64) -> (Design, Vec<VisitTimes>) {
        let design = self.design(seed);
        let n = self.slower.len();
        let (mut visits, mut n_made) = (Vec::new(), 0);
        let mut state = dice.normal();
        for block in 0.. {
            let is_planted = self.planted.is_some() && block % PLANTED_EVERY == 1;
            let first = usize::from(dice.uniform() < 0.5);
            let of_round = if is_planted { 2 } else { n };
            for half in 0..2 {
                for i in 0..of_round {
                    // There and back.
                    let i = if half == 0 { i } else { of_round - 1 - i };
                    let which = (i + first) % of_round;
                    state = self.phi * state + (1.0 - self.phi.powi(2)).sqrt() * dice.normal();
                    visits.push(self.visit(which, is_planted, visits.len() as u32, state, dice));
                }
                if is_planted {
                    continue;
                }
                n_made += 1;
                if is_experiment_look(&design, n_made) {
                    let so_far = judge_so_far(&design, &vec![true; n], &visits);
                    if n_made >= self.n_rounds || is_decided(&so_far) {
                        return (design, visits);
                    }
                }
            }
        }
        unreachable!("the last round ends it")
    }

    fn visit(
        &self,
        which: usize,
        planted: bool,
        position: u32,
        state: f64,
        dice: &mut Dice,
    ) -> VisitTimes {
        let delay = self.planted.map_or(0.0, |(_, made)| made);
        let sd = self.pair_sd / 2f64.sqrt();
        let times = (0..self.n_tests).map(|test| {
            let slower = match (planted, which, test) {
                (true, 1, _) => delay,
                (false, which, 0) => self.slower[which],
                _ => 0.0,
            };
            let noise = if self.phi > 0.0 { state } else { dice.normal() };
            Some(Nanos((1e12 * (1.0 + slower) * (sd * noise).exp()) as u64))
        });
        let times = times.collect();
        let variant = if planted { 0 } else { which as u32 };
        let visit = Visit { variant, position, planted, delayed: planted && which == 1 };
        VisitTimes { visit, times }
    }

    /// Figures and verdicts of one experiment, made until it is decided.
    pub fn made(&self, dice: &mut Dice, seed: u64) -> Vec<Contest> {
        let (design, visits) = self.visits(dice, seed);
        judge_experiment(&design, &vec![true; self.slower.len()], &visits)
    }
}
