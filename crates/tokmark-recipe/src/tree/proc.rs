//! Processes as Linux shows them under `/proc` (proc_pid_stat(5), proc_pid_environ(5)).

use std::collections::BTreeSet;

/// What is known of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) session: u32,
    /// Clock ticks from the start of the system to that of the process.
    pub(super) started: u64,
    pub(super) is_zombie: bool,
    /// It has no environment at all, not even an empty one: it is becoming another program, is
    /// ending, is a zombie, or is another user's.
    pub(super) has_no_environment: bool,
    /// It is a thread of the kernel.
    pub(super) is_of_kernel: bool,
}

/// Flag of the kernel's own threads (`PF_KTHREAD` in the kernel's `sched.h`).
const OF_KERNEL: u64 = 0x0020_0000;

/// Every process that can be seen, in rising order.
pub(super) fn pids() -> Vec<u32> {
    numbers_in("/proc")
}

/// Every process that can be seen.
pub(super) fn all() -> Vec<Process> {
    pids().into_iter().filter_map(stat).collect()
}

/// All descendants of a process, without itself. Far quicker than a look at every process.
/// `None` where the kernel keeps no lists of children (proc_pid_task(5)).
pub(super) fn descendants(pid: u32) -> Option<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    let mut parents = vec![pid];
    std::fs::metadata(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    while let Some(parent) = parents.pop() {
        for thread in numbers_in(&format!("/proc/{parent}/task")) {
            let list = std::fs::read_to_string(format!("/proc/{parent}/task/{thread}/children"));
            for child in list.unwrap_or_default().split_whitespace() {
                if let Ok(child) = child.parse()
                    && found.insert(child)
                {
                    parents.push(child);
                }
            }
        }
    }
    Some(found)
}

fn numbers_in(folder: &str) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let mut numbers: Vec<u32> = entries.flatten().filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// One process; `None` when it is gone.
pub(super) fn stat(pid: u32) -> Option<Process> {
    // The name in it may be any bytes.
    let bytes = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse(pid, &String::from_utf8_lossy(&bytes))
}

/// The name, in brackets, may hold spaces and brackets itself; the fields follow its last.
fn parse(pid: u32, line: &str) -> Option<Process> {
    let (_, rest) = line.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Process {
        pid,
        is_zombie: matches!(*fields.first()?, "Z" | "X" | "x"),
        parent: fields.get(1)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        has_no_environment: fields.get(48).is_none_or(|&end| end == "0"),
        is_of_kernel: fields.get(6)?.parse::<u64>().ok()? & OF_KERNEL != 0,
    })
}

/// Whether the process was started with the variable `name` set to `value`. `false` where
/// that may not be read; `None` where there is nothing to read just now, since the process is
/// becoming another program or is ending.
pub(super) fn has_variable(pid: u32, name: &str, value: &str) -> Option<bool> {
    let read = || std::fs::read(format!("/proc/{pid}/environ"));
    let Ok(mut bytes) = read() else { return Some(false) };
    if bytes.is_empty() {
        let is_between = |it: &Process| it.has_no_environment && !it.is_zombie && !it.is_of_kernel;
        if stat(pid).as_ref().is_some_and(is_between) {
            return None;
        }
        // The file was that of the program before, which was gone when it was read.
        bytes = read().unwrap_or_default();
    }
    let wanted = format!("{name}={value}");
    Some(bytes.split(|&byte| byte == 0).any(|variable| variable == wanted.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_among_all() {
        let own = all().into_iter().find(|process| process.pid == std::process::id()).unwrap();
        assert_eq!(own.parent, std::os::unix::process::parent_id());
        assert!(own.started > 0 && !own.is_zombie);
        assert_eq!(stat(own.pid).map(|process| process.started), Some(own.started));
    }

    #[test]
    fn descendants_are_children_and_their_children() {
        let mut child = std::process::Command::new("sh");
        child.args(["-c", "sleep 1000 & echo $!; wait"]).stdout(std::process::Stdio::piped());
        let mut child = child.spawn().unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
        let grandchild: u32 = line.trim().parse().unwrap();
        let found = descendants(std::process::id()).unwrap();
        assert_eq!(descendants(child.id()), Some([grandchild].into()));
        // SAFETY: a plain system call, to a process that was started here.
        unsafe { libc::kill(grandchild as i32, libc::SIGKILL) };
        child.wait().unwrap();
        assert!(found.contains(&child.id()) && found.contains(&grandchild));
        assert!(!found.contains(&std::process::id()));
    }

    #[test]
    fn names_may_hold_brackets_and_spaces() {
        let line = "7 (a) Z 1 (b)) S 3 5 6 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 99 1 1";
        let process = parse(7, line).unwrap();
        let wanted = Process {
            pid: 7,
            parent: 3,
            session: 6,
            started: 99,
            is_zombie: false,
            has_no_environment: true,
            is_of_kernel: false,
        };
        assert_eq!(process, wanted);
        assert_eq!(parse(7, "7 (a) S 3"), None);
        assert_eq!(parse(7, ""), None);
    }

    #[test]
    fn variables_are_compared_whole() {
        let path = std::env::var("PATH").unwrap();
        let own = std::process::id();
        assert_eq!(has_variable(own, "PATH", &path), Some(true));
        assert_eq!(has_variable(own, "PATH", &path[1..]), Some(false));
        assert_eq!(has_variable(own, "ATH", &path), Some(false));
    }

    #[test]
    fn an_empty_environment_is_read_as_such() {
        let mut child = std::process::Command::new("sleep");
        let mut child = child.arg("30").env_clear().spawn().unwrap();
        let found = has_variable(child.id(), "PATH", "");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, Some(false));
    }

    #[test]
    fn threads_of_the_kernel_are_told() {
        // The kernel's first thread is process 2, unless this is a container.
        assert!(!stat(std::process::id()).unwrap().is_of_kernel);
        if std::fs::read_to_string("/proc/2/comm").is_ok_and(|name| name == "kthreadd\n") {
            assert!(stat(2).unwrap().is_of_kernel);
            assert_eq!(has_variable(2, "PATH", ""), Some(false));
        }
    }
}
