//! Every command in README and docs is run: what it says must work.

use crate::load::Stub;
use crate::support::{Home, real_model, servers};

const README: &str = include_str!("../../../../README.md");

/// The `tokmark` lines of the fenced blocks.
fn commands(text: &str) -> Vec<Vec<String>> {
    let blocks = text.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(|block| block.lines().map(str::trim).map(str::to_owned));
    lines.filter(|line| line.starts_with("tokmark ")).map(|line| words(&line)).collect()
}

/// Splits like a shell.
fn words(line: &str) -> Vec<String> {
    shlex::split(line).expect("quotation marks come in pairs")
}

/// The runs that the project ships, where the examples look for them.
#[cfg(unix)]
fn content(home: &Home) {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../content");
    std::os::unix::fs::symlink(shipped, home.path("content")).unwrap();
}

/// A second model, and both in the cache.
fn models(home: &Home) {
    std::fs::copy(real_model(), home.path("model.gguf")).unwrap();
    std::fs::rename(home.tiny(), home.path("other.gguf")).unwrap();
}

#[test]
fn every_command_of_the_readme_works() {
    let home = Home::new();
    let model = real_model();
    models(&home);
    content(&home);
    assert_eq!(home.run(&["models", "add", "model.gguf"]).code, Some(0));
    let added = home.run(&["models", "add", &*model.to_string_lossy()]);
    assert_eq!(added.code, Some(0), "{added:?}");
    let stub = Stub::start(&home, &[]);
    let commands = commands(README);
    assert!(commands.len() >= 6, "the README shows the main jobs: {commands:?}");
    let mut id = String::new();
    for command in commands {
        let args = command[1..].iter().map(|word| word.replace("ID", &id)).collect();
        let ran = run(&home, &adapted(args, &stub.url));
        assert_eq!(ran.code, Some(0), "{command:?}: {ran:?}");
        id = home.records().last().map(|record| record.id.to_string()).unwrap_or_default();
    }
}

/// What an address in an example stands for, and how examples are made short.
fn adapted(mut args: Vec<String>, url: &str) -> Vec<String> {
    for arg in &mut args {
        *arg = arg.replace("127.0.0.1:8080", url.trim_start_matches("http://"));
    }
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let more: &[&str] = match args[0].as_str() {
        "quick" | "bench" if !has("--budget") => &["--budget", "1s"],
        "load" => &["--requests", "4"],
        // How they measure is shown elsewhere; here it must be quick and must not depend on noise.
        "ab" => &["--engine", "fake", "--pairs", "7"],
        "compare" => &["--engine", "fake"],
        "serve" if args.len() == 1 => &["--bind", "127.0.0.1:0", "--no-agent", "--for", "1s"],
        "gap" if !has("--url") => &["--budget", "2s", "--prompt-tokens", "32"],
        _ => &[],
    };
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    args
}

/// Runs an example where a server is needed with the servers that the tests have.
fn run(home: &Home, args: &[String]) -> crate::support::Ran {
    home.run_with(args, &[("PYTHONPATH", servers().join("xllamacpp"))])
}

/// The words of each example in the help of a command, `tokmark` left out.
pub fn examples(home: &Home, command: &[&str]) -> Vec<Vec<String>> {
    let help = home.run(&[command, &["--help"]].concat()).stdout;
    let examples = help.split("Examples:\n").nth(1).unwrap_or_default();
    let lines = examples.lines().map(str::trim).filter(|line| line.starts_with("tokmark"));
    lines.map(|line| words(line)[1..].to_vec()).collect()
}

/// In an order in which each finds what it needs.
const COMMANDS: [&str; 17] = [
    "models", "quick", "bench", "load", "gap", "compare", "ab", "watch", "stub", "history", "show",
    "diff", "note", "tag", "export", "import", "rm",
];

#[test]
fn every_example_in_a_help_text_works() {
    let home = Home::new();
    models(&home);
    let named = home.run(&["models", "add", &*real_model().to_string_lossy()]);
    assert_eq!(named.code, Some(0), "{named:?}");
    let stub = Stub::start(&home, &[]);
    for command in COMMANDS {
        for example in examples(&home, &[command]) {
            let is_full = example.iter().any(|word| word == "--full");
            let mut args = adapted(example, &stub.url);
            if is_full {
                // The full suite takes minutes; its shape is what the example shows.
                args.extend(["-p", "32", "-n", "4", "-r", "5"].map(str::to_owned));
            }
            let ran = run(&home, &args);
            assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
        }
    }
}
