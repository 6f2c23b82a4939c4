//! One reading of all counters, and the difference of two.

use std::time::{Duration, Instant};

use tokmark_model::{Nanos, Noise};

use super::psi::PsiTotals;
use super::threads::ThreadCounters;

/// How far [`Noise::other_cores`] may be off through the counters' resolution, in
/// cores: half of what costs a grade (0.1). Shorter windows give `None`.
pub const OTHER_CORES_ACCURACY: f64 = 0.05;

/// No window shorter than this tells about other processes, however fine the clock.
const SHORTEST_WINDOW: Duration = Duration::from_millis(100);

/// The counters at one instant. Keep the readings of a test: [`Reading::since`] takes
/// any two of them, neighbours for one repetition, the first and the last for all.
#[derive(Debug, Clone)]
pub struct Reading {
    pub(super) at: Instant,
    pub(super) busy: Option<Nanos>,
    /// `own[i]` belongs to the i-th own process of the sensors.
    pub(super) own: Vec<Option<Nanos>>,
    pub(super) min_window: Option<Duration>,
    pub(super) steal: Option<Nanos>,
    pub(super) psi: PsiTotals,
    pub(super) threads: Option<Vec<ThreadCounters>>,
    pub(super) major_faults: Option<u64>,
    pub(super) cgroup_throttled: Option<Nanos>,
    pub(super) swap_in: Option<u64>,
    pub(super) clock_mhz: Option<f64>,
    pub(super) thermal: Option<u64>,
}

impl Reading {
    /// What happened from `earlier` to this reading, both of the same [`Sensors`].
    ///
    /// A counter that went backwards counts 0. `other_cores` is machine busy less own,
    /// over wall time, at least 0; waiting for I/O and stolen time are neither. It is
    /// `None` when the window is shorter than [`Sensors::min_window`] or an own process
    /// ended within it, taking its count along. `run_delay_ns` and
    /// `involuntary_switches` are sums over the threads alive at this reading.
    /// `clock_mhz` is the clock now, not a difference.
    ///
    /// [`Sensors`]: super::Sensors
    /// [`Sensors::min_window`]: super::Sensors::min_window
    pub fn since(&self, earlier: &Reading) -> Noise {
        let wall = self.wall_since(earlier);
        Noise {
            wall_ns: Nanos::from(wall),
            other_cores: self.other_cores(earlier, wall),
            steal_ns: elapsed(self.steal, earlier.steal),
            psi_cpu_ns: elapsed(self.psi.cpu, earlier.psi.cpu),
            psi_memory_ns: elapsed(self.psi.memory, earlier.psi.memory),
            psi_io_ns: elapsed(self.psi.io, earlier.psi.io),
            run_delay_ns: self
                .sum_threads(earlier, |thread| thread.run_delay.map(|delay| delay.0))
                .map(Nanos),
            involuntary_switches: self.sum_threads(earlier, |thread| thread.involuntary_switches),
            major_faults: counted(self.major_faults, earlier.major_faults),
            cgroup_throttled_ns: elapsed(self.cgroup_throttled, earlier.cgroup_throttled),
            swap_in_pages: counted(self.swap_in, earlier.swap_in),
            clock_mhz: self.clock_mhz,
            thermal_throttles: counted(self.thermal, earlier.thermal),
        }
    }

    /// Wall time from `earlier` to this reading; 0 when that one is the later.
    pub fn wall_since(&self, earlier: &Reading) -> Duration {
        self.at.saturating_duration_since(earlier.at)
    }

    /// Mean cores that the whole machine used from `earlier` to this reading; `None` in a
    /// window shorter than [`Sensors::min_window`].
    ///
    /// [`Sensors::min_window`]: super::Sensors::min_window
    pub fn busy_cores(&self, earlier: &Reading) -> Option<f64> {
        let wall = self.wall_since(earlier);
        let busy = elapsed(self.busy, earlier.busy).filter(|_| Some(wall) >= self.min_window)?;
        Some(busy.0 as f64 / wall.as_nanos() as f64)
    }

    /// The same of the own processes, over a window of any positive length.
    pub fn own_cores(&self, earlier: &Reading) -> Option<f64> {
        let wall = self.wall_since(earlier).as_nanos();
        let own = own_time(&self.own, &earlier.own).filter(|_| wall > 0)?;
        Some(own.0 as f64 / wall as f64)
    }

    fn other_cores(&self, earlier: &Reading, wall: Duration) -> Option<f64> {
        if wall < self.min_window? {
            return None;
        }
        let busy = elapsed(self.busy, earlier.busy)?;
        let own = own_time(&self.own, &earlier.own)?;
        Some(busy.0.saturating_sub(own.0) as f64 / wall.as_nanos() as f64)
    }

    /// The sum of each thread's difference; a thread that began meanwhile counts from 0.
    fn sum_threads(
        &self,
        earlier: &Reading,
        count: impl Fn(&ThreadCounters) -> Option<u64>,
    ) -> Option<u64> {
        let before = earlier.threads.as_ref()?;
        let counts: Vec<u64> = self
            .threads
            .as_ref()?
            .iter()
            .filter_map(|now| {
                let then = before.iter().find(|then| then.thread == now.thread);
                Some(count(now)?.saturating_sub(then.and_then(&count).unwrap_or(0)))
            })
            .collect();
        (!counts.is_empty()).then(|| counts.into_iter().fold(0, u64::saturating_add))
    }
}

/// CPU time of all own processes. One that began meanwhile counts from 0, one that
/// never was counts nothing, one that ended makes the sum unknown.
fn own_time(now: &[Option<Nanos>], then: &[Option<Nanos>]) -> Option<Nanos> {
    now.iter().zip(then).try_fold(Nanos(0), |sum, (now, then)| {
        let used = match (now, then) {
            (Some(now), then) => now.0.saturating_sub(then.map_or(0, Nanos::get)),
            (None, None) => 0,
            (None, Some(_)) => return None,
        };
        Some(Nanos(sum.0.saturating_add(used)))
    })
}

fn elapsed(now: Option<Nanos>, then: Option<Nanos>) -> Option<Nanos> {
    counted(now.map(Nanos::get), then.map(Nanos::get)).map(Nanos)
}

fn counted(now: Option<u64>, then: Option<u64>) -> Option<u64> {
    Some(now?.saturating_sub(then?))
}

/// The window over which an error of `resolution` is [`OTHER_CORES_ACCURACY`] cores.
pub(super) fn min_window(resolution: Nanos) -> Duration {
    Duration::from_nanos((resolution.0 as f64 / OTHER_CORES_ACCURACY) as u64).max(SHORTEST_WINDOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, millis: u64) -> Reading {
        Reading {
            at: start + Duration::from_millis(millis),
            busy: Some(Nanos(1_000)),
            own: vec![Some(Nanos(500))],
            min_window: Some(Duration::from_millis(100)),
            steal: None,
            psi: PsiTotals::default(),
            threads: None,
            major_faults: None,
            cgroup_throttled: None,
            swap_in: None,
            clock_mhz: None,
            thermal: None,
        }
    }

    #[test]
    fn other_cores_are_busy_less_own_over_wall() {
        let earlier = at(Instant::now(), 0);
        let mut later = at(earlier.at, 1_000);
        later.busy = Some(Nanos(1_000 + 1_900_000_000));
        later.own = vec![Some(Nanos(500 + 300_000_000))];
        assert_eq!(later.since(&earlier).other_cores, Some(1.6));
        let (all, own) = (later.busy_cores(&earlier), later.own_cores(&earlier));
        assert!((all.unwrap() - own.unwrap() - 1.6).abs() < 1e-9, "{all:?} {own:?}");
        later.own = vec![Some(Nanos(500 + 2_000_000_000))];
        assert_eq!(later.since(&earlier).other_cores, Some(0.0));
    }

    #[test]
    fn short_windows_do_not_tell_and_the_whole_test_does() {
        let first = at(Instant::now(), 0);
        let middle = at(first.at, 60);
        let mut last = at(first.at, 120);
        last.busy = Some(Nanos(1_000 + 60_000_000));
        assert_eq!(last.since(&middle).other_cores, None);
        assert_eq!(last.since(&first).other_cores, Some(0.5));
    }

    #[test]
    fn counters_that_went_backwards_count_nothing() {
        let mut earlier = at(Instant::now(), 0);
        let mut later = at(earlier.at, 200);
        earlier.steal = Some(Nanos(50));
        later.steal = Some(Nanos(40));
        later.busy = Some(Nanos(1));
        earlier.major_faults = Some(9);
        later.major_faults = Some(8);
        let noise = later.since(&earlier);
        assert_eq!(noise.steal_ns, Some(Nanos(0)));
        assert_eq!(noise.other_cores, Some(0.0));
        assert_eq!(noise.major_faults, Some(0));
        assert_eq!(earlier.since(&later).wall_ns, Nanos(0));
    }

    #[test]
    fn an_own_process_that_ended_makes_the_share_of_others_unknown() {
        let earlier = at(Instant::now(), 0);
        let mut later = at(earlier.at, 200);
        later.own = vec![None];
        assert_eq!(later.since(&earlier).other_cores, None);
        assert_eq!(own_time(&[Some(Nanos(7))], &[None]), Some(Nanos(7)));
        assert_eq!(own_time(&[None], &[None]), Some(Nanos(0)));
    }

    #[test]
    fn thread_counts_are_matched_by_thread() {
        let thread = |thread, delay| ThreadCounters {
            thread,
            run_delay: Some(Nanos(delay)),
            involuntary_switches: None,
        };
        let mut earlier = at(Instant::now(), 0);
        let mut later = at(earlier.at, 10);
        earlier.threads = Some(vec![thread(1, 100), thread(2, 5_000)]);
        later.threads = Some(vec![thread(1, 130), thread(3, 4)]);
        let noise = later.since(&earlier);
        assert_eq!(noise.run_delay_ns, Some(Nanos(34)));
        assert_eq!(noise.involuntary_switches, None);
    }

    #[test]
    fn windows_follow_the_resolution() {
        assert_eq!(min_window(Nanos(20_000_000)), Duration::from_millis(400));
        assert_eq!(min_window(Nanos(1)), SHORTEST_WINDOW);
    }
}
