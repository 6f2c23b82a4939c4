//! The repetitions of one test: warm-up, blocks with the probe between them, and when to
//! stop.

use std::time::{Duration, Instant};

use tokmark_host::busiest_processes;
use tokmark_model::{Bytes, Nanos, Repetition, Repetitions, StopReason, Tokens, TokensPerSecond};
use tokmark_run::{Command, Failure, Message, WorkerProcess};
use tokmark_stats::StoppingRule;

use crate::record::Draft;
use crate::session::{Observer, Phase, QUIET_CORES, SessionOptions};

/// The probe is run again when repetitions have taken this long since it last was.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// After this time every machine's counters tell other processes from our own.
const LONG_ENOUGH: Duration = Duration::from_secs(2);

/// Time over which the busiest processes are found, once a test.
const NAMING: Duration = Duration::from_millis(200);
/// Processes that are named.
const N_NAMED: usize = 3;

fn knows_others(repetition: &Repetition) -> bool {
    repetition.noise.as_ref().is_some_and(|noise| noise.other_cores.is_some())
}

/// Cores that other processes took during a repetition, if more than a quiet machine's.
fn disturbance(repetition: &Repetition) -> Option<f64> {
    repetition.noise.as_ref()?.other_cores.filter(|cores| *cores > QUIET_CORES)
}

/// How far a test has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measuring {
    /// Repetitions made.
    pub n: u32,
    /// Repetitions asked for, if the number is fixed.
    pub n_asked: Option<u32>,
    /// Time spent on this test, warm-up included.
    pub spent: Duration,
    /// Time that it may take, if repetitions are adaptive.
    pub budget: Option<Duration>,
    /// Rate of the last repetition.
    pub rate: TokensPerSecond,
    /// Half width of the interval of the times at the last look.
    pub half_width: Option<f64>,
}

/// Warms up and repeats until the rule says stop.
pub(crate) fn measure(
    worker: &mut WorkerProcess,
    options: &SessionOptions,
    deadline: Option<Instant>,
    draft: &mut Draft,
    observer: &mut dyn Observer,
) -> Result<StopReason, Failure> {
    let begun = Instant::now();
    if let Some(at_most) = options.warm_up {
        let warm_up = Command::WarmUp { at_most_ns: at_most.into() };
        worker.ask(&warm_up, deadline, |message, _| {
            if let Message::WarmedUp { durations_ns } = message {
                draft.warmup_ns = durations_ns;
            }
        })?;
    }
    // From here on an interrupt waits for the repetition: there is something to save.
    options.interrupt.set_expendable(false);
    let mut rule = Rule::new(&options.repetitions, begun);
    let mut since_probe = PROBE_EVERY;
    let mut is_told = false;
    loop {
        let probe = since_probe >= PROBE_EVERY;
        if probe {
            since_probe = Duration::ZERO;
        }
        let samples = &mut draft.samples;
        let repeat = Command::Repeat { n: 1, probe, delay: draft.delay };
        worker.ask(&repeat, deadline, |message, _| {
            if let Message::Repeated(repetition) = message {
                samples.push(*repetition);
            }
        })?;
        read_memory(worker, draft);
        if !is_told && let Some(cores) = draft.samples.last().and_then(disturbance) {
            is_told = true;
            let own = [std::process::id(), worker.pid()];
            observer.disturbed(cores, &busiest_processes(N_NAMED, NAMING, &own));
        }
        let Some(last) = draft.samples.last().map(|repetition| repetition.duration_ns) else {
            return Ok(StopReason::CutShort);
        };
        since_probe += last.into();
        let stop = rule.stop_after(draft.samples.iter().map(|sample| sample.duration_ns));
        let stop = stop.filter(|stop| {
            // So short that other processes could not be told from our own: a little longer.
            let is_blind = !draft.samples.iter().any(knows_others)
                && rule.spent < LONG_ENOUGH
                && rule.has_time_for(last);
            *stop != StopReason::Converged || !is_blind
        });
        observer.phase(Phase::Measuring(rule.progress(last, draft.planned.test.n_tokens())));
        if stop.is_some() || options.interrupt.is_raised() {
            return Ok(stop.unwrap_or(StopReason::Interrupted));
        }
    }
}

/// The parent reads the worker's memory, never during a repetition.
fn read_memory(worker: &WorkerProcess, draft: &mut Draft) {
    if let Some(memory) = tokmark_host::process_memory(worker.pid()) {
        draft.memory.host_peak_bytes = Some(memory.peak);
        let file = draft.memory.host_file_bytes.map_or(0, Bytes::get);
        draft.memory.host_file_bytes = Some(Bytes(file.max(memory.file_mapped.get())));
    }
}

/// When to stop.
struct Rule {
    ask: Repetitions,
    begun: Instant,
    n: u32,
    spent: Duration,
    half_width: Option<f64>,
}

impl Rule {
    fn new(ask: &Repetitions, begun: Instant) -> Self {
        Rule { ask: *ask, begun, n: 0, spent: Duration::ZERO, half_width: None }
    }

    fn stop_after(&mut self, times: impl Iterator<Item = Nanos>) -> Option<StopReason> {
        self.spent = self.begun.elapsed();
        let times: Vec<Nanos> = times.collect();
        self.n = times.len() as u32;
        match self.ask {
            Repetitions::Fixed { n } => (self.n >= n).then_some(StopReason::Fixed),
            Repetitions::Adaptive { half_width, at_least, .. } => {
                let rule = StoppingRule::new(half_width);
                let is_spent = !self.has_time_for(times.last().copied().unwrap_or_default());
                if self.n < at_least {
                    return None;
                }
                if rule.is_look(self.n) || is_spent {
                    self.half_width = rule.half_width(&times);
                    if rule.converged(&times) {
                        return Some(StopReason::Converged);
                    }
                }
                is_spent.then_some(StopReason::Budget)
            }
        }
    }

    /// Whether the budget has room for another repetition as long as `last`.
    fn has_time_for(&self, last: Nanos) -> bool {
        match self.ask {
            Repetitions::Fixed { .. } => true,
            Repetitions::Adaptive { budget_ns, .. } => {
                self.spent + Duration::from(last) <= Duration::from(budget_ns)
            }
        }
    }

    fn progress(&self, last: Nanos, tokens: Tokens) -> Measuring {
        let (n_asked, budget) = match self.ask {
            Repetitions::Fixed { n } => (Some(n), None),
            Repetitions::Adaptive { budget_ns, .. } => (None, Some(budget_ns.into())),
        };
        Measuring {
            n: self.n,
            n_asked,
            spent: self.spent,
            budget,
            rate: tokens.per(last).unwrap_or_default(),
            half_width: self.half_width,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adaptive(budget: Duration, at_least: u32) -> Rule {
        let budget_ns = budget.into();
        let ask = Repetitions::Adaptive { half_width: 0.02, budget_ns, at_least };
        Rule::new(&ask, Instant::now())
    }

    fn times(n: usize, each: u64) -> impl Iterator<Item = Nanos> {
        (0..n).map(move |_| Nanos(each))
    }

    #[test]
    fn steady_repetitions_converge_at_the_first_look() {
        let mut rule = adaptive(Duration::from_secs(3600), 1);
        assert_eq!(rule.stop_after(times(6, 1_000)), None);
        assert_eq!(rule.stop_after(times(7, 1_000)), Some(StopReason::Converged));
    }

    #[test]
    fn one_repetition_longer_than_the_budget_is_the_only_one() {
        let mut rule = adaptive(Duration::from_secs(60), 1);
        let hour = 3_600_000_000_000;
        assert_eq!(rule.stop_after(times(1, hour)), Some(StopReason::Budget));
        let mut at_least_five = adaptive(Duration::from_secs(60), 5);
        assert_eq!(at_least_five.stop_after(times(4, hour)), None);
        assert_eq!(at_least_five.stop_after(times(5, hour)), Some(StopReason::Budget));
    }

    #[test]
    fn a_fixed_number_is_made_whatever_the_spread() {
        let mut rule = Rule::new(&Repetitions::Fixed { n: 3 }, Instant::now());
        assert_eq!(rule.stop_after([1, 1_000].map(Nanos).into_iter()), None);
        assert_eq!(rule.stop_after(times(3, 5)), Some(StopReason::Fixed));
    }
}
