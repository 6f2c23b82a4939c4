//! All processes of a server: itself, its descendants, and those that left its session.

#[cfg(target_os = "linux")]
mod proc;

#[cfg(target_os = "linux")]
use std::collections::BTreeSet;

/// Variable that every process of a server inherits. By it those are found that made
/// themselves a session of their own and lost their parent.
pub(crate) const MARK: &str = "TOKMARK_SERVER";

/// The processes of one server.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    /// The server. It leads a session, and with it a process group.
    root: u32,
    /// Value of [`MARK`] in its environment.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "needs /proc"))]
    mark: String,
    /// Process that inherits the server's orphans, if there is one: the guard.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "needs /proc"))]
    adopter: Option<u32>,
    /// When the server was started, as the kernel counts. Tells it from a later process with
    /// the same number.
    #[cfg(target_os = "linux")]
    root_started: Option<u64>,
}

impl Tree {
    /// The tree of the server `root`, which has just been started.
    ///
    /// # Panics
    /// For 0 and 1, which stand for groups of processes that are none of ours.
    pub(crate) fn new(root: u32, mark: &str, adopter: Option<u32>) -> Self {
        assert!(root > 1, "process {root} is no server");
        Tree {
            root,
            mark: mark.to_owned(),
            adopter,
            #[cfg(target_os = "linux")]
            root_started: proc::stat(root).map(|process| process.started),
        }
    }

    /// The server.
    pub(crate) fn root(&self) -> u32 {
        self.root
    }

    /// The same tree without the process that inherited orphans: it is gone.
    pub(crate) fn without_adopter(&self) -> Self {
        Tree { adopter: None, ..self.clone() }
    }

    /// Every living process of it, the server first. Zombies are not alive.
    #[cfg(target_os = "linux")]
    pub(crate) fn members(&self) -> Vec<u32> {
        // Where a guard adopts the orphans, its descendants are all there is.
        let adopted = self.living_adopter().and_then(proc::descendants);
        let found = adopted.unwrap_or_else(|| self.members_of_all());
        let lives = |pid: &u32| proc::stat(*pid).is_some_and(|process| !process.is_zombie);
        let mut alive: Vec<u32> = found.into_iter().filter(lives).collect();
        alive.sort_by_key(|&pid| (pid != self.root, pid));
        alive
    }

    /// Those processes of the whole system that belong to it: by descent, session or mark.
    #[cfg(target_os = "linux")]
    fn members_of_all(&self) -> BTreeSet<u32> {
        let processes = proc::all();
        let is_root = |process: &proc::Process| {
            process.pid == self.root && self.root_started.is_none_or(|it| it == process.started)
        };
        let number_is_reused =
            processes.iter().any(|process| process.pid == self.root && !is_root(process));
        let own = std::process::id();
        let mut found: BTreeSet<u32> = processes
            .iter()
            .filter(|process| process.pid != own && Some(process.pid) != self.adopter)
            .filter(|process| {
                is_root(process)
                    || (process.session == self.root && !number_is_reused)
                    || Some(process.parent) == self.adopter
                    || self.has_mark(process.pid)
            })
            .map(|process| process.pid)
            .collect();
        loop {
            let n_found = found.len();
            let children = processes.iter().filter(|process| found.contains(&process.parent));
            let children: Vec<u32> = children.map(|process| process.pid).collect();
            found.extend(children);
            if found.len() == n_found {
                return found;
            }
        }
    }

    /// Who adopts what the server leaves behind. Once that one is dead, even before somebody has
    /// waited for it, nobody does.
    #[cfg(target_os = "linux")]
    fn living_adopter(&self) -> Option<u32> {
        let lives = |pid: &u32| proc::stat(*pid).is_some_and(|process| !process.is_zombie);
        self.adopter.filter(lives)
    }

    #[cfg(target_os = "linux")]
    fn has_mark(&self, pid: u32) -> bool {
        proc::has_variable(pid, MARK, &self.mark)
    }

    /// Kills every living process of it that one look finds, and gives them.
    #[cfg(target_os = "linux")]
    pub(crate) fn strike(&self) -> Vec<u32> {
        let mut struck = Vec::new();
        if self.living_adopter().is_none() {
            // The youngest first, and at once: who forks and leaves must not get away while
            // the others are looked at.
            let own = std::process::id();
            for pid in proc::pids().into_iter().rev() {
                if pid != own && self.has_mark(pid) {
                    kill(pid as libc::pid_t);
                    struck.push(pid);
                }
            }
        }
        for pid in self.members() {
            kill(pid as libc::pid_t);
            if !struck.contains(&pid) {
                struck.push(pid);
            }
        }
        struck
    }

    /// The server, while anything of its process group lives: no more can be told here.
    #[cfg(all(unix, not(target_os = "linux")))]
    pub(crate) fn members(&self) -> Vec<u32> {
        // SAFETY: a plain system call; signal 0 only asks.
        let lives = unsafe { libc::kill(-(self.root as libc::pid_t), 0) } == 0;
        if lives { vec![self.root] } else { Vec::new() }
    }

    /// Nothing can be told here.
    #[cfg(not(unix))]
    pub(crate) fn members(&self) -> Vec<u32> {
        Vec::new()
    }

    /// Sends `signal` to the server's process group.
    #[cfg(unix)]
    pub(crate) fn ask(&self, signal: i32) {
        // SAFETY: a plain system call; the server led this group from its first moment on.
        unsafe { libc::kill(-(self.root as libc::pid_t), signal) };
    }

    /// Kills the server's process group, while it lives. Gives the server then.
    #[cfg(all(unix, not(target_os = "linux")))]
    pub(crate) fn strike(&self) -> Vec<u32> {
        let members = self.members();
        if !members.is_empty() {
            kill(-(self.root as libc::pid_t));
        }
        members
    }

    /// Kills server and descendants by the system's own program for it.
    #[cfg(not(unix))]
    pub(crate) fn kill_all(&self) {
        let pid = self.root.to_string();
        let _ = std::process::Command::new("taskkill").args(["/F", "/T", "/PID", &pid]).output();
    }
}

#[cfg(unix)]
fn kill(target: libc::pid_t) {
    // SAFETY: a plain system call; what is gone by now answers with an error.
    unsafe { libc::kill(target, libc::SIGKILL) };
}
