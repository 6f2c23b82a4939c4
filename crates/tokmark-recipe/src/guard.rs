//! The guard: a process between this one and the server, that kills the server and all it
//! started once this one is gone, however it went.
//!
//! It reads orders from its standard input and writes notices to its standard output, one
//! JSON object a line. The end of its input is the order to kill: the kernel closes the pipe
//! when this process dies, even of SIGKILL. On Linux the guard adopts the server's orphans,
//! so that its descendants are all processes of the server, and the server is killed should
//! the guard die. Its orphans go to somebody else then: only their mark (`tree::MARK`) tells
//! them, and only this process is left to look for it.

mod guarded;
#[cfg(unix)]
mod held;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::launch::Launch;
use crate::process::Exit;
use crate::stop::{StopPlan, StopReport};

pub(crate) use guarded::Guarded;

/// First argument by which a program is run as the guard.
pub const GUARD: &str = "__guard";

/// How to start a guard: a program that calls [`guard_main`] when its first argument is
/// [`GUARD`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments, [`GUARD`] among them.
    pub args: Vec<OsString>,
}

impl GuardCommand {
    /// This program with the one argument [`GUARD`].
    ///
    /// # Errors
    /// When the system does not say where this program lies.
    pub fn of_this_program() -> io::Result<Self> {
        Ok(GuardCommand { program: std::env::current_exe()?, args: vec![GUARD.into()] })
    }
}

/// Does the work of a guard until its input ends or it was told to stop, and gives the
/// program's exit code. `args` follow [`GUARD`]; they are for the eyes of whoever lists
/// processes.
///
/// Never reads the terminal. On systems other than Unix it refuses to run.
#[cfg(unix)]
pub fn guard_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    drop(args.into_iter());
    match held::hold() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tokmark: the guard failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Refuses to run: there are no guards on this system.
#[cfg(not(unix))]
pub fn guard_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    drop(args.into_iter());
    ExitCode::FAILURE
}

/// What a guard is told.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// Start this program. The first order, and given once.
    Start(Launch),
    /// End the program and all that it started, then leave.
    Stop(StopPlan),
}

/// What a guard says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Notice {
    /// The program runs as this process.
    Started(u32),
    /// It cannot be started, for this reason.
    Refused(String),
    /// It has ended by itself, or is ending after [`Order::Stop`].
    Ended(Exit),
    /// Everything has ended; the guard leaves.
    Stopped(StopReport),
}
