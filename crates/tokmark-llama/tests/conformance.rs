//! The suite of every engine, on llama.cpp with a tiny model and with the real one.

use std::path::PathBuf;

use tokmark_gguf::{TinyLlama, tiny_llama};
use tokmark_llama::LlamaEngine;
use tokmark_model::{EngineParams, KvType, ProcessParams, Test};
use tokmark_run::{Engine, LoadRequest, LocalEngine, conformance};

fn request(path: PathBuf) -> LoadRequest {
    LoadRequest {
        path,
        params: EngineParams { n_threads: 2, ..EngineParams::default() },
        process: ProcessParams::default(),
    }
}

fn tiny() -> (tempfile::TempDir, LoadRequest) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    std::fs::write(&path, tiny_llama(&TinyLlama::default())).unwrap();
    (folder, request(path))
}

fn start() -> LlamaEngine {
    LlamaEngine::start(&ProcessParams::default()).unwrap()
}

#[test]
fn the_embedded_engine_conforms_on_a_tiny_model() {
    let (_folder, request) = tiny();
    conformance::check(&mut start(), &request);
}

#[test]
fn the_embedded_engine_conforms_on_the_real_model() {
    let path = std::env::var_os("TOKMARK_TEST_MODEL")
        .expect("TOKMARK_TEST_MODEL names the default model's file; ./x test fetches it");
    conformance::check(&mut start(), &request(path.into()));
}

#[test]
fn the_model_is_kept_when_only_the_context_changes() {
    let (_folder, request) = tiny();
    let mut engine = start();
    assert!(engine.load(&request).unwrap());
    let mut other = request.clone();
    other.params.type_k = KvType::Q8_0;
    assert!(!engine.load(&other).unwrap());
    other.params.repack = false;
    assert!(engine.load(&other).unwrap());
}

#[test]
fn facts_name_version_build_and_devices() {
    let facts = start().facts();
    assert_eq!(facts.name, "llama.cpp");
    assert!(facts.version.contains('.'), "{}", facts.version);
    assert_eq!(facts.build.build_type.as_deref(), Some("Release"));
    assert_eq!(facts.build.native, Some(true));
    assert!(facts.devices.iter().any(|device| device.name == "CPU"), "{:?}", facts.devices);
    assert_eq!(facts.commit, None);
}

#[test]
fn weights_are_counted_where_they_lie() {
    let (_folder, request) = tiny();
    let mut engine = start();
    engine.load(&request).unwrap();
    let loaded = engine.open_context(&Test::pp(8), &request.params).unwrap();
    if cfg!(not(any(feature = "cuda", feature = "metal", feature = "rocm", feature = "vulkan"))) {
        assert_eq!(loaded.gpu_share_percent, Some(0.0));
        assert_eq!(loaded.device_bytes, None);
    }
    assert!(loaded.devices_used.iter().any(|name| name == "CPU"), "{:?}", loaded.devices_used);
    assert!(loaded.tensor_bytes.get() > 0 && loaded.n_params > 0);
}

#[test]
fn what_the_engine_cannot_do_is_refused_by_name() {
    let (_folder, request) = tiny();
    let mut engine = start();
    let refusal = |change: &dyn Fn(&mut EngineParams)| {
        let mut request = request.clone();
        change(&mut request.params);
        let mut engine = start();
        let loaded = engine.load(&request);
        loaded
            .and_then(|_| engine.open_context(&Test::pp(8), &request.params).map(|_| ()))
            .unwrap_err()
            .to_string()
    };
    assert!(refusal(&|p| p.fit_target = 1024).contains("-fitt"));
    assert!(refusal(&|p| p.devices = vec!["CUDA7".to_owned()]).contains("CUDA7"));
    assert!(refusal(&|p| p.cpu_mask = "0xzz".to_owned()).contains("0xzz"));
    engine.load(&request).unwrap();
    let wide = Test { n_parallel: 100_000, ..Test::tg(1) };
    assert!(engine.open_context(&wide, &request.params).is_err());
}

#[test]
fn a_missing_model_is_an_error() {
    let error = start().load(&request("/nowhere/model.gguf".into())).unwrap_err();
    assert_eq!(error.to_string(), "the engine cannot load model.gguf");
}
