use serde_json::json;

use super::*;

fn answer(path: &str, body: serde_json::Value) -> ProbeAnswer {
    let body = body.to_string().into_bytes();
    ProbeAnswer { path: path.to_owned(), status: 200, headers: Vec::new(), body }
}

#[test]
fn every_word_leads_back_to_its_dialect() {
    for dialect in Dialect::ALL {
        assert_eq!(Dialect::of_word(dialect.word()), Some(dialect));
    }
    assert_eq!(Dialect::of_word("triton"), None);
}

#[test]
fn versions_are_found_in_fingerprints() {
    let mlx = "0.32.2-0.32.4-Linux-6.18-x86_64";
    assert_eq!(Dialect::MlxLm.version_of_fingerprint(mlx).as_deref(), Some("0.32.2"));
    let vllm = Dialect::Vllm.version_of_fingerprint("vllm-0.32.0-400782a4");
    assert_eq!(vllm.as_deref(), Some("0.32.0"));
    assert_eq!(Dialect::LlamaCpp.version_of_fingerprint("b65-ab").as_deref(), Some("b65-ab"));
    assert_eq!(Dialect::OpenAi.version_of_fingerprint("fp_44709d6fcb"), None);
    assert_eq!(Dialect::MlxLm.version_of_fingerprint(""), None);
}

#[test]
fn a_loaded_model_is_found_by_name_with_or_without_its_tag() {
    let body = json!({"models": [
        {"name": "a:latest", "size": 400, "size_vram": 100, "context_length": 4096},
        {"name": "b:7b", "size": 0, "size_vram": 0},
    ]})
    .to_string();
    let loaded = |name| ollama_loaded(body.as_bytes(), name);
    let a = loaded(Some("a")).unwrap();
    assert_eq!(a.model_bytes.map(|bytes| bytes.0), Some(400));
    assert_eq!((a.gpu_share_percent, a.n_ctx), (Some(25.0), Some(4096)));
    assert_eq!(loaded(None).unwrap().name, "a:latest");
    let b = loaded(Some("b:7b")).unwrap();
    assert_eq!((b.model_bytes, b.gpu_share_percent, b.n_ctx), (None, None, None));
    assert_eq!(loaded(Some("b")), None);
    assert_eq!(ollama_loaded(b"Not Found", None), None);
}

#[test]
fn a_server_of_unknown_kind_is_openai_with_what_it_lists() {
    let models = json!({"object": "list", "data": [{"id": "one", "object": "model"}]});
    let mut models = answer("/v1/models", models);
    models.headers.push(("Server".into(), "nginx".into()));
    let told = identify(&[models]);
    assert_eq!(told.dialect, Dialect::OpenAi);
    assert_eq!((&*told.facts.dialect, &*told.facts.model), ("openai", "one"));
    assert_eq!(told.facts.evidence, "only /v1/models answered; header server: nginx");
    assert_eq!(told.abilities.length_control, LengthControl::LimitOnly);
    assert_eq!(told.abilities.think_switch, ThinkSwitch::NoThinkSuffix);
    let nothing = identify(&[]);
    assert_eq!(nothing.facts.evidence, "nothing answered that tells it apart");
}

#[test]
fn an_answer_that_is_no_success_tells_nothing() {
    let mut props = answer("/props", json!({"default_generation_settings": {}}));
    props.status = 401;
    assert_eq!(identify(&[props]).dialect, Dialect::OpenAi);
}

#[test]
fn a_python_server_that_names_an_owner_is_not_mlx_lm() {
    let mut health = answer("/health", json!({"status": "ok"}));
    health.headers.push(("server".into(), "BaseHTTP/0.6 Python/3.11.7".into()));
    assert_eq!(identify(std::slice::from_ref(&health)).dialect, Dialect::MlxLm);
    let models = answer("/v1/models", json!({"data": [{"id": "x", "owned_by": "me"}]}));
    assert_eq!(identify(&[health, models]).dialect, Dialect::OpenAi);
}

#[test]
fn vllm_behind_another_name_is_told_by_its_metrics() {
    let body = b"# HELP x\nvllm:num_requests_running{engine=\"0\"} 1\n".to_vec();
    let metrics = ProbeAnswer { path: "/metrics".into(), status: 200, headers: vec![], body };
    let told = identify(&[metrics]);
    assert_eq!(told.dialect, Dialect::Vllm);
    assert_eq!(told.abilities.metrics_path, Some("/metrics"));
}

#[test]
fn answers_are_not_shown_with_their_secrets() {
    let mut info = answer("/get_server_info", json!({"api_key": "sk-secret"}));
    info.headers.push(("authorization".into(), "sk-secret".into()));
    assert!(!format!("{info:?}").contains("sk-secret"), "{info:?}");
}

#[test]
fn every_probe_is_asked_once() {
    let mut paths: Vec<_> = probes().iter().map(|probe| probe.path).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), probes().len());
}

#[test]
fn a_template_that_opens_reasoning_is_told_from_one_that_closes_it() {
    let opens = |template: &str| {
        let props = serde_json::json!({
            "default_generation_settings": {"n_ctx": 10}, "chat_template": template
        });
        let answer = ProbeAnswer {
            path: "/props".to_owned(),
            status: 200,
            headers: Vec::new(),
            body: props.to_string().into_bytes(),
        };
        identify(&[answer]).abilities.opens_think
    };
    let begin = "{% if m.content %}<think>{{ m.reasoning }}</think>{% endif %}";
    let end = |text: &str| format!("{begin}{{% if add_generation_prompt %}}{text}{{% endif %}}");
    assert!(opens(&end("<|assistant|><think>\\n")));
    assert!(opens(&end("{% if not think %}<think></think>{% else %}<think>{% endif %}")));
    assert!(!opens(&end("<|assistant|>{% if not think %}<think>\\n\\n</think>{% endif %}")));
    assert!(!opens(&end("<|assistant|>")));
    assert!(!opens("<think>"));
}
