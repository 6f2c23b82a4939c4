//! Signals and process ends, as this system has them.

#[cfg(windows)]
use std::process::Command as OsCommand;
use std::process::ExitStatus;

pub(crate) fn kill(pid: u32) {
    #[cfg(unix)]
    // SAFETY: a plain system call; the worker leads its own group.
    unsafe {
        libc::kill(-(pid as libc::pid_t), libc::SIGKILL);
        libc::kill(pid as libc::pid_t, libc::SIGKILL);
    }
    #[cfg(windows)]
    let _ = OsCommand::new("taskkill").args(["/F", "/T", "/PID", &pid.to_string()]).output();
}

#[cfg(unix)]
pub(super) fn signal_of(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
pub(super) fn signal_of(_status: ExitStatus) -> Option<i32> {
    None
}

pub(super) fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGILL => "SIGILL",
        libc::SIGFPE => "SIGFPE",
        libc::SIGTERM => "SIGTERM",
        #[cfg(unix)]
        libc::SIGBUS => "SIGBUS",
        #[cfg(unix)]
        libc::SIGKILL => "SIGKILL",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

/// Whether a process was killed outright.
pub(super) fn is_kill(signal: Option<i32>) -> bool {
    #[cfg(unix)]
    return signal == Some(libc::SIGKILL);
    #[cfg(not(unix))]
    return signal.is_some_and(|_| false);
}

/// Processes that the kernel's out-of-memory killer has ended so far.
pub(super) fn oom_kills() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/vmstat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}
