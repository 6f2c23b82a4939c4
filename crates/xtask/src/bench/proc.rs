//! What Linux tells about processes, read from `/proc`.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Peak resident memory of a process in bytes; `None` once it has ended.
pub(super) fn peak_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Looks at a process's peak until it has ended; the last that was seen, in bytes.
pub(super) fn watch_peak(pid: u32) -> thread::JoinHandle<u64> {
    thread::spawn(move || {
        let mut last = 0;
        while let Some(peak) = peak_memory(pid) {
            last = peak;
            thread::sleep(Duration::from_millis(50));
        }
        last
    })
}

/// Children of a process, begun by any of its threads.
pub(super) fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().flat_map(str::parse).collect::<Vec<u32>>())
        .collect()
}

/// Has the system kill the process when this one ends, however it ends.
pub(super) fn end_with_us(command: &mut Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: between fork and exec only a plain system call is made.
    unsafe {
        use std::os::unix::process::CommandExt;
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// Sends a signal to a process and all that it started, children first.
pub(super) fn signal_all(pid: u32, signal: i32) {
    for child in children(pid) {
        signal_all(child, signal);
    }
    if let Ok(pid) = libc::pid_t::try_from(pid) {
        // SAFETY: a plain system call; the process is not waited for yet, so the number is its.
        unsafe { libc::kill(pid, signal) };
    }
}

/// Cores busy on the whole machine over `window`, in which the caller sleeps.
///
/// # Errors
/// Where there is no `/proc/stat`.
pub(super) fn busy_cores(window: Duration) -> Result<f64> {
    let clock = Instant::now();
    let before = read_busy()?;
    thread::sleep(window);
    let after = read_busy()?;
    let seconds = after.saturating_sub(before) as f64 / TICKS_PER_SECOND;
    Ok(seconds / clock.elapsed().as_secs_f64())
}

/// Linux's USER_HZ, the same on every processor that it runs on today.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time that the hypervisor took from this machine since it began, in seconds.
///
/// # Errors
/// Where there is no `/proc/stat`.
pub(super) fn stolen_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat").context("/proc/stat can't be read")?;
    let all = stat.lines().next().context("/proc/stat is empty")?;
    // proc(5): `cpu` user nice system idle iowait irq softirq steal.
    let ticks = all.split_whitespace().nth(8).and_then(|ticks| ticks.parse::<f64>().ok());
    Ok(ticks.context("/proc/stat is not understood")? / TICKS_PER_SECOND)
}

fn read_busy() -> Result<u64> {
    let stat = fs::read_to_string("/proc/stat").context("/proc/stat can't be read")?;
    busy_ticks(&stat).context("/proc/stat is not understood")
}

/// Ticks that all cores together worked: user, nice, system, irq and softirq.
fn busy_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let fields: Vec<u64> = fields.by_ref().map_while(|field| field.parse().ok()).collect();
    [0, 1, 2, 5, 6].iter().map(|&position| fields.get(position).copied()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_waiting_and_stolen_time_is_not_busy() {
        let stat = "cpu  100 20 30 4000 500 6 7 800 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(busy_ticks(stat), Some(163));
        assert_eq!(busy_ticks("intr 5"), None);
    }
}
