//! Every command in README and docs is run: what it says must work.

use crate::support::{Home, real_model};

const README: &str = include_str!("../../../../README.md");

/// The `tokmark` lines of the fenced blocks.
fn commands(text: &str) -> Vec<Vec<String>> {
    let blocks = text.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(|block| block.lines().map(str::trim).map(str::to_owned));
    lines.filter(|line| line.starts_with("tokmark ")).map(|line| words(&line)).collect()
}

/// Splits like a shell as far as the examples need it: blanks and double quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.split('#').next().unwrap_or_default().trim().chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().expect("never empty").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_of_the_readme_works() {
    let home = Home::new();
    let model = real_model();
    std::fs::copy(&model, home.path("model.gguf")).unwrap();
    assert_eq!(home.run(&["models", "add", "model.gguf"]).code, Some(0));
    let added = home.run(&["models", "add", &*model.to_string_lossy()]);
    assert_eq!(added.code, Some(0), "{added:?}");
    let commands = commands(README);
    assert!(commands.len() >= 6, "the README shows the main jobs: {commands:?}");
    let mut id = String::new();
    for command in commands {
        let mut args: Vec<String> =
            command[1..].iter().map(|word| word.replace("ID", &id)).collect();
        if matches!(args[0].as_str(), "quick" | "bench") {
            // As written, but shorter.
            args.extend(["--budget", "1s"].map(str::to_owned));
        }
        let ran = home.run(&args);
        assert_eq!(ran.code, Some(0), "{command:?}: {ran:?}");
        id = home.records().last().map(|record| record.id.to_string()).unwrap_or_default();
    }
}

/// In an order in which each finds what it needs.
const COMMANDS: [&str; 10] =
    ["models", "quick", "bench", "history", "show", "note", "tag", "export", "import", "rm"];

#[test]
fn every_example_in_a_help_text_works() {
    let home = Home::new();
    std::fs::copy(real_model(), home.path("model.gguf")).unwrap();
    let named = home.run(&["models", "add", &*real_model().to_string_lossy()]);
    assert_eq!(named.code, Some(0), "{named:?}");
    for command in COMMANDS {
        let help = home.run(&[command, "--help"]).stdout;
        let examples = help.split("Examples:\n").nth(1).unwrap_or_default();
        for line in examples.lines().map(str::trim).filter(|line| line.starts_with("tokmark")) {
            let mut args = words(line)[1..].to_vec();
            if matches!(command, "quick" | "bench") && !line.contains("--budget") {
                args.extend(["--budget", "1s"].map(str::to_owned));
            }
            if line.contains("--full") {
                // The full suite takes minutes; its shape is what the example shows.
                args.extend(["-p", "32", "-n", "4", "-r", "5"].map(str::to_owned));
            }
            let ran = home.run(&args);
            assert_eq!(ran.code, Some(0), "{line}: {ran:?}");
        }
    }
}
