//! A process that leads a group, and ends with all of it.

use std::io;
use std::process::{Child, Command};

/// A started process and its group. Dropping it kills them.
pub(super) struct Group {
    leader: Child,
    exit: Option<Exit>,
}

/// How a process ended; neither stands where nobody saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exit {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
}

impl Group {
    /// Starts `command` as the leader of a group of its own.
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        system::prepare(command);
        Ok(Group { leader: command.spawn()?, exit: None })
    }

    /// How the leader ended; `None` while it runs. Whatever is left of its group is killed.
    pub(super) fn ended(&mut self) -> Option<Exit> {
        if self.exit.is_some() || !system::has_ended(&mut self.leader) {
            return self.exit;
        }
        // As long as nobody has taken its exit code its number is not given away.
        system::kill(&mut self.leader);
        self.exit = Some(system::exit(self.leader.wait().ok()));
        self.exit
    }

    /// As Ctrl-C on a terminal.
    pub(super) fn interrupt(&self) {
        if self.exit.is_none() {
            system::interrupt(self.leader.id());
        }
    }

    /// Ends the whole group at once.
    pub(super) fn kill(&mut self) {
        if self.exit.is_none() {
            system::kill(&mut self.leader);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.exit.is_none() {
            system::kill(&mut self.leader);
            let _ = self.leader.wait();
        }
    }
}

/// Whether an agent, or whoever stops its machine, ends processes by this signal.
pub(super) fn is_ours(signal: i32) -> bool {
    system::ENDING.contains(&signal)
}

#[cfg(unix)]
mod system {
    use std::io;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command, ExitStatus};

    use super::Exit;

    pub(super) const ENDING: &[i32] = &[libc::SIGINT, libc::SIGTERM, libc::SIGKILL];

    /// Has the process lead a group, obey the usual signals, and die with whoever starts it.
    pub(super) fn prepare(command: &mut Command) {
        let parent = std::process::id();
        command.process_group(0);
        // SAFETY: only async-signal-safe system calls between fork and exec.
        unsafe {
            command.pre_exec(move || {
                // What this process ignores it would ignore, too.
                for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
                    libc::signal(signal, libc::SIG_DFL);
                }
                #[cfg(target_os = "linux")]
                {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    // The parent may have died before this was said.
                    if libc::getppid() as u32 != parent {
                        return Err(io::ErrorKind::BrokenPipe.into());
                    }
                }
                #[cfg(not(target_os = "linux"))]
                let _ = parent;
                Ok(())
            });
        }
    }

    /// Looks without taking the exit code.
    pub(super) fn has_ended(child: &mut Child) -> bool {
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: all zero is a valid value, and it outlives the call.
        let (result, info) = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let id = child.id() as libc::id_t;
            (libc::waitid(libc::P_PID, id, &raw mut info, options), info)
        };
        // An error: there is no such child any more, and nothing to wait for.
        result != 0 || info.si_signo != 0
    }

    pub(super) fn exit(status: Option<ExitStatus>) -> Exit {
        let code = status.and_then(|status| status.code());
        Exit { code, signal: status.and_then(|status| status.signal()) }
    }

    pub(super) fn interrupt(leader: u32) {
        signal(leader, libc::SIGINT);
    }

    pub(super) fn kill(leader: &mut Child) {
        signal(leader.id(), libc::SIGKILL);
    }

    fn signal(leader: u32, signal: libc::c_int) {
        // SAFETY: a plain system call. The leader was not waited for, so the group is its own.
        unsafe { libc::kill(-(leader as libc::pid_t), signal) };
    }
}

#[cfg(not(unix))]
mod system {
    use std::process::{Child, Command, ExitStatus};

    use super::Exit;

    pub(super) const ENDING: &[i32] = &[];

    pub(super) fn prepare(_command: &mut Command) {}

    pub(super) fn has_ended(child: &mut Child) -> bool {
        !matches!(child.try_wait(), Ok(None))
    }

    pub(super) fn exit(status: Option<ExitStatus>) -> Exit {
        Exit { code: status.and_then(|status| status.code()), signal: None }
    }

    /// Nothing here can be asked to end; the agent's patience is short.
    pub(super) fn interrupt(_leader: u32) {}

    pub(super) fn kill(leader: &mut Child) {
        let _ = leader.kill();
    }
}
