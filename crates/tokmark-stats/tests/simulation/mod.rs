//! Seeded simulation of whole measurements: does the interval hold the truth, is a comparison
//! right? Shared by `tests/coverage.rs`, which asserts the bounds, and
//! `examples/coverage.rs`, which prints the figures.
//!
//! A trial draws repetitions one after the other and is judged through the public interface
//! alone: [`StoppingRule`] decides when to stop, [`summarize`] makes the interval, [`grade`]
//! the letter, [`PairRule`] the verdict.

#![allow(dead_code, reason = "the test and the example use different parts")]

pub mod changes;
pub mod experiments;

use tokmark_model::{
    GradeLetter, MemoryUse, Nanos, Noise, RecordKind, Repetition, Repetitions, Status, StopReason,
    Summary, Test, Verdict,
};
use tokmark_stats::{GradeInput, PairRule, StoppingRule, grade, median, summarize};

/// Seeded normal numbers: SplitMix64 (Steele, Lea and Flood 2014) through Box and Muller.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform on (0, 1).
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// How the times of a session's repetitions are made, around 1.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// Independent and normal.
    Normal,
    /// Independent, the logarithm normal.
    LogNormal,
    /// Normal; one in ten takes half as long again.
    Contaminated,
    /// First-order autoregression with this coefficient and a stationary start.
    Autoregressive(f64),
    /// Normal, 10 % slower over this many repetitions in a straight line.
    Drift(u32),
}

impl Source {
    /// One session of `n` times with spread `sd`.
    fn session(self, n: u32, sd: f64, dice: &mut Dice) -> Vec<Nanos> {
        let mut state = dice.normal();
        let mut time = |i: u32| match self {
            Source::Normal => 1.0 + sd * dice.normal(),
            Source::LogNormal => (sd * dice.normal()).exp(),
            Source::Contaminated => {
                let slow = if dice.uniform() < 0.1 { 0.5 } else { 0.0 };
                1.0 + slow + sd * dice.normal()
            }
            Source::Autoregressive(phi) => {
                let now = 1.0 + sd * state;
                state = phi * state + (1.0 - phi * phi).sqrt() * dice.normal();
                now
            }
            Source::Drift(over) => 1.0 + 0.1 * f64::from(i) / f64::from(over) + sd * dice.normal(),
        };
        (0..n).map(|i| Nanos((time(i).max(0.01) * 1e9) as u64)).collect()
    }

    /// Median of the population that `n` repetitions are drawn from. An interval speaks for its
    /// session: under drift the truth is the middle of the part that was measured.
    fn truth(self, n: u32, sd: f64) -> f64 {
        match self {
            Source::Normal | Source::LogNormal | Source::Autoregressive(_) => 1.0,
            Source::Contaminated => {
                let many = self.session(400_001, sd, &mut Dice::new(99));
                median(&many.iter().map(|time| time.0 as f64 * 1e-9).collect::<Vec<_>>())
                    .expect("not empty")
            }
            Source::Drift(over) => 1.0 + 0.05 * f64::from(n - 1) / f64::from(over),
        }
    }
}

/// One line of the table of intervals.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    pub source: Source,
    /// Standard deviation of the times (of their logarithms where log-normal).
    pub sd: f64,
    /// Asked half width of the rate; `None` makes `max_n` repetitions, fixed.
    pub asked: Option<f64>,
    /// The budget, in repetitions.
    pub max_n: u32,
}

/// A bound that issue and documentation promise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// The interval holds the truth in at least this share.
    Covered(f64),
    /// It does, or the grade is D or worse.
    CoveredOrGradedD(f64),
    /// Shown, not promised.
    None,
}

impl Outcome {
    pub fn meets(&self, bound: Bound) -> bool {
        match bound {
            Bound::Covered(share) => self.covered >= share,
            Bound::CoveredOrGradedD(share) => self.covered_or_d >= share,
            Bound::None => true,
        }
    }
}

const fn adaptive(source: Source, sd: f64, max_n: u32) -> Scenario {
    Scenario { source, sd, asked: Some(0.02), max_n }
}

/// The table of intervals: every promised bound, from a spread far below the asked 2 % to one
/// far above, with a large and a small budget.
pub fn scenarios() -> Vec<(Scenario, Bound)> {
    let spreads = [(0.002, 400), (0.01, 400), (0.03, 400), (0.08, 400), (0.03, 20), (0.08, 40)];
    let independent = [Source::Normal, Source::LogNormal, Source::Contaminated];
    let correlated = [Source::Autoregressive(0.5), Source::Autoregressive(0.8)];
    let mut table = Vec::new();
    for (sources, bound) in
        [(&independent[..], Bound::Covered(0.93)), (&correlated[..], Bound::CoveredOrGradedD(0.90))]
    {
        for &source in sources {
            table.extend(spreads.map(|(sd, max_n)| (adaptive(source, sd, max_n), bound)));
        }
    }
    for (sd, over) in [(0.005, 20), (0.03, 20), (0.03, 40), (0.08, 40), (0.03, 100), (0.03, 400)] {
        let drift = adaptive(Source::Drift(over), sd, over);
        table.push((drift, Bound::CoveredOrGradedD(0.90)));
    }
    table
}

/// Fixed numbers of repetitions, for comparison: the plain interval widens only where
/// dependence is significant.
pub fn fixed_scenarios() -> Vec<Scenario> {
    let sources = [Source::Normal, Source::Autoregressive(0.5), Source::Autoregressive(0.8)];
    let sizes = [10, 28, 80];
    let one = |source, max_n| Scenario { source, sd: 0.03, asked: None, max_n };
    sources.iter().flat_map(|&source| sizes.map(|max_n| one(source, max_n))).collect()
}

/// What many trials of one scenario gave, as shares of the trials.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    pub covered: f64,
    pub graded_d: f64,
    pub covered_or_d: f64,
    pub converged: f64,
    pub median_n: f64,
    pub median_half_width: f64,
}

/// Repeats until the rule or the budget ends it.
fn measure(scenario: &Scenario, dice: &mut Dice) -> (Summary, Vec<Repetition>, Repetitions) {
    let times = scenario.source.session(scenario.max_n, scenario.sd, dice);
    let (ask, stop, n) = match scenario.asked {
        None => (Repetitions::Fixed { n: scenario.max_n }, StopReason::Fixed, scenario.max_n),
        Some(half_width) => {
            let rule = StoppingRule::new(half_width);
            let mut n = rule.next_look(0).min(scenario.max_n);
            while !rule.converged(&times[..n as usize]) && n < scenario.max_n {
                n = rule.next_look(n).min(scenario.max_n);
            }
            let converged = rule.converged(&times[..n as usize]);
            let stop = if converged { StopReason::Converged } else { StopReason::Budget };
            let budget_ns = Nanos(u64::from(scenario.max_n) * 1_000_000_000);
            (Repetitions::Adaptive { half_width, budget_ns, at_least: 0 }, stop, n)
        }
    };
    let samples: Vec<Repetition> = times[..n as usize]
        .iter()
        .map(|&duration_ns| Repetition {
            duration_ns,
            noise: Some(quiet(duration_ns)),
            ..Repetition::default()
        })
        .collect();
    let test = Test::tg(100);
    let summary = summarize(&test, &samples, &ask, stop, &MemoryUse::default(), &[]);
    (summary.expect("there are samples"), samples, ask)
}

fn quiet(wall_ns: Nanos) -> Noise {
    Noise { wall_ns, other_cores: Some(0.0), steal_ns: Some(Nanos(0)), ..Noise::default() }
}

/// Runs `trials` sessions of one scenario.
pub fn intervals(scenario: &Scenario, trials: u32, seed: u64) -> Outcome {
    let mut dice = Dice::new(seed);
    let mut outcome = Outcome::default();
    let (mut sizes, mut widths) = (vec![], vec![]);
    let steady_truth = scenario.source.truth(1, scenario.sd);
    let share = 1.0 / f64::from(trials);
    for _ in 0..trials {
        let (summary, samples, ask) = measure(scenario, &mut dice);
        let truth = match scenario.source {
            Source::Drift(_) => scenario.source.truth(summary.n, scenario.sd),
            _ => steady_truth,
        };
        let interval = summary.rate.interval;
        let covered = interval.is_some_and(|i| i.low <= 100.0 / truth && 100.0 / truth <= i.high);
        let graded = grade(&GradeInput {
            kind: RecordKind::Measured,
            status: Status::Ok,
            repetitions: &ask,
            summary: &summary,
            samples: &samples,
            probe_baseline_ns: &[],
            n_cpus_allowed: Some(2.0),
            ceiling_tps: None,
        });
        let bad = graded.is_some_and(|grade| grade.letter >= GradeLetter::D);
        outcome.covered += share * f64::from(u8::from(covered));
        outcome.graded_d += share * f64::from(u8::from(bad));
        outcome.covered_or_d += share * f64::from(u8::from(covered || bad));
        outcome.converged += share * f64::from(u8::from(summary.converged == Some(true)));
        sizes.push(f64::from(summary.n));
        widths.push(summary.half_width.unwrap_or(f64::INFINITY));
    }
    outcome.median_n = median(&sizes).unwrap_or(0.0);
    outcome.median_half_width = median(&widths).unwrap_or(0.0);
    outcome
}

/// One line of the table of comparisons.
#[derive(Debug, Clone, Copy)]
pub struct Contest {
    /// True speed of the second engine over the first.
    pub ratio: f64,
    /// Standard deviation of the log ratio of one pair.
    pub pair_sd: f64,
    /// Correlation of the machine's state from one repetition to the next; the pairs are taken
    /// A B B A.
    pub phi: f64,
    pub rule: PairRule,
}

/// The table of comparisons, with the shares promised: of wrong calls at most, of right calls
/// at least.
pub fn contest_table() -> Vec<(Contest, Option<f64>, Option<f64>)> {
    let rule = PairRule::until_verdict(0.01);
    let one = |ratio, pair_sd, phi| Contest { ratio, pair_sd, phi, rule };
    vec![
        (one(1.0, 0.03, 0.0), Some(0.05), None),
        (one(1.0, 0.08, 0.0), Some(0.05), None),
        (one(1.0, 0.08, 0.5), Some(0.05), None),
        (one(1.0, 0.08, 0.8), Some(0.05), None),
        (one(1.03, 0.03, 0.0), None, Some(0.95)),
        (one(1.03, 0.08, 0.0), None, Some(0.95)),
        (one(0.97, 0.08, 0.0), None, Some(0.95)),
        (one(1.03, 0.08, 0.5), None, None),
        (one(1.03, 0.08, 0.8), None, None),
        (one(2.0, 0.08, 0.0), None, Some(0.95)),
    ]
}

/// What many comparisons gave, as shares of the trials.
#[derive(Debug, Clone, Copy, Default)]
pub struct Calls {
    pub same: f64,
    pub faster: f64,
    pub slower: f64,
    pub undecided: f64,
    /// The last interval held the true ratio.
    pub covered: f64,
    pub median_pairs: f64,
}

impl Calls {
    /// Share of trials with a call of the right direction.
    pub fn right(&self, contest: &Contest) -> f64 {
        if contest.ratio > 1.0 { self.faster } else { self.slower }
    }

    /// Share of trials that called two engines different.
    pub fn different(&self) -> f64 {
        self.faster + self.slower
    }
}

/// Runs `trials` sequential comparisons.
pub fn contests(contest: &Contest, trials: u32, seed: u64) -> Calls {
    let mut dice = Dice::new(seed);
    let mut calls = Calls::default();
    let mut sizes = vec![];
    let share = 1.0 / f64::from(trials);
    for _ in 0..trials {
        let pairs = pairs(contest, &mut dice);
        let mut n = 0;
        let look = loop {
            n = contest.rule.next_look(n).expect("the loop ends at the last look");
            let look = contest.rule.look(&pairs[..n as usize]).expect("there are pairs");
            if contest.rule.is_done(&look) {
                break look;
            }
        };
        match look.verdict {
            Verdict::Same => calls.same += share,
            Verdict::Faster => calls.faster += share,
            Verdict::Slower => calls.slower += share,
            Verdict::Undecided => calls.undecided += share,
        }
        let held = look.interval.is_some_and(|i| i.low <= contest.ratio && contest.ratio <= i.high);
        calls.covered += share * f64::from(u8::from(held));
        sizes.push(f64::from(n));
    }
    calls.median_pairs = median(&sizes).unwrap_or(0.0);
    calls
}

/// Times `(first, second)` of adjacent repetitions, the order turned in every other pair.
fn pairs(contest: &Contest, dice: &mut Dice) -> Vec<(Nanos, Nanos)> {
    let phi = contest.phi;
    // Neighbours at distance one: var(x1 - x2) = 2 (1 - phi) of one repetition's variance.
    let sd = contest.pair_sd / (2.0 * (1.0 - phi)).sqrt();
    let mut state = dice.normal();
    let mut step = || {
        let now = state;
        state = phi * state + (1.0 - phi * phi).sqrt() * dice.normal();
        now
    };
    let nanos = |speed: f64, state: f64| Nanos((1e9 / speed * (sd * state).exp()) as u64);
    (0..contest.rule.max_pairs)
        .map(|i| {
            let (one, two) = (step(), step());
            let (first, second) = if i % 2 == 0 { (one, two) } else { (two, one) };
            (nanos(1.0, first), nanos(contest.ratio, second))
        })
        .collect()
}
