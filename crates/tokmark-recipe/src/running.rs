//! A server that runs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::log::Log;
use crate::process::Process;
use crate::stop::StopPlan;
use crate::{Address, Exit, Filled, Recipe, StopReport};

/// A server that was started and was ready, made by [`Running::start`]. Dropping it kills the
/// server and all that it started, without waiting for their end; [`Running::stop`] asks
/// first and waits.
pub struct Running {
    process: Process,
    recipe: String,
    filled: Filled,
    log: Log,
    stop: StopPlan,
    first_load: Option<Duration>,
    started_at: SystemTime,
    ready_after: Duration,
    pulled_in: Option<Duration>,
}

impl Running {
    pub(crate) fn new(
        process: Process,
        recipe: &Recipe,
        filled: Filled,
        log: Log,
        (started_at, ready_after, pulled_in): (SystemTime, Duration, Option<Duration>),
    ) -> Self {
        Running {
            process,
            recipe: recipe.name.clone(),
            filled,
            log,
            stop: (&recipe.stop).into(),
            first_load: recipe.first_load.as_ref().map(|limit| limit.timeout),
            started_at,
            ready_after,
            pulled_in,
        }
    }

    /// Name of the recipe.
    pub fn recipe(&self) -> &str {
        &self.recipe
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.process.tree().root()
    }

    /// The server's process and all that it started, as far as they live; the server first.
    /// Only the server itself on systems other than Linux.
    pub fn pids(&self) -> Vec<u32> {
        self.process.tree().members()
    }

    /// Base URL, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.filled.address.url
    }

    /// Where requests go.
    pub fn address(&self) -> &Address {
        &self.filled.address
    }

    /// Name of the model that requests carry, where the recipe says so.
    pub fn model(&self) -> Option<&str> {
        self.filled.model.as_deref()
    }

    /// Settings of the load that this server wants otherwise.
    pub fn load(&self) -> &BTreeMap<String, String> {
        &self.filled.load
    }

    /// Limit of the first request, where the recipe has one.
    pub fn first_load_limit(&self) -> Option<Duration> {
        self.first_load
    }

    /// Program and arguments for people, without secrets.
    pub fn command_line(&self) -> String {
        self.filled.command_line()
    }

    /// When the process was started.
    pub fn started_at(&self) -> SystemTime {
        self.started_at
    }

    /// From the start of the process until it was ready. No pull is in it.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// How long the pull took; `None` when there was nothing to pull.
    pub fn pulled_in(&self) -> Option<Duration> {
        self.pulled_in
    }

    /// How the server ended by itself; `None` while it runs.
    pub fn exit(&mut self) -> Option<Exit> {
        self.process.exit()
    }

    /// File with the output of server and pull.
    pub fn log_path(&self) -> &Path {
        &self.log.path
    }

    /// The last `n` lines of the log, without secrets.
    pub fn log_tail(&self, n: usize) -> Vec<String> {
        self.log.tail(n)
    }

    /// Asks the server to end, kills what has not ended in the recipe's time of grace, and
    /// waits for it.
    pub fn stop(self) -> StopReport {
        self.process.stop(self.stop)
    }

    /// Kills the server and all that it started, and waits for their end.
    pub fn kill(self) -> StopReport {
        self.process.stop(StopPlan::KILL)
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("recipe", &self.recipe)
            .field("pid", &self.pid())
            .field("filled", &self.filled)
            .field("log", &self.log.path)
            .field("ready_after", &self.ready_after)
            .finish_non_exhaustive()
    }
}
