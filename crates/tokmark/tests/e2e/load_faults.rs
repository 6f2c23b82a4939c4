//! `tokmark load` against servers that are silent, refuse, or answer otherwise than asked, and
//! what the result says of it.

use tokmark_model::{GradeLetter, Record, Status};

use crate::load::{Stub, records};
use crate::support::{Home, interrupted_at};

#[test]
fn ctrl_c_in_the_warm_up_of_a_silent_server_ends_the_run() {
    let home = Home::new();
    let stub = Stub::start(&home, &["--mode", "silent"]);
    let args = ["load", &stub.url, "-c", "1", "--duration", "10m", "--calibrate", "off"];
    let child = home.start(&[&args[..], &["-o", "json"]].concat());
    let output = interrupted_at(child, "warming up");
    assert_eq!(output.status.code(), Some(130));
    let records = records(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(records[0].status, Status::Interrupted);
    assert!(records[0].serving.as_ref().unwrap().requests.is_empty());
}

#[test]
fn a_warm_up_that_takes_too_long_is_cut_and_told() {
    let home = Home::new();
    let stub = Stub::start(&home, &["--mode", "silent"]);
    let args = ["load", &stub.url, "-c", "1", "-n", "1", "--calibrate", "off", "-o", "json"];
    let limits = ["--warmup-limit", "200ms", "--timeout", "2s"];
    let ran = home.run(&[&args[..], &limits[..]].concat());
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("the warm-up was ended after"), "{ran:?}");
    let record = &records(&ran.stdout)[0];
    assert_eq!(record.flags, ["warm_up_cut"]);
    let shown = home.run(&["show", &record.id.to_string()]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
}

#[test]
fn the_stub_speaks_each_dialect_and_its_drafts_are_seen() {
    let home = Home::new();
    for dialect in ["openai", "llama.cpp", "vllm", "ollama"] {
        let stub = Stub::start(&home, &["--dialect", dialect]);
        let args = ["load", &stub.url, "-c", "1", "-n", "3", "--calibrate", "off", "-o", "json"];
        let ran = home.run(&args);
        assert_eq!(ran.code, Some(0), "{dialect}: {ran:?}");
        let record = &records(&ran.stdout)[0];
        assert_eq!(record.serving.as_ref().unwrap().server.dialect, dialect);
    }
    let stub = Stub::start(&home, &["--dialect", "llama.cpp", "--mode", "drafted=50"]);
    let args = ["load", &stub.url, "-c", "1", "-n", "3", "--max-tokens", "10", "-o", "json"];
    let ran = home.run(&[&args[..], &["--calibrate", "off"]].concat());
    let found = records(&ran.stdout)[0].speculation.clone().expect("drafts were told");
    assert_eq!((found.n_drafted, found.n_accepted), (30, 15));
    let ran = home.run(&["stub", "--mode", "drafted=50", "--for", "1s"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("llama.cpp"), "{ran:?}");
}

/// The one point of 6 requests at a stub in this mode.
fn point(home: &Home, mode: &str, timeout: &str) -> Record {
    let stub = Stub::start(home, &["--mode", mode]);
    let args = ["load", &stub.url, "-c", "2", "-n", "6", "--max-tokens", "8", "-o", "json"];
    let limits = ["--warmup", "0", "--calibrate", "off", "--timeout", timeout];
    let ran = home.run(&[&args[..], &limits[..]].concat());
    records(&ran.stdout).pop().unwrap_or_else(|| panic!("{mode}: {ran:?}"))
}

#[test]
fn each_fault_is_an_error_of_its_kind_and_enters_no_latency() {
    let home = Home::new();
    for (mode, kind) in [
        ("status=429", "http 429"),
        ("status=500", "http 500"),
        ("close", "broken stream"),
        ("cut", "broken stream"),
        ("error-event", "server error"),
        ("malformed", "malformed event"),
        ("empty-answer", "empty answer"),
        ("silent", "timeout"),
        ("stall", "timeout"),
        ("slow", "timeout"),
    ] {
        let timeout = if kind == "timeout" { "300ms" } else { "1m" };
        let record = point(&home, mode, timeout);
        let summary = record.serving.as_ref().unwrap().summary.as_ref().unwrap();
        let errors: Vec<(&str, u64)> =
            summary.errors.iter().map(|(kind, n)| (kind.as_str(), *n)).collect();
        assert_eq!(errors, [(kind, 6)], "{mode}");
        assert_eq!((summary.n_requests, summary.n_ok), (6, 0), "{mode}");
        for figure in [&summary.ttft_ms, &summary.itl_ms, &summary.tpot_ms, &summary.e2e_ms] {
            assert!(figure.is_none(), "{mode}: {figure:?}");
        }
        assert!(record.grade.as_ref().unwrap().letter >= GradeLetter::D, "{mode}");
    }
}

#[test]
fn odd_but_whole_answers_are_answers() {
    let home = Home::new();
    for mode in [
        "crlf",
        "comments",
        "packed=4",
        "split-bytes",
        "no-done",
        "until-close",
        "null-opening",
        "late-head",
        "late-finish=20",
        "tool-call",
        "long-line=300000",
    ] {
        let record = point(&home, mode, "1m");
        let serving = record.serving.as_ref().unwrap();
        let summary = serving.summary.as_ref().unwrap();
        assert_eq!((summary.n_ok, summary.errors.len()), (6, 0), "{mode}: {:?}", summary.errors);
        assert_eq!(summary.ttft_ms.as_ref().unwrap().n, 6, "{mode}");
        assert_eq!(summary.e2e_ms.as_ref().unwrap().n, 6, "{mode}");
    }
}

#[test]
fn a_server_that_goes_away_in_mid_run_is_an_error_from_then_on() {
    let home = Home::new();
    let mut stub = Stub::start(&home, &[]);
    let args = ["load", &stub.url, "-c", "2", "--duration", "4s", "--warmup", "0", "-o", "json"];
    let child =
        home.start(&[&args[..], &["--calibrate", "off", "--abort-errors", "100%"]].concat());
    std::thread::sleep(std::time::Duration::from_secs(2));
    stub.end();
    let output = child.wait_with_output().unwrap();
    let record = records(&String::from_utf8(output.stdout).unwrap()).pop().unwrap();
    let summary = record.serving.as_ref().unwrap().summary.as_ref().unwrap();
    assert!(summary.n_ok > 0 && summary.errors.contains_key("connect"), "{:?}", summary.errors);
    assert_eq!(summary.n_ok, summary.e2e_ms.as_ref().unwrap().n, "no failed request is timed");
    assert!(record.grade.as_ref().unwrap().letter >= GradeLetter::D);
}

#[test]
fn the_words_of_a_server_that_refuses_are_shown() {
    let home = Home::new();
    let stub = Stub::start(&home, &["--mode", "status=404"]);
    let ran = home.run(&["load", &stub.url, "-c", "1", "-n", "3", "--calibrate", "off"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stdout.contains("http 404 (the stub"), "{ran:?}");
    // Nothing was answered: a dash, not a rate of 0.
    assert!(!ran.stdout.contains("0.00"), "{ran:?}");
}

#[test]
fn a_server_that_ignores_the_wish_for_a_stream_has_no_ttft_and_is_told() {
    let home = Home::new();
    let stub = Stub::start(&home, &["--mode", "ignore-stream"]);
    let args = ["load", &stub.url, "-c", "1", "-n", "8", "--calibrate", "off", "-o", "json"];
    let ran = home.run(&args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let record = &records(&ran.stdout)[0];
    let summary = record.serving.as_ref().unwrap().summary.as_ref().unwrap();
    assert!(summary.ttft_ms.is_none() && summary.tpot_ms.is_none() && summary.e2e_ms.is_some());
    assert!(record.grade.as_ref().unwrap().reasons.iter().any(|why| why.code == "not_streamed"));
    let ran = home.run(&["load", &stub.url, "--check-dialect"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stdout.contains("stream: true is ignored"), "{ran:?}");
}

#[test]
fn a_rate_with_turns_is_one_of_requests() {
    let home = Home::new();
    let stub = Stub::start(&home, &[]);
    let args = ["load", &stub.url, "--rate", "20", "--arrivals", "constant", "--turns", "3"];
    let more = ["-n", "6", "--warmup", "0", "--calibrate", "off", "-o", "json"];
    let ran = home.run(&[&args[..], &more[..]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let record = &records(&ran.stdout)[0];
    let requests = &record.serving.as_ref().unwrap().requests;
    let due: Vec<u64> = requests.iter().map(|request| request.due_ns.0 / 1_000_000).collect();
    assert_eq!(due, [0, 50, 100, 150, 200, 250]);
}
