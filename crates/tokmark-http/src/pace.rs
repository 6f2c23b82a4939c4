//! Waking up on time, and measuring how late the client wakes.

use std::time::{Duration, Instant};

use tokmark_model::Nanos;

/// Lets the kernel wake this thread without the usual slack of 50 microseconds.
pub(crate) fn sharpen_timers() {
    #[cfg(target_os = "linux")]
    // SAFETY: a plain system call with integer arguments, about this thread alone.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong, 0, 0, 0);
    }
}

/// Lets every other thread go before this one: it works ahead, and nobody waits for it.
pub(crate) fn step_back() {
    #[cfg(target_os = "linux")]
    // SAFETY: a plain system call with integer arguments; 0 is this thread alone on Linux.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 19);
    }
}

/// Blocks until `due`, or for `longest` if that is sooner; whether `due` is reached.
pub(crate) fn sleep_until(due: Instant, longest: Duration) -> bool {
    let left = due.saturating_duration_since(Instant::now());
    if left > longest {
        std::thread::sleep(longest);
        return false;
    }
    std::thread::sleep(left);
    true
}

/// How late timers woke up, in steps of 0.1 ms up to 100 ms.
#[derive(Debug, Clone)]
pub(crate) struct Lateness {
    steps: Vec<u32>,
    max: Duration,
}

const STEP: Duration = Duration::from_micros(100);
const N_STEPS: usize = 1000;

impl Default for Lateness {
    fn default() -> Self {
        Lateness { steps: vec![0; N_STEPS], max: Duration::ZERO }
    }
}

impl Lateness {
    pub(crate) fn add(&mut self, late: Duration) {
        let step = (late.as_nanos() / STEP.as_nanos()) as usize;
        self.steps[step.min(N_STEPS - 1)] += 1;
        self.max = self.max.max(late);
    }

    pub(crate) fn merge(&mut self, other: &Lateness) {
        for (own, more) in self.steps.iter_mut().zip(&other.steps) {
            *own += more;
        }
        self.max = self.max.max(other.max);
    }

    /// Upper end of the step that holds the 99 % quantile; `None` without values.
    pub(crate) fn p99(&self) -> Option<Nanos> {
        let n: u64 = self.steps.iter().map(|&n| u64::from(n)).sum();
        let mut left = n - n / 100;
        let position = self.steps.iter().position(|&n| {
            left = left.saturating_sub(u64::from(n));
            left == 0
        })?;
        let end = STEP * (position as u32 + 1);
        (n > 0).then(|| if position == N_STEPS - 1 { self.max } else { end.min(self.max) }.into())
    }

    pub(crate) fn max(&self) -> Nanos {
        self.max.into()
    }
}

/// Processor time of this process so far.
pub(crate) fn cpu_time() -> Duration {
    #[cfg(unix)]
    {
        // SAFETY: all zeros is a valid `rusage`, and the call fills it.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
            usage
        };
        let time =
            |value: libc::timeval| Duration::new(value.tv_sec as u64, value.tv_usec as u32 * 1000);
        time(usage.ru_utime) + time(usage.ru_stime)
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

/// Raises the limit of open files to what this process may have, for one socket a request.
pub(crate) fn raise_file_limit() {
    #[cfg(unix)]
    // SAFETY: plain system calls with a live structure.
    unsafe {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_99_percent_quantile_is_the_end_of_its_step() {
        let mut lateness = Lateness::default();
        assert_eq!(lateness.p99(), None);
        for _ in 0..99 {
            lateness.add(Duration::from_micros(150));
        }
        lateness.add(Duration::from_millis(7));
        assert_eq!(lateness.p99(), Some(Nanos(200_000)));
        assert_eq!(lateness.max(), Nanos(7_000_000));
        lateness.add(Duration::from_millis(7));
        assert_eq!(lateness.p99(), Some(Nanos(7_000_000)));
    }
}
