//! One program to start, as it is handed to the system or to a guard.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::tree::MARK;
use crate::{Filled, RecipeError};

/// A program to start. Holds secrets, so it cannot be printed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Launch {
    /// Name of the recipe.
    pub(crate) recipe: String,
    /// The program as errors name it, without secrets.
    program: String,
    /// Program and arguments.
    command: Vec<String>,
    /// Added to the environment.
    env: BTreeMap<String, String>,
    /// Folder to run in.
    working_dir: Option<PathBuf>,
    /// Value of [`MARK`] in the environment; no two programs share one.
    pub(crate) mark: String,
}

/// Who looks after a program once it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// The process that measures.
    ByCaller,
    /// A guard, whose death is the program's.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no guards"))]
    ByGuard,
}

impl Launch {
    pub(crate) fn new(recipe: &str, command: &[String], filled: &Filled) -> Self {
        Launch {
            recipe: recipe.to_owned(),
            program: command.first().map(|word| filled.secrets.hide(word)).unwrap_or_default(),
            command: command.to_vec(),
            env: filled.env.clone(),
            working_dir: filled.working_dir.clone(),
            mark: new_mark(),
        }
    }

    /// Starts the program as the leader of a session of its own, so that the terminal's
    /// Ctrl-C does not reach it. Its output goes to `log`.
    pub(crate) fn spawn(&self, log: File, held: Held) -> io::Result<Child> {
        let (program, args) = self.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command
            .args(args)
            .envs(&self.env)
            .env(MARK, &self.mark)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(folder) = &self.working_dir {
            command.current_dir(folder);
        }
        lead_session(&mut command, held);
        command.spawn()
    }

    /// The error of a start that the system refused.
    pub(crate) fn failed(&self, error: &io::Error) -> RecipeError {
        self.refused(explain(error))
    }

    /// The error of a start that was refused for this reason.
    pub(crate) fn refused(&self, problem: String) -> RecipeError {
        let program = self.program.clone();
        RecipeError::Spawn { recipe: self.recipe.clone(), program, problem }
    }
}

/// What a refused start means to whoever wrote the recipe.
pub(crate) fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "no such program on PATH, or no such working_dir; install it, or write its whole path"
                .to_owned()
        }
        _ => error.to_string(),
    }
}

fn new_mark() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{count}-{}", std::process::id(), since.as_nanos())
}

/// Has `command` begin a session. Signals that this process ignores are not ignored by it.
#[cfg(unix)]
pub(crate) fn lead_session(command: &mut Command, held: Held) {
    use std::os::unix::process::CommandExt;
    let holder = std::process::id();
    // SAFETY: only async-signal-safe system calls between fork and exec.
    unsafe {
        command.pre_exec(move || {
            for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
                libc::signal(signal, libc::SIG_DFL);
            }
            if libc::setsid() == -1 {
                return Err(io::Error::last_os_error());
            }
            #[cfg(target_os = "linux")]
            if held == Held::ByGuard {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                // The guard may have died before this was said.
                if libc::getppid() as u32 != holder {
                    libc::_exit(1);
                }
            }
            #[cfg(not(target_os = "linux"))]
            let _ = (held, holder);
            Ok(())
        });
    }
}

#[cfg(not(unix))]
pub(crate) fn lead_session(_command: &mut Command, _held: Held) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_marks_are_alike() {
        let marks: std::collections::BTreeSet<String> = (0..100).map(|_| new_mark()).collect();
        assert_eq!(marks.len(), 100);
    }
}
