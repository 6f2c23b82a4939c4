use tokmark_model::{Record, RecordKind, Status, Uuid};
use tokmark_stats::explain;

use super::super::load::example;
use super::super::tests::records;
use super::*;

/// tg128 of a real run, measured again with another engine, twice as fast, beside others.
fn two() -> (Record, Record) {
    let a = records().remove(1);
    let mut b = a.clone();
    b.id = Uuid::from_u128(a.id.as_u128() + 1);
    b.engine.version = "0.7.0".to_owned();
    b.engine.ggml_version = None;
    b.params.n_threads = 1;
    b.machine.os.kernel = Some("6.18.45\u{1b}[31m".to_owned());
    for sample in &mut b.samples {
        sample.noise.as_mut().unwrap().other_cores = Some(1.4);
    }
    let summary = b.summary.as_mut().unwrap();
    summary.rate.rate_tps.0 *= 2.0;
    let interval = summary.rate.interval.as_mut().unwrap();
    (interval.low, interval.high) = (interval.low * 2.0, interval.high * 2.0);
    (a, b)
}

fn shown((a, b): &(Record, Record), all: bool) -> String {
    table(a, b, &explain(a, b), all)
}

#[test]
fn two_sessions_of_one_test() {
    let (a, b) = two();
    insta::assert_snapshot!("table", shown(&two(), false));
    insta::assert_snapshot!("markdown", markdown(&a, &b, &explain(&a, &b), false));
}

#[test]
fn many_differences_are_cut_unless_all_are_asked_for() {
    let (a, mut b) = two();
    b.model = Default::default();
    b.model.description = Some("word ".repeat(20));
    let (few, all) = (shown(&(a.clone(), b.clone()), false), shown(&(a, b), true));
    assert!(few.contains("more: --all") && !all.contains("more: --all"));
    assert!(all.contains(&"word ".repeat(20).trim_end()[..80]), "{all}");
    assert!(few.lines().count() < all.lines().count());
}

#[test]
fn a_record_beside_itself_says_so() {
    let a = records().remove(1);
    let text = shown(&(a.clone(), a), false);
    assert!(text.contains("A and B are the same record: nothing differs."), "{text}");
    assert!(!text.contains("have to be equal") && !text.contains("figure"), "{text}");
}

#[test]
fn other_work_and_other_kinds_are_not_set_side_by_side() {
    let mut pair = (records().remove(0), records().remove(1));
    insta::assert_snapshot!("other_work", shown(&pair, false));
    pair.0.kind = RecordKind::Published;
    let text = shown(&pair, false);
    assert!(text.contains("different kinds, published and measured, are never"), "{text}");
}

#[test]
fn a_missing_verdict_has_a_reason() {
    let (a, mut b) = two();
    b.summary.as_mut().unwrap().statistics_version = 2;
    let text = shown(&(a.clone(), b.clone()), false);
    assert!(text.contains("different versions of the statistics, 1 in A and 2 in B"), "{text}");
    (b.summary, b.status) = (None, Status::Crashed);
    let text = shown(&(a.clone(), b.clone()), false);
    assert!(text.contains("in one record only") && text.contains("crashed"), "{text}");
    let mut bare = (a, b);
    for record in [&mut bare.0, &mut bare.1] {
        (record.summary, record.load, record.memory) = (None, None, Default::default());
    }
    let text = shown(&bare, false);
    assert!(text.contains("Neither record has figures of its own."), "{text}");
}

#[test]
fn two_load_points() {
    let a = example::chat_by_four();
    let mut b = a.clone();
    b.id = Uuid::from_u128(99);
    let serving = b.serving.as_mut().unwrap();
    serving.server.version = Some("b11500".to_owned());
    let summary = serving.summary.as_mut().unwrap();
    summary.ttft_ms = None;
    insta::assert_snapshot!("load_points", shown(&(a, b), false));
}
