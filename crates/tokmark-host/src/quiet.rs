//! Waiting for a quiet machine, and naming who keeps it busy.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tokmark_model::Nanos;

use crate::sensors::{ProcessClock, Sensors, process_ids};
use crate::tree::Tree;

/// Length of one sample of [`wait_quiet`], at least; machines whose counters are too
/// coarse for it take [`Sensors::min_window`].
const SAMPLE: Duration = Duration::from_millis(500);

/// Quiet samples in a row that count as quiet: compilers and browsers pause.
const QUIET_SAMPLES: u32 = 2;

/// One busy sample, for the message to the user.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuietState {
    /// Waited so far.
    pub waited: Duration,
    /// The limit given.
    pub limit: Duration,
    /// CPUs that other processes used during the sample.
    pub other_cores: f64,
}

/// How the waiting ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum QuietOutcome {
    /// Other processes used no more than the threshold in two samples in a row.
    Quiet,
    /// The limit passed, or the waiting was broken off.
    StillBusy {
        /// CPUs that other processes used in the last sample.
        other_cores: f64,
    },
    /// This system does not tell what other processes use; nothing was waited for.
    Unknown,
}

/// Cores from which on a process is named.
const WORTH_NAMING: f64 = 0.02;

/// Waits until processes other than `own_pids` (this one never counts) use at most
/// `threshold_cores` CPUs, for `limit` at most and one sample (about 0.5 s) at least.
/// `on_wait` is called after each sample that was too busy, and may break the waiting off. The
/// thread sleeps meanwhile.
pub fn wait_quiet(
    limit: Duration,
    threshold_cores: f64,
    own_pids: &[u32],
    on_wait: &mut dyn FnMut(&QuietState) -> ControlFlow<()>,
) -> QuietOutcome {
    let sensors = Sensors::new(std::process::id(), own_pids);
    let Some(min_window) = sensors.min_window() else {
        return QuietOutcome::Unknown;
    };
    let start = Instant::now();
    let sample = || {
        let before = sensors.read();
        std::thread::sleep(SAMPLE.max(min_window));
        (sensors.read().since(&before).other_cores, start.elapsed())
    };
    wait_on(sample, limit, threshold_cores, on_wait)
}

/// `sample` gives the CPUs that others used and the time since the start.
fn wait_on(
    mut sample: impl FnMut() -> (Option<f64>, Duration),
    limit: Duration,
    threshold_cores: f64,
    on_wait: &mut dyn FnMut(&QuietState) -> ControlFlow<()>,
) -> QuietOutcome {
    let mut n_quiet = 0;
    loop {
        let (other_cores, waited) = sample();
        let Some(other_cores) = other_cores else {
            return QuietOutcome::Unknown;
        };
        if other_cores <= threshold_cores {
            n_quiet += 1;
        } else {
            n_quiet = 0;
            if on_wait(&QuietState { waited, limit, other_cores }).is_break() {
                return QuietOutcome::StillBusy { other_cores };
            }
        }
        // When the limit passes after one quiet sample, the machine is quiet at last.
        if n_quiet >= QUIET_SAMPLES || (n_quiet > 0 && waited >= limit) {
            return QuietOutcome::Quiet;
        }
        if waited >= limit {
            return QuietOutcome::StillBusy { other_cores };
        }
    }
}

/// A process that keeps CPUs busy. For messages; it has no place in a record.
#[derive(Debug, Clone, PartialEq)]
pub struct BusyProcess {
    /// Its command name as the kernel has it: up to 15 bytes, no path, no arguments.
    pub name: String,
    /// CPUs that it used.
    pub cores: f64,
}

/// The `n` processes that use most CPU during `window`, the busiest first, those in
/// `own_pids` and this one left out, and those that used next to none. Sleeps for the window.
/// A process that begins or ends within it is missed; empty where processes cannot be
/// listed.
pub fn busiest_processes(n: usize, window: Duration, own_pids: &[u32]) -> Vec<BusyProcess> {
    busiest_below(&Tree::live(), n, own_pids, || std::thread::sleep(window))
}

fn busiest_below(tree: &Tree, n: usize, own_pids: &[u32], wait: impl FnOnce()) -> Vec<BusyProcess> {
    let mut buffer = [0; 4096];
    let me = std::process::id();
    let clocks: HashMap<u32, ProcessClock> = process_ids(tree)
        .into_iter()
        .filter(|pid| *pid != me && !own_pids.contains(pid))
        .map(|pid| (pid, ProcessClock::new(tree, pid)))
        .collect();
    let start = Instant::now();
    let before: HashMap<u32, Nanos> =
        clocks.iter().filter_map(|(&pid, clock)| Some((pid, clock.read(&mut buffer)?))).collect();
    wait();
    let used: Vec<(u32, u64)> = before
        .iter()
        .filter_map(|(pid, then)| {
            Some((*pid, clocks[pid].read(&mut buffer)?.0.saturating_sub(then.0)))
        })
        .filter(|(_, used)| *used > 0)
        .collect();
    let wall = (start.elapsed().as_nanos() as f64).max(1.0);
    let mut busiest = used;
    busiest.sort_by_key(|&(pid, used)| (std::cmp::Reverse(used), pid));
    busiest
        .into_iter()
        .take(n)
        .map(|(pid, used)| (pid, used as f64 / wall))
        .filter(|(_, cores)| *cores >= WORTH_NAMING)
        .filter_map(|(pid, cores)| {
            let name = tree.line(format!("proc/{pid}/comm"))?;
            Some(BusyProcess { name, cores })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture::Fixture;

    /// Runs the wait on scripted samples, half a second apart.
    fn wait(samples: &[Option<f64>], limit_s: f64) -> (QuietOutcome, Vec<f64>) {
        let mut samples = samples.iter();
        let mut waited = Duration::ZERO;
        let mut seen = Vec::new();
        let outcome = wait_on(
            || {
                waited += SAMPLE;
                (*samples.next().unwrap(), waited)
            },
            Duration::from_secs_f64(limit_s),
            0.1,
            &mut |state| {
                seen.push(state.other_cores);
                if seen.len() < 5 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            },
        );
        (outcome, seen)
    }

    #[test]
    fn two_quiet_samples_in_a_row_are_quiet() {
        let samples = [Some(1.6), Some(0.05), Some(0.4), Some(0.1), Some(0.0)];
        assert_eq!(wait(&samples, 60.0), (QuietOutcome::Quiet, vec![1.6, 0.4]));
    }

    #[test]
    fn the_limit_ends_the_wait_with_what_was_seen_last() {
        let (outcome, seen) = wait(&[Some(1.6), Some(1.2)], 1.0);
        assert_eq!(outcome, QuietOutcome::StillBusy { other_cores: 1.2 });
        assert_eq!(seen.len(), 2);
        assert_eq!(wait(&[Some(1.6), Some(0.0)], 1.0).0, QuietOutcome::Quiet);
    }

    #[test]
    fn the_user_can_break_the_waiting_off() {
        let (outcome, seen) = wait(&[Some(1.5); 9], 60.0);
        assert_eq!(outcome, QuietOutcome::StillBusy { other_cores: 1.5 });
        assert_eq!(seen.len(), 5);
    }

    #[test]
    fn nothing_is_waited_for_without_a_counter() {
        assert_eq!(wait(&[None], 60.0).0, QuietOutcome::Unknown);
    }

    #[test]
    fn the_busiest_come_first_and_own_ones_never() {
        let stat = |pid: u32, ticks: u32| format!("{pid} (x) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0");
        let fixture = Fixture::new(&[]);
        for (pid, name) in
            [(4_000_001, "cc1"), (4_000_002, "rustc"), (4_000_003, "mine"), (4_000_004, "idle")]
        {
            fixture.write(&format!("proc/{pid}/stat"), stat(pid, 100));
            fixture.write(&format!("proc/{pid}/comm"), name);
        }
        let more_work = || {
            for (pid, ticks) in [(4_000_001, 110), (4_000_002, 150), (4_000_003, 999)] {
                fixture.write(&format!("proc/{pid}/stat"), stat(pid, ticks));
            }
        };
        let busiest = busiest_below(fixture.tree(), 5, &[4_000_003], more_work);
        let names: Vec<&str> = busiest.iter().map(|process| process.name.as_str()).collect();
        assert_eq!(names, ["rustc", "cc1"]);
        assert!(busiest_below(fixture.tree(), 5, &[], || ()).is_empty());
    }
}
