//! Called as llama-bench.

use std::process::{Command, Stdio};

use crate::support::{Home, Ran, ran, real_model};

/// The field names and their order in the recorded output of llama-bench itself.
const RECORDED: &str =
    include_str!("../../../tokmark-compat/tests/fixtures/llama-bench-11434/out.json");

fn llama_bench(home: &Home, args: &[&str]) -> Ran {
    let program = home.path("llama-bench");
    if !program.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tokmark"), &program).unwrap();
    }
    let mut command = Command::new(&program);
    home.dress(&mut command);
    ran(command.args(args).stdin(Stdio::null()).output().unwrap())
}

fn fields(json: &str) -> Vec<String> {
    let first = json.split('}').next().unwrap_or_default();
    let names = first.lines().filter_map(|line| line.trim().strip_prefix('"')?.split('"').next());
    names.map(str::to_owned).collect()
}

#[test]
fn under_its_name_the_output_is_its_own() {
    let home = Home::new();
    let model = real_model();
    let model = model.to_string_lossy();
    let args =
        ["-m", &model, "-p", "16", "-n", "4", "-pg", "8,2", "-d", "0,8", "-r", "2", "-t", "2"];
    let json = llama_bench(&home, &[&args[..], &["-o", "json"]].concat());
    assert_eq!(json.code, Some(0), "{json:?}");
    assert_eq!(fields(&json.stdout), fields(RECORDED));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(rows.len(), 6);
    for row in &rows {
        assert_eq!(row["model_type"], "llama 256M Q4_1");
        assert_eq!(row["model_size"], 96_576_768);
        assert_eq!(row["model_n_params"], 134_515_008);
        assert_eq!(row["backends"], "CPU");
        assert_eq!(row["samples_ns"].as_array().unwrap().len(), 2);
    }
    let md = llama_bench(&home, &args);
    assert_eq!(md.code, Some(0), "{md:?}");
    let tests: Vec<_> = md
        .stdout
        .lines()
        .skip(2)
        .take(6)
        .map(|line| line.split('|').nth(6).unwrap().trim())
        .collect();
    assert_eq!(tests, ["pp16", "tg4", "pp8+tg2", "pp16 @ d8", "tg4 @ d8", "pp8+tg2 @ d8"]);
    assert_eq!(md.stderr, "", "as quiet as llama-bench");
}

#[test]
fn defaults_are_five_repetitions_as_a_markdown_table() {
    let home = Home::new();
    let tiny = home.tiny();
    let ran = llama_bench(&home, &["-m", &tiny.to_string_lossy(), "-p", "8", "-n", "2"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.starts_with("| model "), "{ran:?}");
    assert!(ran.stdout.ends_with("build: unknown (0)\n"), "{ran:?}");
    assert!(home.records().iter().all(|record| record.samples.len() == 5));
}

#[test]
fn failures_have_its_exit_code() {
    let home = Home::new();
    assert_eq!(llama_bench(&home, &["-m", "missing.gguf"]).code, Some(1));
    assert_eq!(llama_bench(&home, &["--no-such-flag"]).code, Some(1));
    assert_eq!(llama_bench(&home, &["-ctk", "q9_9"]).code, Some(1));
    let help = llama_bench(&home, &["-h"]);
    assert_eq!(help.code, Some(0));
    assert!(help.stdout.starts_with("usage: llama-bench"), "{help:?}");
}

#[test]
fn switches_may_be_repeated_and_unknown_words_are_named_in_its_manner() {
    let home = Home::new();
    let tiny = home.tiny();
    let args = ["-m", &*tiny.to_string_lossy(), "-p", "8", "-n", "0", "-r", "1", "-v", "-v"];
    let ran = llama_bench(
        &home,
        &[&args[..], &["--progress", "--progress", "--offline", "--offline"]].concat(),
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = llama_bench(&home, &["-mmp", "0"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    insta::assert_snapshot!(ran.stderr, @"error: invalid parameter for argument: -mmp; write -lm mmap for 1, -lm none for 0");
}

#[test]
fn devices_are_listed_as_it_lists_them() {
    let home = Home::new();
    let ran = llama_bench(&home, &["--list-devices"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.starts_with("Available devices:\n"), "{ran:?}");
}

#[test]
fn all_five_formats_and_the_second_output_work() {
    for (format, start) in [
        ("csv", "build_commit,"),
        ("jsonl", "{\"build_commit\""),
        ("sql", "CREATE TABLE"),
        ("md", "| model"),
    ] {
        let home = Home::new();
        let ran =
            home.bench("null", &["-p", "8", "-n", "2", "-r", "2", "-o", format, "-oe", "jsonl"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.starts_with(start), "{format} {ran:?}");
        let rows = ran.stderr.lines().filter(|line| line.starts_with("{\"build_commit\"")).count();
        assert_eq!(rows, 2, "{ran:?}");
    }
}
