//! The servers of a run: one that is there, or those of a recipe file, each started when its
//! turn comes and stopped after it.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use tokmark_http::{Endpoint, EndpointOptions, answers};
use tokmark_model::Think;
use tokmark_recipe::{GuardCommand, Readiness, Recipe, Running, StartOptions, Values};

use crate::args::{LoadArgs, load as flags};
use crate::{output, wiring};

/// Servers that are still to come.
pub(crate) struct Servers {
    left: VecDeque<Source>,
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
        Ok(Servers { left })
    }

    /// The next server, started if it is one of a recipe.
    pub(crate) fn next(&mut self, args: &LoadArgs) -> anyhow::Result<Option<Serving>> {
        match self.left.pop_front() {
            None => Ok(None),
            Some(Source::Urls(urls)) => Ok(Some(Serving { urls, started: None })),
            Some(Source::Recipe(recipe)) => {
                let model = args.recipe_model.as_ref().map(|path| path.display().to_string());
                start(*recipe, model).map(Some)
            }
        }
    }
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
pub(crate) fn start_named(name: &str, model: Option<String>) -> anyhow::Result<Serving> {
    let mut found = recipes(name)?;
    ensure!(found.len() == 1, "{name} has {} recipes; give a file with one", found.len());
    start(found.remove(0), model)
}

/// Starts the server of a recipe and waits until it is ready.
pub(crate) fn start(recipe: Recipe, model: Option<String>) -> anyhow::Result<Serving> {
    output::say!("starting {}", recipe.name);
    let values = Values { model, ..Values::default() };
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
        let Some(started) = &self.started else { return Ok(args) };
        let (connection, workload) = (&mut args.connection, &mut args.workload);
        for (name, value) in started.load() {
            let read =
                |error: String| anyhow!("recipe {}: load: {name}: {error}", started.recipe());
            match name.as_str() {
                "api" => {
                    let api = flags::api(value).map_err(read)?;
                    connection.api.get_or_insert(api);
                }
                "temperature" => {
                    let temperature = flags::temperature(value).map_err(read)?;
                    workload.temperature.get_or_insert(temperature);
                }
                "think" if workload.think == Think::Auto => {
                    workload.think = flags::think(value).map_err(read)?;
                }
                "think" => {}
                _ => bail!(
                    "recipe {}: load: there is no setting {name}; there are api, temperature and \
                     think",
                    started.recipe()
                ),
            }
        }
        Ok(args)
    }

    /// Time limit of the server's first request, where its recipe has one.
    pub(super) fn first_load_limit(&self) -> Option<Duration> {
        self.started.as_ref()?.first_load_limit()
    }

    /// Asks the server what it is.
    pub(crate) fn open(&self, args: &LoadArgs) -> anyhow::Result<Endpoint> {
        let mut options = super::endpoint_options(args)?;
        if options.model.is_none() {
            options.model = self.started.as_ref().and_then(|own| own.model().map(str::to_owned));
        }
        self.open_with(&options)
    }

    /// The same with options of the caller's.
    pub(crate) fn open_with(&self, options: &EndpointOptions) -> anyhow::Result<Endpoint> {
        Ok(Endpoint::open(&self.urls, options)?)
    }

    /// Whether nothing was asked of it yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.started.is_some()
    }

    pub(super) fn name(&self) -> String {
        self.recipe_name().unwrap_or_default()
    }

    pub(super) fn recipe_name(&self) -> Option<String> {
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

    /// Ends a server that was started here, in good order if it can.
    pub(crate) fn stop(self) {
        if let Some(running) = self.started {
            running.stop();
        }
    }
}
