//! Two records beside each other.

use serde_json::Value;
use tokmark_model::{Record, RecordKind};

use crate::support::{Home, Ran};

/// A test measured twice, the second time with another number of threads.
fn measured_twice() -> Home {
    let home = Home::new();
    for threads in ["1", "2"] {
        let ran = home.bench("null", &["-p", "8", "-n", "0", "-r", "7", "-t", threads]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    home
}

/// The recorded records in a store, changed before they were imported.
fn imported(change: impl Fn(&mut Vec<Record>)) -> Home {
    let home = Home::new();
    let mut records: Vec<Record> =
        serde_json::from_slice(include_bytes!("../fixtures/records.json")).unwrap();
    change(&mut records);
    home.write("records.json", serde_json::to_string(&records).unwrap().as_bytes());
    let ran = home.run(&["import", "records.json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    home
}

/// The second record as the first one's test measured again.
fn again(records: &mut [Record]) {
    let second = records[1].clone();
    records[0] = Record { id: records[0].id, created_at: records[0].created_at, ..second };
}

fn done(ran: Ran) -> String {
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    ran.stdout
}

#[test]
fn two_measurements_differ_in_what_was_changed() {
    let home = measured_twice();
    let text = done(home.run(&["diff", "last~1", "last"]));
    let level = "Comparable by workload only: the same work; the parameters differ.";
    assert!(text.contains(level), "{text}");
    assert!(text.contains("n_threads of the parameters: 1 in A, 2 in B"), "{text}");
    let document: Value =
        serde_json::from_str(&done(home.run(&["diff", "last~1", "last", "-o", "json"]))).unwrap();
    assert_eq!(document["comparability"]["level"], "workload_only");
    let fields = document["differences"].as_array().unwrap();
    let threads = fields.iter().find(|one| one["field"] == "n_threads").unwrap();
    assert_eq!((&threads["a"], &threads["b"]), (&Value::from("1"), &Value::from("2")));
    assert_eq!(document["figures"][0]["name"], "rate");
    let ids: Vec<String> = home.records().iter().map(|record| record.id.to_string()).collect();
    assert_eq!(
        (&document["a"]["id"], &document["b"]["id"]),
        (&ids[0].as_str().into(), &ids[1].as_str().into())
    );
}

#[test]
fn two_recorded_sessions_look_as_they_should() {
    let home = imported(|records| {
        again(records);
        records[1].machine.os.kernel = Some("6.19.0".to_owned());
        records[1].params.flash_attn = tokmark_model::FlashAttention::On;
    });
    for format in ["table", "md"] {
        insta::with_settings!({ snapshot_suffix => format }, {
            let ran = home.run(&["diff", "last~1", "last", "-o", format]);
            insta::assert_snapshot!("diff", done(ran));
        });
    }
}

#[test]
fn a_record_beside_itself_differs_in_nothing() {
    let home = imported(|_| ());
    let text = done(home.run(&["diff", "last", "last"]));
    assert!(text.contains("the same record: nothing differs"), "{text}");
    let json = done(home.run(&["diff", "last", "last", "-o", "json"]));
    let document: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(document["differences"], Value::Array(Vec::new()));
}

#[test]
fn ids_that_name_no_record_or_several_are_named() {
    let home = imported(|_| ());
    let error = |args: &[&str]| {
        let ran = home.run(&[&["diff"], args].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        ran.stderr
    };
    assert!(error(&["last", "ffff"]).contains("no record ffff in "));
    assert!(error(&["01a2", "last"]).contains("01a2 stands for several records"));
    assert!(error(&["last", "xyz"]).contains("'xyz' is no record id"));
    assert!(error(&["last", "last~2"]).contains("there is no last~2: 2 records in "));
    assert!(error(&["last"]).contains("<ID>"));
    assert!(error(&["last", "last", "-o", "csv"]).contains("table, json, md"));
}

#[test]
fn kinds_are_not_set_side_by_side() {
    let home = imported(|records| {
        again(records);
        records[0].kind = RecordKind::Published;
    });
    let text = done(home.run(&["diff", "last~1", "last"]));
    assert!(text.contains("different kinds, published and measured"), "{text}");
    assert!(!text.contains("verdict"), "{text}");
}

#[test]
fn a_failed_test_has_its_reason_and_no_figures() {
    let home = Home::new();
    for engine in ["null", "fake:abort@0"] {
        home.bench(engine, &["-p", "8", "-n", "0", "-r", "7"]);
    }
    let text = done(home.run(&["diff", "last~1", "last"]));
    assert!(text.contains("status of the measurement is ok in A and crashed in B"), "{text}");
    assert!(text.contains("in one record only"), "{text}");
}

#[test]
fn the_second_record_before_the_last_can_be_shown() {
    let home = measured_twice();
    let id = home.records()[0].id.to_string();
    assert!(done(home.run(&["show", "last~1"])).starts_with(&id));
}
