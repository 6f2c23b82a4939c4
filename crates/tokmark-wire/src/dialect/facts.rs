//! What each server says of itself.

use serde_json::Value;
use tokmark_model::ServerFacts;

use super::Dialect;
use super::identify::Answers;
use super::loaded::ollama_loaded;

pub(super) fn facts(dialect: Dialect, evidence: String, answers: &Answers<'_>) -> ServerFacts {
    let mut facts = ServerFacts {
        dialect: dialect.word().to_owned(),
        evidence,
        models: names(answers.list("/v1/models", "data"), "id"),
        ..ServerFacts::default()
    };
    match dialect {
        Dialect::LlamaCpp => llama_cpp(&mut facts, answers),
        Dialect::Vllm => {
            facts.version = text(answers.field("/version", "version"));
            facts.n_ctx = longest_model(answers);
        }
        Dialect::Sglang => sglang(&mut facts, answers),
        // It serves the model that it was started with under this name
        // (mlx_lm 0.32, `mlx_lm/server.py`, `requested_model`).
        Dialect::MlxLm => facts.model = "default_model".to_owned(),
        Dialect::Lemonade => lemonade(&mut facts, answers),
        Dialect::LmStudio => lm_studio(&mut facts, answers),
        Dialect::Ollama => ollama(&mut facts, answers),
        Dialect::OpenRouter | Dialect::OpenAi => {}
    }
    if facts.model.is_empty() && facts.models.len() == 1 {
        facts.model.clone_from(&facts.models[0]);
    }
    facts
}

fn llama_cpp(facts: &mut ServerFacts, answers: &Answers<'_>) {
    facts.version = text(answers.field("/props", "build_info"));
    let slots = answers.json("/slots").and_then(Value::as_array);
    let n_slots = slots.and_then(|slots| u32::try_from(slots.len()).ok());
    facts.n_slots = count(answers.field("/props", "total_slots")).or(n_slots);
    let settings = answers.field("/props", "default_generation_settings");
    let of_slot = slots.and_then(|slots| slots.first()?.get("n_ctx"));
    facts.n_ctx = count(settings.and_then(|s| s.get("n_ctx"))).or_else(|| count(of_slot));
}

fn sglang(facts: &mut ServerFacts, answers: &Answers<'_>) {
    let path = match answers.json("/get_server_info") {
        Some(_) => "/get_server_info",
        None => "/server_info",
    };
    facts.version = text(answers.field(path, "version"));
    facts.n_ctx = count(answers.field(path, "context_length")).or_else(|| longest_model(answers));
    // What was set, else what each scheduler settled on.
    let of_worker = answers.list(path, "internal_states").first();
    let settled = of_worker.and_then(|w| w.get("effective_max_running_requests_per_dp"));
    facts.n_slots = count(answers.field(path, "max_running_requests")).or_else(|| count(settled));
}

fn lemonade(facts: &mut ServerFacts, answers: &Answers<'_>) {
    const HEALTH: &str = "/api/v1/health";
    facts.version = text(answers.field(HEALTH, "version"));
    let loaded = answers.list(HEALTH, "all_models_loaded");
    let is_llm = |model: &&Value| model.get("type").and_then(Value::as_str) == Some("llm");
    let Some(model) = loaded.iter().find(is_llm) else { return };
    facts.model = text(model.get("model_name")).unwrap_or_default();
    facts.n_ctx = count(model.get("recipe_options").and_then(|options| options.get("ctx_size")));
}

fn lm_studio(facts: &mut ServerFacts, answers: &Answers<'_>) {
    let is_loaded = |m: &&Value| {
        let is_llm = m.get("type").and_then(Value::as_str) != Some("embeddings");
        is_llm && m.get("state").and_then(Value::as_str) == Some("loaded")
    };
    if let Some(model) = answers.list("/api/v0/models", "data").iter().find(is_loaded) {
        facts.model = text(model.get("id")).unwrap_or_default();
        facts.n_ctx = count(model.get("loaded_context_length"));
    }
    let models = answers.list("/api/v1/models", "models").iter();
    let llms = models.filter(|m| m.get("type").and_then(Value::as_str) == Some("llm"));
    let mut instances = llms.filter_map(|m| m.get("loaded_instances")?.as_array()?.first());
    if let Some(instance) = instances.next() {
        let config = instance.get("config");
        facts.model = text(instance.get("id")).unwrap_or_default();
        facts.n_slots = count(config.and_then(|config| config.get("parallel")));
        facts.n_ctx = count(config.and_then(|config| config.get("context_length"))).or(facts.n_ctx);
    }
}

fn ollama(facts: &mut ServerFacts, answers: &Answers<'_>) {
    facts.version = text(answers.field("/api/version", "version"));
    let tags = names(answers.list("/api/tags", "models"), "name");
    if !tags.is_empty() {
        facts.models = tags;
    }
    let loaded = answers.json("/api/ps").map(Value::to_string);
    if let Some(loaded) = loaded.and_then(|body| ollama_loaded(body.as_bytes(), None)) {
        facts.model = loaded.name;
        facts.model_bytes = loaded.model_bytes;
        facts.gpu_share_percent = loaded.gpu_share_percent;
        facts.n_ctx = loaded.n_ctx;
    }
}

/// `max_model_len` of the first model, as vLLM and SGLang list it.
fn longest_model(answers: &Answers<'_>) -> Option<u32> {
    count(answers.list("/v1/models", "data").first()?.get("max_model_len"))
}

fn names(models: &[Value], field: &str) -> Vec<String> {
    models.iter().filter_map(|model| text(model.get(field))).collect()
}

fn text(value: Option<&Value>) -> Option<String> {
    value?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn count(value: Option<&Value>) -> Option<u32> {
    value?.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|&n| n > 0)
}
