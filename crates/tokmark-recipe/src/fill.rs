//! A recipe with every placeholder replaced.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::placeholder::{self, Placeholder};
use crate::secret::{Secrets, shown_variables};
use crate::{Address, Recipe, RecipeError};

/// What the placeholders of a recipe stand for. A recipe that asks for an absent one is an
/// error. `{host}` and `{port}` come from the recipe itself.
#[derive(Clone, Default)]
pub struct Values {
    /// `{model}`: the model as the user named it: a file, a folder, a name of a registry.
    pub model: Option<String>,
    /// `{name}`: a short name of the model. Where absent the last part of `model`, without
    /// `.gguf`.
    pub name: Option<String>,
    /// `{threads}`: CPU threads of the engine. Where absent the processors that this process may
    /// use.
    pub threads: Option<u32>,
    /// `{dir}`: the folder of the recipe's file, or another of the caller's choice.
    pub dir: Option<PathBuf>,
    /// `{home}`: the user's folder. Where absent the variable HOME, or USERPROFILE.
    pub home: Option<PathBuf>,
    /// `{env:NAME}`: looked up here first, then in the environment of this process.
    pub env: BTreeMap<String, String>,
}

/// What a recipe comes to for given values and a port. Its `Debug` output and
/// [`Filled::command_line`] hold no secret.
#[derive(Clone)]
pub struct Filled {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Added to the environment.
    pub env: BTreeMap<String, String>,
    /// Folder to run in.
    pub working_dir: Option<PathBuf>,
    /// Where requests go.
    pub address: Address,
    /// Name of the model that requests carry.
    pub model: Option<String>,
    /// Settings of the load.
    pub load: BTreeMap<String, String>,
    /// The pull step.
    pub pull: Option<FilledPull>,
    /// Log file, as the recipe names it.
    pub log: Option<PathBuf>,
    pub(crate) secrets: Secrets,
}

/// The pull step of a [`Filled`].
#[derive(Clone)]
pub struct FilledPull {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Longest time for it.
    pub timeout: Duration,
    /// Nothing is pulled where this exists.
    pub unless_exists: Option<PathBuf>,
    /// Nothing is pulled where this ends with exit code 0.
    pub unless_succeeds: Option<Vec<String>>,
    /// It runs once the server is ready, not before.
    pub needs_server: bool,
}

impl Recipe {
    /// Replaces every placeholder.
    ///
    /// # Errors
    /// [`RecipeError::Invalid`] when a placeholder is unknown or has no value.
    pub fn fill(&self, values: &Values, port: u16) -> Result<Filled, RecipeError> {
        let mut filler = Filler { recipe: self, values, port, secrets: Secrets::of(&self.env) };
        let command = filler.words("command", &self.command)?;
        let env = filler.map("env", &self.env)?;
        for (name, value) in &env {
            filler.secrets.learn(name, value);
        }
        let pull = match &self.pull {
            None => None,
            Some(pull) => Some(FilledPull {
                command: filler.words("pull.command", &pull.command)?,
                timeout: pull.timeout,
                unless_exists: filler.path("pull.unless_exists", pull.unless_exists.as_ref())?,
                unless_succeeds: pull
                    .unless_succeeds
                    .as_ref()
                    .map(|words| filler.words("pull.unless_succeeds", words))
                    .transpose()?,
                needs_server: pull.needs_server,
            }),
        };
        let url = filler.word("url", &self.url)?.trim_end_matches('/').to_owned();
        let ready_url = format!("{url}{}", filler.word("ready.path", &self.ready.path)?);
        Ok(Filled {
            command,
            env,
            working_dir: filler.path("working_dir", self.working_dir.as_ref())?,
            address: Address {
                host: self.host.clone(),
                port,
                url,
                ready_url,
                ready_status: self.ready.status,
            },
            model: self.model.as_ref().map(|word| filler.word("model", word)).transpose()?,
            load: filler.map("load", &self.load)?,
            pull,
            log: filler.path("log", self.log.as_ref())?,
            secrets: filler.secrets,
        })
    }
}

struct Filler<'a> {
    recipe: &'a Recipe,
    values: &'a Values,
    port: u16,
    secrets: Secrets,
}

impl Filler<'_> {
    fn word(&mut self, field: &str, word: &str) -> Result<String, RecipeError> {
        let (recipe, values, port) = (self.recipe, self.values, self.port);
        let secrets = &mut self.secrets;
        let filled = placeholder::fill(word, |placeholder| {
            let value = match placeholder {
                // An IPv6 address stands in brackets inside a URL.
                Placeholder::Host if field == "url" && recipe.host.contains(':') => {
                    Some(format!("[{}]", recipe.host.trim_matches(['[', ']'])))
                }
                Placeholder::Host => Some(recipe.host.clone()),
                Placeholder::Port => Some(port.to_string()),
                Placeholder::Model => values.model.clone(),
                Placeholder::Name => values.short_name(),
                Placeholder::Threads => values.threads().map(|n| n.to_string()),
                Placeholder::Dir => values.dir.as_deref().and_then(text),
                Placeholder::Home => values.home(),
                Placeholder::Env(name) => {
                    let value = values.variable(name);
                    secrets.learn(name, value.as_deref().unwrap_or_default());
                    value
                }
            };
            value.ok_or_else(|| format!("there is no value for {placeholder}"))
        });
        let invalid = |problem| RecipeError::Invalid {
            recipe: recipe.name.clone(),
            problem: format!("{field}: {problem}"),
        };
        let filled = filled.map_err(invalid)?;
        if filled.contains('\0') {
            return Err(invalid("it holds a null character".to_owned()));
        }
        Ok(filled)
    }

    fn words(&mut self, field: &str, words: &[String]) -> Result<Vec<String>, RecipeError> {
        words.iter().map(|word| self.word(field, word)).collect()
    }

    fn map(
        &mut self,
        field: &str,
        words: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, RecipeError> {
        let filled = |(name, word): (&String, &String)| {
            Ok((name.clone(), self.word(&format!("{field}.{name}"), word)?))
        };
        words.iter().map(filled).collect()
    }

    fn path(&mut self, field: &str, word: Option<&String>) -> Result<Option<PathBuf>, RecipeError> {
        word.map(|word| self.word(field, word).map(PathBuf::from)).transpose()
    }
}

impl Values {
    fn short_name(&self) -> Option<String> {
        self.name.clone().or_else(|| {
            let model = self.model.as_deref()?.trim_end_matches(['/', '\\']);
            let last = model.rsplit(['/', '\\']).next()?;
            let name = last.strip_suffix(".gguf").unwrap_or(last);
            (!name.is_empty()).then(|| name.to_owned())
        })
    }

    fn threads(&self) -> Option<u32> {
        let all = || std::thread::available_parallelism().ok().map(|n| n.get() as u32);
        self.threads.or_else(all)
    }

    fn home(&self) -> Option<String> {
        let variable = || self.variable("HOME").or_else(|| self.variable("USERPROFILE"));
        self.home.as_deref().map_or_else(variable, text)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned().or_else(|| std::env::var(name).ok())
    }
}

fn text(path: &Path) -> Option<String> {
    path.to_str().map(str::to_owned)
}

impl Filled {
    /// Program and arguments for people, without secrets.
    pub fn command_line(&self) -> String {
        let shown = |word: &String| {
            let word = self.secrets.hide(word);
            let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+*".contains(c);
            if !word.is_empty() && word.chars().all(is_plain) { word } else { format!("{word:?}") }
        };
        self.command.iter().map(shown).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values")
            .field("model", &self.model)
            .field("name", &self.name)
            .field("threads", &self.threads)
            .field("dir", &self.dir)
            .field("home", &self.home)
            .field("env", &shown_variables(&self.env, &Secrets::of(&self.env)))
            .finish()
    }
}

impl fmt::Debug for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filled")
            .field("command", &self.command_line())
            .field("env", &shown_variables(&self.env, &self.secrets))
            .field("url", &self.secrets.hide(&self.address.url))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FilledPull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilledPull")
            .field("program", &self.command.first())
            .field("timeout", &self.timeout)
            .field("needs_server", &self.needs_server)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
