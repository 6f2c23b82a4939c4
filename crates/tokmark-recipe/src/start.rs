//! From a recipe to a server that is ready.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use crate::address::{choose_port, choose_port_again};
use crate::command::check_needs;
use crate::launch::Launch;
use crate::log::Log;
use crate::process::Process;
use crate::pull::Puller;
use crate::stop::StopPlan;
use crate::{Address, Filled, GuardCommand, Recipe, RecipeError, Running, Values};

/// First and longest pause between two questions whether the server is ready.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));

/// What the caller's check finds out about a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It answers as it should.
    Ready,
    /// Not yet, for this reason: `connection refused`, `status 503`.
    NotYet(String),
    /// It never will, for this reason.
    Failed(String),
}

/// How servers are started on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartOptions {
    /// Folder for log files; made when it is missing.
    pub log_dir: PathBuf,
    /// The guard that ends the server should this process be killed. Without one the server
    /// outlives a SIGKILL of this process. Not used on systems other than Unix.
    pub guard: Option<GuardCommand>,
}

impl StartOptions {
    /// Log files in `log_dir`, no guard.
    pub fn new(log_dir: impl Into<PathBuf>) -> Self {
        StartOptions { log_dir: log_dir.into(), guard: None }
    }
}

impl Running {
    /// Starts the server of `recipe` and waits until `ready` says that it is, having pulled
    /// what it needs. `ready` is asked again and again, and should answer within a second;
    /// `interrupted` is looked at many times a second.
    ///
    /// # Errors
    /// Everything of [`RecipeError`] but what concerns the reading of recipes. Nothing that
    /// was started is left running then.
    pub fn start(
        recipe: &Recipe,
        values: &Values,
        options: &StartOptions,
        ready: &mut dyn FnMut(&Address) -> Readiness,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Running, RecipeError> {
        let port = choose_port(recipe)?;
        let filled = recipe.fill(values, port)?;
        check_needs(recipe, &filled)?;
        let log = create_log(&filled, recipe, options)?;
        let starting = Starting { recipe, filled: &filled, log: &log, options, interrupted };
        let pulled_early = starting.pull(false)?;
        // A pull may take an hour, and somebody else the port.
        let port = if pulled_early.is_some() { choose_port_again(recipe, port)? } else { port };
        let filled = recipe.fill(values, port)?;
        let starting = Starting { filled: &filled, ..starting };

        let cannot_log = |source| RecipeError::Log { path: log.path.clone(), source };
        log.note(&format!("start {}", filled.command_line())).map_err(cannot_log)?;
        let launch = Launch::new(&recipe.name, &filled.command, &filled);
        let (started_at, started) = (SystemTime::now(), Instant::now());
        let file = log.open().map_err(cannot_log)?;
        let mut process = Process::start(&launch, file, options.guard.as_ref())?;
        let outcome = starting.wait(&mut process, started, ready).and_then(|ready_after| {
            let pulled_late = starting.pull(true)?;
            starting.check_alive(&mut process)?;
            Ok((ready_after, pulled_late))
        });
        match outcome {
            Ok((ready_after, pulled_late)) => Ok(Running::new(
                process,
                recipe,
                filled.clone(),
                log,
                (started_at, ready_after, pulled_early.or(pulled_late)),
            )),
            Err(error) => {
                process.stop(StopPlan::KILL);
                Err(error)
            }
        }
    }
}

fn create_log(
    filled: &Filled,
    recipe: &Recipe,
    options: &StartOptions,
) -> Result<Log, RecipeError> {
    let by_default = || format!("{}-{}.log", recipe.name, filled.address.port).into();
    let path = options.log_dir.join(filled.log.clone().unwrap_or_else(by_default));
    Log::create(path.clone(), filled.secrets.clone())
        .map_err(|source| RecipeError::Log { path, source })
}

/// What every step of a start needs.
struct Starting<'a> {
    recipe: &'a Recipe,
    filled: &'a Filled,
    log: &'a Log,
    options: &'a StartOptions,
    interrupted: &'a dyn Fn() -> bool,
}

impl Starting<'_> {
    /// Pulls, if the recipe does so at this moment: once the server is ready, or before.
    fn pull(&self, is_ready: bool) -> Result<Option<Duration>, RecipeError> {
        let Starting { recipe, filled, log, options, interrupted } = *self;
        let Some(pull) = filled.pull.as_ref().filter(|pull| pull.needs_server == is_ready) else {
            return Ok(None);
        };
        Puller { recipe, filled, log, guard: options.guard.as_ref(), interrupted }.run(pull)
    }

    /// Waits until the server is ready. How long it took from `started`.
    fn wait(
        &self,
        process: &mut Process,
        started: Instant,
        ready: &mut dyn FnMut(&Address) -> Readiness,
    ) -> Result<Duration, RecipeError> {
        let limit = self.recipe.ready.timeout;
        let (mut pause, longest) = PAUSES;
        loop {
            self.check_alive(process)?;
            let last = match ready(&self.filled.address) {
                Readiness::Ready => {
                    let ready_after = started.elapsed();
                    // Something else may have answered in its place.
                    self.check_alive(process)?;
                    return Ok(ready_after);
                }
                Readiness::NotYet(reason) => self.filled.secrets.hide(&reason),
                Readiness::Failed(problem) => {
                    let problem = self.filled.secrets.hide(&problem);
                    let (recipe, log) = (self.name(), self.log.tail_for_error());
                    return Err(RecipeError::Unusable { recipe, problem, log });
                }
            };
            let left = limit.saturating_sub(started.elapsed());
            if left.is_zero() {
                let (recipe, log) = (self.name(), self.log.tail_for_error());
                return Err(RecipeError::ReadyTimeout { recipe, limit, last, log });
            }
            process.wait(pause.min(left), self.interrupted);
            pause = longest.min(pause * 2);
        }
    }

    fn check_alive(&self, process: &mut Process) -> Result<(), RecipeError> {
        if (self.interrupted)() {
            return Err(RecipeError::Interrupted { recipe: self.name() });
        }
        match process.exit() {
            None => Ok(()),
            Some(exit) => {
                let (recipe, log) = (self.name(), self.log.tail_for_error());
                Err(RecipeError::Exited { recipe, exit, log })
            }
        }
    }

    fn name(&self) -> String {
        self.recipe.name.clone()
    }
}
