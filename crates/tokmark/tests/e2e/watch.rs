//! The history watched: exit codes, outputs, limits.

use serde_json::Value;
use tokmark_model::{Record, Status, Timestamp, TokensPerSecond, Uuid};

use crate::support::{Home, Ran};

/// A series of these rates, one a day.
fn history(rates: &[f64]) -> Home {
    let home = Home::new();
    let mut recorded: Vec<Record> =
        serde_json::from_slice(include_bytes!("../fixtures/records.json")).unwrap();
    let like = recorded.remove(1);
    let records: Vec<Record> = rates
        .iter()
        .enumerate()
        .map(|(n, rate)| {
            let id = Uuid::from_u128((1 + n as u128) << 80);
            let created_at = Timestamp::from_second(1_767_225_600 + 86_400 * n as i64).unwrap();
            let mut record = Record { id, created_at, ..like.clone() };
            let wobble = 1.0 + 0.002 * ((n * 7) % 5) as f64;
            record.summary.as_mut().unwrap().rate.rate_tps = TokensPerSecond(rate * wobble);
            record
        })
        .collect();
    home.write("records.json", serde_json::to_string(&records).unwrap().as_bytes());
    let ran = home.run(&["import", "records.json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    home
}

/// Ten at one level, then ten at another.
fn stepped(before: f64, after: f64) -> Home {
    history(&[[before; 10], [after; 10]].concat())
}

fn fails_on_regression(home: &Home, args: &[&str]) -> Ran {
    home.run(&[&["watch", "--fail-on", "regression"], args].concat())
}

#[test]
fn a_regression_fails_a_pipeline_and_a_gain_does_not() {
    let worse = stepped(100.0, 90.0);
    assert_eq!(fails_on_regression(&worse, &[]).code, Some(1));
    assert_eq!(worse.run(&["watch"]).code, Some(0), "only where it was asked for");
    assert_eq!(fails_on_regression(&stepped(90.0, 100.0), &[]).code, Some(0));
    assert_eq!(fails_on_regression(&stepped(100.0, 100.0), &[]).code, Some(0));
    assert_eq!(fails_on_regression(&history(&[100.0, 90.0, 80.0]), &[]).code, Some(0));
}

#[test]
fn what_no_longer_runs_is_told_and_fails_a_pipeline() {
    let home = stepped(100.0, 100.0);
    let mut failed: Vec<Record> =
        serde_json::from_slice(&std::fs::read(home.path("records.json")).unwrap()).unwrap();
    failed.truncate(2);
    for (n, record) in (0i64..).zip(&mut failed) {
        record.id = Uuid::from_u128((100 + n as u128) << 80);
        record.created_at = Timestamp::from_second(1_777_225_600 + 86_400 * n).unwrap();
        (record.status, record.summary, record.grade) = (Status::Crashed, None, None);
        record.samples.clear();
    }
    home.write("failed.json", serde_json::to_string(&failed).unwrap().as_bytes());
    assert_eq!(home.run(&["import", "failed.json"]).code, Some(0));
    let ran = home.run(&["watch"]);
    assert!(ran.stdout.contains("2 records failed and have no rate, the last at 2026-"), "{ran:?}");
    assert!(ran.stdout.contains("and none succeeded since"), "{ran:?}");
    assert_eq!(fails_on_regression(&home, &[]).code, Some(3));
}

#[test]
fn without_records_nothing_could_be_watched() {
    let home = Home::new();
    assert_eq!(fails_on_regression(&home, &[]).code, Some(2));
    assert_eq!(home.run(&["watch"]).code, Some(0));
    let none = fails_on_regression(&stepped(100.0, 90.0), &["--model", "no-such"]);
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.stderr.contains("no records match"), "{none:?}");
}

#[test]
fn a_limit_leaves_the_newest() {
    let home = stepped(100.0, 90.0);
    // All of them lie after the step.
    assert_eq!(fails_on_regression(&home, &["--limit", "10"]).code, Some(0));
    let json = home.run(&["watch", "--limit", "10", "-o", "json"]).stdout;
    let watched: Value = serde_json::from_str(&json).unwrap();
    let points = watched[0]["points"].as_array().unwrap();
    assert_eq!(points.len(), 10);
    assert!(points.iter().all(|point| point["rate"]["rate_tps"].as_f64().unwrap() < 95.0));
}

#[test]
fn json_and_markdown_say_the_same_as_the_table() {
    let home = stepped(100.0, 90.0);
    let json = home.run(&["watch", "-o", "json"]).stdout;
    let watched: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(watched[0]["changes"]["points"][0]["index"], 10);
    assert_eq!(watched[0]["changes"]["points"][0]["direction"], "slower");
    let md = home.run(&["watch", "-o", "md"]).stdout;
    let table = home.run(&["watch"]).stdout;
    assert!(md.starts_with("### "), "{md}");
    for text in [&md, &table] {
        assert!(text.contains("10.0 % slower") && text.contains("1 series: 1 changed"), "{text}");
    }
}

#[test]
fn flags_that_would_do_nothing_are_no_flags() {
    let home = Home::new();
    for flag in ["--visits", "--reverse"] {
        assert_eq!(home.run(&["watch", flag]).code, Some(2), "{flag}");
    }
    for flag in ["--sort", "--run", "--kind", "--status"] {
        assert_eq!(home.run(&["watch", flag, "time"]).code, Some(2), "{flag}");
    }
}
