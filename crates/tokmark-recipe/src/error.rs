//! What can go wrong with a recipe. No message holds a secret of the recipe.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::address::PortOwner;
use crate::process::Exit;

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is no recipe.
    #[error("{source_name}: {problem}")]
    Yaml {
        /// File, or what stands for it.
        source_name: String,
        /// What is wrong, with its line and column.
        problem: String,
    },
    /// The recipe makes no sense, or one of its placeholders has no value.
    #[error("recipe {recipe}: {problem}")]
    Invalid {
        /// Its name.
        recipe: String,
        /// Field and fault.
        problem: String,
    },
    /// A program that the recipe needs is not there.
    #[error("recipe {recipe} needs {program}, which is not on PATH{}", hint_clause(hint))]
    Missing {
        /// Name of the recipe.
        recipe: String,
        /// The program.
        program: String,
        /// How to get it, or empty.
        hint: String,
    },
    /// Something else listens where the server should.
    #[error("port {port} of {host} is in use{}; stop that, or set `port: auto`", by(owner.as_ref()))]
    PortInUse {
        /// The address.
        host: String,
        /// The port.
        port: u16,
        /// By whom, where that can be told.
        owner: Option<PortOwner>,
    },
    /// The host is no address of this machine, or has no free port.
    #[error("no port of {host} can be had: {source}")]
    NoPort {
        /// The address.
        host: String,
        /// Why.
        source: std::io::Error,
    },
    /// The log file cannot be written.
    #[error("log file {} cannot be written: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The program cannot be started.
    #[error("recipe {recipe}: {program} cannot be started: {problem}")]
    Spawn {
        /// Name of the recipe.
        recipe: String,
        /// The program.
        program: String,
        /// What the system says.
        problem: String,
    },
    /// The guard process does not do its work.
    #[error("the guard of recipe {recipe} cannot be used: {problem}")]
    Guard {
        /// Name of the recipe.
        recipe: String,
        /// What is wrong.
        problem: String,
    },
    /// The pull step ended in failure.
    #[error("recipe {recipe}: the pull ended with {exit}{log}")]
    PullFailed {
        /// Name of the recipe.
        recipe: String,
        /// How.
        exit: Exit,
        /// Last lines of the log.
        log: Box<LogTail>,
    },
    /// The pull step took too long.
    #[error("recipe {recipe}: the pull took longer than {limit:?}; raise pull.timeout{log}")]
    PullTimeout {
        /// Name of the recipe.
        recipe: String,
        /// Its limit.
        limit: Duration,
        /// Last lines of the log.
        log: Box<LogTail>,
    },
    /// The server ended before it was ready.
    #[error("recipe {recipe}: the server ended with {exit} before it was ready{log}")]
    Exited {
        /// Name of the recipe.
        recipe: String,
        /// How.
        exit: Exit,
        /// Last lines of the log.
        log: Box<LogTail>,
    },
    /// The server runs but was not ready in time.
    #[error(
        "recipe {recipe}: the server was not ready within {limit:?} ({last}); \
         raise ready.timeout, or see its log{log}"
    )]
    ReadyTimeout {
        /// Name of the recipe.
        recipe: String,
        /// Its limit.
        limit: Duration,
        /// What the last check said.
        last: String,
        /// Last lines of the log.
        log: Box<LogTail>,
    },
    /// The caller's check says that the server will never be ready.
    #[error("recipe {recipe}: the server cannot be used: {problem}{log}")]
    Unusable {
        /// Name of the recipe.
        recipe: String,
        /// What the check said.
        problem: String,
        /// Last lines of the log.
        log: Box<LogTail>,
    },
    /// The user wanted it to end.
    #[error("interrupted while recipe {recipe} was started")]
    Interrupted {
        /// Name of the recipe.
        recipe: String,
    },
}

/// Last lines of a server's log, without the recipe's secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTail {
    /// The file.
    pub path: PathBuf,
    /// At most 20 lines.
    pub lines: Vec<String>,
}

impl fmt::Display for LogTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            return write!(f, "; its log {} is empty", self.path.display());
        }
        write!(f, "; last lines of {}:", self.path.display())?;
        self.lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

fn hint_clause(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("; {hint}") }
}

fn by(owner: Option<&PortOwner>) -> String {
    owner.map(|owner| format!(" by {owner}")).unwrap_or_default()
}
