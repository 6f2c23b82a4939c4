//! A started program, held by this process or by a guard.

use std::fmt;
use std::fs::File;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::guard::Guarded;
use crate::launch::{Held, Launch};
use crate::stop::{StopPlan, StopReport, Watch, stop_tree};
use crate::tree::Tree;
use crate::{GuardCommand, RecipeError};

/// How long a program is let alone between two looks at it.
const LOOK: Duration = Duration::from_millis(20);

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Exit code, where it left by itself.
    pub code: Option<i32>,
    /// Signal that ended it. Neither stands where nobody saw its end.
    pub signal: Option<i32>,
}

impl Exit {
    /// Nobody saw it.
    pub(crate) const UNSEEN: Exit = Exit { code: None, signal: None };
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        #[cfg(unix)]
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        #[cfg(not(unix))]
        let signal = None;
        Exit { code: status.code(), signal }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(signal)) => match signal_name(signal) {
                Some(name) => f.write_str(name),
                None => write!(f, "signal {signal}"),
            },
            (None, None) => f.write_str("an unknown exit code"),
        }
    }
}

fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGFPE => "SIGFPE",
        libc::SIGILL => "SIGILL",
        libc::SIGINT => "SIGINT",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGTERM => "SIGTERM",
        #[cfg(unix)]
        libc::SIGBUS => "SIGBUS",
        #[cfg(unix)]
        libc::SIGHUP => "SIGHUP",
        #[cfg(unix)]
        libc::SIGKILL => "SIGKILL",
        _ => return None,
    })
}

/// A program and all that it started. Dropping it kills them without waiting.
#[derive(Debug)]
pub(crate) enum Process {
    Direct(Direct),
    Guarded(Guarded),
}

impl Process {
    /// Starts `launch` with its output appended to `log`.
    pub(crate) fn start(
        launch: &Launch,
        log: File,
        guard: Option<&GuardCommand>,
    ) -> Result<Self, RecipeError> {
        match guard {
            Some(guard) if cfg!(unix) => Guarded::start(launch, log, guard).map(Process::Guarded),
            _ => Direct::start(launch, log).map(Process::Direct),
        }
    }

    /// The program and all that it started.
    pub(crate) fn tree(&self) -> &Tree {
        match self {
            Process::Direct(direct) => &direct.tree,
            Process::Guarded(guarded) => guarded.tree(),
        }
    }

    /// How the program ended; `None` while it runs.
    pub(crate) fn exit(&mut self) -> Option<Exit> {
        match self {
            Process::Direct(direct) => direct.watched.as_mut().and_then(Watch::exit),
            Process::Guarded(guarded) => guarded.exit(),
        }
    }

    /// Waits until the program has ended, not longer than `at_most` nor than until
    /// `interrupted`. How it ended; `None` while it runs.
    pub(crate) fn wait(
        &mut self,
        at_most: Duration,
        interrupted: &dyn Fn() -> bool,
    ) -> Option<Exit> {
        let deadline = Instant::now() + at_most;
        loop {
            let exit = self.exit();
            let left = deadline.saturating_duration_since(Instant::now());
            if exit.is_some() || left.is_zero() || interrupted() {
                return exit;
            }
            match self {
                Process::Direct(_) => std::thread::sleep(LOOK.min(left)),
                Process::Guarded(guarded) => guarded.listen(LOOK.min(left)),
            }
        }
    }

    /// Ends everything as `plan` says, and waits for it.
    pub(crate) fn stop(self, plan: StopPlan) -> StopReport {
        match self {
            Process::Direct(mut direct) => {
                let watched = direct.watched.take();
                let mut watched = watched.expect("only this and a drop take it, and both once");
                stop_tree(&direct.tree, plan, &mut watched)
            }
            Process::Guarded(guarded) => guarded.stop(plan),
        }
    }
}

/// A program that is a child of this process.
#[derive(Debug)]
pub(crate) struct Direct {
    /// Absent once it was stopped.
    watched: Option<Watched>,
    tree: Tree,
}

/// A child, and how it ended.
#[derive(Debug)]
struct Watched {
    child: Child,
    exit: Option<Exit>,
}

impl Direct {
    fn start(launch: &Launch, log: File) -> Result<Self, RecipeError> {
        let child = launch.spawn(log, Held::ByCaller).map_err(|error| launch.failed(&error))?;
        let tree = Tree::new(child.id(), &launch.mark, None);
        Ok(Direct { watched: Some(Watched { child, exit: None }), tree })
    }
}

impl Watch for Watched {
    fn exit(&mut self) -> Option<Exit> {
        if self.exit.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.exit = Some(status.into());
        }
        self.exit
    }

    fn pause(&mut self, at_most: Duration) -> bool {
        std::thread::sleep(at_most);
        false
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        let Some(mut watched) = self.watched.take() else { return };
        #[cfg(unix)]
        self.tree.strike();
        let tree = self.tree.clone();
        in_background(move || drop(stop_tree(&tree, StopPlan::KILL, &mut watched)));
    }
}

/// Does what nobody waits for: the end of killed processes.
pub(crate) fn in_background(work: impl FnOnce() + Send + 'static) {
    // Without a thread the processes have been struck once at least.
    let _ = std::thread::Builder::new().name("reaper".to_owned()).spawn(work);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_named() {
        let exit = |code, signal| Exit { code, signal }.to_string();
        assert_eq!(exit(Some(3), None), "exit code 3");
        assert_eq!(exit(None, Some(libc::SIGTERM)), "SIGTERM");
        assert_eq!(exit(None, Some(64)), "signal 64");
        assert_eq!(exit(None, None), "an unknown exit code");
    }
}
