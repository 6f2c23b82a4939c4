//! The pages in a real browser: by the rules of axe, by keyboard, by a screen reader, and without
//! a script. Each test is one journey of `browser/journeys.mjs`.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use tokmark_gguf::{TinyLlama, tiny_llama};

/// A server over a store with a few records, in which nothing goes on.
struct Served {
    child: Child,
    url: String,
    token: String,
    _home: tempfile::TempDir,
}

fn tokmark(home: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokmark"));
    for name in ["DATABASE_URL", "TOKMARK_DATA", "XDG_DATA_HOME", "XDG_CACHE_HOME"] {
        command.env_remove(name);
    }
    command.env("HOME", home).current_dir(home).stdin(Stdio::null());
    command
}

impl Served {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let records = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/records.json");
        let imported = tokmark(home.path()).args(["import", records]).output().unwrap();
        assert!(imported.status.success(), "{imported:?}");
        let mut child = tokmark(home.path())
            .args(["serve", "--bind", "127.0.0.1:0", "--no-agent"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut line = || said.next().unwrap().unwrap();
        let url = line().split_whitespace().last().unwrap().to_owned();
        line();
        let token = line();
        std::thread::spawn(move || said.for_each(drop));
        let served = Served { child, url, token, _home: home };
        served.announce();
        served
    }

    /// An agent says that it is there, and takes nothing.
    fn announce(&self) {
        let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
        let hello = json!({
            "machine": { "fingerprint": "f00d", "cpu": { "model": "A processor" } },
            "models": [{ "name": "a.Q4_1" }, { "name": "b.Q8_0" }],
            "tool": { "name": "tokmark", "version": "0" },
        });
        let claim = "/api/agents/01930000-0000-7000-8000-00000000000a/claim";
        let request = agent.post(format!("{}{claim}", self.url));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        assert_eq!(request.send_json(hello).unwrap().status(), 204);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn journey(name: &str) {
    let served = Served::start();
    walk(name, &[&served.url, &served.token]);
}

fn walk(name: &str, args: &[&str]) {
    let modules = std::env::var_os("TOKMARK_TEST_BROWSER").expect(
        "TOKMARK_TEST_BROWSER names the folder of the browser's modules; ./x test makes it",
    );
    let script = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/journeys.mjs"));
    let ran = Command::new("node")
        .arg(script)
        .arg(name)
        .args(args)
        .env("TOKMARK_TEST_BROWSER", modules)
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
}

#[test]
fn axe_finds_no_violation_in_any_colour_scheme() {
    journey("accessible");
}

#[test]
fn assistive_software_is_given_the_same_tree() {
    journey("trees");
}

#[test]
fn tables_are_sorted_and_filtered_and_definitions_dismissed_by_keyboard() {
    journey("keyboard");
}

#[test]
fn charts_give_way_to_tables_by_keyboard_and_it_is_remembered() {
    journey("charts");
}

#[test]
fn every_page_is_whole_without_a_script() {
    journey("plain");
}

#[test]
fn a_screen_reader_says_headings_navigation_table_and_count() {
    journey("spoken");
}

#[test]
fn tables_charts_and_the_wizard_are_used_by_a_screen_reader() {
    journey("heard");
}

#[test]
fn the_wizard_is_walked_by_keyboard() {
    journey("wizard");
}

#[test]
fn a_job_is_told_as_it_goes_on_and_the_focus_stays() {
    journey("progress");
}

/// What other commands write: the reports of `load` and `compare`, and a site of some pages.
fn reports() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let ran = tokmark(home.path()).args(args).output().unwrap();
        assert!(ran.status.success(), "{args:?}: {ran:?}");
    };
    for (name, n_ff) in [("one", 64), ("two", 96)] {
        let tiny = TinyLlama { n_ff, ..TinyLlama::default() };
        std::fs::write(home.path().join(format!("{name}.gguf")), tiny_llama(&tiny)).unwrap();
    }
    std::fs::create_dir(home.path().join("reports")).unwrap();
    run(&["compare", "one.gguf", "two.gguf", "--engine", "fake", "--html", "reports/compare.html"]);
    let stub = ["stub", "--tied", "--ttft", "5ms", "--itl", "1ms"];
    let mut stub = tokmark(home.path())
        .args(stub)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(stub.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap();
    let short = ["-c", "1,3", "--requests", "12", "--max-tokens", "8", "--warmup", "1"];
    run(&[&["load", url, "--html", "reports/load.html"][..], &short].concat());
    stub.kill().unwrap();
    stub.wait().unwrap();
    let content = concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/benchmarks");
    let site = ["site", "build", "--out", "reports/site", "--base-path", "/site"];
    run(&[&site[..], &["--content", content]].concat());
    home
}

#[test]
fn reports_and_sites_are_held_to_the_rules_of_axe() {
    let home = reports();
    walk("accessible", &[home.path().join("reports").to_str().unwrap()]);
}

#[test]
fn reports_and_sites_are_read_by_keyboard_and_by_a_screen_reader() {
    let home = reports();
    walk("reports", &[home.path().join("reports").to_str().unwrap()]);
}

#[test]
fn a_site_of_files_sorts_and_filters_by_keyboard() {
    let home = reports();
    walk("unserved", &[home.path().join("reports").to_str().unwrap()]);
}
