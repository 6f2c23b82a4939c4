//! Series of records, where they changed and what changed with them.

use tokmark_model::{Record, RecordKind, Status, Timestamp, TokensPerSecond, Uuid, Visit};
use tokmark_stats::{ChangeOptions, Changes, Direction, Watched, watch};

/// One record a day, with these rates.
fn series(rates: &[f64]) -> Vec<Record> {
    let text = include_str!("../../tokmark/tests/fixtures/records.json");
    let records: Vec<Record> = serde_json::from_str(text).unwrap();
    let like = records.into_iter().find(|record| record.status == Status::Ok).unwrap();
    let day = |n: usize| Timestamp::from_second(1_700_000_000 + 86_400 * n as i64).unwrap();
    rates
        .iter()
        .enumerate()
        .map(|(n, rate)| {
            let mut record = Record { id: Uuid::from_u128(n as u128), ..like.clone() };
            record.created_at = day(n);
            record.summary.as_mut().unwrap().rate.rate_tps = TokensPerSecond(*rate);
            record
        })
        .collect()
}

/// Thirty rates around 100 with a step to `after` in the middle.
fn step(after: f64) -> Vec<Record> {
    let wobble = |n: usize| 1.0 + 0.003 * ((n * 7919) % 11) as f64 / 11.0;
    let rates: Vec<f64> = (0..30).map(|n| if n < 15 { 100.0 } else { after } * wobble(n)).collect();
    series(&rates)
}

fn only(records: &[Record]) -> Watched {
    let mut watched = watch(records, &ChangeOptions::default());
    assert_eq!(watched.len(), 1);
    watched.remove(0)
}

#[test]
fn a_kernel_that_changed_with_the_rate_is_offered_as_the_cause() {
    let mut records = step(90.0);
    for record in &mut records[15..] {
        record.machine.os.kernel = Some("9.9.9".into());
    }
    let watched = only(&records);
    let changes = watched.changes.points().unwrap();
    assert_eq!((changes.len(), changes[0].index), (1, 15));
    assert_eq!(changes[0].direction, Direction::Slower);
    let causes: Vec<_> = watched.causes(&changes[0]).collect();
    assert_eq!(causes.len(), 1);
    assert!(causes[0].differences.iter().any(|found| found.b.as_deref() == Some("9.9.9")));
    assert_eq!(watched.regression().unwrap().index, 15);
}

#[test]
fn what_changed_far_from_the_step_is_told_and_no_cause() {
    let mut records = step(110.0);
    for record in &mut records[5..] {
        record.engine.version = "b9999".into();
    }
    let watched = only(&records);
    assert_eq!(watched.annotations.len(), 1);
    assert_eq!(watched.annotations[0].index, 5);
    let changes = watched.changes.points().unwrap();
    assert_eq!(watched.causes(&changes[0]).count(), 0);
    assert!(watched.regression().is_none(), "it became faster");
}

#[test]
fn a_cause_may_stand_two_records_beside_its_step_and_names_are_none() {
    for (at, n_causes) in [(12, 0), (13, 1), (17, 1), (18, 0)] {
        let mut records = step(90.0);
        for record in &mut records[at..] {
            record.engine.version = "b9999".into();
        }
        let watched = only(&records);
        let changes = watched.changes.points().unwrap();
        assert_eq!((changes.len(), changes[0].index), (1, 15));
        assert_eq!(watched.causes(&changes[0]).count(), n_causes, "{at}");
    }
    let mut renamed = step(90.0);
    for record in &mut renamed[15..] {
        record.machine.host_name = Some("other".into());
        record.record_version += 1;
        record.tool.version = "9".into();
        record.tags.push("night".into());
    }
    assert!(only(&renamed).annotations.is_empty());
}

/// Levels of so many rates each, in order, within a seeded 1 % of them.
fn levels(of: &[(f64, usize)]) -> Watched {
    let mut state = 9u64;
    let mut wobble = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        1.0 + 0.02 * ((state >> 11) as f64 / (1u64 << 53) as f64 - 0.5)
    };
    let rates: Vec<f64> =
        of.iter().flat_map(|&(level, n)| vec![level; n]).map(|level| level * wobble()).collect();
    only(&series(&rates))
}

#[test]
fn a_loss_of_which_half_was_made_good_is_still_a_regression() {
    let watched = levels(&[(100.0, 12), (80.0, 12), (88.0, 12)]);
    assert_eq!(watched.changes.points().unwrap().len(), 2);
    let found = watched.regression().unwrap();
    assert_eq!((found.index, found.before.start, found.now.start), (12, 0, 24));
    assert!((found.ratio - 0.88).abs() < 0.005, "{found:?}");
    let interval = found.interval.unwrap();
    assert!(interval.low < 0.88 && 0.88 < interval.high && interval.high < 0.9, "{found:?}");
}

#[test]
fn a_loss_that_was_made_good_is_no_regression() {
    assert!(levels(&[(100.0, 12), (80.0, 12), (100.0, 12)]).regression().is_none());
    assert!(levels(&[(100.0, 12), (80.0, 12), (120.0, 12)]).regression().is_none());
    // A second, smaller loss that was made good hides the first one no more.
    let watched = levels(&[(100.0, 30), (70.0, 15), (90.0, 30), (80.0, 30), (90.0, 30)]);
    assert_eq!(watched.regression().unwrap().index, 30);
}

#[test]
fn a_small_part_of_a_gain_that_was_lost_is_told_until_it_is_the_rule() {
    let after = |n| levels(&[(100.0, 30), (120.0, 20), (116.4, n)]);
    assert_eq!(after(19).changes.points().unwrap().len(), 2);
    let found = after(19).regression().copied().unwrap();
    assert_eq!((found.index, found.before.start), (50, 30));
    assert!((found.ratio - 0.97).abs() < 0.005, "{found:?}");
    assert!(after(20).regression().is_none());
    // Most of the gain is gone: told for ever.
    assert!(levels(&[(100.0, 12), (120.0, 12), (105.0, 20)]).regression().is_some());
    // What looks like a gain made an earlier loss good.
    let mended = levels(&[(100.0, 20), (80.0, 20), (100.0, 12), (94.0, 20)]);
    assert_eq!(mended.regression().unwrap().index, 52);
    assert!(levels(&[(100.0, 12), (80.0, 30)]).regression().is_some(), "no gain before it");
}

#[test]
fn other_work_is_another_series() {
    let mut records = step(90.0);
    let of = |kind: &str, record: &Record| {
        let mut value = serde_json::to_value(record).unwrap();
        value["tokens"] = serde_json::json!({ "kind": kind, "seed": 1, "sha256": null });
        serde_json::from_value::<Record>(value).unwrap()
    };
    for (i, record) in records.iter_mut().enumerate() {
        *record = of(["random", "text"][usize::from(i >= 15)], record);
    }
    let watched = watch(&records, &ChangeOptions::default());
    assert_eq!(watched.len(), 2);
    assert_eq!(watched[0].key.workload["tokens"], "random");
    assert!(watched.iter().all(|series| series.changes.points().unwrap().is_empty()));
}

#[test]
fn load_points_of_another_workload_are_another_series() {
    let text = include_str!("difference/records.json");
    let mut point = serde_json::from_str::<Vec<serde_json::Value>>(text).unwrap().remove(1);
    point.as_object_mut().unwrap().remove("visit");
    let workload = &point["serving"]["workload"];
    assert!(workload["think"].is_string() && workload["temperature"].is_number(), "{workload}");
    let other = |path: &str, value: serde_json::Value| {
        let mut other = point.clone();
        other["serving"]["workload"][path] = value;
        other["id"] = serde_json::json!(Uuid::from_u128(7));
        [&point, &other].map(|of| serde_json::from_value::<Record>(of.clone()).unwrap())
    };
    let n_series = |path: &str, value: serde_json::Value| {
        watch(&other(path, value), &ChangeOptions::default()).len()
    };
    assert_eq!(n_series("shape_sha256", "other".into()), 2);
    assert_eq!(n_series("temperature", 0.123.into()), 2);
    assert_eq!(n_series("n_retries", 77.into()), 1);
    assert_eq!(n_series("nonce", 77.into()), 1);
}

#[test]
fn three_points_are_too_few_and_that_is_said() {
    let watched = only(&series(&[100.0, 50.0, 25.0]));
    assert_eq!(watched.changes, Changes::TooShort { n: 3, needs: 8 });
    assert!(watched.regression().is_none());
}

#[test]
fn the_order_in_which_records_come_does_not_matter() {
    let (mut records, ordered) = (step(90.0), only(&step(90.0)));
    records.reverse();
    assert_eq!(only(&records), ordered);
}

#[test]
fn other_settings_are_another_series_and_failures_are_none() {
    let mut records = step(90.0);
    for record in &mut records[..4] {
        record.params.n_threads += 1;
    }
    records[5].status = Status::Failed;
    records[6].kind = RecordKind::Imported;
    records[7].visit = Some(Visit { variant: 0, position: 0, planted: false, delayed: false });
    let watched = watch(&records, &ChangeOptions::default());
    let mut sizes: Vec<usize> = watched.iter().map(|series| series.points.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [4, 23]);
}
