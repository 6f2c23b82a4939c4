//! `tokmark load` and `stub` whole: against the stub, and against a real llama.cpp server.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use tokmark_model::{CountSource, Load, Record, Status, TokenCount};

use crate::support::{Home, interrupted_at, real_model, servers};

/// A `tokmark stub` in a process of its own; ends with this value.
pub struct Stub {
    child: Child,
    pub url: String,
}

impl Stub {
    pub fn start(home: &Home, args: &[&str]) -> Self {
        let all: Vec<&str> = ["stub", "--tied", "--ttft", "5ms", "--itl", "1ms"]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        let mut command = home.command(&all);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Stub { child, url }
    }

    /// Kills it, and waits until it is gone.
    pub fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn records(json: &str) -> Vec<Record> {
    serde_json::from_str(json).unwrap()
}

/// Over a million text events lie in a file beside the store.
#[test]
fn plots_of_a_point_with_too_many_events_draw_some_of_its_requests() {
    let home = Home::new();
    let stub = Stub::start(&home, &["--mode", "ttft-ms=0,itl-ms=0"]);
    let html = home.path("report.html");
    let file = html.to_string_lossy();
    let asked = ["-c", "4", "--requests", "270", "--max-tokens", "4000", "--calibrate", "off"];
    let more = ["--warmup", "0", "-o", "json", "--html", &file];
    let ran = home.run(&[&["load", stub.url.as_str()][..], &asked, &more].concat());
    let records = records(&ran.stdout);
    let serving = records[0].serving.as_ref().unwrap();
    assert!(serving.requests.is_empty() && serving.requests_file().is_some(), "{ran:?}");
    let html = std::fs::read_to_string(&html).unwrap();
    assert!(html.contains("Plots of single requests draw 13"), "every second of 270");
    assert!(html.contains(" of 270, spread evenly"));
    for title in ["Distribution of TTFT", "Distribution of ITL", "Requests over time"] {
        assert!(html.contains(title), "{title}");
    }
    assert!(!html.contains("No data"));
}

#[test]
fn points_become_records_that_every_view_shows() {
    let home = Home::new();
    let stub = Stub::start(&home, &[]);
    let html = home.path("report.html");
    let ran = home.run(&[
        "load",
        &stub.url,
        "-c",
        "1,3",
        "--rate",
        "50",
        "--requests",
        "12",
        "--max-tokens",
        "9",
        "--slo",
        "ttft=10s,tpot=10s",
        "-o",
        "json",
        "--html",
        &html.to_string_lossy(),
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let records = records(&ran.stdout);
    let labels: Vec<String> = records.iter().map(Record::label).collect();
    assert_eq!(labels, ["chat x 1", "chat x 3", "chat 50/s poisson"]);
    for record in &records {
        let serving = record.serving.as_ref().unwrap();
        let summary = serving.summary.as_ref().unwrap();
        assert_eq!((summary.n_requests, summary.n_ok), (12, 12), "{:?}", summary.errors);
        assert_eq!(serving.requests.len(), 12);
        let times = serving.events.as_ref().unwrap().unpack().unwrap();
        assert!(times.iter().all(|times| times.len() == 9));
        // Those sent since all slots are in use; of a rate those that were due after its run-in,
        // whose length is the server's.
        let good = summary.goodput.map(|goodput| (goodput.n_good, goodput.n_judged));
        match serving.workload.arrival {
            Load::Rate { .. } => assert!(good.is_none_or(|(n_good, n)| n_good == n && n <= 12)),
            Load::Concurrency { n } => {
                let n = u64::from(13 - n);
                assert_eq!(good, Some((n, n)));
            }
            Load::Replay { .. } => unreachable!("no trace was given"),
        }
        assert!(serving.client.calibration_p99_ns.is_some() && record.grade.is_some());
    }
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.contains("<svg") && page.contains("<table") && page.contains("chat x 3"));
    assert!(!page.contains("src=\"http") && !page.contains("<script"), "needs another file");
    let listed = home.run(&["history", "--test", "chat x 3"]);
    assert!(listed.stdout.contains("chat x 3"), "{listed:?}");
    let id = records[1].id.to_string();
    let shown = home.run(&["show", &id]);
    assert!(shown.stdout.contains("TTFT") && shown.stdout.contains("chat x 3"), "{shown:?}");
    let lines = home.run(&["load", &stub.url, "-c", "2", "--requests", "7", "-o", "jsonl"]);
    assert_eq!(lines.stdout.lines().count(), 7, "{lines:?}");
    assert_eq!(home.run(&["show", "last", "-o", "jsonl"]).stdout, lines.stdout);
    for format in ["csv", "md", "table"] {
        let args = ["load", &stub.url, "-c", "1", "--requests", "3", "-o", format];
        let ran = home.run(&args);
        assert!(ran.code == Some(0) && ran.stdout.contains("chat"), "{ran:?}");
    }
}

#[test]
fn what_is_exported_and_imported_is_the_same() {
    let home = Home::new();
    let stub = Stub::start(&home, &[]);
    let args = ["load", &stub.url, "-c", "2", "--requests", "6", "-o", "json"];
    assert_eq!(home.run(&args).code, Some(0));
    let exported = home.run(&["export"]).stdout;
    home.write("all.json", exported.as_bytes());
    assert_eq!(home.run(&["import", "all.json", "--db", "other.db"]).code, Some(0));
    assert_eq!(home.run(&["export", "--db", "other.db"]).stdout, exported);
}

#[test]
fn results_of_other_tools_are_imported_once_and_marked() {
    let home = Home::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = folder.join("../tokmark-compat/tests/fixtures/peers");
    let file = folder.join("guidellm-0.8.1.json").to_string_lossy().into_owned();
    for says in ["1 new", "0 new"] {
        let ran = home.run(&["import", &file]);
        assert!(ran.code == Some(0) && ran.stderr.contains(says), "{ran:?}");
    }
    let record = &home.records()[0];
    assert_eq!((record.tool.name.as_str(), record.grade.is_none()), ("guidellm", true));
    assert!(record.serving.as_ref().unwrap().summary.is_some());
}

#[test]
fn an_adaptive_point_ends_at_its_budget_or_its_precision() {
    let home = Home::new();
    let stub = Stub::start(&home, &[]);
    let args = ["load", &stub.url, "-c", "2", "--max-tokens", "4", "--budget", "2s", "-o", "json"];
    let ran = home.run(&args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(records(&ran.stdout)[0].serving.as_ref().unwrap().requests.len() >= 14);
}

#[test]
fn a_server_that_refuses_everything_is_given_up_and_heavier_points_are_skipped() {
    let home = Home::new();
    let stub = Stub::start(&home, &["--mode", "status=500"]);
    let args = ["load", &stub.url, "-c", "1,2,4", "--requests", "30", "-o", "json"];
    let ran = home.run(&args);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let records = records(&ran.stdout);
    let statuses: Vec<Status> = records.iter().map(|record| record.status).collect();
    assert_eq!(statuses, [Status::Failed, Status::Skipped, Status::Skipped]);
    let reason = records[0].status_reason.as_ref().unwrap();
    assert!(reason.message.contains("http 500"), "{reason:?}");
}

#[test]
fn nothing_to_measure_is_wrong_usage_with_advice() {
    let home = Home::new();
    let refused = home.run(&["load", "http://127.0.0.1:9"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("is the server running?"), "{refused:?}");
    let stub = Stub::start(&home, &[]);
    let no_tokenizer = home.write("model.gguf", b"GGUF").to_string_lossy().into_owned();
    for (args, says) in [
        (vec!["load", &stub.url, "--shape", "poem"], "chat"),
        (vec!["load", &stub.url, "--trace", "none.jsonl"], "none.jsonl"),
        (vec!["load", &stub.url, "--rate", "0"], "number from 0.0001"),
        (vec!["load", &stub.url, "--slo", "speed=1s"], "ttft"),
        (vec!["load", &stub.url, "--header", "sk-secret"], "colon"),
        (vec!["load", &stub.url, "--api-key-env", "NO_SUCH_KEY"], "NO_SUCH_KEY"),
        (vec!["load", &stub.url, "--model", "other"], "it has stub"),
        (vec!["load", &stub.url, "--tokenizer", "none.json"], "none.json"),
        (vec!["load", &stub.url, "--tokenizer", &no_tokenizer], "give the tokenizer.json"),
        (vec!["load", "--recipe", "nobody"], "xllamacpp"),
        (vec!["load", "ftp://x"], "http"),
    ] {
        let ran = home.run(&args);
        assert_eq!(ran.code, Some(2), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(says) && !ran.stderr.contains("sk-secret"), "{args:?} {ran:?}");
    }
}

#[test]
fn traces_are_replayed_with_their_times_and_conversations() {
    let home = Home::new();
    let stub = Stub::start(&home, &[]);
    let lines = [
        r#"{"offset_ms": 0, "prompt_tokens": 20, "output_tokens": 4}"#,
        r#"{"offset_ms": 60, "prompt": "Say a word.", "output_tokens": 5}"#,
        r#"{"offset_ms": 90, "prompt_tokens": 30, "output_tokens": 6}"#,
    ];
    home.write("calls.jsonl", lines.join("\n").as_bytes());
    let args = ["load", &stub.url, "--trace", "calls.jsonl", "--speed", "3", "-o", "json"];
    let ran = home.run(&args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let records = records(&ran.stdout);
    assert_eq!(records[0].label(), "calls replay at 3 x");
    let requests = &records[0].serving.as_ref().unwrap().requests;
    let due: Vec<u64> = requests.iter().map(|request| request.due_ns.0 / 1_000_000).collect();
    assert_eq!(due, [0, 20, 30]);
    let n: Vec<u32> = requests.iter().map(|request| request.output_tokens.unwrap().n).collect();
    assert_eq!(n, [4, 5, 6]);
}

#[test]
fn an_ollama_that_loads_its_model_for_a_trace_tells_its_memory() {
    let home = Home::new();
    let stub = Stub::start(&home, &["--dialect", "ollama"]);
    home.write("calls.jsonl", br#"{"offset_ms": 0, "prompt_tokens": 20, "output_tokens": 4}"#);
    let args = ["load", &stub.url, "--trace", "calls.jsonl", "--calibrate", "off", "-o", "json"];
    let ran = home.run(&args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let records = records(&ran.stdout);
    let server = &records[0].serving.as_ref().unwrap().server;
    let seen = (server.model_bytes.unwrap().0, server.gpu_share_percent);
    assert_eq!(seen, (1_000_000_000, Some(50.0)));
}

#[test]
fn a_conversation_stays_on_its_replica() {
    let home = Home::new();
    let (one, two) = (Stub::start(&home, &[]), Stub::start(&home, &[]));
    let args = ["load", &one.url, &two.url, "-c", "3", "--turns", "3", "-n", "12", "--warmup", "0"];
    let ran = home.run(&[&args[..], &["--calibrate", "off", "-o", "json"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let records = records(&ran.stdout);
    let requests = &records[0].serving.as_ref().unwrap().requests;
    let mut replicas = std::collections::BTreeMap::<u32, Vec<u32>>::new();
    for request in requests {
        replicas.entry(request.session).or_default().push(request.replica);
    }
    assert!(replicas.values().all(|of| of.iter().all(|replica| *replica == of[0])), "{replicas:?}");
    let used: std::collections::BTreeSet<u32> = replicas.values().map(|of| of[0]).collect();
    assert_eq!(used.len(), 2, "{replicas:?}");
    assert!(replicas.values().any(|of| of.len() == 3), "{replicas:?}");
}

/// A tokenizer of words and marks, as a file.
pub const WORDS: &str = r#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
    "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null,
    "decoder": null,
    "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}}"#;

#[test]
fn what_the_server_does_not_count_the_tokenizer_does_or_the_words() {
    let home = Home::new();
    let tokenizer = home.write("tokenizer.json", WORDS.as_bytes()).to_string_lossy().into_owned();
    let counting = Stub::start(&home, &[]);
    let silent = Stub::start(&home, &["--mode", "no-usage"]);
    let with_tokenizer = ["--tokenizer", tokenizer.as_str()];
    for (stub, more, source, n) in [
        (&counting, &with_tokenizer[..], CountSource::Usage, 10),
        (&silent, &with_tokenizer[..], CountSource::Local, 10),
        // Ten words x 1.3 are more than were asked for.
        (&silent, &with_tokenizer[..0], CountSource::Estimated, 10),
    ] {
        let args = ["load", &stub.url, "-c", "1", "--requests", "3", "--max-tokens", "10"];
        let ran = home.run(&[&args[..], more, &["--calibrate", "off", "-o", "json"]].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let record = &records(&ran.stdout)[0];
        for request in &record.serving.as_ref().unwrap().requests {
            assert_eq!(request.output_tokens, Some(TokenCount { n, source }), "{request:?}");
            assert_eq!(request.prompt_tokens.unwrap().source, source);
        }
        let reasons = &record.grade.as_ref().unwrap().reasons;
        let is_told = reasons.iter().any(|reason| reason.code == "counts_estimated");
        assert_eq!(is_told, source == CountSource::Estimated, "{reasons:?}");
    }
}

#[test]
fn the_ramp_finds_a_rate_between_what_met_and_what_failed() {
    let home = Home::new();
    // One slot of 5 ms + 7 x 1 ms and more: a hundred a second can't be kept, ten can.
    let stub = Stub::start(&home, &["--slots", "1"]);
    let ran = home.run(&[
        "load",
        &stub.url,
        "--ramp",
        "--rate",
        "8",
        "--arrivals",
        "constant",
        "--slo",
        "e2e=1s",
        "--max-tokens",
        "8",
        "--duration",
        "700ms",
        "--calibrate",
        "off",
        "-o",
        "json",
    ]);
    let all = records(&ran.stdout);
    assert!(all.len() > 1, "{ran:?}");
    let mut met = Vec::new();
    let mut failed = Vec::new();
    for (position, record) in (1..).zip(&all) {
        let serving = record.serving.as_ref().unwrap();
        let Load::Rate { per_s, .. } = serving.workload.arrival else { panic!("{serving:?}") };
        let summary = serving.summary.as_ref().unwrap();
        let kept = summary.levels.get("e2e").is_some_and(|level| level.share >= 0.99);
        if kept {
            met.push(per_s)
        } else {
            failed.push(per_s)
        }
        let found = serving.found_rate.unwrap();
        assert_eq!((found.n_points, found.is_over), (position, position as usize == all.len()));
        // A search takes the last of each kind, which is the tightest.
        assert_eq!(found.highest_met_per_s, met.last().copied());
        assert_eq!(found.lowest_failed_per_s, failed.last().copied());
    }
    if let (Some(met), Some(failed)) = (met.last(), failed.last()) {
        assert!(met < failed && failed / met < 1.06, "{met} {failed}");
        let said = format!("keeps the service levels: {met:.3} requests/s");
        assert!(ran.stderr.contains(&said), "{ran:?}");
    }
    let id = all.last().unwrap().id.to_string();
    assert!(home.run(&["show", &id]).stdout.contains("search"), "the record knows the answer");
}

#[test]
fn a_search_says_how_sure_it_is() {
    let home = Home::new();
    // One slot of 5 ms and more.
    let stub = Stub::start(&home, &["--slots", "1"]);
    let asked = ["--rate", "400", "--arrivals", "constant", "--slo", "e2e=60ms"];
    let more = ["--max-tokens", "1", "--budget", "3s", "--calibrate", "off", "-o", "json"];
    let ran = home.run(&[&["load", stub.url.as_str(), "--ramp"][..], &asked, &more].concat());
    let all = records(&ran.stdout);
    let found = all.last().unwrap().serving.as_ref().unwrap().found_rate.unwrap();
    let kept_at = |rate: Option<f64>| {
        let is_it = |record: &&Record| match record.serving.as_ref().unwrap().workload.arrival {
            Load::Rate { per_s, .. } => Some(per_s) == rate,
            _ => false,
        };
        let serving = all.iter().rev().find(is_it)?.serving.as_ref()?;
        serving.summary.as_ref()?.levels.get("e2e").copied()
    };
    assert!(found.met.or(found.failed).is_some(), "{ran:?}");
    assert_eq!(found.met, kept_at(found.highest_met_per_s), "{ran:?}");
    assert_eq!(found.failed, kept_at(found.lowest_failed_per_s), "{ran:?}");
    let said = ran.stderr.lines().rfind(|line| line.contains(" levels")).unwrap();
    assert!(said.contains(" % of ") && said.contains(" requests, "), "{said}");
    // A point of a search goes on until the levels are judged, not until medians are known.
    let refused = home.run(&["load", &stub.url, "--ramp", "--slo", "e2e=1s", "--interval", "3%"]);
    assert!(refused.stderr.contains("cannot be used with"), "{refused:?}");
}

#[test]
fn the_first_ctrl_c_keeps_what_is_done() {
    let home = Home::new();
    let stub = Stub::start(&home, &[]);
    let args = ["load", &stub.url, "-c", "2", "--duration", "10m", "-o", "json"];
    // Off a terminal a line comes every few seconds while requests are made.
    let output = interrupted_at(home.start(&args), "in flight");
    assert_eq!(output.status.code(), Some(130));
    let records = records(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(records[0].status, Status::Interrupted);
    assert!(!records[0].serving.as_ref().unwrap().requests.is_empty());
    assert_eq!(home.records().len(), 1);
}

#[test]
fn the_dialect_of_the_stub_is_as_expected_and_a_broken_one_is_not() {
    let home = Home::new();
    let good = Stub::start(&home, &[]);
    let ran = home.run(&["load", &good.url, "--check-dialect"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("not tested: none comes when switched on either"), "{ran:?}");
    let reasoning = Stub::start(&home, &["--mode", "reasoning-content=4"]);
    let ran = home.run(&["load", &reasoning.url, "--check-dialect"]);
    assert!(ran.code == Some(3) && ran.stdout.contains("reasoning came"), "{ran:?}");
    let broken = Stub::start(&home, &["--mode", "no-usage"]);
    let ran = home.run(&["load", &broken.url, "--check-dialect"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stdout.contains("DIFFERENT"), "{ran:?}");
}

/// The processes whose command line has `text`.
fn processes_with(text: &str) -> usize {
    let listed = std::process::Command::new("ps").args(["-eo", "stat,args"]).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    listed.lines().filter(|line| line.contains(text) && !line.starts_with('Z')).count()
}

#[test]
fn a_real_llama_cpp_server_is_started_measured_and_stopped() {
    let home = Home::new();
    let model = home.path("real-model.gguf");
    std::fs::copy(real_model(), &model).unwrap();
    let path = model.to_string_lossy().into_owned();
    let mut command = home.command(&[
        "load",
        "--recipe",
        "xllamacpp",
        "--recipe-model",
        &path,
        "-c",
        "1,2",
        "--requests",
        "4",
        "--max-tokens",
        "16",
        "-o",
        "json",
    ]);
    let output = command.env("PYTHONPATH", servers().join("xllamacpp")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    for record in records(&String::from_utf8(output.stdout).unwrap()) {
        let serving = record.serving.as_ref().unwrap();
        assert_eq!(serving.server.dialect, "llama.cpp");
        assert_eq!(serving.recipe.as_deref(), Some("xllamacpp"));
        assert!(record.memory.host_peak_bytes.is_some());
        for request in &serving.requests {
            let own = request.server.unwrap();
            // Our counts of events, its usage, and its own timings agree.
            assert_eq!(request.output_tokens.unwrap().n, 16, "{request:?}");
            assert_eq!(own.n_generated, Some(16));
            assert!(request.n_text_events <= 16 && request.n_text_events >= 8, "{request:?}");
        }
        let summary = serving.summary.as_ref().unwrap();
        assert_eq!(summary.n_ok, 4);
        assert!(summary.rate_vs_server.is_some());
    }
    assert_eq!(processes_with(&path), 0, "the server is still there");
}
