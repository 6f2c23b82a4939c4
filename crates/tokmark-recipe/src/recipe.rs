//! What a recipe file may say.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::duration;
use crate::secret::{Secrets, shown_variables};

/// A server and how it is started and stopped. Every text but `name`, `description`, `host`
/// and `needs` may hold placeholders: `{host}`, `{port}`, `{model}`, `{name}`, `{threads}`,
/// `{dir}`, `{home}`, `{env:NAME}` (see [`crate::Values`]); `{{` and `}}` stand for braces.
///
/// Read with [`Recipe::parse`] or [`Recipe::read`], which also check it. Its `Debug` output
/// holds no value of a variable that is named for a secret.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What to call it: letters, digits, `.`, `_` and `-`. Names its log file too.
    pub name: String,
    /// One sentence for people.
    #[serde(default)]
    pub description: String,
    /// Program and arguments, one word each. No shell reads them.
    pub command: Vec<String>,
    /// Added to the environment, of the pull step too.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Folder to run in; that of the caller where absent.
    #[serde(default)]
    pub working_dir: Option<String>,
    /// Address the server listens on.
    #[serde(default = "default_host")]
    pub host: String,
    /// Port the server listens on.
    #[serde(default)]
    pub port: Port,
    /// Base URL for requests.
    #[serde(default = "default_url")]
    pub url: String,
    /// Name of the model that requests carry; where absent the caller chooses.
    #[serde(default)]
    pub model: Option<String>,
    /// Settings of the load that this server wants otherwise, as the caller names them:
    /// `api`, `shape` and so on. Not looked into here.
    #[serde(default)]
    pub load: BTreeMap<String, String>,
    /// Fetches the model before it is measured.
    #[serde(default)]
    pub pull: Option<Pull>,
    /// When the server counts as ready.
    #[serde(default)]
    pub ready: Ready,
    /// Limit of the first request, where it is slower than all others.
    #[serde(default)]
    pub first_load: Option<FirstLoad>,
    /// How it is asked to end.
    #[serde(default)]
    pub stop: Stop,
    /// File for the output of server and pull; where absent `NAME-PORT.log` in the caller's
    /// log folder. A relative path lies in that folder.
    #[serde(default)]
    pub log: Option<String>,
    /// Programs without which it cannot run.
    #[serde(default)]
    pub needs: Vec<Need>,
}

/// Where a server listens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Port {
    /// One that is free when the server is started.
    #[default]
    Auto,
    /// Always this one, 1 to 65,535.
    Number(u16),
}

/// A step that fetches what the server needs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pull {
    /// Program and arguments, one word each.
    pub command: Vec<String>,
    /// Longest time for it.
    #[serde(default = "default_pull_timeout", deserialize_with = "duration::deserialize")]
    pub timeout: Duration,
    /// Nothing is pulled where this path exists. A relative one begins in `working_dir`.
    #[serde(default)]
    pub unless_exists: Option<String>,
    /// Nothing is pulled where this program ends with exit code 0. Program and arguments.
    #[serde(default)]
    pub unless_succeeds: Option<Vec<String>>,
    /// The command speaks to the server itself, so it runs once that is ready; otherwise
    /// before the server is started.
    #[serde(default)]
    pub needs_server: bool,
}

/// What a ready server answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ready {
    /// Path to ask for, from a slash on.
    pub path: String,
    /// HTTP status of a ready server, 100 to 599.
    pub status: u16,
    /// Longest time from the start until it is ready.
    #[serde(deserialize_with = "duration::deserialize")]
    pub timeout: Duration,
}

/// Limit of the first request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstLoad {
    /// Longest time for the first request.
    #[serde(deserialize_with = "duration::deserialize")]
    pub timeout: Duration,
}

/// How a server is asked to end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stop {
    /// What its processes are sent first.
    pub signal: StopSignal,
    /// Time it has before it is killed.
    #[serde(deserialize_with = "duration::deserialize")]
    pub grace: Duration,
}

/// A signal that asks a program to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopSignal {
    /// SIGTERM.
    #[default]
    Term,
    /// SIGINT, as Ctrl-C sends it.
    Int,
}

/// A program that must be there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// Its name, looked for on PATH.
    pub program: String,
    /// How to get it.
    #[serde(default)]
    pub hint: String,
}

fn default_host() -> String {
    "127.0.0.1".to_owned()
}

fn default_url() -> String {
    "http://{host}:{port}".to_owned()
}

fn default_pull_timeout() -> Duration {
    Duration::from_secs(30 * 60)
}

impl Default for Ready {
    fn default() -> Self {
        Ready { path: "/health".to_owned(), status: 200, timeout: Duration::from_secs(60) }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Stop { signal: StopSignal::default(), grace: Duration::from_secs(10) }
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match text.trim().parse::<u16>() {
            _ if text.trim() == "auto" => Ok(Port::Auto),
            Ok(number) if number > 0 => Ok(Port::Number(number)),
            _ => Err(D::Error::custom(format!(
                "the port `{text}` is neither `auto` nor a number from 1 to 65535"
            ))),
        }
    }
}

impl fmt::Debug for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets = Secrets::of(&self.env);
        let hidden = |words: &[String]| -> Vec<String> {
            words.iter().map(|word| secrets.hide(word)).collect()
        };
        f.debug_struct("Recipe")
            .field("name", &self.name)
            .field("command", &hidden(&self.command))
            .field("env", &shown_variables(&self.env, &secrets))
            .field("host", &self.host)
            .field("port", &self.port)
            .field("url", &secrets.hide(&self.url))
            .field("pull", &self.pull.as_ref().map(|pull| hidden(&pull.command)))
            .field("ready", &self.ready)
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}
