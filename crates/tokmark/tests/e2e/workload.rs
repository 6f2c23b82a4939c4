//! What the requests of `tokmark load` say, and what a server may know of it: against a stub
//! that remembers the beginnings of prompts.

use tokmark_model::{CacheMode, CountSource, Load, Record, Serving};

use crate::load::Stub;
use crate::support::{Home, Ran};

/// Mode of a stub that caches the beginnings of prompts, and says so.
const CACHING: [&str; 2] = ["--mode", "prefill-ms=1"];

/// A load of `more` on this stub, without a check of the client.
fn load(home: &Home, stub: &Stub, more: &[&str]) -> Ran {
    let args = ["load", stub.url.as_str(), "--calibrate", "off", "-o", "json"];
    home.run(&[&args[..], more].concat())
}

fn servings(ran: &Ran) -> Vec<Serving> {
    let records: Vec<Record> = serde_json::from_str(&ran.stdout).unwrap();
    records.into_iter().map(|record| *record.serving.unwrap()).collect()
}

fn has_reason(ran: &Ran, code: &str) -> bool {
    let records: Vec<Record> = serde_json::from_str(&ran.stdout).unwrap();
    records
        .iter()
        .flat_map(|record| &record.grade.as_ref().unwrap().reasons)
        .any(|found| found.code == code)
}

fn cached(serving: &Serving) -> f64 {
    serving.summary.as_ref().unwrap().cached_share.unwrap()
}

#[test]
fn a_second_run_asks_nothing_that_the_server_knows_from_the_first() {
    let home = Home::new();
    let stub = Stub::start(&home, &CACHING);
    let args = ["-c", "1", "-n", "3", "--prompt-tokens", "80", "--max-tokens", "4"];
    let [first, second] = [load(&home, &stub, &args), load(&home, &stub, &args)];
    let nonces = [&first, &second].map(|ran| servings(ran)[0].workload.nonce.unwrap());
    assert_ne!(nonces[0], nonces[1]);
    for ran in [&first, &second] {
        assert_eq!(cached(&servings(ran)[0]), 0.0, "{ran:?}");
        assert!(!has_reason(ran, "cache_hit"), "{ran:?}");
    }
    let nonce = nonces[0].to_string();
    let again = load(&home, &stub, &[&args[..], &["--nonce", &nonce]].concat());
    assert!(cached(&servings(&again)[0]) > 0.9, "{again:?}");
    assert!(has_reason(&again, "cache_hit"), "{again:?}");
}

/// Three prompts, the second of which begins as the first does.
fn trace(home: &Home) {
    let words: Vec<String> = (0..64).map(|n| format!("word{n}")).collect();
    let line = |prompt: &str| format!("{{\"prompt\": \"{prompt}\", \"output_tokens\": 4}}\n");
    let [all, half] = [words.join(" "), words[..32].join(" ")];
    let other = words.iter().rev().cloned().collect::<Vec<_>>().join(" ");
    let lines = [line(&half), line(&all), line(&other)].concat();
    home.write("calls.jsonl", lines.as_bytes());
}

#[test]
fn no_point_of_a_trace_finds_another_ones_prompts_in_the_cache() {
    let home = Home::new();
    trace(&home);
    let stub = Stub::start(&home, &CACHING);
    let args = ["--trace", "calls.jsonl", "-c", "1,2", "-n", "3"];
    for _ in 0..2 {
        let ran = load(&home, &stub, &args);
        let all = servings(&ran);
        assert_eq!(all.len(), 2);
        for serving in &all {
            assert_eq!(serving.workload.cache, CacheMode::Own);
            let repeated = serving.workload.repeated_share.unwrap();
            assert!((0.1..0.3).contains(&repeated), "{repeated}");
            assert!(cached(serving) <= repeated + 0.05, "{ran:?}");
        }
        assert!(!has_reason(&ran, "cache_hit"), "{ran:?}");
    }
    // Kept as they are, all of them are known.
    load(&home, &stub, &[&args[..], &["--cache", "keep"]].concat());
    let kept = load(&home, &stub, &[&args[..], &["--cache", "keep"]].concat());
    assert!(servings(&kept).iter().all(|serving| cached(serving) > 0.9), "{kept:?}");
}

#[test]
fn a_trace_runs_once_unless_more_is_asked_for() {
    let home = Home::new();
    trace(&home);
    let stub = Stub::start(&home, &CACHING);
    let once = load(&home, &stub, &["--trace", "calls.jsonl"]);
    assert_eq!(servings(&once)[0].requests.len(), 3, "{once:?}");
    let again = load(&home, &stub, &["--trace", "calls.jsonl", "-n", "7"]);
    assert_eq!(servings(&again)[0].requests.len(), 7);
    assert!(again.stderr.contains("begins again until 7 were made"), "{again:?}");
    assert!(!has_reason(&again, "cache_hit"), "{again:?}");
}

#[test]
fn later_turns_find_their_own_history_in_the_cache_and_nothing_else() {
    let home = Home::new();
    let stub = Stub::start(&home, &CACHING);
    let args = ["-c", "1", "-n", "6", "--turns", "3", "--prompt-tokens", "80", "--max-tokens", "4"];
    let ran = load(&home, &stub, &args);
    for request in &servings(&ran)[0].requests {
        let share =
            f64::from(request.cached_tokens.unwrap()) / f64::from(request.prompt_tokens.unwrap().n);
        assert_eq!(share > 0.5, request.turn > 0, "{request:?}");
    }
    assert!(!has_reason(&ran, "cache_hit"), "{ran:?}");
    let table = home.run(&[&["load", &stub.url, "--calibrate", "off"], &args[..]].concat());
    assert!(table.stdout.contains("re-send their history"), "{table:?}");
}

#[test]
fn usage_that_cannot_be_right_is_no_figure() {
    let home = Home::new();
    let stub = Stub::start(&home, &["--mode", "wrong-usage"]);
    let ran = load(&home, &stub, &["-c", "1", "-n", "6", "--max-tokens", "12"]);
    let serving = &servings(&ran)[0];
    for request in &serving.requests {
        assert!(request.usage_doubted, "{request:?}");
        // Twelve words x 1.3.
        let count = request.output_tokens.unwrap();
        assert_eq!((count.n, count.source), (16, CountSource::Estimated));
    }
    assert_eq!(serving.summary.as_ref().unwrap().n_usage_doubted, 6);
    assert!(has_reason(&ran, "usage_doubted") && has_reason(&ran, "counts_estimated"));
}

#[test]
fn a_ramp_checks_the_client_at_each_heavier_load() {
    let home = Home::new();
    let stub = Stub::start(&home, &["--slots", "1"]);
    let args = ["--ramp", "--rate", "40", "--arrivals", "constant", "--slo", "e2e=1s"];
    let more = ["--max-tokens", "8", "--duration", "500ms", "-o", "json"];
    let ran = home.run(&[&["load", &stub.url], &args[..], &more[..]].concat());
    let all = servings(&ran);
    assert!(all.len() > 1, "{ran:?}");
    let mut heaviest = 0.0;
    let mut n_heavier = 0;
    for serving in &all {
        let Load::Rate { per_s, .. } = serving.workload.arrival else { panic!("{serving:?}") };
        n_heavier += usize::from(per_s > heaviest);
        heaviest = per_s.max(heaviest);
    }
    // On a busy machine a check may fail, which is said; it is made all the same.
    let is_check = |line: &&str| {
        line.starts_with("this client adds") || line.starts_with("the client could not be checked")
    };
    assert_eq!(ran.stderr.lines().filter(is_check).count(), n_heavier, "{}", ran.stderr);
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_the_run() {
    let home = Home::new();
    let stub = Stub::start(&home, &[]);
    let ran = load(&home, &stub, &["-n", "3", "--html", "no/such/folder/report.html"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("cannot write no/such/folder/report.html"), "{ran:?}");
    assert!(home.records().is_empty());
}

#[test]
fn the_dialects_of_a_recipes_servers_are_checked() {
    let home = Home::new();
    let tokmark = env!("CARGO_BIN_EXE_tokmark");
    let recipe = format!(
        "recipes:\n\
         - {{name: one, command: [{tokmark}, stub, --port, \"{{port}}\"], ready: {{path: /health}}}}\n\
         - {{name: two, command: [{tokmark}, stub, --port, \"{{port}}\", --mode, no-usage], \
         ready: {{path: /health}}}}\n"
    );
    home.write("both.yaml", recipe.as_bytes());
    let ran = home.run(&["load", "--check-dialect", "--recipe", "both.yaml"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert_eq!(ran.stdout.matches("a streamed answer").count(), 2, "{ran:?}");
    assert_eq!(ran.stdout.matches("DIFFERENT").count(), 1, "{ran:?}");
}
