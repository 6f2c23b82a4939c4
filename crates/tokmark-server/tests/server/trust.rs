//! What strangers may send, how long they may take, and what others are shown meanwhile.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{ADMIN, Running, SUBMIT, small, sound};
use serde_json::{Value, json};
use tokmark_model::Nanos;
use tokmark_server::{Limits, ServerOptions};
use tokmark_store::StoreUrl;

crate::on_both_databases! {
    what_is_kept_of_a_page_is_never_older_than_its_records
    one_record_that_no_table_could_show_is_refused
    a_key_of_one_caller_is_none_of_another
    guessed_tokens_are_slowed_down
    another_process_on_the_same_store_is_seen_at_once
    who_may_not_read_is_shown_nothing_that_is_kept_for_others
    a_batch_that_would_need_too_much_memory_is_refused_before_it_is_read
    a_body_that_never_ends_is_ended_whatever_it_is_for
    slow_uploads_hold_up_nobody_for_long
    an_address_without_an_id_is_answered_in_the_form_of_its_kind
    an_export_ends_where_it_was_asked_to
    invented_methods_add_no_rows_to_the_figures
    a_model_whose_file_was_measured_under_another_name_keeps_its_page
    a_published_figure_is_shown_as_what_it_is
    who_reads_nothing_of_his_answers_is_let_go
}

/// The error's code.
fn code(body: &str) -> String {
    let value: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {body}"));
    value["error"]["code"].as_str().unwrap_or_else(|| panic!("no code: {body}")).to_owned()
}

fn what_is_kept_of_a_page_is_never_older_than_its_records() {
    let server = Running::start();
    for n in 0..3 {
        let mut record = sound(n, 9);
        record.model.name = format!("Tiny-{n}B-new");
        for path in ["/leaderboard", "/models", "/engines", "/api/leaderboard"] {
            let (status, before) = server.get(path);
            assert_eq!(status, 200, "{path}");
            assert!(!before.contains(&record.model.name), "{path}");
            if path.starts_with("/api") {
                // Too short to be packed.
                continue;
            }
            let packed = server.bytes(path, &[("accept-encoding", "gzip")]);
            let mut unpacked = String::new();
            flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).unwrap();
            assert_eq!(unpacked, before, "{path}");
        }
        assert_eq!(server.send(std::slice::from_ref(&record)).0, 200);
        for path in ["/leaderboard", "/models", "/engines", "/api/leaderboard"] {
            assert!(server.get(path).1.contains(&record.model.name), "{path}");
        }
    }
}

fn another_process_on_the_same_store_is_seen_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = StoreUrl::Sqlite(folder.path().join("tokmark.db"));
    let reader = Running::at(url.clone(), ServerOptions::default());
    let writer = Running::open(url, ServerOptions::default());
    assert!(!reader.get("/leaderboard").1.contains("SmolLM2"));
    assert_eq!(writer.send(&[sound(1, 9)]).0, 200);
    assert!(reader.get("/leaderboard").1.contains("SmolLM2"));
}

fn who_may_not_read_is_shown_nothing_that_is_kept_for_others() {
    let server = Running::with(ServerOptions { public: false, ..ServerOptions::default() });
    assert_eq!(server.send(&[sound(1, 9)]).0, 200);
    let own = [("authorization", "Bearer tkm_read")];
    let (status, body) = server.get_with("/leaderboard", &own);
    assert!(status == 200 && body.contains("SmolLM2"), "{body}");
    let (status, body) = server.get("/leaderboard");
    assert!(status == 401 && !body.contains("SmolLM2"), "{body}");
}

fn one_record_that_no_table_could_show_is_refused() {
    let server = Running::start();
    let good = serde_json::to_value(sound(1, 7)).unwrap();
    let long = json!("x".repeat(2_000));
    for (field, value, expected) in [
        ("/model/name", long.clone(), "invalid"),
        ("/engine/backends", long.clone(), "invalid"),
        ("/machine/cpu/model", long, "invalid"),
        ("/created_at", json!("2100-01-01T00:00:00Z"), "impossible"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(field).unwrap() = value;
        let (status, said) = server.post("/api/benchmarks", ADMIN, bad.to_string().as_bytes());
        assert_eq!((status, code(&said).as_str()), (422, expected), "{field}: {said}");
        assert!(said.contains(field.trim_start_matches('/')), "{said}");
    }
    assert_eq!(server.json("/api/benchmarks")["rows"], json!([]));
}

fn a_key_of_one_caller_is_none_of_another() {
    let server = Running::start();
    let spec = json!({ "spec": { "kind": "quick", "model": "m" } }).to_string();
    let submit = |token: &str| {
        let token = format!("Bearer {token}");
        let headers = [
            ("authorization", token.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", "one"),
        ];
        let (status, body) = server.post_with("/api/jobs", spec.as_bytes(), &headers);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["id"].clone()
    };
    assert_eq!(submit(SUBMIT), submit(SUBMIT));
    assert_ne!(submit(SUBMIT), submit(ADMIN));
}

fn guessed_tokens_are_slowed_down() {
    let server = Running::start();
    let guess = |n| server.post("/api/benchmarks", &format!("tkm_guess{n}"), b"{}").0;
    let answers: Vec<u16> = (0..400).map(guess).collect();
    assert_eq!(answers[0], 401);
    assert_eq!(answers.last(), Some(&429));
    assert!(answers.iter().all(|status| matches!(status, 401 | 429)));
    // Who has no token is not meant.
    assert_eq!(server.get("/leaderboard").0, 200);
}

fn a_batch_that_would_need_too_much_memory_is_refused_before_it_is_read() {
    let options = small();
    let limits = Limits { batch_objects: 40, ..options.limits.clone() };
    let server = Running::with(ServerOptions { limits, ..options });
    let body = serde_json::to_vec(&sound(1, 48)).unwrap();
    let (status, said) = server.post("/api/benchmarks", SUBMIT, &body);
    assert_eq!((status, code(&said).as_str()), (413, "too_large"), "{said}");
    assert!(said.contains("40 objects"), "{said}");
    // One object may hold a list of any length.
    let options = small();
    let limits = Limits { batch_values: 1_000, ..options.limits.clone() };
    let server = Running::with(ServerOptions { limits, ..options });
    let mut long = sound(1, 1);
    long.samples[0].token_ns = vec![Nanos(1); 2_000];
    let (status, said) =
        server.post("/api/benchmarks", SUBMIT, &serde_json::to_vec(&long).unwrap());
    assert_eq!((status, code(&said).as_str()), (413, "too_large"), "{said}");
    assert!(said.contains("1000 values"), "{said}");
}

/// A request whose body stops after its first `n` bytes of `length`.
fn stalled(server: &Running, path: &str, length: usize, n: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.host()).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {SUBMIT}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n",
        server.host()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b' '; n]).unwrap();
    stream
}

/// The status of its answer, whenever it comes.
fn status(mut stream: TcpStream) -> u16 {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

fn a_body_that_never_ends_is_ended_whatever_it_is_for() {
    let limits = Limits { body_time: Duration::from_millis(300), ..Limits::default() };
    let server = Running::with(ServerOptions { limits, ..ServerOptions::default() });
    for path in ["/login", "/wizard", "/api/jobs", "/api/benchmarks"] {
        let got = status(stalled(&server, path, 1_000, 10));
        assert!((400..500).contains(&got), "{path}: {got}");
    }
}

fn slow_uploads_hold_up_nobody_for_long() {
    let limits = Limits { held_time: Duration::from_millis(200), ..Limits::default() };
    let server = Running::with(ServerOptions { limits, ..ServerOptions::default() });
    let slow: Vec<TcpStream> =
        (0..8).map(|_| stalled(&server, "/api/benchmarks", 9 << 20, 70 << 10)).collect();
    assert_eq!(server.send(&[sound(1, 9)]).0, 200);
    for stream in slow {
        assert_eq!(status(stream), 408);
    }
}

fn an_address_without_an_id_is_answered_in_the_form_of_its_kind() {
    let server = Running::start();
    for path in ["/api/jobs/zz", "/api/runs/zz", "/api/jobs/zz/events"] {
        let (status, body) = server.get(path);
        assert_eq!((status, code(&body).as_str()), (400, "id"), "{path}: {body}");
    }
    let (status, body) = server.get("/jobs/zz");
    assert!(status == 400 && body.contains("</html>"), "{body}");
}

fn an_export_ends_where_it_was_asked_to() {
    let server = Running::start();
    let records: Vec<_> = (0..70).map(|seed| sound(seed, 3)).collect();
    assert_eq!(server.send(&records).0, 200);
    for (limit, n) in [("", 70), ("&limit=1", 1), ("&limit=60", 60)] {
        let (_, lines) = server.get(&format!("/api/export?format=jsonl{limit}"));
        assert_eq!(lines.lines().count(), n, "{limit}");
    }
}

fn invented_methods_add_no_rows_to_the_figures() {
    let server = Running::start();
    for n in 0..5 {
        let mut stream = TcpStream::connect(server.host()).unwrap();
        let head = format!(
            "M{n} /leaderboard HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            server.host()
        );
        stream.write_all(head.as_bytes()).unwrap();
        assert_eq!(status(stream), 405);
    }
    let (_, text) = server.get("/metrics");
    assert!(text.contains("method=\"other\"") && !text.contains("method=\"M1\""), "{text}");
}

fn a_model_whose_file_was_measured_under_another_name_keeps_its_page() {
    let server = Running::start();
    let old = sound(1, 9);
    let mut new = sound(2, 9);
    new.model.name = "SmolLM2-renamed".to_owned();
    assert_eq!(server.send(&[old.clone(), new]).0, 200);
    let (status, body) = server.get(&format!("/models/{}", old.model.name));
    assert_eq!(status, 200);
    assert!(body.contains("Every configuration"), "{body}");
    assert!(body.contains("The same file was last measured as SmolLM2-renamed."), "{body}");
}

fn a_published_figure_is_shown_as_what_it_is() {
    let files = [(
        "runs/a.yaml",
        "tokmark_run: 1\nmodel: Tiny-1B\nhardware: Box\nengine: llama.cpp\nbackend: CUDA\n\
         concurrency: 1\nrates_tps:\n  chat: 45.0\nsource: A page\nurl: https://example.org/\n\
         date: 2026-04-30\n",
    )];
    let (content, findings) = tokmark_board::Content::check_texts(files);
    assert_eq!(findings, []);
    let id = content.records().next().unwrap().id;
    let server = Running::with(ServerOptions { content, ..ServerOptions::default() });
    let (status, body) = server.get(&format!("/benchmarks/{id}"));
    assert_eq!(status, 200);
    assert!(body.contains("45 tok/s, published by A page on 2026-04-30"), "{body}");
    for absent in ["Begun", "The same again", "/hardware/\"", "no rate"] {
        assert!(!body.contains(absent), "{absent}: {body}");
    }
    for path in ["/benchmarks?kind=published", "/benchmarks?model=tiny"] {
        assert!(server.get(path).1.contains(&id.to_string()), "{path}");
    }
    assert!(!server.get("/benchmarks?kind=measured").1.contains(&id.to_string()));
}

/// Asks for more than the system keeps for a reader, and reads nothing.
fn who_reads_nothing_of_his_answers_is_let_go() {
    let limits =
        Limits { write_time: Duration::from_millis(300), connections: 2, ..Limits::default() };
    let server = Running::with(ServerOptions { limits, ..ServerOptions::default() });
    let ask = format!("GET /assets/charts.js HTTP/1.1\r\nhost: {}\r\n\r\n", server.host());
    let idle: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = TcpStream::connect(server.host()).unwrap();
            stream.write_all(ask.repeat(60).as_bytes()).unwrap();
            stream
        })
        .collect();
    // Both places are taken until these two are let go.
    assert_eq!(server.get("/healthz").0, 200);
    drop(idle);
}
