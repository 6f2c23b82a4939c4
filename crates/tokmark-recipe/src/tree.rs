//! All processes of a server: itself, its descendants, and those that left its session.

#[cfg(target_os = "linux")]
mod proc;

#[cfg(target_os = "linux")]
use std::collections::BTreeSet;

/// Variable that every process of a server inherits. By it those are found that made
/// themselves a session of their own and lost their parent.
pub(crate) const MARK: &str = "TOKMARK_SERVER";

/// Lists of all processes that one look reads at most, while there are new ones in each.
#[cfg(target_os = "linux")]
const LISTS: u32 = 100;

/// What a look at the processes of a server found.
#[cfg(unix)]
pub(crate) struct Look {
    /// Those that lived, and were killed.
    pub(crate) struck: Vec<u32>,
    /// Whether it saw all that it could have killed. Otherwise somebody has to look again.
    pub(crate) is_sure: bool,
}

/// Whether a process carries [`MARK`].
#[cfg(target_os = "linux")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Found,
    Absent,
    /// It cannot be read just now: the process is becoming another program, or is ending.
    Hidden,
}

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

    /// Whether nobody adopts orphans any more: the one who did is dead, though it may be too
    /// early to wait for it.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_deserted(&self) -> bool {
        !self.adopter.is_some_and(lives)
    }

    /// Nothing can be told here.
    #[cfg(all(unix, not(target_os = "linux")))]
    pub(crate) fn is_deserted(&self) -> bool {
        false
    }

    /// Every living process of it, the server first. Zombies are not alive.
    #[cfg(target_os = "linux")]
    pub(crate) fn members(&self) -> Vec<u32> {
        let found = self.adopted().unwrap_or_else(|| self.members_of_all());
        let mut alive: Vec<u32> = found.into_iter().filter(|&pid| lives(pid)).collect();
        alive.sort_by_key(|&pid| (pid != self.root, pid));
        alive
    }

    /// Where a guard adopts the orphans, its descendants are all there is. `None` without one,
    /// also where it died meanwhile: its descendants were somebody else's then.
    #[cfg(target_os = "linux")]
    fn adopted(&self) -> Option<BTreeSet<u32>> {
        let adopter = self.adopter?;
        proc::descendants(adopter).filter(|_| lives(adopter))
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
                    || self.mark_of(process.pid) == Mark::Found
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

    #[cfg(target_os = "linux")]
    fn mark_of(&self, pid: u32) -> Mark {
        match proc::has_variable(pid, MARK, &self.mark) {
            Some(true) => Mark::Found,
            Some(false) => Mark::Absent,
            // Who is older than the server is none of it, however long it may be ending.
            None if proc::stat(pid).is_some_and(|it| Some(it.started) < self.root_started) => {
                Mark::Absent
            }
            None => Mark::Hidden,
        }
    }

    /// Kills every living process of it that one look finds.
    #[cfg(target_os = "linux")]
    pub(crate) fn strike(&self) -> Look {
        if let Some(adopted) = self.adopted() {
            // The youngest first, and each at once: who forks and leaves must not get away
            // while the others are looked at.
            let struck = adopted.into_iter().rev().filter(|&pid| lives(pid));
            return Look { struck: struck.inspect(|&pid| kill_one(pid)).collect(), is_sure: true };
        }
        let mut look = self.strike_marked();
        for pid in self.members_of_all() {
            if !look.struck.contains(&pid) && lives(pid) {
                kill_one(pid);
                look.struck.push(pid);
            }
        }
        look
    }

    /// Kills every process with the mark.
    ///
    /// Lists the processes again until no new one is among them. Then every process with the
    /// mark has been killed, if it did not hide it: a list is in rising order, as numbers are
    /// given, so it holds either who forks and leaves or whom it left behind; and who has been
    /// killed forks no more. Only where numbers begin anew may one list miss a process.
    #[cfg(target_os = "linux")]
    fn strike_marked(&self) -> Look {
        let mut look = Look { struck: Vec::new(), is_sure: true };
        let mut seen = BTreeSet::from([std::process::id()]);
        for _ in 0..LISTS {
            let mut new = proc::pids();
            new.retain(|&pid| seen.insert(pid));
            if new.is_empty() {
                return look;
            }
            for pid in new.into_iter().rev() {
                match self.mark_of(pid) {
                    Mark::Found => {
                        kill_one(pid);
                        look.struck.push(pid);
                    }
                    Mark::Hidden => look.is_sure = false,
                    Mark::Absent => {}
                }
            }
        }
        Look { is_sure: false, ..look }
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

    /// Kills the server's process group, while it lives. Finds the server then.
    #[cfg(all(unix, not(target_os = "linux")))]
    pub(crate) fn strike(&self) -> Look {
        let members = self.members();
        if !members.is_empty() {
            kill(-(self.root as libc::pid_t));
        }
        Look { struck: members, is_sure: true }
    }

    /// Kills server and descendants by the system's own program for it.
    #[cfg(not(unix))]
    pub(crate) fn kill_all(&self) {
        let pid = self.root.to_string();
        let _ = std::process::Command::new("taskkill").args(["/F", "/T", "/PID", &pid]).output();
    }
}

/// Whether the process runs; a zombie does not.
#[cfg(target_os = "linux")]
fn lives(pid: u32) -> bool {
    proc::stat(pid).is_some_and(|process| !process.is_zombie)
}

#[cfg(target_os = "linux")]
fn kill_one(pid: u32) {
    kill(pid as libc::pid_t);
}

#[cfg(unix)]
fn kill(target: libc::pid_t) {
    // SAFETY: a plain system call; what is gone by now answers with an error.
    unsafe { libc::kill(target, libc::SIGKILL) };
}
