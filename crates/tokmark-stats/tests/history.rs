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
