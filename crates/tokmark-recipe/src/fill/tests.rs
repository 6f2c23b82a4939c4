use proptest::prelude::*;

use super::*;
use crate::Port;

fn recipe(more: &str) -> Recipe {
    Recipe::parse(&format!("name: a\n{more}")).unwrap().remove(0)
}

fn values() -> Values {
    Values {
        model: Some("models/Small-Q4.gguf".to_owned()),
        name: None,
        threads: Some(6),
        dir: Some(PathBuf::from("/data")),
        home: Some(PathBuf::from("/home/user")),
        env: [("CACHE".to_owned(), "/cache".to_owned())].into(),
    }
}

#[test]
fn every_field_is_filled() {
    let recipe = recipe(
        "command: [b, '{host}', '{port}', '{model}', '{name}', '{threads}', '{dir}', '{home}', '{env:CACHE}']
env: {A: '{port}'}
working_dir: '{home}/x'
url: 'http://{host}:{port}/api/'
model: '{name}'
load: {api: chat, file: '{dir}/shape.yaml'}
log: '{name}.log'
ready: {path: '/up?{name}', status: 201}
pull: {command: [get, '{model}'], unless_exists: '{dir}/{name}', unless_succeeds: ['{name}']}",
    );
    let filled = recipe.fill(&values(), 81).unwrap();
    let words = [
        "127.0.0.1",
        "81",
        "models/Small-Q4.gguf",
        "Small-Q4",
        "6",
        "/data",
        "/home/user",
        "/cache",
    ];
    assert_eq!(filled.command[1..], words);
    assert_eq!(filled.env["A"], "81");
    assert_eq!(filled.working_dir, Some(PathBuf::from("/home/user/x")));
    assert_eq!(filled.address.url, "http://127.0.0.1:81/api");
    assert_eq!(filled.address.ready_url, "http://127.0.0.1:81/api/up?Small-Q4");
    assert_eq!((filled.address.port, filled.address.ready_status), (81, 201));
    assert_eq!(filled.model.as_deref(), Some("Small-Q4"));
    assert_eq!(
        (filled.load["api"].as_str(), filled.load["file"].as_str()),
        ("chat", "/data/shape.yaml")
    );
    assert_eq!(filled.log, Some(PathBuf::from("Small-Q4.log")));
    let pull = filled.pull.unwrap();
    assert_eq!(pull.command, ["get", "models/Small-Q4.gguf"]);
    assert_eq!(pull.unless_exists, Some(PathBuf::from("/data/Small-Q4")));
    assert_eq!(pull.unless_succeeds.unwrap(), ["Small-Q4"]);
}

#[test]
fn a_missing_value_is_named_with_its_field() {
    let error = |more: &str, values: &Values| recipe(more).fill(values, 1).unwrap_err().to_string();
    let none = Values::default();
    assert_eq!(
        error("command: [b, '{model}']", &none),
        "recipe a: command: there is no value for {model}"
    );
    assert!(error("command: [b]\nmodel: '{name}'", &none).contains("model: there is no value"));
    assert!(error("command: [b]\nlog: '{dir}/x'", &none).contains("{dir}"));
    let unset = "command: [b]\nenv: {A: '{env:NO_SUCH_VARIABLE_HERE}'}";
    assert!(
        error(unset, &none).contains("env.A: there is no value for {env:NO_SUCH_VARIABLE_HERE}")
    );
}

#[test]
fn variables_come_from_the_values_then_from_this_process() {
    let recipe = recipe("command: [b, '{env:CACHE}', '{env:PATH}']");
    let filled = recipe.fill(&values(), 1).unwrap();
    assert_eq!(filled.command[1], "/cache");
    assert_eq!(filled.command[2], std::env::var("PATH").unwrap());
}

#[test]
fn the_short_name_is_the_end_of_the_model() {
    let name =
        |model: &str| Values { model: Some(model.to_owned()), ..Values::default() }.short_name();
    assert_eq!(name("/a/b/Small-Q4.gguf").as_deref(), Some("Small-Q4"));
    assert_eq!(name("owner/model/").as_deref(), Some("model"));
    assert_eq!(name("llama3.2:1b").as_deref(), Some("llama3.2:1b"));
    assert_eq!(name("C:\\models\\x.gguf").as_deref(), Some("x"));
    assert_eq!(name(".gguf"), None);
    assert_eq!(name("/"), None);
    let chosen = Values { name: Some("mine".to_owned()), ..values() };
    assert_eq!(chosen.short_name().as_deref(), Some("mine"));
}

#[test]
fn an_ipv6_address_stands_in_brackets_in_the_url_only() {
    let mut recipe = recipe("command: [b, '{host}']");
    recipe.host = "::1".to_owned();
    recipe.port = Port::Number(80);
    let filled = recipe.fill(&values(), 80).unwrap();
    assert_eq!(filled.address.url, "http://[::1]:80");
    assert_eq!(filled.command[1], "::1");
}

#[test]
fn what_is_shown_holds_no_secret() {
    let recipe = recipe(
        "command: [b, --key, '{env:HF_TOKEN}', 'a b']
env: {MY_KEY: 'pre-{env:HF_TOKEN}', OTHER: '{env:HF_TOKEN}', PLAIN: seen}
url: 'http://{host}:{port}/{env:HF_TOKEN}'",
    );
    let mut values = values();
    values.env.insert("HF_TOKEN".to_owned(), "hidden-1".to_owned());
    let filled = recipe.fill(&values, 1).unwrap();
    assert_eq!(filled.command[2], "hidden-1");
    assert_eq!(filled.env["MY_KEY"], "pre-hidden-1");
    assert_eq!(filled.command_line(), "b --key *** \"a b\"");
    let shown = format!("{filled:?} {values:?} {:?}", filled.address);
    assert!(shown.contains("seen") && !shown.contains("hidden"), "{shown}");
}

proptest! {
    #[test]
    fn values_reach_the_command_unchanged(model in "[^\\x00]*", name in "[^\\x00]+") {
        let values = Values { model: Some(model.clone()), name: Some(name.clone()), ..values() };
        let filled = recipe("command: [b, '{model}', 'x{name}y']").fill(&values, 1).unwrap();
        prop_assert_eq!(&filled.command[1], &model);
        prop_assert_eq!(&filled.command[2], &format!("x{name}y"));
    }
}
