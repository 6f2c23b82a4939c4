//! The leaderboard against what a naive look over all records would say.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokmark_model::*;
use tokmark_store::*;

use crate::place::{Place, on_both_databases};
use crate::sample::{self, NASTY, awkward, record, summary, time};

on_both_databases!(
    the_board_follows_saving_replacing_and_removing,
    filters_of_the_board_restrict,
    rows_come_fastest_first,
    pages_of_rows_machines_and_models_follow_one_another,
    long_and_awkward_texts_are_kept_and_found,
    records_without_a_place_have_no_row,
    names_that_no_database_could_index_are_refused,
    a_limit_of_configurations_leaves_none_of_them_in_part,
    the_revision_moves_with_every_change_and_with_nothing_else,
    the_same_samples_under_other_statistics_are_the_same_record,
);

/// What somebody does to a store.
#[derive(Debug, Clone)]
enum Act {
    Save(Vec<u16>),
    Replace(usize, u16),
    Remove(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => prop::collection::vec(any::<u16>(), 1..8).prop_map(Act::Save),
        1 => (any::<prop::sample::Index>(), any::<u16>())
            .prop_map(|(at, n)| Act::Replace(at.index(1000), n)),
        3 => any::<prop::sample::Index>().prop_map(|at| Act::Remove(at.index(1000))),
    ]
}

/// A record of few configurations; every number is another record.
fn drawn(n: u16) -> Record {
    let n = u64::from(n);
    let mut drawn = record(n % 50);
    drawn.id = sample::id(drawn.created_at, n + 1);
    drawn.model.name =
        ["Qwen3-0.6B-Q8_0", "Qwen3-4B-Q4_K_M", "SmolLM2-135M"][(n % 3) as usize].into();
    drawn.model.sha256 = (n % 3 != 2).then(|| format!("{:064}", n % 3));
    drawn.model.n_params = (n % 3 != 2).then_some(600_000_000 * (n % 3 + 1));
    drawn.engine.backends = ["CPU", "CUDA,BLAS"][(n / 3 % 2) as usize].into();
    drawn.machine.fingerprint = ["m-1", "m-2", ""][(n / 6 % 3) as usize].into();
    drawn.machine.cpu.model = Some(["Xeon", "Ryzen"][(n / 6 % 2) as usize].into());
    drawn.summary = Some(summary(10.0 + (n % 97) as f64));
    match n % 11 {
        0 => drawn.status = Status::Failed,
        1 => drawn.summary = None,
        2 => {
            drawn.kind = RecordKind::Published;
            drawn.summary = None;
            drawn.published = Some(Published {
                source: "a table".into(),
                rate_low_tps: Some(TokensPerSecond(5.0)),
                rate_high_tps: Some(TokensPerSecond(9.0)),
                ..Published::default()
            });
        }
        3 => drawn.visit = Some(Visit { variant: 0, position: 0, planted: false, delayed: false }),
        _ => {}
    }
    drawn
}

/// What makes two rows one configuration.
fn configuration(row: &BoardRow) -> String {
    let model = row.model_sha256.as_ref().unwrap_or(&row.model_name);
    let machine = match row.machine_fingerprint.as_str() {
        "" => &row.hardware,
        fingerprint => fingerprint,
    };
    let engine = (&row.engine, &row.engine_version, &row.backends, &row.settings);
    format!(
        "{:?}",
        (
            row.kind,
            model,
            &row.quantization,
            machine,
            engine,
            &row.label,
            row.is_serving,
            &row.source
        )
    )
}

type Newest<T> = BTreeMap<String, (u64, Timestamp, RecordId, T)>;

fn take<T>(newest: &mut Newest<T>, key: String, record: &Record, row: T) {
    let at = Timestamp::from_microsecond(record.created_at.as_microsecond()).unwrap();
    let n = newest.get(&key).map_or(0, |(n, ..)| *n);
    match newest.get_mut(&key) {
        Some(kept) if (kept.1, kept.2) > (at, record.id) => kept.0 += 1,
        _ => drop(newest.insert(key, (n + 1, at, record.id, row))),
    }
}

/// Compares everything that the board says with what the records say.
async fn assert_right(store: &Store) {
    let records = store.records(&Filter::default()).await.unwrap();
    let (mut rows, mut machines, mut models) = (Newest::new(), Newest::new(), Newest::new());
    for record in &records {
        if let Some(row) = tokmark_stats::board_row(record) {
            take(&mut rows, configuration(&row), record, row);
        }
        let fingerprint = record.machine.fingerprint.clone();
        if !fingerprint.is_empty() {
            take(&mut machines, fingerprint, record, record.machine.clone());
        }
        let model = record.model.sha256.clone().unwrap_or_else(|| record.model.name.clone());
        take(&mut models, model, record, record.model.clone());
    }
    let rows: Vec<BoardRow> = rows.into_values().map(|(.., row)| row).collect();

    let board = store.board();
    let mut said = board.rows(&BoardFilter::default()).await.unwrap();
    assert_eq!(board.count(&BoardFilter::default()).await.unwrap(), said.len() as u64);
    let speed = |row: &BoardRow| row.rate_tps.or(row.rate_low_tps).unwrap().get();
    assert!(said.is_sorted_by(|a, b| speed(a) >= speed(b)));
    let mut expected = rows.clone();
    said.sort_by_key(|row| row.id);
    expected.sort_by_key(|row| row.id);
    assert_eq!(said, expected);

    let said = board.machines(100, None).await.unwrap().rows;
    assert!(said.is_sorted_by(|a, b| a.last_at >= b.last_at));
    let said: BTreeMap<_, _> =
        said.into_iter().map(|row| (row.facts.fingerprint.clone(), row)).collect();
    let expected = machines.into_iter().map(|(fingerprint, (n_records, last_at, _, facts))| {
        let of_machine = rows.iter().filter(|row| row.machine_fingerprint == fingerprint);
        let hardware: BTreeSet<String> = of_machine.map(|row| row.hardware.clone()).collect();
        let hardware = hardware.into_iter().collect();
        (fingerprint, MachineRow { facts, hardware, n_records, last_at })
    });
    assert_eq!(said, expected.collect());

    let said = board.models(100, None).await.unwrap().rows;
    let said: BTreeMap<_, _> = said
        .into_iter()
        .map(|row| (row.facts.sha256.clone().unwrap_or(row.facts.name.clone()), row))
        .collect();
    let expected = models.into_iter().map(|(key, (n_records, last_at, _, facts))| {
        let family = facts.name.split('-').next().unwrap().to_owned();
        (key, ModelRow { facts, family, n_records, last_at })
    });
    assert_eq!(said, expected.collect());

    let choices = board.choices().await.unwrap();
    assert_eq!(choices.families, counted(rows.iter().map(|row| row.family.clone())));
    assert_eq!(choices.hardware, counted(rows.iter().map(|row| row.hardware.clone())));
    assert_eq!(choices.backends, counted(rows.iter().map(|row| row.backends.clone())));
    assert_eq!(
        choices.quantizations,
        counted(rows.iter().filter_map(|row| row.quantization.clone()))
    );
    assert_eq!(choices.shapes, counted(rows.iter().map(|row| row.shape.clone())));
    assert_eq!(choices.engines, counted(rows.iter().map(|row| row.engine.clone())));
    let concurrencies = counted(rows.iter().filter_map(|row| row.concurrency));
    assert_eq!(choices.concurrencies, concurrencies);
}

/// The most frequent first.
fn counted<T: Ord + Clone>(values: impl Iterator<Item = T>) -> Vec<(T, u64)> {
    let mut counts: BTreeMap<T, u64> = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    let mut counts: Vec<(T, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    counts
}

async fn the_board_follows_saving_replacing_and_removing(place: &Place) {
    let store = place.open().await;
    let mut runner = TestRunner::deterministic();
    for _ in 0..8 {
        let acts = prop::collection::vec(act(), 12).new_tree(&mut runner).unwrap().current();
        for act in acts {
            let ids: Vec<RecordId> =
                store.list(&Filter::default()).await.unwrap().iter().map(|row| row.id).collect();
            match act {
                Act::Save(numbers) => {
                    let records: Vec<Record> = numbers.iter().copied().map(drawn).collect();
                    store.save_all(&records).await.unwrap();
                }
                Act::Replace(at, n) if !ids.is_empty() && !ids.contains(&drawn(n).id) => {
                    store.replace(ids[at % ids.len()], &drawn(n)).await.unwrap();
                }
                Act::Remove(at) if !ids.is_empty() => {
                    store.remove(ids[at % ids.len()]).await.unwrap();
                }
                Act::Replace(..) | Act::Remove(_) => {}
            }
            assert_right(&store).await;
        }
    }
    for row in store.list(&Filter::default()).await.unwrap() {
        store.remove(row.id).await.unwrap();
    }
    assert_right(&store).await;
    assert_eq!(store.board().choices().await.unwrap(), BoardChoices::default());
}

async fn filters_of_the_board_restrict(place: &Place) {
    let store = place.open().await;
    let mut records: Vec<Record> = (1..=5).map(record).collect();
    records[0].model.name = "Qwen3-0.6B-Q8_0".into();
    records[0].model.sha256 = Some("cd".repeat(32));
    records[0].model.label = Some("Q8_0".into());
    records[0].model.n_params = Some(600_000_000);
    records[1].engine.name = "vLLM".into();
    records[1].test = Test::pp(512);
    records[2].engine.backends = "CUDA,BLAS".into();
    records[2].machine.fingerprint = "machine-2".into();
    records[2].machine.cpu.model = Some("Xeon".into());
    records[3].kind = RecordKind::Imported;
    records[3].grade = None;
    records[4].test = Test { n_parallel: 4, ..Test::tg(128) };
    records[4].grade = Some(Grade { letter: GradeLetter::C, reasons: Vec::new() });
    records[4].model.n_params = Some(u64::MAX);
    store.save_all(&records).await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    let all = BoardFilter::default;
    for (filter, expected) in [
        (all(), vec![5, 4, 3, 2, 1]),
        (BoardFilter { family: text("Qwen3"), ..all() }, vec![1]),
        (BoardFilter { model: text("Qwen3-0.6B-Q8_0"), ..all() }, vec![1]),
        (BoardFilter { model: text("Qwen3"), ..all() }, vec![]),
        (BoardFilter { model_sha256: Some("ab".repeat(32)), ..all() }, vec![5, 4, 3, 2]),
        (BoardFilter { hardware: text("Xeon"), ..all() }, vec![3]),
        (BoardFilter { machine: text("machine-1"), ..all() }, vec![5, 4, 2, 1]),
        (BoardFilter { backend: text("cuda"), ..all() }, vec![3]),
        (BoardFilter { backend: text("%"), ..all() }, vec![]),
        (BoardFilter { engine: text("VLLM"), ..all() }, vec![2]),
        (BoardFilter { engine: text("' OR 1=1 --"), ..all() }, vec![]),
        (BoardFilter { quantization: text("Q8_0"), ..all() }, vec![1]),
        (BoardFilter { shape: text("tg128"), ..all() }, vec![5, 4, 3, 1]),
        (BoardFilter { concurrency: Some(4), ..all() }, vec![5]),
        (BoardFilter { min_params: Some(600_000_001), ..all() }, vec![5]),
        (BoardFilter { max_params: Some(600_000_000), ..all() }, vec![1]),
        (BoardFilter { grade_at_least: Some(GradeLetter::B), ..all() }, vec![3, 2, 1]),
        (BoardFilter { grade_at_least: Some(GradeLetter::C), ..all() }, vec![5, 3, 2, 1]),
        (BoardFilter { kind: Some(RecordKind::Imported), ..all() }, vec![4]),
        (BoardFilter { generates: true, ..all() }, vec![5, 4, 3, 1]),
        (BoardFilter { is_serving: Some(true), ..all() }, vec![]),
        (BoardFilter { is_serving: Some(false), limit: Some(2), ..all() }, vec![5, 4]),
        (BoardFilter { machine: text("\0"), family: text(NASTY), ..all() }, vec![]),
    ] {
        let rows = store.board().rows(&filter).await.unwrap();
        let seen: Vec<u64> = rows.iter().map(|row| row.id.as_u128() as u64 & 0xffff).collect();
        assert_eq!(seen, expected, "{filter:?}");
        let unlimited = BoardFilter { limit: None, ..filter.clone() };
        let count = store.board().count(&filter).await.unwrap();
        assert_eq!(count, store.board().rows(&unlimited).await.unwrap().len() as u64);
    }
    // Prompt and generation in one clock generate too.
    let both = Record { test: Test { n_prompt: 16, n_gen: 8, ..Test::tg(8) }, ..record(6) };
    store.save(&both).await.unwrap();
    let filter = BoardFilter { generates: true, shape: text("pp16+tg8"), ..all() };
    assert_eq!(store.board().rows(&filter).await.unwrap().len(), 1);
}

async fn rows_come_fastest_first(place: &Place) {
    let store = place.open().await;
    let mut records: Vec<Record> = (1..=4).map(record).collect();
    for (record, rate) in records.iter_mut().zip([7.0, 30.0, 7.0, 7.0]) {
        record.summary = Some(summary(rate));
        record.machine.fingerprint = record.id.to_string();
    }
    let range = |low: f64| {
        Some(Published {
            source: "a table".into(),
            rate_low_tps: Some(TokensPerSecond(low)),
            rate_high_tps: Some(TokensPerSecond(99.0)),
            ..Published::default()
        })
    };
    records[3].summary = None;
    (records[3].kind, records[3].published) = (RecordKind::Published, range(8.0));
    store.save_all(&records).await.unwrap();
    let rows = store.board().rows(&BoardFilter::default()).await.unwrap();
    let ids: Vec<RecordId> = rows.iter().map(|row| row.id).collect();
    assert_eq!(ids, [records[1].id, records[3].id, records[2].id, records[0].id]);
}

async fn pages_of_rows_machines_and_models_follow_one_another(place: &Place) {
    let store = place.open().await;
    // Equal rates and equal times among them, a place in which a page may end.
    let mut records: Vec<Record> = (1..=11).map(record).collect();
    for (n, record) in (0u32..).zip(&mut records) {
        record.summary = Some(summary(f64::from(n / 4)));
        record.created_at = time(u64::from(n / 3));
        record.machine.fingerprint = format!("machine {n}");
        record.model.name = format!("M{n}-1B");
        record.model.sha256 = Some(format!("{n:064}"));
    }
    store.save_all(&records).await.unwrap();
    let board = store.board();
    let whole = board.rows(&BoardFilter::default()).await.unwrap();
    assert_eq!(whole.len(), 11);
    for direction in [Direction::Descending, Direction::Ascending] {
        let mut whole = whole.clone();
        whole.sort_by(|a, b| by_rate(direction, a, b));
        for limit in [1, 3, 4, 11, 12] {
            let filter = BoardFilter { limit: Some(limit), ..BoardFilter::default() };
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let page = board.page(&filter, direction, after.as_ref()).await.unwrap();
                assert!(page.rows.len() as u64 <= limit && !page.rows.is_empty());
                seen.extend(page.rows);
                let Some(next) = page.next else { break };
                after = Some(next.to_string().parse().unwrap());
            }
            assert_eq!(seen, whole, "{direction:?} {limit}");
        }
    }
    let machines = board.machines(99, None).await.unwrap().rows;
    let models = board.models(99, None).await.unwrap().rows;
    assert_eq!((machines.len(), models.len()), (11, 11));
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = board.machines(4, after.as_ref()).await.unwrap();
        seen.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, machines);
    let first = board.models(5, None).await.unwrap();
    let second = board.models(6, first.next.as_ref()).await.unwrap();
    assert_eq!(([first.rows, second.rows].concat(), second.next), (models, None));
    // A place of another order.
    let one = BoardFilter { limit: Some(1), ..Default::default() };
    let by_rate = board.page(&one, Direction::Descending, None).await.unwrap().next;
    for wrong in [
        board.machines(4, by_rate.as_ref()).await.err(),
        board.models(4, by_rate.as_ref()).await.err(),
        store.jobs().list(4, by_rate.as_ref()).await.err(),
        board.page(&BoardFilter::default(), Direction::Ascending, by_rate.as_ref()).await.err(),
    ] {
        assert!(matches!(wrong, Some(StoreError::InvalidCursor { .. })), "{wrong:?}");
    }
}

async fn long_and_awkward_texts_are_kept_and_found(place: &Place) {
    let store = place.open().await;
    let mut long = awkward(1);
    // Random enough that no database makes it short.
    let name: String =
        (0..20_000u64).map(|n| char::from(b'a' + (n * n * 7919 / 31 % 26) as u8)).collect();
    long.model.name = format!("é{name}");
    long.model.sha256 = None;
    long.engine.name = name.clone();
    long.engine.backends = format!("{name},CUDA");
    long.machine.cpu.model = Some(name.clone());
    store.save_all(&[long.clone(), awkward(2)]).await.unwrap();
    let filter = BoardFilter {
        model: Some(long.model.name.clone()),
        engine: Some(name.to_uppercase()),
        hardware: Some(name.clone()),
        machine: Some("\0".into()),
        ..BoardFilter::default()
    };
    let rows = store.board().rows(&filter).await.unwrap();
    assert_eq!(rows, [tokmark_stats::board_row(&long).unwrap()]);
    let choices = store.board().choices().await.unwrap();
    let offered = choices.engines.iter().find(|(engine, _)| engine.starts_with(&name[..50]));
    let filter = BoardFilter { engine: Some(offered.unwrap().0.clone()), ..Default::default() };
    assert_eq!(store.board().rows(&filter).await.unwrap(), rows);
    let machines = store.board().machines(9, None).await.unwrap().rows;
    assert_eq!(machines[0].facts, awkward(2).machine);
    let found = store.board().machine(&awkward(2).machine.fingerprint).await.unwrap();
    assert_eq!(found.as_ref(), machines.first());
    assert_eq!(store.board().machine("another").await.unwrap(), None);
    store.remove(long.id).await.unwrap();
    assert_eq!(store.board().rows(&filter).await.unwrap(), []);
}

async fn records_without_a_place_have_no_row(place: &Place) {
    let store = place.open().await;
    let failed = Record { status: Status::Failed, ..record(1) };
    let visit = Visit { variant: 0, position: 0, planted: false, delayed: false };
    let visit = Record { visit: Some(visit), ..record(2) };
    let bare = Record { summary: None, ..record(3) };
    store.save_all(&[failed, visit, bare]).await.unwrap();
    assert_eq!(store.board().rows(&BoardFilter::default()).await.unwrap(), []);
    assert_eq!(store.board().choices().await.unwrap(), BoardChoices::default());
    let machines = store.board().machines(9, None).await.unwrap().rows;
    assert_eq!((machines[0].n_records, machines[0].hardware.len()), (3, 0));
    let models = store.board().models(9, None).await.unwrap().rows;
    assert_eq!((models[0].n_records, models[0].family.as_str()), (3, "SmolLM2"));
    assert_eq!(store.board().machines(0, None).await.unwrap().rows, []);
}

async fn names_that_no_database_could_index_are_refused(place: &Place) {
    let store = place.open().await;
    let long = "x".repeat(501);
    let mut records = [record(1), record(2)];
    records[0].machine.fingerprint = long.clone();
    records[1].model.sha256 = Some(long);
    for record in records {
        let error = store.save(&record).await.unwrap_err();
        assert!(matches!(error, StoreError::InvalidRecord { .. }), "{error}");
    }
    assert!(store.list(&Filter::default()).await.unwrap().is_empty());
}

async fn a_limit_of_configurations_leaves_none_of_them_in_part(place: &Place) {
    let store = place.open().await;
    // Three models with four tests each; the tests of the fastest model are far apart.
    let of = |model: u64, test: u32, rate: f64| {
        let mut record = record(10 * model + u64::from(test));
        record.model.name = format!("M{model}-1B");
        record.model.sha256 = Some(model.to_string().repeat(64));
        record.test = Test::tg(8 << test);
        record.summary = Some(summary(rate));
        record
    };
    let mut records = Vec::new();
    for test in 0..4 {
        records.push(of(1, test, 100.0 / f64::from(1 + 30 * test)));
        records.push(of(2, test, 50.0 - f64::from(test)));
        records.push(of(3, test, 40.0 - f64::from(test)));
    }
    store.save_all(&records).await.unwrap();
    for (limit, models) in [(1, vec!["M1-1B"]), (2, vec!["M1-1B", "M2-1B"])] {
        let filter =
            BoardFilter { limit: Some(limit), by_configuration: true, ..BoardFilter::default() };
        let rows = store.board().rows(&filter).await.unwrap();
        assert_eq!(rows.len(), 4 * models.len());
        let found: BTreeSet<&str> = rows.iter().map(|row| row.model_name.as_str()).collect();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), models);
        assert_eq!(store.board().count(&filter).await.unwrap(), 3);
    }
    let one =
        BoardFilter { shape: Some("tg8".into()), by_configuration: true, ..Default::default() };
    assert_eq!(store.board().rows(&one).await.unwrap().len(), 3);
}

async fn the_revision_moves_with_every_change_and_with_nothing_else(place: &Place) {
    let store = place.open().await;
    let mut last = store.board().revision().await.unwrap();
    store.save(&record(1)).await.unwrap();
    let mut moved = store.board().revision().await.unwrap();
    assert!(moved > last);
    last = moved;
    store.save(&record(1)).await.unwrap();
    store.get(record(1).id).await.unwrap();
    assert_eq!(store.board().revision().await.unwrap(), last);
    // Another program's writes count as well.
    let other = place.open().await;
    other.save_all(&[record(2), record(3)]).await.unwrap();
    moved = store.board().revision().await.unwrap();
    assert!(moved > last);
    last = moved;
    other.remove(record(1).id).await.unwrap();
    for n in 0..4 {
        moved = store.board().revision().await.unwrap();
        assert!(moved > last, "{n}");
        last = moved;
        match n {
            0 => other.note(record(2).id, &Note { at: time(9), text: "n".into() }).await.unwrap(),
            1 => other.tag(record(2).id, &["t"]).await.unwrap(),
            2 => other.untag(record(2).id, &["t"]).await.unwrap(),
            _ => {
                let tagged = Record { tags: vec!["u".into()], ..record(2) };
                assert_eq!(other.save_all(&[tagged]).await.unwrap(), 0);
            }
        }
    }
    assert!(store.board().revision().await.unwrap() > last);
}

async fn the_same_samples_under_other_statistics_are_the_same_record(place: &Place) {
    let store = place.open().await;
    store.save(&record(1)).await.unwrap();
    let mut newer = record(1);
    newer.summary = Some(summary(99.0));
    let error = store.save_all(std::slice::from_ref(&newer)).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
    newer.summary.as_mut().unwrap().statistics_version += 1;
    newer.grade = None;
    assert_eq!(store.save_all(std::slice::from_ref(&newer)).await.unwrap(), 0);
    assert_eq!(store.get(newer.id).await.unwrap(), record(1));
    newer.samples[0].duration_ns = Nanos(7);
    let error = store.save_all(&[newer]).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
}
