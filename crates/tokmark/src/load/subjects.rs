//! The servers of a run: one that is there, or those of a recipe file, each started when its
//! turn comes and stopped after it.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use tokmark_http::{Endpoint, EndpointOptions, answers};
use tokmark_model::{Api, Status, StatusReason, Think};
use tokmark_recipe::{
    Exit, GuardCommand, Readiness, Recipe, RecipeError, Running, StartOptions, Values,
};

use crate::args::{LoadArgs, load as flags};
use crate::{output, wiring};

/// Lines of a server's log that a record keeps.
const LOG_LINES: usize = 20;

/// Servers that are still to come.
pub(crate) struct Servers {
    left: VecDeque<Source>,
    /// How many there are in all.
    n: usize,
}

enum Source {
    Urls(Vec<String>),
    Recipe(Box<Recipe>),
}

/// A server that can be measured. One that was started here ends with this value.
pub(crate) struct Serving {
    urls: Vec<String>,
    started: Option<Running>,
}

impl Servers {
    /// From the addresses or the recipe that the flags name.
    pub(crate) fn from_args(args: &LoadArgs) -> anyhow::Result<Self> {
        let left = match &args.recipe {
            None => VecDeque::from([Source::Urls(super::addresses(args)?)]),
            Some(name) => recipes(name)?.into_iter().map(|r| Source::Recipe(Box::new(r))).collect(),
        };
        Ok(Servers { n: left.len(), left })
    }

    /// Name of the recipe whose turn is next; `None` for a server that is there.
    pub(super) fn next_recipe(&self) -> Option<String> {
        match self.left.front()? {
            Source::Urls(_) => None,
            Source::Recipe(recipe) => Some(recipe.name.clone()),
        }
    }

    /// Whether there are or were others than one.
    pub(super) fn has_several(&self) -> bool {
        self.n > 1
    }

    /// The next server, started if it is one of a recipe.
    pub(crate) fn next(&mut self, args: &LoadArgs) -> anyhow::Result<Option<Serving>> {
        match self.left.pop_front() {
            None => Ok(None),
            Some(Source::Urls(urls)) => Ok(Some(Serving { urls, started: None })),
            Some(Source::Recipe(recipe)) => {
                let model = args.recipe_model.as_ref().map(|path| path.display().to_string());
                start(*recipe, Values { model, ..Values::default() }).map(Some)
            }
        }
    }
}

/// Settings of the load that a recipe wants.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) api: Option<Api>,
    pub(crate) temperature: Option<f64>,
    pub(crate) think: Think,
}

/// Why a server can't be measured, with what its log said last.
pub(super) struct Unopened {
    pub(super) error: anyhow::Error,
    log_tail: Vec<String>,
}

impl From<anyhow::Error> for Unopened {
    fn from(error: anyhow::Error) -> Self {
        Unopened { error, log_tail: Vec::new() }
    }
}

impl Unopened {
    /// Whether the server was started and did not do what it should. Everything else is about
    /// the recipe or the flags.
    pub(super) fn is_the_servers(&self) -> bool {
        use RecipeError as E;
        matches!(
            self.error.downcast_ref(),
            Some(
                E::Exited { .. }
                    | E::ReadyTimeout { .. }
                    | E::Unusable { .. }
                    | E::PullFailed { .. }
                    | E::PullTimeout { .. }
            )
        )
    }

    /// As the record keeps it: the reason on one line, the log apart.
    pub(super) fn ending(&self) -> (Status, StatusReason) {
        use RecipeError as E;
        let text = format!("{:#}", self.error);
        let first = text.lines().next().unwrap_or_default();
        let message = first.split("; last lines of ").next().unwrap_or_default().to_owned();
        let mut reason = StatusReason { message, ..StatusReason::default() };
        reason.log_tail.clone_from(&self.log_tail);
        let Some(error) = self.error.downcast_ref::<RecipeError>() else {
            return (Status::Failed, reason);
        };
        if let E::Exited { log, .. }
        | E::ReadyTimeout { log, .. }
        | E::Unusable { log, .. }
        | E::PullFailed { log, .. }
        | E::PullTimeout { log, .. } = error
        {
            reason.log_tail.clone_from(&log.lines);
        }
        match error {
            E::Exited { exit, .. } => (Status::Crashed, ended(*exit, reason)),
            E::ReadyTimeout { .. } | E::PullTimeout { .. } => (Status::TimedOut, reason),
            _ => (Status::Failed, reason),
        }
    }
}

/// `reason` with how the process ended.
fn ended(exit: Exit, reason: StatusReason) -> StatusReason {
    let signal = exit.signal.map(|_| exit.to_string());
    StatusReason { exit_code: exit.code, signal, ..reason }
}

/// The recipes of a file, or the shipped one of this name.
fn recipes(name: &str) -> anyhow::Result<Vec<Recipe>> {
    if let Some(shipped) = Recipe::builtin(name) {
        return Ok(vec![shipped]);
    }
    let path = Path::new(name);
    ensure!(
        path.exists(),
        "there is no recipe {name}: neither a file nor one of {}",
        tokmark_recipe::builtins().iter().map(|own| own.name).collect::<Vec<_>>().join(", ")
    );
    Ok(Recipe::read(path)?)
}

/// Starts the server of the recipe with this name, which has to be the only one.
pub(crate) fn start_named(name: &str, values: Values) -> anyhow::Result<Serving> {
    let mut found = recipes(name)?;
    ensure!(found.len() == 1, "{name} has {} recipes; give a file with one", found.len());
    start(found.remove(0), values)
}

/// Starts the server of a recipe and waits until it is ready.
pub(crate) fn start(recipe: Recipe, values: Values) -> anyhow::Result<Serving> {
    output::say!("starting {}", recipe.name);
    let threads = values.threads.unwrap_or_else(tokmark_host::n_math_threads);
    let values = Values { threads: Some(threads), ..values };
    let folder = std::env::temp_dir().join(format!("tokmark-{}", std::process::id()));
    std::fs::create_dir_all(&folder).context("cannot make a folder for the servers' logs")?;
    let mut options = StartOptions::new(folder);
    options.guard = Some(GuardCommand {
        program: std::env::current_exe()?,
        args: vec![tokmark_recipe::GUARD.into()],
    });
    let (path, status) = (recipe.ready.path.clone(), recipe.ready.status);
    let mut ready = |address: &tokmark_recipe::Address| match answers(
        &address.url,
        &path,
        Duration::from_secs(2),
    ) {
        Some(found) if found == status => Readiness::Ready,
        Some(other) => Readiness::NotYet(format!("{path} answers with {other}")),
        None => Readiness::NotYet("nothing answers".to_owned()),
    };
    let interrupt = wiring::interrupt();
    let running =
        Running::start(&recipe, &values, &options, &mut ready, &|| interrupt.is_raised())?;
    output::say!("{} is ready after {:.1} s", recipe.name, running.ready_after().as_secs_f64());
    Ok(Serving { urls: vec![running.url().to_owned()], started: Some(running) })
}

impl Serving {
    /// A server that is there.
    pub(crate) fn at(url: &str) -> Self {
        Serving { urls: vec![url.to_owned()], started: None }
    }

    /// The flags with what the server's recipe wants otherwise and the user left open.
    pub(crate) fn settings(&self, args: &LoadArgs) -> anyhow::Result<LoadArgs> {
        let mut args = args.clone();
        let (connection, workload) = (&mut args.connection, &mut args.workload);
        let wishes = self.wishes()?;
        connection.api = connection.api.or(wishes.api);
        workload.temperature = workload.temperature.or(wishes.temperature);
        if workload.think == Think::Auto {
            workload.think = wishes.think;
        }
        Ok(args)
    }

    /// What the recipe of the server wants otherwise than usual.
    pub(crate) fn wishes(&self) -> anyhow::Result<Wishes> {
        let mut wishes = Wishes::default();
        let Some(started) = &self.started else { return Ok(wishes) };
        for (name, value) in started.load() {
            let read =
                |error: String| anyhow!("recipe {}: load: {name}: {error}", started.recipe());
            match name.as_str() {
                "api" => wishes.api = Some(flags::api(value).map_err(read)?),
                "temperature" => {
                    wishes.temperature = Some(flags::temperature(value).map_err(read)?);
                }
                "think" => wishes.think = flags::think(value).map_err(read)?,
                _ => bail!(
                    "recipe {}: load: there is no setting {name}; there are api, temperature and \
                     think",
                    started.recipe()
                ),
            }
        }
        Ok(wishes)
    }

    /// Name of the model that requests carry, where the recipe says so.
    pub(crate) fn model(&self) -> Option<String> {
        self.started.as_ref().and_then(|own| own.model().map(str::to_owned))
    }

    /// Time limit of the server's first request, where its recipe has one.
    pub(crate) fn first_load_limit(&self) -> Option<Duration> {
        self.started.as_ref()?.first_load_limit()
    }

    /// Asks the server what it is.
    pub(crate) fn open(&self, args: &LoadArgs) -> anyhow::Result<Endpoint> {
        let mut options = super::endpoint_options(args)?;
        options.model = options.model.or_else(|| self.model());
        self.open_with(&options)
    }

    /// The same with options of the caller's.
    pub(crate) fn open_with(&self, options: &EndpointOptions) -> anyhow::Result<Endpoint> {
        Ok(Endpoint::open(&self.urls, options)?)
    }

    /// Whether nothing was asked of it yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.started.is_some()
    }

    pub(super) fn name(&self) -> String {
        self.recipe_name().unwrap_or_default()
    }

    pub(crate) fn recipe_name(&self) -> Option<String> {
        self.started.as_ref().map(|running| running.recipe().to_owned())
    }

    /// The processes of the server, where it runs on this machine and can be seen.
    pub(crate) fn pids(&self, endpoint: &Endpoint) -> Vec<u32> {
        match &self.started {
            Some(running) => running.pids(),
            None if endpoint.facts().is_local => {
                endpoint.ports().into_iter().flat_map(tokmark_host::server_processes).collect()
            }
            None => Vec::new(),
        }
    }

    /// How a server that was started here ended by itself, with the end of its log; `None` while
    /// it runs.
    pub(super) fn crashed(&mut self) -> Option<StatusReason> {
        let running = self.started.as_mut()?;
        let exit = running.exit()?;
        let message = format!("the server ended with {exit} while it was measured");
        let log_tail = running.log_tail(LOG_LINES);
        Some(ended(exit, StatusReason { message, log_tail, ..StatusReason::default() }))
    }

    /// Ends it, since it can't be measured.
    pub(super) fn unopened(self, error: anyhow::Error) -> Unopened {
        let log_tail = self.started.as_ref().map(|running| running.log_tail(LOG_LINES));
        self.stop();
        Unopened { error, log_tail: log_tail.unwrap_or_default() }
    }

    /// Ends a server that was started here, in good order if it can. A sentence where that was
    /// not as it should be.
    pub(crate) fn stop(self) -> Option<String> {
        let running = self.started?;
        let recipe = running.recipe().to_owned();
        let report = running.stop();
        if !report.left.is_empty() {
            return Some(format!("{recipe} could not be ended: process {:?}", report.left));
        }
        let exit = report.exit.filter(|_| report.had_ended)?;
        Some(format!("{recipe} had ended by itself with {exit}"))
    }
}
