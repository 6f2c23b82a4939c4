//! From the answers to the probes to the server.

use serde_json::Value;
use tokmark_model::{Api, LengthControl, ServerFacts};

use super::facts::facts;
use super::probe::ProbeAnswer;
use super::{Abilities, Dialect};
use crate::prometheus::ServerGauges;

/// A server told apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Identified {
    /// Whose dialect it speaks.
    pub dialect: Dialect,
    /// What it says of itself. `urls` and `is_local` are left to the caller, and so is `model`
    /// where it lists several and none is loaded.
    pub facts: ServerFacts,
    /// What it can do.
    pub abilities: Abilities,
}

/// The dialect and the evidence for it.
type Told = Option<(Dialect, String)>;

/// Tells a server by its answers. Any order; a missing answer is as good as a refusal. The
/// body decides, not the status: LM Studio answers 200 to paths it does not know.
pub fn identify(answers: &[ProbeAnswer]) -> Identified {
    let answers = Answers::read(answers);
    let rules: [fn(&Answers<'_>) -> Told; 8] =
        [llama_cpp, lemonade, sglang, vllm, lm_studio, openrouter, ollama, mlx_lm];
    let told = rules.iter().find_map(|rule| rule(&answers));
    let (dialect, evidence) = told.unwrap_or_else(|| (Dialect::OpenAi, unknown(&answers)));
    Identified {
        dialect,
        facts: facts(dialect, evidence, &answers),
        abilities: abilities(dialect, &answers),
    }
}

/// The answers with their bodies read.
pub(super) struct Answers<'a> {
    all: &'a [ProbeAnswer],
    json: Vec<(&'a str, Value)>,
}

impl<'a> Answers<'a> {
    fn read(all: &'a [ProbeAnswer]) -> Self {
        let good = all.iter().filter(|answer| answer.status == 200);
        let json = good
            .filter_map(|answer| {
                serde_json::from_slice(&answer.body).ok().map(|json| (answer.path.as_str(), json))
            })
            .collect();
        Answers { all, json }
    }

    /// The JSON body of a good answer.
    pub(super) fn json(&self, path: &str) -> Option<&Value> {
        self.json.iter().find(|(of, _)| *of == path).map(|(_, json)| json)
    }

    /// A field of it.
    pub(super) fn field(&self, path: &str, field: &str) -> Option<&Value> {
        self.json(path)?.get(field).filter(|value| !value.is_null())
    }

    /// The list `field` of it; empty where there is none.
    pub(super) fn list(&self, path: &str, field: &str) -> &[Value] {
        self.field(path, field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn server_header(&self) -> Option<&'a str> {
        self.all.iter().find_map(|answer| answer.header("server"))
    }

    fn owner(&self) -> Option<&str> {
        self.list("/v1/models", "data").first()?.get("owned_by")?.as_str()
    }

    fn metrics(&self) -> Option<ServerGauges> {
        let answer = self.all.iter().find(|a| a.path == "/metrics" && a.status == 200)?;
        Some(ServerGauges::parse(&answer.body)).filter(|gauges| *gauges != ServerGauges::default())
    }
}

fn llama_cpp(answers: &Answers<'_>) -> Told {
    let told = |evidence: &str| Some((Dialect::LlamaCpp, evidence.to_owned()));
    if answers.field("/props", "default_generation_settings").is_some() {
        return told("/props answered with default_generation_settings");
    }
    match (answers.server_header(), answers.owner()) {
        (Some("llama.cpp"), _) => told("header server: llama.cpp"),
        (_, Some("llamacpp")) => told("/v1/models answered with owned_by llamacpp"),
        _ => None,
    }
}

/// Lemonade also speaks Ollama's API, so it comes before Ollama.
fn lemonade(answers: &Answers<'_>) -> Told {
    if answers.field("/api/v1/health", "all_models_loaded").is_some() {
        let evidence = "/api/v1/health answered with all_models_loaded";
        return Some((Dialect::Lemonade, evidence.to_owned()));
    }
    owned_by(answers, "lemonade", Dialect::Lemonade)
}

fn sglang(answers: &Answers<'_>) -> Told {
    for path in ["/get_server_info", "/server_info"] {
        for field in ["internal_states", "max_total_num_tokens"] {
            if answers.field(path, field).is_some() {
                return Some((Dialect::Sglang, format!("{path} answered with {field}")));
            }
        }
    }
    owned_by(answers, "sglang", Dialect::Sglang)
}

fn vllm(answers: &Answers<'_>) -> Told {
    owned_by(answers, "vllm", Dialect::Vllm).or_else(|| {
        let metrics = answers.all.iter().find(|a| a.path == "/metrics" && a.status == 200)?;
        memchr::memmem::find(&metrics.body, b"\nvllm:")?;
        Some((Dialect::Vllm, "/metrics answered with vllm: names".to_owned()))
    })
}

fn lm_studio(answers: &Answers<'_>) -> Told {
    let told = |evidence: &str| Some((Dialect::LmStudio, evidence.to_owned()));
    let has = |path: &str, list: &str, field: &str| {
        answers.list(path, list).iter().any(|model| model.get(field).is_some())
    };
    if has("/api/v0/models", "data", "compatibility_type") {
        return told("/api/v0/models answered with compatibility_type");
    }
    if has("/api/v1/models", "models", "loaded_instances") {
        return told("/api/v1/models answered with loaded_instances");
    }
    let is_refusal = |json: &Value| {
        let error = json.get("error").and_then(Value::as_str);
        error.is_some_and(|text| text.starts_with("Unexpected endpoint or method."))
    };
    match answers.json.iter().any(|(_, json)| is_refusal(json)) {
        true => told("an unknown path answered with 200 and \"Unexpected endpoint or method.\""),
        false => None,
    }
}

fn openrouter(answers: &Answers<'_>) -> Told {
    let is_priced = |m: &Value| m.get("pricing").is_some() && m.get("top_provider").is_some();
    let is_openrouter = answers.list("/v1/models", "data").iter().any(is_priced);
    let evidence = "/v1/models answered with pricing and top_provider";
    is_openrouter.then(|| (Dialect::OpenRouter, evidence.to_owned()))
}

fn ollama(answers: &Answers<'_>) -> Told {
    answers.field("/api/version", "version")?;
    let lists = ["/api/tags", "/api/ps"].iter().any(|p| answers.field(p, "models").is_some());
    let evidence = "/api/version and a list of models answered";
    lists.then(|| (Dialect::Ollama, evidence.to_owned()))
}

/// mlx_lm names itself nowhere. It is built on Python's own HTTP server and, unlike others
/// that are, has a `/health` that says ok.
fn mlx_lm(answers: &Answers<'_>) -> Told {
    let header = answers.server_header()?;
    let is_python = header.starts_with("BaseHTTP/") && header.contains("Python/");
    let is_ok = answers.field("/health", "status").and_then(Value::as_str) == Some("ok");
    let evidence = format!("header server: {header}, and /health says ok");
    (is_python && is_ok && answers.owner().is_none()).then_some((Dialect::MlxLm, evidence))
}

fn owned_by(answers: &Answers<'_>, owner: &str, dialect: Dialect) -> Told {
    let is_owner = answers.owner() == Some(owner);
    is_owner.then(|| (dialect, format!("/v1/models answered with owned_by {owner}")))
}

fn unknown(answers: &Answers<'_>) -> String {
    let seen = match answers.field("/v1/models", "data") {
        Some(_) => "only /v1/models answered",
        None => "nothing answered that tells it apart",
    };
    match answers.server_header() {
        Some(header) => format!("{seen}; header server: {header}"),
        None => seen.to_owned(),
    }
}

fn abilities(dialect: Dialect, answers: &Answers<'_>) -> Abilities {
    let apis = dialect.apis();
    Abilities {
        length_control: match dialect {
            Dialect::Lemonade => lemonade_length_control(answers),
            _ => dialect.length_control(),
        },
        tokenizer: dialect.tokenizer(),
        metrics_path: answers.metrics().map(|_| "/metrics"),
        usage_in_stream: true,
        think_switch: dialect.think_switch(apis.first().copied().unwrap_or(Api::Chat)),
        opens_think: answers
            .field("/props", "chat_template")
            .and_then(Value::as_str)
            .is_some_and(opens_think),
        apis,
    }
}

/// Whether a chat template ends a prompt inside reasoning: what it adds before an answer opens
/// more tags than it closes. Qwen3 opens and closes one there to have none, DeepSeek-R1 opens.
fn opens_think(template: &str) -> bool {
    let Some((_, end)) = template.rsplit_once("add_generation_prompt") else { return false };
    end.matches("<think>").count() > end.matches("</think>").count()
}

/// By the recipes of the models that it has loaded: all must be back ends that know it.
fn lemonade_length_control(answers: &Answers<'_>) -> LengthControl {
    let loaded = answers.list("/api/v1/health", "all_models_loaded");
    let knows = |model: &Value| {
        matches!(model.get("recipe").and_then(Value::as_str), Some("llamacpp" | "vllm"))
    };
    match !loaded.is_empty() && loaded.iter().all(knows) {
        true => LengthControl::IgnoreEos,
        false => LengthControl::LimitOnly,
    }
}
