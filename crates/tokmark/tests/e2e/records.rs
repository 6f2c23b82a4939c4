//! What is kept, and the commands on it.

use tokmark_model::{Record, RecordKind, Status, StopReason};

use crate::support::Home;

fn measured() -> Home {
    let home = Home::new();
    let ran = home.bench("null", &["-p", "8", "-n", "4", "-r", "7"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    home
}

#[test]
fn a_record_holds_what_is_needed_to_trust_and_repeat_it() {
    let home = measured();
    let records = home.records();
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!((record.kind, record.status), (RecordKind::Measured, Status::Ok));
        assert_eq!(record.id.get_version_num(), 7);
        assert_eq!(record.samples.len(), 7);
        assert!(record.model.sha256.as_ref().is_some_and(|hash| hash.len() == 64));
        assert!(record.tokens.as_ref().unwrap().sha256.is_some());
        assert!(!record.machine.fingerprint.is_empty());
        assert!(record.load.is_some() && record.memory.host_peak_bytes.is_some());
        assert!(record.warmup_ns.len() >= 3 && !record.probe_baseline_ns.is_empty());
        assert_eq!(record.summary.as_ref().unwrap().stop_reason, StopReason::Fixed);
        assert!(record.grade.is_some());
        let text = serde_json::to_string(record).unwrap();
        let folder = home.path("");
        assert!(!text.contains(&*folder.to_string_lossy()), "no folder of this machine");
    }
    assert_eq!(records[0].run_id, records[1].run_id);
}

#[test]
fn host_and_user_names_enter_only_when_asked() {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let home = measured();
    assert!(home.records().iter().all(|record| record.machine.host_name.is_none()));
    let asked = Home::new();
    asked.bench("null", &["-p", "8", "-n", "0", "-r", "1", "--host-name"]);
    assert_eq!(asked.records()[0].machine.host_name.as_deref(), Some(host.trim()));
}

#[test]
fn export_and_import_change_nothing_the_second_time() {
    let home = measured();
    let id = home.records()[0].id.to_string();
    assert_eq!(home.run(&["note", &id, "F16 accumulation: no gain, reverted"]).code, Some(0));
    assert_eq!(home.run(&["tag", &id, "baseline", "night"]).code, Some(0));
    assert_eq!(home.run(&["export", "--out", "all.jsonl"]).code, Some(0));
    for expected in ["2 new, 0 known already", "0 new, 2 known already"] {
        let ran = home.run(&["import", "all.jsonl", "--db", "other.db"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stderr.contains(expected), "{ran:?}");
    }
    let ran = home.run(&["export", "--reverse", "--db", "other.db"]);
    let copied: Vec<Record> = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(copied, home.records());
    assert_eq!(copied[0].notes[0].text, "F16 accumulation: no gain, reverted");
    assert_eq!(copied[0].tags, ["baseline", "night"]);
}

#[test]
fn notes_are_shown_in_every_view() {
    let home = measured();
    let id = home.records()[0].id.to_string();
    home.run(&["note", &id, "no gain, reverted"]);
    for args in [
        vec!["history"],
        vec!["history", "-o", "csv"],
        vec!["history", "-o", "md"],
        vec!["history", "-o", "jsonl"],
        vec!["show", &id],
        vec!["show", &id, "-o", "json"],
    ] {
        let ran = home.run(&args);
        assert!(ran.stdout.contains("no gain, reverted"), "{args:?}: {ran:?}");
    }
}

#[test]
fn history_filters_and_sorts() {
    let home = measured();
    home.bench("null", &["-p", "16", "-n", "0", "-r", "1"]);
    let count = |args: &[&str]| {
        let ran = home.run(&[&["history", "-o", "jsonl"], args].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.stdout.lines().count()
    };
    assert_eq!(count(&[]), 3);
    assert_eq!(count(&["--test", "pp16"]), 1);
    assert_eq!(count(&["--model", "TINY"]), 3);
    assert_eq!(count(&["--model", "nothing"]), 0);
    assert_eq!(count(&["--limit", "2", "--sort", "rate"]), 2);
    assert_eq!(count(&["--status", "ok", "--since", "2020-01-01"]), 3);
    assert_eq!(count(&["--until", "2020-01-01"]), 0);
    let wrong = home.run(&["history", "--status", "fine"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("timed_out"), "{wrong:?}");
}

#[test]
fn an_empty_list_says_whether_the_filter_or_the_store_is_empty() {
    let home = measured();
    let ran = home.run(&["history", "--model", "nothing"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.starts_with("no records match (2 in "), "{ran:?}");
    let wrong = home.run(&["history", "--grade", "x"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.stderr.contains("A, B, C, D, E, F"), "{wrong:?}");
}

#[test]
fn reading_makes_no_database() {
    let home = Home::new();
    for args in
        [&["history"][..], &["show", "last"], &["rm", "last"], &["export"], &["note", "last", "x"]]
    {
        let ran = home.run(&[args, &["--db", "folder/typo.db"]].concat());
        assert_eq!(ran.code, Some(2), "{args:?} {ran:?}");
        assert!(ran.stderr.contains("no database at folder/typo.db"), "{args:?} {ran:?}");
    }
    let ran = home.run(&["history"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.starts_with("no records yet in "), "{ran:?}");
    assert_eq!(home.run(&["export"]).stdout, "[]\n");
    assert_eq!(home.run(&["show", "last"]).code, Some(2));
    assert_eq!(std::fs::read_dir(home.path("")).unwrap().count(), 0, "nothing was made");
}

#[test]
fn a_tag_is_one_word() {
    let home = measured();
    for tag in ["", "night run", "a,b"] {
        let ran = home.run(&["tag", "last", tag]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("tag"), "{ran:?}");
    }
    assert!(home.records().iter().all(|record| record.tags.is_empty()));
}

#[test]
fn import_says_what_it_was_given() {
    let home = Home::new();
    let ran = home.bench("null", &["-p", "8", "-n", "0", "-r", "1", "-o", "json"]);
    home.write("bench.json", ran.stdout.as_bytes());
    let ran = home.run(&["import", "bench.json"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("llama-bench's format"), "{ran:?}");
}

#[test]
fn removing_takes_all_or_nothing() {
    let home = measured();
    let ids: Vec<String> = home.records().iter().map(|record| record.id.to_string()).collect();
    assert_eq!(home.run(&["rm", &ids[0], "ffffffff"]).code, Some(2));
    assert_eq!(home.records().len(), 2);
    assert_eq!(home.run(&["rm", &ids[0]]).code, Some(0));
    assert_eq!(home.records().len(), 1);
}

#[test]
fn nothing_is_taken_from_a_file_with_an_error() {
    let home = measured();
    home.run(&["export", "--out", "all.jsonl"]);
    let mut text = std::fs::read_to_string(home.path("all.jsonl")).unwrap();
    text.push_str("{\"record_version\": 1}\n");
    home.write("bad.jsonl", text.as_bytes());
    for file in ["bad.jsonl", "missing.json"] {
        let ran = home.run(&["import", file, "--db", "other.db"]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(file), "{ran:?}");
    }
    let ran = home.run(&["history", "-o", "jsonl", "--db", "other.db"]);
    assert_eq!(ran.stdout, "");
}

#[test]
fn fields_of_a_newer_version_survive() {
    let home = measured();
    let mut record = serde_json::to_value(&home.records()[0]).unwrap();
    record["frobnication"] = serde_json::json!({ "level": 3 });
    home.write("newer.json", record.to_string().as_bytes());
    assert_eq!(home.run(&["import", "newer.json", "--db", "other.db"]).code, Some(0));
    let ran = home.run(&["export", "--db", "other.db"]);
    let back: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(back[0], record);
}

#[test]
fn records_of_our_own_format_can_be_piped_into_another_store() {
    let home = Home::new();
    let ran = home.bench("null", &["-p", "8", "-n", "4", "-r", "2", "-o", "tokmark-json"]);
    let printed: Vec<Record> = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed, home.records());
}

#[test]
fn lists_of_recorded_records_look_as_they_should() {
    let home = Home::new();
    home.write("records.json", include_bytes!("../fixtures/records.json"));
    assert_eq!(home.run(&["import", "records.json"]).code, Some(0));
    for format in ["table", "csv", "md"] {
        insta::with_settings!({ snapshot_suffix => format }, {
            insta::assert_snapshot!("history", home.run(&["history", "-o", format]).stdout);
        });
    }
    insta::assert_snapshot!("show", home.run(&["show", "last"]).stdout);
}

#[test]
fn records_come_a_line_each_also_of_what_failed() {
    let home = Home::new();
    let args = ["-p", "8,16", "-n", "0", "-r", "1", "-o", "tokmark-jsonl"];
    let ran = home.bench("fake:abort@0", &args);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let records: Vec<Record> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 2, "{ran:?}");
    assert!(records.iter().any(|record| record.status_reason.is_some()), "{ran:?}");
}
