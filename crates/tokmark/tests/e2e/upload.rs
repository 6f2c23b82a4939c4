//! `--upload` of the commands that measure.

use std::path::PathBuf;

use crate::experiments::{ab_args, kept};
use crate::load::Stub;
use crate::serve::{Served, walk};
use crate::support::Home;

/// Nothing listens there.
const AWAY: &str = "http://127.0.0.1:9";

/// A server with a store of its own in `home`.
fn served(home: &Home) -> Served {
    let store = home.path("server.db");
    Served::start(home, &["--no-agent", "--db", &store.to_string_lossy()])
}

fn token(served: &Served) -> [(&'static str, PathBuf); 1] {
    [("TOKMARK_TOKEN", served.token.clone().into())]
}

/// How many records the server has, visits of experiments counted.
fn n_there(served: &Served) -> usize {
    let n = |visits: bool| {
        let (status, text) = served.get(&format!("/api/export?format=jsonl&visits={visits}"));
        assert_eq!(status, 200, "{text}");
        text.lines().filter(|line| !line.is_empty()).count()
    };
    n(false) + n(true)
}

/// Batches in the outbox.
fn n_waiting(home: &Home) -> usize {
    let is_batch = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.ends_with(".json.gz") && !name.starts_with('.')
    };
    walk(&home.path("")).iter().filter(|file| is_batch(file)).count()
}

#[test]
fn what_was_measured_arrives_at_the_server_and_the_token_in_no_file() {
    let home = Home::new();
    let served = served(&home);
    let args = ["-p", "8", "-n", "8", "-r", "3", "--upload", &served.url];
    let ran = home.run_with(&home.bench_args("fake", &args), &token(&served));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("2 records new"), "{ran:?}");
    for record in home.records() {
        let there = served.json(&format!("/api/benchmarks/{}", record.id));
        assert_eq!(there["run_id"], record.run_id.to_string());
    }
    assert_eq!((n_there(&served), n_waiting(&home)), (2, 0));
    let token = served.token.as_bytes();
    for file in walk(&home.path("")) {
        let bytes = std::fs::read(&file).unwrap();
        let is_in = bytes.windows(token.len()).any(|window| window == token);
        assert!(!is_in, "the token stands in {}", file.display());
    }
}

#[test]
fn a_server_that_is_away_makes_no_measurement_fail_and_gets_it_later() {
    let home = Home::new();
    let few = ["-p", "0", "-n", "8", "-r", "3"];
    let ran = home.bench("fake", &[&few[..], &["--upload", AWAY]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("waits in the outbox"), "{ran:?}");
    assert_eq!((home.records().len(), n_waiting(&home)), (1, 1));
    assert_eq!(home.bench("fake", &few).code, Some(0));
    let served = served(&home);
    let ran = home.run_with(&["upload", "last", "--server", &served.url], &token(&served));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("2 records new"), "{ran:?}");
    assert_eq!((n_there(&served), n_waiting(&home)), (2, 0));
}

#[test]
fn what_waits_is_sent_with_the_next_measurement() {
    let home = Home::new();
    let few = ["-p", "0", "-n", "8", "-r", "3"];
    assert_eq!(home.bench("fake", &[&few[..], &["--upload", AWAY]].concat()).code, Some(0));
    let served = served(&home);
    let args = home.bench_args("fake", &[&few[..], &["--upload", &served.url]].concat());
    // Without a token it is refused, and waits with the other.
    let ran = home.run(&args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("HTTP 401"), "{ran:?}");
    assert_eq!(n_waiting(&home), 2);
    let ran = home.run_with(&args, &token(&served));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!((n_there(&served), n_waiting(&home)), (3, 0));
}

#[test]
fn an_experiment_is_sent_with_its_visits() {
    let home = Home::new();
    let served = served(&home);
    let args = ab_args(&home, &["--no-power", "--upload", &served.url]);
    let ran = home.run_with(&args, &token(&served));
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
    let (experiment, visits) = kept(&home);
    assert_eq!((n_there(&served), n_waiting(&home)), (1 + visits.len(), 0), "{ran:?}");
    let there = served.json(&format!("/api/benchmarks/{}", experiment.id));
    assert!(!there["experiment"]["visits"].as_array().unwrap().is_empty(), "{there}");
    // Where it went is no part of the same again.
    assert!(!there["experiment"]["arguments"].to_string().contains("upload"), "{there}");
}

#[test]
fn every_point_of_a_load_is_sent() {
    let home = Home::new();
    let served = served(&home);
    let stub = Stub::start(&home, &[]);
    let args = [
        "load",
        &stub.url,
        "--concurrency",
        "1,2",
        "--requests",
        "4",
        "--calibrate",
        "off",
        "--upload",
        &served.url,
    ];
    let ran = home.run_with(&args, &token(&served));
    assert!(matches!(ran.code, Some(0 | 4)), "{ran:?}");
    assert!(ran.stderr.contains("2 records new"), "{ran:?}");
    assert_eq!((n_there(&served), n_waiting(&home)), (2, 0));
}

#[test]
fn llama_bench_has_no_upload() {
    let home = Home::new();
    let ran = home.bench("fake", &["--compat", "-n", "8", "--upload", AWAY]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("--upload"), "{ran:?}");
}

#[test]
fn what_is_signed_is_shown_by_the_name_that_the_server_trusts() {
    let home = Home::new();
    let few = ["-p", "0", "-n", "8", "-r", "3"];
    assert_eq!(home.bench("fake", &few).code, Some(0));
    let away = home.run(&["upload", "last", "--sign", "--server", AWAY]);
    assert_eq!(away.code, Some(3), "{away:?}");
    let said = away.stderr.split_once("the key that signs is ").expect("it says the key").1;
    let key = said.split(';').next().unwrap();
    assert_eq!(key.len(), 64, "{away:?}");
    let trust = format!("{key}=this laptop");
    let store = home.path("server.db");
    let db = store.to_string_lossy();
    let served = Served::start(&home, &["--no-agent", "--db", &db, "--trust", &trust]);
    let args = [&few[..], &["--upload", &served.url, "--sign"]].concat();
    let ran = home.run_with(&home.bench_args("fake", &args), &token(&served));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains(key) && ran.stderr.contains("2 records new"), "{ran:?}");
    for record in home.records() {
        assert_eq!(record.signature, None, "only what is sent is signed");
        let there = served.json(&format!("/api/benchmarks/{}", record.id));
        assert_eq!(there["signature"]["key"], key);
        let (_, page) = served.get(&format!("/benchmarks/{}", record.id));
        assert!(page.contains("signed by this laptop; verified"), "{page}");
    }
    #[cfg(target_os = "linux")]
    {
        let key = home.path(".local/share/tokmark/signing.key").metadata().unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&key.permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}
