//! A server that was asked what it is.

use std::time::Duration;

use tokmark_model::{Api, LengthControl, Message, Role, ServerFacts, Think};
use tokmark_wire::{
    Abilities, Ask, BaseUrl, Dialect, Identified, ProbeAnswer, ThinkSwitch, identify,
    ollama_loaded, probes, system_fingerprint,
};

use crate::fetch::{Fetched, NoAnswer, fetch, fetch_on_kept};
use crate::target::{Target, TargetOptions};
use crate::{HttpError, ServerTokenizer};

/// Longest time for one question about the server.
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// The same for an answer of one token.
const FINGERPRINT_TIMEOUT: Duration = Duration::from_secs(30);
/// The same on ports where perhaps nothing listens.
const DISCOVERY_TIMEOUT: Duration = Duration::from_millis(500);
/// Where local servers usually listen: Ollama, LM Studio, llama-server, vLLM.
const USUAL_PORTS: [u16; 4] = [11434, 1234, 8080, 8000];

/// How an endpoint is reached and which of its models is meant.
#[derive(Debug, Clone, Default)]
pub struct EndpointOptions {
    /// Connections and headers.
    pub target: TargetOptions,
    /// The model; needed only where the server has several.
    pub model: Option<String>,
    /// The API; by default the dialect's chat API.
    pub api: Option<Api>,
}

/// One model of one server, behind one or several base URLs.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub(crate) targets: Vec<Target>,
    dialect: Dialect,
    abilities: Abilities,
    facts: ServerFacts,
    api: Api,
}

impl Endpoint {
    /// Resolves the base URLs, asks the first what it is, and settles on a model.
    ///
    /// # Errors
    /// When nothing answers, a key is refused, or the model is none of the server's.
    pub fn open<S: AsRef<str>>(urls: &[S], options: &EndpointOptions) -> Result<Self, HttpError> {
        runtime()?.block_on(Endpoint::open_async(urls, options))
    }

    async fn open_async<S: AsRef<str>>(
        urls: &[S],
        options: &EndpointOptions,
    ) -> Result<Self, HttpError> {
        let mut targets = Vec::new();
        for url in urls {
            targets.push(Target::resolve(parse(url.as_ref())?, &options.target).await?);
        }
        let Some(first) = targets.first() else {
            let reason = "no address was given".to_owned();
            return Err(HttpError::Url { url: String::new(), reason });
        };
        let answers = probe(first, PROBE_TIMEOUT).await;
        check_answers(first, &answers, options.model.is_some())?;
        let Identified { dialect, abilities, mut facts } = identify(&answers.good);
        let loaded = std::mem::take(&mut facts.model);
        facts.model = choose_model(&facts, options.model.as_deref())?;
        if !loaded.is_empty() && !is_same_model(&loaded, &facts.model) {
            forget_loaded(dialect, &mut facts);
        }
        facts.urls = targets.iter().map(|target| target.url().to_string()).collect();
        facts.is_local = targets.iter().all(Target::is_local);
        check_replicas(&targets, &facts).await?;
        let api = options.api.unwrap_or(match dialect {
            Dialect::Ollama => Api::OllamaChat,
            _ => Api::Chat,
        });
        Ok(Endpoint { targets, dialect, abilities, facts, api })
    }

    /// What the server says of itself.
    pub fn facts(&self) -> &ServerFacts {
        &self.facts
    }

    /// Whose dialect it speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What it can be asked for.
    pub fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    /// Ports of its servers.
    pub fn ports(&self) -> Vec<u16> {
        self.targets.iter().map(Target::port).collect()
    }

    /// A JSON document of the first server; `None` where there is none.
    pub fn get_json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Option<T> {
        serde_json::from_slice(&self.get(path)?).ok()
    }

    /// The same with what its server says only once a request has loaded the model: Ollama's
    /// memory and share of the GPU, and the version of those that mark only answers with it.
    pub fn look_again(&self) -> Self {
        let mut again = self.clone();
        if self.dialect == Dialect::Ollama {
            let loaded = self.get("/api/ps");
            let loaded = loaded.and_then(|ps| ollama_loaded(&ps, Some(&self.facts.model)));
            forget_loaded(self.dialect, &mut again.facts);
            if let Some(loaded) = loaded {
                again.facts.model_bytes = loaded.model_bytes;
                again.facts.gpu_share_percent = loaded.gpu_share_percent;
                again.facts.n_ctx = loaded.n_ctx.or(again.facts.n_ctx);
            }
        }
        if again.facts.version.is_none() && self.dialect == Dialect::MlxLm {
            again.facts.version = self.version_in_an_answer();
        }
        again
    }

    /// From the `system_fingerprint` of an answer of one token.
    fn version_in_an_answer(&self) -> Option<String> {
        let messages = [Message::text(Role::User, "Hi")];
        let ask = Ask {
            model: &self.facts.model,
            messages: &messages,
            tools: &[],
            max_tokens: Some(1),
            temperature: None,
            think: Think::Auto,
            length_control: LengthControl::LimitOnly,
            stream: false,
            seed: None,
        };
        let body = ask.body(self.api, self.dialect);
        let target = self.targets.first()?;
        let asked = fetch(target, "POST", body.path, &body.json, FINGERPRINT_TIMEOUT);
        let answer = runtime().ok()?.block_on(asked).ok()?;
        self.dialect.version_of_fingerprint(&system_fingerprint(&answer.body)?)
    }

    /// The body at a path of the first server.
    fn get(&self, path: &str) -> Option<Vec<u8>> {
        let target = self.targets.first()?;
        let answer = runtime().ok()?.block_on(fetch(target, "GET", path, b"", PROBE_TIMEOUT));
        Some(answer.ok()?.body)
    }

    /// Which API is used.
    pub fn api(&self) -> Api {
        self.api
    }

    /// Whether a way is known to have it reason that does not by itself.
    pub fn takes_think_on(&self) -> bool {
        let switch = self.dialect.think_switch(self.api);
        !matches!(switch, ThinkSwitch::NoThinkSuffix | ThinkSwitch::EnableThinking)
    }

    /// Tokens of `text` by the server's own tokenizer; `None` where it has none.
    pub fn count_tokens(&self, text: &str) -> Option<u32> {
        ServerTokenizer::new(self).ok()??.count_text(text)
    }
}

/// The servers that answer on this machine's usual ports: address and what they are. They are
/// asked without headers and key, so that one which wants a key is of unknown kind.
///
/// # Errors
/// When no runtime can be started.
pub fn discover(options: &TargetOptions) -> Result<Vec<(String, ServerFacts)>, HttpError> {
    // Whoever listens there is not yet known to be the one that a key is for.
    let options = TargetOptions { headers: Vec::new(), api_key: None, ..options.clone() };
    runtime()?.block_on(async {
        let mut found = Vec::new();
        for port in USUAL_PORTS {
            let url = format!("http://127.0.0.1:{port}");
            let target = Target::resolve(parse(&url)?, &options).await?;
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                continue;
            }
            let answers = probe(&target, DISCOVERY_TIMEOUT).await;
            if answers.good.iter().any(|answer| matches!(answer.status, 200 | 401 | 403)) {
                found.push((url, identify(&answers.good).facts));
            }
        }
        Ok(found)
    })
}

/// The status with which `url` answers to a GET of `path` within `limit`; `None` if it does not.
pub fn answers(url: &str, path: &str, limit: Duration) -> Option<u16> {
    runtime().ok()?.block_on(async {
        let target = Target::resolve(parse(url).ok()?, &TargetOptions::default()).await.ok()?;
        let answer = fetch(&target, "GET", path, b"", limit).await.ok()?;
        Some(answer.head.status)
    })
}

/// The ports that [`discover`] tries.
pub fn usual_ports() -> &'static [u16] {
    &USUAL_PORTS
}

fn parse(url: &str) -> Result<BaseUrl, HttpError> {
    BaseUrl::parse(url).map_err(|error| HttpError::Url {
        // What stands before an @ may be a password.
        url: url.rsplit('@').next().unwrap_or_default().to_owned(),
        reason: error.to_string(),
    })
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, HttpError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| HttpError::System { what: "cannot start the client's runtime", source })
}

/// Answers to all probes that were answered at all.
struct Answers {
    good: Vec<ProbeAnswer>,
    /// Why the first one was not.
    failure: Option<NoAnswer>,
}

async fn probe(target: &Target, limit: Duration) -> Answers {
    let mut answers = Answers { good: Vec::new(), failure: None };
    let mut connection = None;
    for probe in probes() {
        match fetch_on_kept(target, "GET", probe.path, b"", limit, &mut connection).await {
            Ok(Fetched { head, body }) => answers.good.push(ProbeAnswer {
                path: probe.path.to_owned(),
                status: head.status,
                headers: head.headers,
                body,
            }),
            Err(error) => {
                // A server that can't be connected won't be by the next question.
                let is_hopeless = answers.good.is_empty();
                answers.failure.get_or_insert(error);
                if is_hopeless {
                    break;
                }
            }
        }
    }
    answers
}

/// `is_named`: the user says which model there is, so that nothing has to be known of it.
fn check_answers(target: &Target, answers: &Answers, is_named: bool) -> Result<(), HttpError> {
    use tokmark_model::RequestError as E;

    let url = target.url().to_string();
    let unreachable =
        |reason: &str| Err(HttpError::Unreachable { url: url.clone(), reason: reason.to_owned() });
    if answers.good.is_empty() {
        if let Some(reason) = answers.failure.as_ref().and_then(|own| own.tls_reason.as_deref()) {
            return unreachable(reason);
        }
        let failure = answers.failure.as_ref();
        if failure.is_some_and(|own| own.kind == E::Timeout && !own.was_connected) {
            return unreachable(
                "could not be connected within 5 s; is the address right, and does a firewall let \
                 it through?",
            );
        }
        return match failure.map(|failure| &failure.kind) {
            Some(E::Timeout) => unreachable("was connected but did not answer within 5 s"),
            Some(E::BrokenStream) => {
                unreachable("closed the connection without an answer; is it http or https?")
            }
            Some(E::Malformed) => unreachable("does not speak HTTP; is it http or https?"),
            _ => unreachable("refuses the connection; is the server running?"),
        };
    }
    let statuses: Vec<u16> = answers.good.iter().map(|answer| answer.status).collect();
    if statuses.iter().all(|status| matches!(status, 401 | 403)) {
        return unreachable("refuses the key (401); name its variable by --api-key-env NAME");
    }
    if !is_named && statuses.iter().all(|status| *status == 404) {
        return unreachable(
            "answers 404 to all that servers of models answer to; is its path right? Where it \
             is, name the model by --model",
        );
    }
    Ok(())
}

/// The first was asked already. Each of the others must answer, serve the same model where it
/// lists any, and be another.
async fn check_replicas(targets: &[Target], facts: &ServerFacts) -> Result<(), HttpError> {
    for (n, (target, url)) in targets.iter().zip(&facts.urls).enumerate().skip(1) {
        if facts.urls[..n].contains(url) {
            let reason = "is given twice; name each replica once".to_owned();
            return Err(HttpError::Unreachable { url: url.clone(), reason });
        }
        let answers = probe(target, PROBE_TIMEOUT).await;
        check_answers(target, &answers, true)?;
        let models = identify(&answers.good).facts.models;
        let is_same =
            |own: &String| is_same_model(own, &facts.model) || is_same_file(own, &facts.model);
        if !models.is_empty() && !models.iter().any(is_same) {
            return Err(HttpError::Model {
                reason: format!(
                    "{url} does not serve {}; it has {}",
                    printable(&facts.model),
                    list(&models)
                ),
            });
        }
    }
    Ok(())
}

/// Forgets what belongs to a model that is loaded, where that is not the one that is asked.
fn forget_loaded(dialect: Dialect, facts: &mut ServerFacts) {
    if matches!(dialect, Dialect::Ollama | Dialect::LmStudio | Dialect::Lemonade) {
        (facts.model_bytes, facts.gpu_share_percent, facts.n_ctx) = (None, None, None);
    }
}

/// Whether two names of a server are one model: Ollama adds `:latest` to a name without a tag.
fn is_same_model(one: &str, other: &str) -> bool {
    let untagged = |name: &str| name.strip_suffix(":latest").unwrap_or(name).to_owned();
    untagged(one) == untagged(other)
}

/// Whether both are one file, which another machine may have elsewhere. `one/name` and
/// `other/name` are two models unless one of them is a path.
fn is_same_file(one: &str, other: &str) -> bool {
    let is_path = |name: &str| name.starts_with('/') || name.ends_with(".gguf");
    let file = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    (is_path(one) || is_path(other)) && file(one) == file(other)
}

/// The asked model as the server spells it, or its only one.
fn choose_model(facts: &ServerFacts, asked: Option<&str>) -> Result<String, HttpError> {
    match (asked, facts.models.as_slice()) {
        (Some(asked), models) if models.is_empty() || models.iter().any(|own| own == asked) => {
            Ok(asked.to_owned())
        }
        (Some(asked), models) => {
            let mut close =
                models.iter().filter(|own| own.to_lowercase().contains(&asked.to_lowercase()));
            match (close.next(), close.next()) {
                (Some(only), None) => Ok(only.clone()),
                // A proxy may know more models than it lists.
                _ if facts.dialect == "openrouter" => Ok(asked.to_owned()),
                _ => Err(HttpError::Model {
                    reason: format!("the server has no model {asked}; it has {}", list(models)),
                }),
            }
        }
        (None, [only]) => Ok(only.clone()),
        // Servers of one model take any name.
        (None, []) => Ok("default".to_owned()),
        (None, models) => Err(HttpError::Model {
            reason: format!(
                "the server has {} models; choose one by --model: {}",
                models.len(),
                list(models)
            ),
        }),
    }
}

/// The first names of a server's models.
fn list(models: &[String]) -> String {
    let shown: Vec<String> = models.iter().take(8).map(|name| printable(name)).collect();
    let more = if models.len() > 8 { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// The name of a server's model as a terminal may show it.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_models_bring_no_control_characters_into_an_error() {
        let error = choose_model(&facts(&["a\u{1b}[2J", "b"]), None).unwrap_err().to_string();
        assert!(error.contains("a\u{fffd}[2J, b"), "{error}");
    }

    fn facts(models: &[&str]) -> ServerFacts {
        ServerFacts {
            models: models.iter().map(|model| (*model).to_owned()).collect(),
            ..ServerFacts::default()
        }
    }

    #[test]
    fn the_only_model_needs_no_name() {
        assert_eq!(choose_model(&facts(&["a"]), None).unwrap(), "a");
        assert_eq!(choose_model(&facts(&[]), None).unwrap(), "default");
        assert!(choose_model(&facts(&["a", "b"]), None).unwrap_err().to_string().contains("a, b"));
    }

    #[test]
    fn part_of_a_name_is_enough_if_it_is_the_only_such() {
        let facts = facts(&["llama3:8b", "qwen3:4b"]);
        assert_eq!(choose_model(&facts, Some("Qwen3")).unwrap(), "qwen3:4b");
        assert!(choose_model(&facts, Some("gemma")).is_err());
        assert!(choose_model(&facts, Some("b")).is_err());
    }

    #[test]
    fn a_password_is_in_no_message() {
        let error = Endpoint::open(&["ftp://u:secret@h/"], &EndpointOptions::default());
        let text = format!("{:?} {}", error, error.as_ref().unwrap_err());
        assert!(!text.contains("secret"), "{text}");
    }
}
