//! CPU time of single processes.

use tokmark_model::Nanos;

use super::busy::ticks_to_nanos;
use crate::tree::{CounterFile, Tree};

/// The CPU clock of one process, all its threads together, those that ended included.
///
/// On the live system it is the kernel's own process clock (`clock_getcpuclockid`,
/// POSIX), in nanoseconds and by one call: sums over `task/*/schedstat` lose the time
/// of threads that ended. In a fixture it is `/proc/PID/stat`, in ticks.
#[derive(Debug)]
pub(crate) struct ProcessClock {
    pid: u32,
    /// Only where the kernel's clock is not to be asked.
    stat: Option<CounterFile>,
    live: bool,
}

impl ProcessClock {
    pub(crate) fn new(tree: &Tree, pid: u32) -> Self {
        let live = tree.is_live() && cfg!(target_os = "linux");
        let stat = (!live).then(|| CounterFile::open(&tree.path(format!("proc/{pid}/stat"))));
        Self { pid, stat: stat.flatten(), live }
    }

    /// CPU time since the process began; `None` when there is no such process.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> Option<Nanos> {
        if self.live {
            return process_cpu_time(self.pid);
        }
        parse_process_stat(self.stat.as_ref()?.read(buffer)?).map(|stat| stat.cpu_time)
    }
}

#[cfg(target_os = "linux")]
fn process_cpu_time(pid: u32) -> Option<Nanos> {
    let pid = libc::pid_t::try_from(pid).ok().filter(|&pid| pid > 0)?;
    let mut clock: libc::clockid_t = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both calls write only to the valid locals whose addresses they get.
    let done = unsafe {
        libc::clock_getcpuclockid(pid, &mut clock) == 0
            && libc::clock_gettime(clock, &mut time) == 0
    };
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanos = u64::try_from(time.tv_nsec).ok()?;
    done.then(|| Nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos)))
}

#[cfg(not(target_os = "linux"))]
fn process_cpu_time(_pid: u32) -> Option<Nanos> {
    None
}

/// What is used of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProcessStat {
    pub(super) major_faults: u64,
    pub(super) cpu_time: Nanos,
}

/// proc(5): fields are counted after the command, which stands in parentheses and may
/// itself hold spaces and parentheses. `majflt` is the 10th after it, `utime` and
/// `stime` the 12th and 13th.
pub(super) fn parse_process_stat(text: &str) -> Option<ProcessStat> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let major_faults = fields.nth(9)?.parse().ok()?;
    let user: u64 = fields.nth(1)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(ProcessStat { major_faults, cpu_time: ticks_to_nanos(user.saturating_add(system)) })
}

/// All processes of the machine that can be seen.
pub(crate) fn process_ids(tree: &Tree) -> Vec<u32> {
    tree.names("proc").iter().filter_map(|name| name.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_parentheses_does_not_shift_the_fields() {
        let text = "77 (a) b (c) S 1 77 77 0 -1 4194304 500 0 3 0 120 30 0 0 20 0 1 0 9 9 9";
        let stat = parse_process_stat(text).unwrap();
        assert_eq!(stat, ProcessStat { major_faults: 3, cpu_time: Nanos(1_500_000_000) });
    }

    #[test]
    fn malformed_process_stats_give_nothing() {
        for text in ["", "77 (a", "77 (a) S 1 2 3", "77 (a) S 1 77 77 0 -1 4 5 0 x 0 1 2"] {
            assert_eq!(parse_process_stat(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_process_that_is_not_there_has_no_clock() {
        let tree = Tree::live();
        assert_eq!(ProcessClock::new(&tree, u32::MAX).read(&mut [0; 64]), None);
        assert_eq!(ProcessClock::new(&tree, 0).read(&mut [0; 64]), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_own_clock_counts_threads_that_ended() {
        let clock = ProcessClock::new(&Tree::live(), std::process::id());
        let before = clock.read(&mut [0; 64]).unwrap();
        let used = std::thread::spawn(|| {
            let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: the call writes only to `time`.
            while unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) } == 0
                && time.tv_sec == 0
                && time.tv_nsec < 5_000_000
            {}
            time.tv_nsec as u64
        })
        .join()
        .unwrap();
        let after = clock.read(&mut [0; 64]).unwrap();
        assert!(after.0 - before.0 >= used, "{before:?} {after:?} {used}");
    }
}
