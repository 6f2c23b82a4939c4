//! The step that fetches what a server needs.

use std::time::{Duration, Instant};

use crate::launch::Launch;
use crate::log::Log;
use crate::process::{Exit, Process};
use crate::stop::StopPlan;
use crate::{Filled, FilledPull, GuardCommand, Recipe, RecipeError};

/// What a pull needs to run.
pub(crate) struct Puller<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) filled: &'a Filled,
    pub(crate) log: &'a Log,
    pub(crate) guard: Option<&'a GuardCommand>,
    pub(crate) interrupted: &'a dyn Fn() -> bool,
}

impl Puller<'_> {
    /// Runs `pull` to its end, unless what it fetches is there. How long it took; `None` when
    /// there was nothing to do.
    pub(crate) fn run(&self, pull: &FilledPull) -> Result<Option<Duration>, RecipeError> {
        let started = Instant::now();
        if self.path_exists(pull) {
            return Ok(None);
        }
        if let Some(command) = &pull.unless_succeeds
            && self.execute(command, pull.timeout, pull.timeout)?.code == Some(0)
        {
            return Ok(None);
        }
        let left = pull.timeout.saturating_sub(started.elapsed());
        let exit = self.execute(&pull.command, left, pull.timeout)?;
        if exit.code == Some(0) {
            return Ok(Some(started.elapsed()));
        }
        let (recipe, log) = (self.recipe.name.clone(), self.log.tail_for_error());
        Err(RecipeError::PullFailed { recipe, exit, log })
    }

    fn path_exists(&self, pull: &FilledPull) -> bool {
        let in_folder = |path| match &self.filled.working_dir {
            Some(folder) => folder.join(path),
            None => path,
        };
        pull.unless_exists.clone().is_some_and(|path| in_folder(path).exists())
    }

    /// Runs `command` to its end, for `at_most` this long of the step's whole `limit`.
    fn execute(
        &self,
        command: &[String],
        at_most: Duration,
        limit: Duration,
    ) -> Result<Exit, RecipeError> {
        let cannot_log = |source| RecipeError::Log { path: self.log.path.clone(), source };
        self.log.note(&format!("pull {}", command.join(" "))).map_err(cannot_log)?;
        let launch = Launch::new(&self.recipe.name, command, self.filled);
        let file = self.log.open().map_err(cannot_log)?;
        let mut process = Process::start(&launch, file, self.guard)?;
        let exit = process.wait(at_most, self.interrupted);
        process.stop(StopPlan::KILL);
        let recipe = self.recipe.name.clone();
        match exit {
            Some(exit) => Ok(exit),
            None if (self.interrupted)() => Err(RecipeError::Interrupted { recipe }),
            None => {
                let log = self.log.tail_for_error();
                Err(RecipeError::PullTimeout { recipe, limit, log })
            }
        }
    }
}
