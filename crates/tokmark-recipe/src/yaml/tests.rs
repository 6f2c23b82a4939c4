use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{Need, Port, Ready, Stop, StopSignal};

const WHOLE: &str = "
name: mine
description: A server of mine
command: [serve, --port, '{port}', '{model}', 8]
env: {HF_HUB_OFFLINE: 1, HOST: '{host}:{port}', BRACES: '{{}}'}
working_dir: '{home}/models'
host: localhost
port: 8080
url: 'http://{host}:{port}/api'
model: '{name}'
load: {api: chat, max_tokens: 16, stream: true}
pull:
  command: [fetch, '{model}']
  timeout: 90s
  unless_exists: '{dir}/{model}'
  unless_succeeds: [have, '{model}']
  needs_server: true
ready: {path: /up, status: 204, timeout: 2m}
first_load: {timeout: 10m}
stop: {signal: int, grace: 500ms}
log: '{name}.txt'
needs:
- program: serve
  hint: build it
- program: fetch
";

fn one(text: &str) -> Recipe {
    let mut recipes = Recipe::parse(text).unwrap();
    assert_eq!(recipes.len(), 1);
    recipes.remove(0)
}

fn error(text: &str) -> String {
    Recipe::parse(text).unwrap_err().to_string()
}

#[test]
fn every_field_is_read() {
    let recipe = one(WHOLE);
    assert_eq!(recipe.name, "mine");
    assert_eq!(recipe.description, "A server of mine");
    assert_eq!(recipe.command, ["serve", "--port", "{port}", "{model}", "8"]);
    assert_eq!(recipe.env["HF_HUB_OFFLINE"], "1");
    assert_eq!(recipe.env["HOST"], "{host}:{port}");
    assert_eq!(recipe.working_dir.as_deref(), Some("{home}/models"));
    assert_eq!((recipe.host.as_str(), recipe.port), ("localhost", Port::Number(8080)));
    assert_eq!(recipe.url, "http://{host}:{port}/api");
    assert_eq!(recipe.model.as_deref(), Some("{name}"));
    let load: Vec<_> = recipe.load.iter().map(|(name, value)| format!("{name} {value}")).collect();
    assert_eq!(load, ["api chat", "max_tokens 16", "stream true"]);
    let pull = recipe.pull.unwrap();
    assert_eq!(pull.command, ["fetch", "{model}"]);
    assert_eq!((pull.timeout, pull.needs_server), (Duration::from_secs(90), true));
    assert_eq!(pull.unless_exists.as_deref(), Some("{dir}/{model}"));
    assert_eq!(pull.unless_succeeds.unwrap(), ["have", "{model}"]);
    let timeout = Duration::from_secs(120);
    assert_eq!(recipe.ready, Ready { path: "/up".to_owned(), status: 204, timeout });
    assert_eq!(recipe.first_load.unwrap().timeout, Duration::from_secs(600));
    let grace = Duration::from_millis(500);
    assert_eq!(recipe.stop, Stop { signal: StopSignal::Int, grace });
    assert_eq!(recipe.log.as_deref(), Some("{name}.txt"));
    let need = |program: &str, hint: &str| Need { program: program.into(), hint: hint.into() };
    assert_eq!(recipe.needs, [need("serve", "build it"), need("fetch", "")]);
}

#[test]
fn name_and_command_are_enough() {
    let recipe = one("name: a\ncommand: [b]");
    assert_eq!((recipe.host.as_str(), recipe.port), ("127.0.0.1", Port::Auto));
    assert_eq!(recipe.url, "http://{host}:{port}");
    assert_eq!(recipe.ready, Ready::default());
    assert_eq!(recipe.ready.timeout, Duration::from_secs(60));
    assert_eq!(
        (recipe.stop.signal, recipe.stop.grace),
        (StopSignal::Term, Duration::from_secs(10))
    );
    assert!(recipe.pull.is_none() && recipe.first_load.is_none() && recipe.needs.is_empty());
    assert!(error("command: [b]").contains("name"));
    assert!(error("name: a").contains("command"));
}

#[test]
fn a_list_holds_several_recipes_in_order() {
    let text = "recipes:\n- name: b\n  command: [x]\n- name: a\n  command: [y]\n";
    let names: Vec<String> =
        Recipe::parse(text).unwrap().into_iter().map(|recipe| recipe.name).collect();
    assert_eq!(names, ["b", "a"]);
}

#[test]
fn an_unknown_field_is_named_wherever_it_stands() {
    let fields = [
        ("name: a\ncommand: [b]\nprot: 1", "prot"),
        ("name: a\ncommand: [b]\nready: {tiemout: 1s}", "tiemout"),
        ("name: a\ncommand: [b]\nstop: {sginal: int}", "sginal"),
        ("name: a\ncommand: [b]\npull: {command: [c], unless: x}", "unless"),
        ("name: a\ncommand: [b]\nfirst_load: {timeout: 1s, path: /}", "path"),
        ("name: a\ncommand: [b]\nneeds: [{program: c, url: x}]", "url"),
        ("recipes: [{name: a, command: [b], prot: 1}]", "prot"),
        ("recipes: [{name: a, command: [b]}]\nname: a", "name"),
    ];
    for (text, field) in fields {
        let error = error(text);
        assert!(error.contains("unknown field") && error.contains(field), "{text}: {error}");
    }
}

#[test]
fn an_error_names_line_and_file() {
    let error = Recipe::parse("name: a\ncommand: [b]\nport: none\n").unwrap_err().to_string();
    assert!(error.contains("neither `auto` nor a number") && error.contains("line 3"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.yaml");
    assert!(matches!(Recipe::read(&path), Err(RecipeError::Read { .. })));
    std::fs::write(&path, "name: [").unwrap();
    let error = Recipe::read(&path).unwrap_err().to_string();
    assert!(error.starts_with(path.to_str().unwrap()), "{error}");
    std::fs::write(&path, WHOLE).unwrap();
    assert_eq!(Recipe::read(&path).unwrap(), [one(WHOLE)]);
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    for (more, part) in [
        ("port: 0", "port"),
        ("port: 65536", "port"),
        ("ready: {timeout: 60}", "60"),
        ("ready: {status: 99}", "ready.status"),
        ("ready: {path: health}", "ready.path"),
        ("stop: {signal: kill}", "kill"),
        ("env: {A: [1]}", ""),
        ("env: {A: ~}", ""),
        ("env: {'A=B': 1}", "env"),
        ("host: ''", "host"),
        ("host: 'http://a'", "host"),
        ("url: 'ftp://{host}'", "url"),
        ("load: {a: {b: 1}}", ""),
        ("pull: {command: []}", "pull.command"),
        ("pull: {command: [c], unless_succeeds: []}", "pull.unless_succeeds"),
        ("working_dir: \"a\\0b\"", "working_dir"),
        ("name: again", "name"),
    ] {
        let error = error(&format!("name: a\ncommand: [b]\n{more}"));
        assert!(error.contains(part), "{more}: {error}");
    }
    assert!(error("name: a\ncommand: []").contains("command: it is empty"));
    assert!(error("name: a\ncommand: [' ']").contains("command: its first word is empty"));
    assert!(error("name: a\ncommand: serve --port 1").contains("line 2"));
    for name in ["''", "../a", "a/b", ".a", "a b", "é"] {
        assert!(error(&format!("name: {name}\ncommand: [b]")).contains("name:"), "{name}");
    }
}

#[test]
fn recipes_of_one_file_have_different_names() {
    let twice = "recipes: [{name: a, command: [b]}, {name: a, command: [c]}]";
    assert_eq!(error(twice), "recipe a: two recipes have this name; rename one");
    assert!(error("recipes: []").contains("is empty"));
    assert!(error("").starts_with("the recipe: "));
}

#[test]
fn an_unknown_placeholder_is_found_in_every_field() {
    for (field, more) in [
        ("command", "command: [b, '{prot}']"),
        ("env.A", "env: {A: '{prot}'}"),
        ("load.a", "load: {a: '{prot}'}"),
        ("working_dir", "working_dir: '{prot}'"),
        ("url", "url: 'http://{prot}'"),
        ("model", "model: '{prot}'"),
        ("log", "log: '{prot}'"),
        ("ready.path", "ready: {path: '/{prot}'}"),
        ("pull.command", "pull: {command: ['{prot}']}"),
        ("pull.unless_exists", "pull: {command: [b], unless_exists: '{prot}'}"),
        ("pull.unless_succeeds", "pull: {command: [b], unless_succeeds: ['{prot}']}"),
    ] {
        let command = if field == "command" { "" } else { "command: [b]\n" };
        let error = error(&format!("name: a\n{command}{more}"));
        let wanted = format!("recipe a: {field}: the placeholder {{prot}} is unknown");
        assert!(error.starts_with(&wanted), "{error}");
    }
}

#[test]
fn no_error_and_no_output_shows_a_secret() {
    for text in [
        "name: a\ncommand: [b]\nenv: {MY_API_KEY: hidden-1}\nprot: 1",
        "name: a\ncommand: [b]\nenv: {MY_API_KEY: [hidden-1]}",
        "name: a\ncommand: [b]\nenv: {MY_API_KEY: !!binary hidden-1}",
        "name: a\ncommand: [b]\nenv:\n  MY_API_KEY: hidden-1\n  MY_API_KEY: hidden-1",
        "name: a\ncommand: [b]\nenv:\n  MY_API_KEY: hidden-1\n bad: indent",
        "name: a\ncommand: [b]\nport: hidden-1\nenv: {MY_API_KEY: hidden-1}",
        "name: a\ncommand: [b]\nready: {timeout: hidden-1}\nenv: {MY_API_KEY: hidden-1}",
        "name: a\ncommand: [b, '{hidden-1}']\nenv: {MY_API_KEY: hidden-1}",
        "name: a\ncommand: [b]\nhost: a/hidden-1\nenv: {MY_API_KEY: hidden-1}",
    ] {
        let error = Recipe::parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hidden"), "{text}: {error}");
    }
    let recipe = one("name: a\ncommand: [b, hidden-1]\nenv: {MY_API_KEY: hidden-1, A: seen}");
    let shown = format!("{recipe:?}");
    assert!(
        shown.contains("***") && shown.contains("seen") && !shown.contains("hidden"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = Recipe::parse(&text);
    }

    #[test]
    fn no_yaml_of_known_fields_panics(
        lines in proptest::collection::vec(
            ("(name|command|env|port|url|ready|pull|needs|recipes|stop|timeout|log|- name)",
             "[:\\[\\]{}, '\"a-z0-9~&*!|>\\-\n]{0,20}", 0usize..4),
            0..12,
        ),
    ) {
        let text: String = lines
            .iter()
            .map(|(field, value, depth)| format!("{}{field}: {value}\n", " ".repeat(*depth)))
            .collect();
        let _ = Recipe::parse(&text);
    }

    #[test]
    fn a_broken_recipe_is_an_error_and_never_a_panic(at in 0..WHOLE.len(), with in any::<u8>()) {
        let mut bytes = WHOLE.as_bytes().to_vec();
        bytes[at] = with;
        if let Ok(recipes) = Recipe::parse(&String::from_utf8_lossy(&bytes)) {
            prop_assert_eq!(recipes.len(), 1);
        }
    }
}
