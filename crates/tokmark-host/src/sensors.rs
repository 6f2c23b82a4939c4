//! The counters read around a repetition. Files stay open and are read from their
//! start, so that a reading costs some tens of microseconds.

mod busy;
mod clocks;
mod cpu_clock;
mod psi;
mod reading;
mod threads;
mod throttle;

pub(crate) use clocks::{ProcessClock, process_ids};
pub use reading::{OTHER_CORES_ACCURACY, Reading};

use std::time::{Duration, Instant};

use tokmark_model::Nanos;

use crate::tree::{COUNTER_BUFFER, CounterFile, Tree, field_number};
use busy::MachineBusy;
use cpu_clock::CpuClock;
use psi::Psi;
use threads::WorkerThreads;
use throttle::{CgroupThrottle, ThermalThrottle};

/// Open counters of the machine, of one worker process and of Tokmark's own processes.
///
/// Read it just before and just after a repetition, never inside one; then
/// [`Reading::since`] gives the noise between.
#[derive(Debug)]
pub struct Sensors {
    busy: Option<MachineBusy>,
    /// `/proc/stat`, kept only where stolen time is reported.
    steal: Option<CounterFile>,
    own: Vec<ProcessClock>,
    psi: Psi,
    worker: WorkerThreads,
    worker_stat: Option<CounterFile>,
    cgroup_throttle: Option<CgroupThrottle>,
    swap: Swap,
    clock: Option<CpuClock>,
    thermal: Option<ThermalThrottle>,
}

#[derive(Debug)]
enum Swap {
    /// No swap space when the sensors were opened: nothing can be swapped in.
    Absent,
    Counted(CounterFile),
    Unknown,
}

impl Sensors {
    /// Opens the counters. `worker_pid` is the process that holds the engine: its
    /// threads' waiting, switches and faults are reported. `own_pids` are all
    /// processes whose CPU time is Tokmark's and not others' (the worker, its parent,
    /// a server that Tokmark started); the worker is counted in whether listed or not.
    ///
    /// A process that is missing now may come later. Build new sensors when the worker
    /// is replaced.
    pub fn new(worker_pid: u32, own_pids: &[u32]) -> Self {
        Self::below(&Tree::live(), worker_pid, own_pids)
    }

    pub(crate) fn below(tree: &Tree, worker_pid: u32, own_pids: &[u32]) -> Self {
        let open = |path: &str| CounterFile::open(&tree.path(path));
        let mut pids = own_pids.to_vec();
        pids.push(worker_pid);
        pids.sort_unstable();
        pids.dedup();
        Self {
            busy: MachineBusy::open(tree),
            steal: open("proc/stat").filter(|stat| {
                let ticks = busy::read_stat(stat, &mut [0; 1024]).map(|stat| stat.steal);
                ticks.is_some_and(|ticks| crate::facts::has_steal_clock(tree, ticks))
            }),
            own: pids.iter().map(|&pid| ProcessClock::new(tree, pid)).collect(),
            psi: Psi::open(tree),
            worker: WorkerThreads::new(tree, worker_pid),
            worker_stat: open(&format!("proc/{worker_pid}/stat")),
            cgroup_throttle: CgroupThrottle::open(tree),
            swap: Swap::open(tree),
            clock: CpuClock::open(tree),
            thermal: ThermalThrottle::open(tree),
        }
    }

    /// Reads all counters: some tens of microseconds, and about ten more for each
    /// thread of the worker. It allocates; it is meant for the time between repetitions.
    pub fn read(&self) -> Reading {
        let mut buffer = [0; COUNTER_BUFFER];
        // Own clocks and the machine's are read as near to each other as can be: their
        // difference is what others used.
        let at = Instant::now();
        let busy = self.busy.as_ref().and_then(|busy| busy.read(&mut buffer));
        let own = self.own.iter().map(|clock| clock.read(&mut buffer)).collect();
        let steal = self
            .steal
            .as_ref()
            .and_then(|stat| busy::read_stat(stat, &mut buffer))
            .map(|stat| busy::ticks_to_nanos(stat.steal));
        let psi = self.psi.read(&mut buffer);
        Reading {
            at,
            busy,
            own,
            min_window: self.min_window(),
            steal,
            psi,
            threads: self.worker.read(&mut buffer),
            major_faults: self
                .worker_stat
                .as_ref()
                .and_then(|stat| clocks::parse_process_stat(stat.read(&mut buffer)?))
                .map(|stat| stat.major_faults),
            cgroup_throttled: self
                .cgroup_throttle
                .as_ref()
                .and_then(|throttle| throttle.read(&mut buffer)),
            swap_in: self.swap.read(&mut buffer),
            clock_mhz: self.clock.as_ref().and_then(|clock| clock.read(&mut buffer)),
            thermal: self.thermal.as_ref().map(|thermal| thermal.read(&mut buffer)),
        }
    }

    /// The shortest window over which [`Noise::other_cores`](tokmark_model::Noise) is
    /// told: the counters' resolution divided by [`OTHER_CORES_ACCURACY`], at least
    /// 100 ms. `None` where the machine's CPU time cannot be read at all.
    ///
    /// About 110 ms with nanosecond counters on 2 CPUs, 0.5 s with `/proc/stat`'s
    /// 10 ms ticks; it grows with the square root of the number of CPUs. For shorter
    /// repetitions take the difference of the test's first and last reading.
    pub fn min_window(&self) -> Option<Duration> {
        self.busy.as_ref().map(|busy| reading::min_window(busy.resolution()))
    }

    /// Names of the sensors that this system lacks now, in the order of the fields of
    /// [`Noise`](tokmark_model::Noise). A repetition too short for `other_cores` does
    /// not make it unknown.
    pub fn unknown(&self) -> Vec<&'static str> {
        let reading = self.read();
        let threads = reading.threads.as_deref();
        let each = [
            ("other_cores", reading.busy.is_some()),
            ("steal", reading.steal.is_some()),
            ("psi_cpu", reading.psi.cpu.is_some()),
            ("psi_memory", reading.psi.memory.is_some()),
            ("psi_io", reading.psi.io.is_some()),
            ("run_delay", threads.is_some_and(|t| t.iter().any(|t| t.run_delay.is_some()))),
            (
                "involuntary_switches",
                threads.is_some_and(|t| t.iter().any(|t| t.involuntary_switches.is_some())),
            ),
            ("major_faults", reading.major_faults.is_some()),
            ("cgroup_throttled", reading.cgroup_throttled.is_some()),
            ("swap_in", reading.swap_in.is_some()),
            ("clock", reading.clock_mhz.is_some()),
            ("thermal_throttles", reading.thermal.is_some()),
        ];
        each.into_iter().filter(|(_, known)| !known).map(|(name, _)| name).collect()
    }
}

impl Swap {
    fn open(tree: &Tree) -> Self {
        let has_swap = tree
            .text("proc/meminfo")
            .and_then(|text| field_number(&text, "SwapTotal:"))
            .map(|total| total > 0);
        match (has_swap, CounterFile::open(&tree.path("proc/vmstat"))) {
            (Some(false), _) => Self::Absent,
            (_, Some(file)) => Self::Counted(file),
            (_, None) => Self::Unknown,
        }
    }

    fn read(&self, buffer: &mut [u8]) -> Option<u64> {
        match self {
            Self::Absent => Some(0),
            Self::Counted(file) => field_number(file.read_all(buffer)?, "pswpin"),
            Self::Unknown => None,
        }
    }
}

/// A count of microseconds as nanoseconds.
fn micros(count: u64) -> Nanos {
    Nanos(count.saturating_mul(1_000))
}

#[cfg(test)]
mod tests;
