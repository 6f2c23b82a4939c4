//! Answers about the server itself: models, health, metrics, and the stub's own paths.

use std::sync::Arc;

use serde_json::json;

use crate::ask::Ask;
use crate::desk::reply;
use crate::http::Request;
use crate::options::Dialect;
use crate::pages::TruthPages;
use crate::script::Script;
use crate::shared::Shared;
use crate::voice::error_body;
use crate::words::n_words;

const JSON: &str = "application/json";

/// What to do for a request that asks for no text.
pub(crate) fn script(shared: &Arc<Shared>, request: &Request<'_>) -> Script {
    let keep_alive = request.keep_alive;
    if (request.method, request.path) == ("GET", "/stub/truth") {
        let pages = TruthPages::new(Arc::clone(shared), request.understands_chunks, keep_alive);
        return Script::Truth(Box::new(pages));
    }
    let page = match request.method {
        "GET" => stub_page(shared, request.path).or_else(|| server_page(shared, request.path)),
        "POST" => posted_page(shared, request),
        _ => None,
    };
    let dialect = shared.options.dialect;
    let (status, content_type, body) = page.unwrap_or_else(|| {
        let is_ollama_api = request.path.starts_with("/api/");
        (404, JSON, error_body(dialect, is_ollama_api, 404, "there is no such path here"))
    });
    Script::Reply(reply(status, content_type, &body, keep_alive, ""))
}

type Page = (u16, &'static str, String);

fn stub_page(shared: &Shared, path: &str) -> Option<Page> {
    match path {
        "/stub/config" => Some((200, JSON, shared.options.to_json())),
        "/stub/summary" => Some((200, JSON, json!(shared.summary()).to_string())),
        _ => None,
    }
}

fn posted_page(shared: &Shared, request: &Request<'_>) -> Option<Page> {
    let dialect = shared.options.dialect;
    match request.path {
        "/stub/reset" => {
            shared.reset();
            Some((200, JSON, "{\"status\":\"ok\"}".to_owned()))
        }
        "/tokenize" if matches!(dialect, Dialect::LlamaCpp | Dialect::Vllm) => {
            let page = match tokenized(shared, &request.body) {
                Some(body) => (200, body),
                None => (400, error_body(dialect, false, 400, "there is no text to tokenize")),
            };
            Some((page.0, JSON, page.1))
        }
        _ => None,
    }
}

/// Tokens of a text: its words, numbered.
fn tokenized(shared: &Shared, body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = value.get("content").or(value.get("prompt")).and_then(|text| text.as_str());
    let n = match text {
        Some(text) => n_words(text),
        None => Ask::read(tokmark_model::Api::Chat, body).ok()?.n_prompt(),
    };
    let tokens: Vec<u32> = (0..n).collect();
    Some(match shared.options.dialect {
        Dialect::Vllm => {
            let n_ctx = shared.options.n_ctx;
            json!({"count": n, "max_model_len": n_ctx, "tokens": tokens, "token_strs": null})
                .to_string()
        }
        _ => json!({ "tokens": tokens }).to_string(),
    })
}

/// Pages that the server which it looks like has too.
fn server_page(shared: &Shared, path: &str) -> Option<Page> {
    let options = &shared.options;
    let version = env!("CARGO_PKG_VERSION");
    let value = match (path, options.dialect) {
        ("/health", Dialect::Vllm) => return Some((200, JSON, String::new())),
        ("/health", _) => json!({"status": "ok"}),
        ("/v1/models", _) => models(shared),
        ("/metrics", Dialect::OpenAi | Dialect::LlamaCpp | Dialect::Vllm) => {
            return Some((200, "text/plain; version=0.0.4", metrics(shared)));
        }
        ("/version", Dialect::OpenAi) => json!({"version": version, "server": "tokmark-stub"}),
        ("/version", Dialect::Vllm) => json!({"version": "0.32.0"}),
        ("/props", Dialect::LlamaCpp) => json!({
            "default_generation_settings": {"n_ctx": options.n_ctx},
            "total_slots": options.n_slots.unwrap_or(1),
            "model_alias": options.model,
            "model_path": options.model,
            "build_info": "b0-stub",
        }),
        ("/api/version", Dialect::Ollama) => json!({"version": "0.13.0"}),
        ("/api/tags", Dialect::Ollama) => json!({"models": [ollama_model(&options.model)]}),
        // A model is loaded by its first request.
        ("/api/ps", Dialect::Ollama) if shared.summary().max_in_flight == 0 => {
            json!({"models": []})
        }
        ("/api/ps", Dialect::Ollama) => {
            let mut model = ollama_model(&options.model);
            model["size_vram"] = json!(500_000_000u64);
            model["context_length"] = json!(options.n_ctx);
            json!({"models": [model]})
        }
        ("/", Dialect::Ollama) => {
            return Some((200, "text/plain", "Ollama is running".to_owned()));
        }
        _ => return None,
    };
    Some((200, JSON, value.to_string()))
}

fn ollama_model(name: &str) -> serde_json::Value {
    json!({
        "name": name,
        "model": name,
        "size": 1_000_000_000u64,
        "digest": "0".repeat(64),
        "details": {"format": "gguf", "family": "stub", "quantization_level": "Q4_0"},
    })
}

fn models(shared: &Shared) -> serde_json::Value {
    let options = &shared.options;
    let model = &options.model;
    let created = shared.created;
    let mut entry = json!({"id": model, "object": "model", "created": created});
    match options.dialect {
        Dialect::LlamaCpp => {
            entry["owned_by"] = json!("llamacpp");
            entry["meta"] = json!({"n_ctx": options.n_ctx, "n_ctx_train": options.n_ctx});
        }
        Dialect::Vllm => {
            entry["owned_by"] = json!("vllm");
            entry["root"] = json!(model);
            entry["max_model_len"] = json!(options.n_ctx);
        }
        Dialect::Ollama => entry["owned_by"] = json!("library"),
        Dialect::OpenAi => entry["owned_by"] = json!("tokmark-stub"),
    }
    json!({"object": "list", "data": [entry]})
}

/// Running and waiting requests under the names of the server that it looks like.
fn metrics(shared: &Shared) -> String {
    let summary = shared.summary();
    let waiting = summary.waiting;
    let running = summary.in_flight.saturating_sub(waiting);
    let label = format!("{{engine=\"0\",model_name={}}}", json!(shared.options.model));
    let (names, label) = match shared.options.dialect {
        Dialect::LlamaCpp => {
            (["llamacpp:requests_processing", "llamacpp:requests_deferred"], String::new())
        }
        Dialect::Vllm => (["vllm:num_requests_running", "vllm:num_requests_waiting"], label),
        _ => (["stub:requests_running", "stub:requests_waiting"], String::new()),
    };
    let gauge = |name, value| format!("# TYPE {name} gauge\n{name}{label} {value}\n");
    let events = summary.n_text_events;
    format!(
        "{}{}# TYPE stub:text_events_total counter\nstub:text_events_total {events}\n",
        gauge(names[0], running),
        gauge(names[1], waiting)
    )
}
