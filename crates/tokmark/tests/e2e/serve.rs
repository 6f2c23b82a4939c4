//! The server, its agent, uploads, and the board made of files.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokmark_model::Record;

use crate::examples::examples;
use crate::experiments::second_model;
use crate::support::{Home, signal, wait_for};

/// A running `tokmark serve` with the token that it printed.
pub struct Served {
    child: Child,
    pub url: String,
    pub token: String,
    /// What it wrote to standard error since.
    log: Arc<Mutex<Vec<String>>>,
}

impl Served {
    pub fn start(home: &Home, args: &[&str]) -> Self {
        let all = [&["serve", "--bind", "127.0.0.1:0"], args].concat();
        let mut child =
            home.command(&all).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut line = || said.next().expect("it says where it is").unwrap();
        let url = line().split_whitespace().last().unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        line();
        let token = line();
        // Whoever writes there later must find somebody who reads.
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || said.for_each(|line| kept.lock().unwrap().extend(line.ok())));
        Served { child, url, token, log }
    }

    /// The line of its log on the request with this id, once it is written.
    fn logged(&self, request: &str) -> Value {
        wait_for(|| {
            let log = self.log.lock().unwrap();
            let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.into_iter().find(|line| line["request"] == request)
        })
    }

    /// Ends it as a power cut does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = agent.get(format!("{}{path}", self.url)).call().unwrap();
        let status = response.status().as_u16();
        (status, response.body_mut().read_to_string().unwrap())
    }

    pub fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent
            .post(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.token));
        let mut response = request.send_json(body).unwrap();
        (response.status().as_u16(), response.body_mut().read_json().unwrap_or_default())
    }

    /// A small suite on the tiny model, written down.
    pub fn job(&self) -> String {
        let spec = json!({
            "kind": "suite", "model": "tiny", "n_prompt": [], "n_gen": [4], "n_batch": [],
            "n_parallel": [], "n_gpu_layers": [], "repetitions": 2,
        });
        let (status, job) = self.post("/api/jobs", &json!({ "spec": spec }));
        assert_eq!(status, 200, "{job}");
        job["id"].as_str().unwrap().to_owned()
    }

    pub fn ended(&self, job: &str) -> Value {
        wait_for(|| {
            std::thread::sleep(Duration::from_millis(200));
            let job = self.json(&format!("/api/jobs/{job}"));
            let state = job["state"].as_str().unwrap().to_owned();
            ["done", "failed", "cancelled"].contains(&state.as_str()).then_some(job)
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // One that was waited for has no process any more.
        if matches!(self.child.try_wait(), Ok(None)) {
            signal(self.child.id(), "INT");
        }
        let _ = self.child.wait();
    }
}

fn agent(home: &Home, served: &Served) -> Child {
    let mut command = home.command(&["agent", "--server", &served.url]);
    command.env("TOKMARK_TOKEN", &served.token);
    command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn one_record_is_the_same_from_the_terminal_to_the_page_to_yaml_to_the_site_and_back() {
    let home = Home::new();
    assert_eq!(home.bench("fake", &["-p", "0", "-n", "8", "-r", "3"]).code, Some(0));
    let [record]: [Record; 1] = home.records().try_into().unwrap();
    let store = home.path("server.db");
    let served = Served::start(&home, &["--no-agent", "--db", &store.to_string_lossy()]);
    let upload = ["upload", "last", "--server", &served.url];
    let token = [("TOKMARK_TOKEN", served.token.clone().into())];
    for expected in ["1 record new", "0 records new"] {
        let ran = home.run_with(&upload, &token);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stderr.contains(expected), "{ran:?}");
    }
    let kept: Record =
        serde_json::from_value(served.json(&format!("/api/benchmarks/{}", record.id))).unwrap();
    assert_eq!(kept, record);
    let (status, page) = served.get(&format!("/benchmarks/{}", record.id));
    assert_eq!(status, 200);
    assert!(page.contains(&record.label()) && page.contains(&record.model.name));
    let (_, yaml) = served.get("/api/export?format=yaml");
    std::fs::create_dir_all(home.path("content/benchmarks/runs")).unwrap();
    home.write(
        "content/benchmarks/runs/exported.yaml",
        yaml.trim_start_matches("---\n").as_bytes(),
    );
    let checked = home.run(&["board", "check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let built = home.run(&["site", "build", "--out", "site", "--base-path", "/bench"]);
    assert_eq!(built.code, Some(0), "{built:?}");
    let data = std::fs::read_to_string(home.path("site/leaderboard.json")).unwrap();
    assert!(data.contains(&record.id.to_string()), "{data}");
    let page = std::fs::read_to_string(home.path("site/leaderboard/index.html")).unwrap();
    assert!(page.contains("/bench/assets/page.css") && page.contains("data-static"), "{page}");
    let board: serde_json::Value = serde_json::from_str(&data).unwrap();
    let line = &board["groups"][0]["rows"][0];
    let rate = record.summary.as_ref().unwrap().rate.rate_tps.get();
    assert_eq!(line["rate_tps"].as_f64(), Some(rate), "the same figure to the last digit: {line}");
    every_link_leads_somewhere(&home.path("site"), "/bench");
    let read = std::fs::read_to_string(home.path("content/benchmarks/runs/exported.yaml")).unwrap();
    assert_eq!(tokmark_board::read_run("exported.yaml", &read).unwrap(), [record]);
}

/// Follows the addresses in all pages below `site`, which is meant for `base` on a host.
fn every_link_leads_somewhere(site: &std::path::Path, base: &str) {
    let (mut folders, mut n_links) = (vec![site.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|end| end != "html") {
                continue;
            }
            let page = std::fs::read_to_string(&path).unwrap();
            for part in page.split("href=\"").skip(1) {
                let link = part.split(['"', '#']).next().unwrap();
                let Some(place) = link.strip_prefix(base).filter(|_| !link.is_empty()) else {
                    continue;
                };
                let file = site.join(place.trim_start_matches('/'));
                let is_there = file.is_file() || file.join("index.html").is_file();
                assert!(is_there, "{link} on {}", path.display());
                n_links += 1;
            }
        }
    }
    assert!(n_links > 10, "{n_links}");
}

#[test]
fn an_agent_measures_what_the_page_asked_for() {
    let home = Home::new();
    let store = home.path("server.db");
    let served = Served::start(&home, &["--db", &store.to_string_lossy()]);
    // The model comes after the agent, which tells of it by itself.
    let job = served.job();
    home.tiny();
    let job = served.ended(&job);
    assert_eq!(job["state"], "done", "{job}");
    let run = job["run_id"].as_str().unwrap();
    let rows = served.json(&format!("/api/runs/{run}"));
    assert_eq!(rows["rows"][0]["label"], "tg4", "{rows}");
    let (_, page) = served.get(&format!("/jobs/{}", job["id"].as_str().unwrap()));
    assert!(page.contains("What it found") && page.contains("tg4"), "{page}");
}

#[test]
fn the_log_has_each_request_under_the_id_that_its_answer_names_and_no_token() {
    let home = Home::new();
    let store = home.path("server.db");
    let served = Served::start(&home, &["--no-agent", "--db", &store.to_string_lossy()]);
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let ask = |path: &str, token: &str| {
        let request = agent.get(format!("{}{path}", served.url));
        let answer = request.header("authorization", format!("Bearer {token}")).call().unwrap();
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), served.logged(&id))
    };
    for (path, token, status, route, level) in [
        ("/api/benchmarks?model=a", served.token.as_str(), 200, "/api/benchmarks", "INFO"),
        ("/api/benchmarks/ffffffff", &served.token, 404, "/api/benchmarks/{id}", "INFO"),
        ("/api/benchmarks", "not-a-token-of-ours", 401, "/api/benchmarks", "INFO"),
        ("/nothing/here", &served.token, 404, "other", "INFO"),
    ] {
        let (answered, line) = ask(path, token);
        assert_eq!(answered, status, "{line}");
        assert_eq!((&line["status"], &line["route"]), (&json!(status), &json!(route)), "{line}");
        assert_eq!((&line["level"], &line["method"]), (&json!(level), &json!("GET")), "{line}");
        assert!(line["ms"].as_f64().unwrap() >= 0.0 && line["timestamp"].is_string(), "{line}");
    }
    let log = served.log.lock().unwrap().join("\n");
    assert!(!log.contains(&served.token) && !log.contains("not-a-token-of-ours"), "{log}");
}

#[test]
fn a_job_of_a_killed_agent_is_taken_by_another() {
    let home = Home::new();
    home.tiny();
    let store = home.path("server.db");
    let served =
        Served::start(&home, &["--no-agent", "--lease", "3s", "--db", &store.to_string_lossy()]);
    let mut first = agent(&home, &served);
    let job = served.job();
    wait_for(|| {
        let state = served.json(&format!("/api/jobs/{job}"));
        (state["state"] != "queued").then_some(())
    });
    signal(first.id(), "KILL");
    first.wait().unwrap();
    let mut second = agent(&home, &served);
    let ended = served.ended(&job);
    assert_eq!(ended["state"], "done", "{ended}");
    signal(second.id(), "INT");
    assert_eq!(second.wait().unwrap().code(), Some(0));
    // Whoever did it, its records are there once.
    let rows = served.json(&format!("/api/runs/{}", ended["run_id"].as_str().unwrap()));
    assert_eq!(rows["rows"].as_array().unwrap().len(), 1, "{rows}");
}

#[test]
fn records_wait_while_the_server_is_away_and_are_sent_when_it_is_back() {
    let home = Home::new();
    assert_eq!(home.bench("fake", &["-p", "0", "-n", "8", "-r", "3"]).code, Some(0));
    let upload = ["upload", "last", "--server", "127.0.0.1:9"];
    let ran = home.run(&upload);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("outbox"), "{ran:?}");
    let store = home.path("server.db");
    let served = Served::start(&home, &["--no-agent", "--db", &store.to_string_lossy()]);
    let token = [("TOKMARK_TOKEN", served.token.clone().into())];
    let ran = home.run_with(&["upload", "last", "--server", &served.url], &token);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(served.json("/api/benchmarks")["rows"].as_array().unwrap().len(), 1);
}

#[test]
fn a_backup_is_taken_while_the_server_runs_and_restored() {
    let home = Home::new();
    assert_eq!(home.bench("fake", &["-p", "0", "-n", "8", "-r", "3"]).code, Some(0));
    let served = Served::start(&home, &["--no-agent"]);
    let ran = home.run(&["serve", "backup", "copy.db"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // What the server wrote from now on would be in the old file.
    let ran = home.run(&["serve", "restore", "copy.db"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("another program has"), "{ran:?}");
    drop(served);
    assert_eq!(home.run(&["rm", "last"]).code, Some(0));
    assert_eq!(home.records().len(), 0);
    let ran = home.run(&["serve", "restore", "copy.db"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(home.records().len(), 1);
    home.write("no.db", b"no database");
    assert_eq!(home.run(&["serve", "restore", "no.db"]).code, Some(2));
    assert_eq!(home.records().len(), 1);
}

#[test]
fn tokens_are_made_listed_and_revoked_and_their_text_is_kept_nowhere() {
    let home = Home::new();
    let made =
        home.run(&["serve", "token", "add", "laptop", "--scope", "submit", "--expires", "30d"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let token = made.stdout.trim();
    assert!(token.starts_with("tkm_"), "{made:?}");
    let listed = home.run(&["serve", "token", "list"]).stdout;
    assert!(listed.contains("laptop: submit") && !listed.contains(token), "{listed}");
    assert_eq!(home.run(&["serve", "token", "revoke", "laptop"]).code, Some(0));
    assert_eq!(home.run(&["serve", "token", "revoke", "laptop"]).code, Some(2));
    assert!(home.run(&["serve", "token", "list"]).stdout.contains("revoked"));
    let mut found = false;
    for entry in walk(&home.path("")) {
        let mut bytes = Vec::new();
        std::fs::File::open(entry).unwrap().read_to_end(&mut bytes).unwrap();
        found |= bytes.windows(token.len()).any(|window| window == token.as_bytes());
    }
    assert!(!found, "the token stands in a file");
}

/// Every file below a folder.
pub fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(walk(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files
}

#[test]
fn faults_in_runs_are_told_by_file_line_and_column() {
    let home = Home::new();
    std::fs::create_dir_all(home.path("content/benchmarks/runs")).unwrap();
    home.write("content/benchmarks/runs/bad.yaml", b"tokmark_run: 1\nmodel: 5\nconcurency: 1\n");
    let ran = home.run(&["board", "check"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("runs/bad.yaml:3:1"), "{ran:?}");
    assert_eq!(home.run(&["site", "build", "--out", "site"]).code, Some(2));
}

const THEIRS: &str = "- {model: M-1B, gpu: A card, api: cuda, speed: 80.5}\n";
const MAP: &str = "tokmark_map: 1
fields: {model: '[].model', hardware: '[].gpu', backend: '[].api', rates_tps.chat: '[].speed'}
constants: {source: somebody's page, date: 2026-04-30, engine: llama.cpp}
";

#[test]
fn every_example_in_the_help_of_the_servers_commands_works() {
    let home = Home::new();
    let few = ["-p", "0", "-n", "8", "-r", "3", "--db", "records.db"];
    assert_eq!(home.bench("fake", &few[..6]).code, Some(0));
    assert_eq!(home.bench("fake", &few).code, Some(0));
    std::fs::create_dir_all(home.path("content/benchmarks/runs")).unwrap();
    home.write("theirs.yaml", THEIRS.as_bytes());
    home.write("map.yaml", MAP.as_bytes());
    let store = home.path("server.db");
    let served = Served::start(&home, &["--no-agent", "--db", &store.to_string_lossy()]);
    let token = PathBuf::from(&served.token);
    let env = [("TOKMARK_TOKEN", token.clone()), ("BENCH_TOKEN", token)];
    let mut n = 0;
    for command in [
        &["board"][..],
        &["board", "add"],
        &["board", "check"],
        &["board", "import"],
        &["site"],
        &["site", "build"],
        &["upload"],
        &["agent"],
        &["serve"],
        &["serve", "token"],
        &["serve", "backup"],
        &["serve", "restore"],
    ] {
        for mut args in examples(&home, command) {
            for arg in &mut args {
                *arg = arg
                    .replace("http://127.0.0.1:8080", &served.url)
                    .replace("https://bench.example.org", &served.url)
                    .replace("smollm2", "tiny");
            }
            if args[0] == "agent" {
                // Standard input is closed here, so it ends at once.
                args.push("--while-stdin".to_owned());
            }
            if args.get(1).is_some_and(|word| word == "backup") {
                let _ = std::fs::remove_file(home.path("tokmark-backup.db"));
            }
            let ran = home.run_with(&args, &env);
            assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
            n += 1;
        }
    }
    assert!(n > 15, "{n} examples were run");
}

#[test]
fn the_site_of_the_shipped_content_shows_ranges_and_the_fastest_first() {
    let home = Home::new();
    let content = concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/benchmarks");
    let built = home.run(&["site", "build", "--content", content, "--out", "site"]);
    assert_eq!(built.code, Some(0), "{built:?}");
    every_link_leads_somewhere(&home.path("site"), "");
    let page = |name: &str| {
        std::fs::read_to_string(home.path(&format!("site/{name}/index.html"))).unwrap()
    };
    // Every drawing of a model has data: a range is drawn as such.
    for entry in std::fs::read_dir(home.path("site/models")).unwrap() {
        let file = entry.unwrap().path().join("index.html");
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        assert!(!text.contains("No data"), "{}", file.display());
    }
    let rig = page("hardware/rtx-5070");
    let table = rig.split("Fastest first").last().unwrap();
    // Published rates have no number for sorting in the cell's text but their own.
    let ends = table.split("<td").filter_map(|cell| {
        let text = cell.split_once('>')?.1.split('<').next()?.trim();
        let (low, _) = text.split_once(" to ")?;
        low.replace(',', "").parse::<f64>().ok()
    });
    let ends: Vec<f64> = ends.collect();
    assert!(ends.len() > 5 && ends.windows(2).all(|pair| pair[0] >= pair[1]), "{ends:?}");
    let names: Vec<_> = std::fs::read_dir(home.path("site/models"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let of_9b = names.iter().find(|name| name.to_lowercase().contains("qwen3.5-9b")).unwrap();
    let text = page(&format!("models/{of_9b}"));
    for quantization in ["IQ4_NL", "IQ4_XS", "Q4_0"] {
        assert!(text.contains(quantization), "{quantization}");
    }
}

#[test]
fn a_comparison_is_no_model_and_what_is_shipped_counts_once_and_has_its_machine() {
    let home = Home::new();
    let models = [home.tiny().to_string_lossy().into_owned(), second_model(&home)];
    let asked = ["--engine", "fake", "--context", "256", "--generate", "32", "--repetitions", "2"];
    let args = [&["compare"][..], &models.each_ref().map(String::as_str), &asked].concat();
    let ran = home.run(&args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let served = Served::start(&home, &["--no-agent"]);
    let names: Vec<String> = served.json("/api/models")["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["facts"]["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().all(|name| !name.contains('|')), "{names:?}");

    // The machine of a shipped record, which the store does not know.
    let shipped = served.json("/api/leaderboard?family=SmolLM2");
    let id = shipped["rows"][0]["id"].as_str().unwrap().to_owned();
    let record = served.json(&format!("/api/benchmarks/{id}"));
    let fingerprint = record["machine"]["fingerprint"].as_str().unwrap();
    let link = format!("/hardware/{fingerprint}");
    assert!(served.get("/hardware").1.contains(&link));
    assert!(served.get(&link).1.contains(record["machine"]["cpu"]["model"].as_str().unwrap()));

    let menus = || {
        let page = served.get("/leaderboard").1;
        let menus = page.split("<select").skip(1).map(|menu| menu.split("</select>").next());
        let choices = menus.flat_map(|menu| menu.unwrap().split("<option").skip(1));
        let mut choices: Vec<String> = choices.map(str::to_owned).collect();
        choices.sort();
        choices
    };
    let before = menus();
    let (status, answer) = served.post("/api/benchmarks", &record);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(menus(), before);
}
