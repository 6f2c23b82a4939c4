//! The interface for programs, over HTTP.

use std::io::{Read as _, Write as _};

use crate::support::{ADMIN, EXPIRED, READ, Running, SUBMIT, small, sound};
use serde_json::{Value, json};
use tokmark_model::Record;

crate::on_both_databases! {
    a_record_that_is_sent_is_listed_shown_and_given_back_equal
    what_differs_from_its_samples_is_refused_and_nothing_of_the_batch_is_kept
    a_grade_that_the_samples_do_not_give_is_made_anew
    what_no_measurement_gives_is_refused
    bad_bodies_get_a_clear_4xx
    who_asks_and_from_where_decides_what_he_may
    two_hundred_parallel_uploads_of_one_record_leave_one
    hostile_filters_find_nothing_and_break_nothing
    pages_of_a_list_follow_one_another
    an_export_is_whole_also_where_it_is_packed
    a_job_is_written_down_taken_reported_cancelled_and_ended
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn code(body: &str) -> String {
    let value: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {body}"));
    value["error"]["code"].as_str().unwrap_or_else(|| panic!("no code: {body}")).to_owned()
}

fn a_record_that_is_sent_is_listed_shown_and_given_back_equal() {
    let server = Running::start();
    let record = sound(1, 7);
    let (status, answer) = server.send(std::slice::from_ref(&record));
    assert_eq!((status, &answer["n_new"]), (200, &json!(1)), "{answer}");
    let (_, again) = server.send(std::slice::from_ref(&record));
    assert_eq!((&again["n_new"], &again["n_known"]), (&json!(0), &json!(1)));
    let list = server.json("/api/benchmarks");
    assert_eq!(list["rows"][0]["id"], json!(record.id));
    let kept: Record =
        serde_json::from_value(server.json(&format!("/api/benchmarks/{}", record.id))).unwrap();
    assert_eq!(kept, record);
    let exported = server.json("/api/export?format=json");
    assert_eq!(
        serde_json::from_value::<Vec<Record>>(exported).unwrap(),
        std::slice::from_ref(&record)
    );
    let (_, yaml) = server.get("/api/export?format=yaml");
    let read = tokmark_board::read_run("export.yaml", yaml.trim_start_matches("---\n")).unwrap();
    assert_eq!(read, std::slice::from_ref(&record));
    let (_, csv) = server.get(&format!("/api/benchmarks/{}/samples.csv", record.id));
    assert_eq!(csv.lines().count(), 8);
    let board = server.json("/api/leaderboard");
    assert_eq!(board["rows"][0]["id"], json!(record.id));
    assert_eq!(server.json("/api/machines")["rows"][0]["facts"]["fingerprint"], "f00d");
    assert_eq!(server.json("/api/models")["rows"][0]["family"], "SmolLM2");
}

fn what_differs_from_its_samples_is_refused_and_nothing_of_the_batch_is_kept() {
    let server = Running::start();
    let mut forged = sound(2, 7);
    forged.summary.as_mut().unwrap().rate.rate_tps.0 *= 1.0 + 1e-6;
    let (status, answer) = server.send(&[sound(1, 7), forged]);
    assert_eq!(status, 422, "{answer}");
    assert_eq!(answer["error"]["code"], "summary_differs");
    assert_eq!(answer["error"]["field"], "summary/rate/rate_tps");
    assert_eq!(server.json("/api/benchmarks")["rows"], json!([]));
    // A rounding difference is none.
    let mut rounded = sound(3, 7);
    rounded.summary.as_mut().unwrap().rate.rate_tps.0 *= 1.0 + 1e-12;
    assert_eq!(server.send(&[rounded]).0, 200);
}

fn a_grade_that_the_samples_do_not_give_is_made_anew() {
    let server = Running::start();
    let mut record = sound(1, 2);
    let honest = record.grade.clone().unwrap().letter;
    record.grade.as_mut().unwrap().letter = tokmark_model::GradeLetter::A;
    assert_eq!(server.send(std::slice::from_ref(&record)).0, 200);
    let kept = server.json(&format!("/api/benchmarks/{}", record.id));
    assert_eq!(kept["grade"]["letter"], json!(honest));
    assert_ne!(kept["grade"]["letter"], "A");
}

fn what_no_measurement_gives_is_refused() {
    let server = Running::start();
    let good = serde_json::to_value(sound(1, 7)).unwrap();
    let published = json!({ "source": "me", "rate_tps": 99_999.0 });
    let adaptive = json!({
        "rule": "adaptive", "half_width": 0.000_001, "budget_ns": 1_000_000_000u64, "at_least": 1,
    });
    for (field, changes) in [
        ("samples/2/duration_ns", vec![("/samples/2/duration_ns", json!(0))]),
        ("test", vec![("/test/n_gen", json!(u32::MAX))]),
        ("test", vec![("/test/n_gen", json!(0))]),
        ("test/n_parallel", vec![("/test/n_parallel", json!(0))]),
        ("record_version", vec![("/record_version", json!(0))]),
        ("published", vec![("/published", published)]),
        (
            "summary/stop_reason",
            vec![("/repetitions", adaptive), ("/summary/stop_reason", json!("converged"))],
        ),
    ] {
        let mut bad = good.clone();
        bad["published"] = Value::Null;
        for (place, value) in changes {
            *bad.pointer_mut(place).unwrap() = value;
        }
        let (status, said) = server.post("/api/benchmarks", ADMIN, bad.to_string().as_bytes());
        assert_eq!((status, code(&said).as_str()), (422, "impossible"), "{field}: {said}");
        assert!(said.contains(field), "{said}");
    }
    assert_eq!(server.json("/api/benchmarks")["rows"], json!([]));
}

fn bad_bodies_get_a_clear_4xx() {
    let server = Running::with(small());
    let good = serde_json::to_value(sound(1, 7)).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad.to_string().into_bytes()
    };
    let many: Vec<Record> = (0..4).map(|seed| sound(seed, 3)).collect();
    let long = "x".repeat(70 << 10);
    let nan = good.to_string().replace("\"n_gen\":128", "\"n_gen\":NaN");
    for (what, body, status, expected) in [
        ("no JSON", b"{".to_vec(), 400, "json"),
        ("nothing", b"".to_vec(), 400, "json"),
        ("an empty list", b"[]".to_vec(), 400, "empty"),
        ("NaN", nan.into_bytes(), 400, "json"),
        ("deep nesting", "[".repeat(10_000).into_bytes(), 400, "json"),
        ("a negative time", with(&|r| r["samples"][0]["duration_ns"] = json!(-5)), 400, "json"),
        ("a newer version", with(&|r| r["record_version"] = json!(99)), 422, "newer_version"),
        ("a figure without samples", with(&|r| r["samples"] = json!([])), 422, "no_samples"),
        ("too many samples", serde_json::to_vec(&sound(1, 60)).unwrap(), 422, "too_many_samples"),
        ("too many records", serde_json::to_vec(&many).unwrap(), 413, "too_large"),
        ("a large body", long.into_bytes(), 413, "too_large"),
    ] {
        let (got, answer) = server.post("/api/benchmarks", SUBMIT, &body);
        assert_eq!((got, code(&answer).as_str()), (status, expected), "{what}: {answer}");
    }
    let headers = [
        ("authorization", "Bearer tkm_submit"),
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
    ];
    let bomb = packed(&vec![b' '; 4 << 20]);
    for (what, body, status, expected) in [
        ("no gzip", b"nothing".to_vec(), 400, "gzip"),
        ("half a gzip", packed(good.to_string().as_bytes())[..40].to_vec(), 400, "gzip"),
        ("a bomb", bomb, 413, "too_large"),
    ] {
        let (got, answer) = server.post_with("/api/benchmarks", &body, &headers);
        assert_eq!((got, code(&answer).as_str()), (status, expected), "{what}: {answer}");
    }
    let (status, _) =
        server.post_with("/api/benchmarks", &packed(good.to_string().as_bytes()), &headers);
    assert_eq!(status, 200);
}

fn who_asks_and_from_where_decides_what_he_may() {
    let server = Running::start();
    let body = serde_json::to_vec(&sound(1, 7)).unwrap();
    let path = "/api/benchmarks";
    assert_eq!(server.post_with(path, &body, &[]).0, 401);
    assert_eq!(server.post(path, "tkm_wrong", &body).0, 401);
    assert_eq!(server.post(path, EXPIRED, &body).0, 401);
    assert_eq!(server.post(path, READ, &body).0, 403);
    let authorization = ("authorization", "Bearer tkm_submit");
    let foreign = [authorization, ("origin", "http://evil.example")];
    assert_eq!(server.post_with(path, &body, &foreign).0, 403);
    assert_eq!(server.get_with(path, &[("host", "evil.example")]).0, 421);
    let mut published = sound(2, 7);
    published.kind = tokmark_model::RecordKind::ImportedSummary;
    published.samples.clear();
    published.grade = None;
    assert_eq!(server.send(std::slice::from_ref(&published)).0, 403);
    let body = serde_json::to_vec(&published).unwrap();
    assert_eq!(server.post(path, ADMIN, &body).0, 200);
    let closed = Running::with(tokmark_server::ServerOptions {
        public: false,
        ..tokmark_server::ServerOptions::default()
    });
    assert_eq!(closed.get(path).0, 401);
    assert_eq!(closed.get_with(path, &[("authorization", "Bearer tkm_read")]).0, 200);
    assert_eq!(closed.get("/healthz").0, 200);
}

fn two_hundred_parallel_uploads_of_one_record_leave_one() {
    let server = Running::start();
    let record = sound(1, 7);
    let new: u64 = std::thread::scope(|scope| {
        let one = || {
            let (status, answer) = server.send(std::slice::from_ref(&record));
            assert_eq!(status, 200, "{answer}");
            answer["n_new"].as_u64().unwrap()
        };
        let all: Vec<_> = (0..200).map(|_| scope.spawn(one)).collect();
        all.into_iter().map(|upload| upload.join().unwrap()).sum()
    });
    assert_eq!(new, 1);
    assert_eq!(server.json("/api/benchmarks")["rows"].as_array().unwrap().len(), 1);
}

fn hostile_filters_find_nothing_and_break_nothing() {
    let server = Running::start();
    server.send(&[sound(1, 7)]);
    for query in [
        "model=%27%3B+DROP+TABLE+tokmark_records%3B--",
        "model=%25&test=_",
        "engine=%00",
        "tag=%F0%9F%92%A9",
        "machine=../../etc/passwd",
    ] {
        let (status, body) = server.get(&format!("/api/benchmarks?{query}"));
        assert_eq!(status, 200, "{query}: {body}");
        assert!(server.get(&format!("/leaderboard?{query}")).0 <= 400, "{query}");
    }
    for query in
        ["limit=0", "limit=x", "sort=x", "grade=Z", "cursor=x", "kind=x", "since=x", "run=x"]
    {
        let (status, body) = server.get(&format!("/api/benchmarks?{query}"));
        assert_eq!(status, 400, "{query}: {body}");
    }
    for query in ["limit=0", "limit=1201", "limit=x"] {
        let (status, body) = server.get(&format!("/api/leaderboard?{query}"));
        assert_eq!(status, 400, "{query}: {body}");
    }
    for path in ["/api/benchmarks/zz", "/api/benchmarks/..%2f..%2fetc", "/assets/..%2fCargo.toml"] {
        assert!((400..500).contains(&server.get(path).0), "{path}");
    }
    assert_eq!(server.json("/api/benchmarks")["rows"].as_array().unwrap().len(), 1);
}

fn an_export_is_whole_also_where_it_is_packed() {
    let server = Running::start();
    let records: Vec<Record> = (0..120).map(|seed| sound(seed, 4)).collect();
    assert_eq!(server.send(&records).0, 200);
    for format in ["json", "jsonl", "csv", "yaml"] {
        let path = format!("/api/export?format={format}");
        let (_, plain) = server.get(&path);
        assert!(plain.lines().count() > 100 || format == "json", "{format}");
        let packed = server.bytes(&path, &[("accept-encoding", "gzip")]);
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain, "{format}");
    }
}

fn pages_of_a_list_follow_one_another() {
    let server = Running::start();
    let records: Vec<Record> = (0..25).map(|seed| sound(seed, 3)).collect();
    assert_eq!(server.send(&records).0, 200);
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = server.json(&format!("/api/benchmarks?limit=10{next}"));
        seen.extend(page["rows"].as_array().unwrap().iter().map(|row| row["id"].clone()));
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    seen.sort_by_key(Value::to_string);
    seen.dedup();
    assert_eq!(seen.len(), 25);
}

fn a_job_is_written_down_taken_reported_cancelled_and_ended() {
    let server = Running::start();
    let spec = json!({ "spec": { "kind": "quick", "model": "m" } });
    let (status, body) = server.post("/api/jobs", SUBMIT, spec.to_string().as_bytes());
    assert_eq!(status, 200, "{body}");
    let job: Value = serde_json::from_str(&body).unwrap();
    let id = job["id"].as_str().unwrap();
    let agent = "01930000-0000-7000-8000-00000000000a";
    let hello = json!({
        "machine": { "fingerprint": "f00d" },
        "models": [{ "name": "m" }],
        "tool": { "name": "tokmark", "version": "0" },
    });
    let other =
        json!({ "machine": { "fingerprint": "f00d" }, "models": [], "tool": hello["tool"] });
    let claim = format!("/api/agents/{agent}/claim");
    assert_eq!(server.post(&claim, SUBMIT, other.to_string().as_bytes()).0, 204);
    let (status, body) = server.post(&claim, SUBMIT, hello.to_string().as_bytes());
    assert_eq!(
        (status, serde_json::from_str::<Value>(&body).unwrap()["id"].as_str()),
        (200, Some(id))
    );
    assert_eq!(server.post(&claim, SUBMIT, hello.to_string().as_bytes()).0, 204);
    let report = json!({ "agent": agent, "progress": { "share": 0.5, "doing": "tg128" } });
    let report_to = format!("/api/jobs/{id}/report");
    let (_, order) = server.post(&report_to, SUBMIT, report.to_string().as_bytes());
    assert_eq!(serde_json::from_str::<Value>(&order).unwrap()["cancel"], false);
    assert_eq!(server.post(&format!("/api/jobs/{id}/cancel"), SUBMIT, b"").0, 200);
    let (_, order) = server.post(&report_to, SUBMIT, report.to_string().as_bytes());
    assert_eq!(serde_json::from_str::<Value>(&order).unwrap()["cancel"], true);
    let foreign = json!({ "agent": "01930000-0000-7000-8000-00000000000b", "progress": {} });
    assert_eq!(server.post(&report_to, SUBMIT, foreign.to_string().as_bytes()).0, 409);
    let end = json!({ "agent": agent, "outcome": "cancelled" });
    assert_eq!(
        server.post(&format!("/api/jobs/{id}/end"), SUBMIT, end.to_string().as_bytes()).0,
        200
    );
    assert_eq!(server.json(&format!("/api/jobs/{id}"))["state"], "cancelled");
    let (_, events) = server.get(&format!("/api/jobs/{id}/events"));
    assert!(events.contains("\"state\":\"cancelled\""), "{events}");
    assert_eq!(server.post_with("/api/jobs", spec.to_string().as_bytes(), &[]).0, 401);
    for bad in [
        json!({ "spec": { "kind": "quick", "model": "/etc/passwd" } }),
        json!({ "spec": { "kind": "quick", "model": "http://x/y" } }),
        json!({ "spec": { "kind": "compare", "models": ["a"], "n_prompt": 512, "n_gen": 64 } }),
        json!({ "spec": { "kind": "compare", "models": ["a", "b"], "n_prompt": 1, "n_gen": 64 } }),
        json!({ "spec": { "kind": "shell", "model": "m" } }),
    ] {
        let (status, body) = server.post("/api/jobs", SUBMIT, bad.to_string().as_bytes());
        assert_eq!(status, 400, "{bad}: {body}");
    }
}

#[test]
fn the_description_names_every_operation_and_type() {
    let description = tokmark_server::Server::openapi();
    insta::assert_json_snapshot!("openapi_paths", description["paths"]);
    insta::assert_json_snapshot!("openapi_schemas", description["components"]["schemas"]);
    let schemas = description["components"]["schemas"].as_object().unwrap();
    let text = description.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is referred to and not there");
    }
}
