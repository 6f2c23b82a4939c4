//! How every store finds what it keeps.

use tokmark_model::*;
use tokmark_store::*;

use crate::place::{Place, on_both_databases};
use crate::sample::{self, NASTY, awkward, record, time};

on_both_databases!(
    an_id_is_found_by_its_first_digits,
    filters_restrict,
    filters_take_text_as_it_is,
    lists_are_sorted,
    rows_show_what_records_say,
    runs_are_listed_newest_first,
    the_last_duration_is_what_is_expected,
);

async fn seeds(store: &Store, filter: Filter) -> Vec<u64> {
    let rows = store.list(&filter).await.unwrap();
    let same: Vec<_> = store.records(&filter).await.unwrap().iter().map(|r| r.id).collect();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), same);
    assert!(rows.len() as u64 <= store.count(&filter).await.unwrap());
    rows.iter().map(|row| row.id.as_u128() as u64 & 0xffff).collect()
}

async fn an_id_is_found_by_its_first_digits(place: &Place) {
    let store = place.open().await;
    let [a, b, c] = [1, 1 << 40, 2].map(|random| Record {
        id: sample::id(time(if random == 2 { 100 } else { 0 }), random),
        ..record(1)
    });
    store.save_all(&[a.clone(), b.clone(), c.clone()]).await.unwrap();

    let text = c.id.to_string();
    for n in [10, 13, 36] {
        assert_eq!(store.resolve(&text[..n]).await.unwrap(), c.id);
    }
    assert_eq!(store.resolve(&text.replace('-', "").to_uppercase()).await.unwrap(), c.id);
    assert_eq!(store.resolve(&a.id.to_string()).await.unwrap(), a.id);

    let shared = &a.id.to_string()[..13];
    match store.resolve(shared).await.unwrap_err() {
        StoreError::AmbiguousPrefix { prefix, candidates } => {
            assert_eq!((prefix.as_str(), candidates), (shared, vec![a.id, b.id]));
        }
        other => panic!("{other}"),
    }
    for unknown in ["ffff", "00", &Uuid::nil().to_string()] {
        let error = store.resolve(unknown).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { .. }), "{unknown}: {error}");
    }
    for wrong in ["", "-", "xyz", "' OR 1=1 --", "0\0", &"0".repeat(33), "ß"] {
        let error = store.resolve(wrong).await.unwrap_err();
        assert!(matches!(error, StoreError::InvalidId { .. }), "{wrong}: {error}");
    }
}

/// Five records that differ in everything that is searched.
fn different() -> Vec<Record> {
    let mut records: Vec<Record> = (1..=5).map(record).collect();
    records[0].model.name = "Qwen3 0.6B".into();
    records[0].model.sha256 = None;
    records[1].test = Test::pp(512).at_depth(4096);
    records[1].engine.name = "vLLM".into();
    records[2].engine.backends = "CUDA,BLAS".into();
    records[2].machine.fingerprint = "machine-2".into();
    records[3].kind = RecordKind::Imported;
    records[3].grade = None;
    records[3].summary = None;
    records[4].status = Status::TimedOut;
    records[4].grade = Some(Grade { letter: GradeLetter::C, reasons: Vec::new() });
    records[4].tags = vec!["baseline".into(), "cold".into()];
    records[4].run_id = sample::run_id(77);
    records[4].visit = Some(Visit { variant: 0, position: 0, planted: false, delayed: false });
    records
}

async fn filters_restrict(place: &Place) {
    let store = place.open().await;
    store.save_all(&different()).await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    let all = Filter::default;
    for (filter, expected) in [
        (all(), vec![5, 4, 3, 2, 1]),
        (Filter { model: text("qwen3 0.6b"), ..all() }, vec![1]),
        (Filter { model: text("SMOL"), ..all() }, vec![5, 4, 3, 2, 1]),
        (Filter { model: text("llama"), ..all() }, vec![]),
        (Filter { model_sha256: Some("ab".repeat(32)), ..all() }, vec![5, 4, 3, 2]),
        (Filter { test: text("pp512 @ d4096"), ..all() }, vec![2]),
        (Filter { test: text("tg128"), ..all() }, vec![5, 4, 3, 1]),
        (Filter { engine: text("VLLM"), ..all() }, vec![2]),
        (Filter { engine: text("llama"), ..all() }, vec![]),
        (Filter { backend: text("cuda"), ..all() }, vec![3]),
        (Filter { machine: text("machine-1"), ..all() }, vec![5, 4, 2, 1]),
        (Filter { kind: Some(RecordKind::Imported), ..all() }, vec![4]),
        (Filter { status: Some(Status::TimedOut), ..all() }, vec![5]),
        (Filter { grade_at_least: Some(GradeLetter::B), ..all() }, vec![3, 2, 1]),
        (Filter { grade_at_least: Some(GradeLetter::F), ..all() }, vec![5, 3, 2, 1]),
        (Filter { tag: text("cold"), ..all() }, vec![5]),
        (Filter { run_id: Some(sample::run_id(77)), ..all() }, vec![5]),
        (Filter { is_visit: Some(true), ..all() }, vec![5]),
        (Filter { is_visit: Some(false), ..all() }, vec![4, 3, 2, 1]),
        (Filter { since: Some(time(2)), until: Some(time(4)), ..all() }, vec![3, 2]),
        (Filter { limit: Some(2), ..all() }, vec![5, 4]),
        (Filter { limit: Some(0), ..all() }, vec![]),
        (Filter { machine: text("machine-1"), tag: text("baseline"), ..all() }, vec![5]),
        (Filter { kind: Some(RecordKind::Imported), tag: text("cold"), ..all() }, vec![]),
    ] {
        assert_eq!(seeds(&store, filter.clone()).await, expected, "{filter:?}");
    }
    let limited = Filter { limit: Some(2), ..all() };
    assert_eq!(store.count(&limited).await.unwrap(), 5);
}

async fn filters_take_text_as_it_is(place: &Place) {
    let store = place.open().await;
    store.save_all(&[record(1), awkward(2)]).await.unwrap();
    for part in [NASTY, "%_!\\", "'codé", "ÜNÏ'CODÉ", "🦀", "zero\0inside", "`; drop table"] {
        let filter = Filter { model: Some(part.into()), ..Filter::default() };
        assert_eq!(seeds(&store, filter).await, [2], "{part}");
    }
    for pattern in ["%smol%", "s_ol", "' OR '1'='1", "!"] {
        let filter = Filter { model: Some(pattern.into()), ..Filter::default() };
        let expected: &[u64] = if pattern == "!" { &[2] } else { &[] };
        assert_eq!(seeds(&store, filter).await, expected, "{pattern}");
    }
    let exact = Filter { machine: Some("\0".into()), tag: Some(NASTY.into()), ..Filter::default() };
    assert_eq!(seeds(&store, exact).await, [2]);
    let nothing = Filter { machine: Some("' OR 1=1".into()), ..Filter::default() };
    assert!(seeds(&store, nothing).await.is_empty());
}

async fn lists_are_sorted(place: &Place) {
    let store = place.open().await;
    let mut records = different();
    for (record, name) in records.iter_mut().zip(["b-c", "Bb", "_a", "bA", "ä"]) {
        record.model.name = name.into();
    }
    records[2].test = Test::pp(64);
    // The fastest, but without samples: behind all others in a ranking.
    records[4].kind = RecordKind::Published;
    records[3].test = Test { n_parallel: 4, ..Test::tg(128) };
    store.save_all(&records).await.unwrap();
    use Direction::{Ascending, Descending};
    for (key, direction, expected) in [
        (SortKey::Time, Descending, [5, 4, 3, 2, 1]),
        (SortKey::Time, Ascending, [1, 2, 3, 4, 5]),
        (SortKey::Rate, Descending, [3, 2, 1, 4, 5]),
        (SortKey::Rate, Ascending, [1, 2, 3, 4, 5]),
        // By bytes on every database, whatever its language.
        (SortKey::Model, Ascending, [3, 1, 4, 2, 5]),
        (SortKey::Model, Descending, [5, 2, 4, 1, 3]),
        // pp64, pp512, tg128 (newest first), tg128 x 4
        (SortKey::Test, Ascending, [3, 2, 5, 1, 4]),
        (SortKey::Test, Descending, [4, 5, 1, 2, 3]),
    ] {
        let filter = Filter { sort: Sort { key, direction }, ..Filter::default() };
        assert_eq!(seeds(&store, filter).await, expected, "{key:?} {direction:?}");
    }
}

async fn rows_show_what_records_say(place: &Place) {
    let store = place.open().await;
    let measured = record(7);
    let bare = Record { summary: None, grade: None, samples: Vec::new(), ..record(6) };
    store.save_all(&[measured.clone(), bare]).await.unwrap();
    let rows = store.list(&Filter::default()).await.unwrap();
    let rate = measured.summary.as_ref().unwrap().rate;
    let interval = rate.interval.unwrap();
    assert_eq!(
        rows[0],
        RecordRow {
            id: measured.id,
            run_id: measured.run_id,
            kind: RecordKind::Measured,
            status: Status::Ok,
            created_at: "2026-11-21T00:00:07.123456Z".parse().unwrap(),
            model_name: "SmolLM2 135M Instruct".into(),
            model_sha256: Some("ab".repeat(32)),
            quantization: Some("Q4_1".into()),
            test: Test::tg(128),
            label: "tg128".into(),
            engine: "llama.cpp".into(),
            backends: "CPU".into(),
            machine_fingerprint: "machine-1".into(),
            grade: Some(GradeLetter::A),
            rate_tps: Some(rate.rate_tps),
            rate_low_tps: Some(TokensPerSecond(interval.low)),
            rate_high_tps: Some(TokensPerSecond(interval.high)),
            // Warm-up 500, second repetition from 2,000 on for 1,007.
            duration_ns: Some(Nanos(3_507)),
            record_version: RECORD_VERSION,
            statistics_version: Some(1),
            settings: measured.params.settings(),
            is_visit: false,
            notes: Vec::new(),
            tags: Vec::new(),
        }
    );
    assert_eq!((rows[1].rate_tps, rows[1].grade, rows[1].duration_ns), (None, None, None));
    assert_eq!(rows[1].statistics_version, None);
}

async fn runs_are_listed_newest_first(place: &Place) {
    let store = place.open().await;
    let records: Vec<Record> = (0..25).map(record).collect();
    store.save_all(&records).await.unwrap();
    let runs = store.runs(None).await.unwrap();
    let seen: Vec<_> = runs.iter().map(|run| (run.run_id, run.n_records)).collect();
    assert_eq!(seen, [(sample::run_id(2), 5), (sample::run_id(1), 10), (sample::run_id(0), 10)]);
    let ends = (runs[1].first_at.as_second(), runs[1].last_at.as_second());
    assert_eq!(ends, (time(10).as_second(), time(19).as_second()));
    assert_eq!(store.runs(Some(1)).await.unwrap(), runs[..1]);
}

async fn the_last_duration_is_what_is_expected(place: &Place) {
    let store = place.open().await;
    let sha256 = "ab".repeat(32);
    let expected =
        async |test: Test| store.expected_duration(&sha256, &test, "machine-1").await.unwrap();
    assert_eq!(expected(Test::tg(128)).await, None);
    let failed = Record { status: Status::Failed, ..record(4) };
    let elsewhere = Record {
        machine: MachineFacts { fingerprint: "machine-2".into(), ..MachineFacts::default() },
        ..record(5)
    };
    let imported = Record { kind: RecordKind::Imported, ..record(6) };
    let without = Record { samples: Vec::new(), ..record(7) };
    store.save_all(&[record(3), record(2), failed, elsewhere, imported, without]).await.unwrap();
    assert_eq!(expected(Test::tg(128)).await, Some(Nanos(3_503)));
    assert_eq!(expected(Test::pp(512)).await, None);
}
