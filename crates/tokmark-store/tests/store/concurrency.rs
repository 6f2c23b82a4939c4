//! Several writers at once, and writers that are killed.

use tokmark_model::{Note, Record};
use tokmark_store::{BoardFilter, Filter, Store};

use crate::place::{Place, on_both_databases};
use crate::processes::{next_line, start};
use crate::sample::{record, time};

on_both_databases!(
    tasks_that_save_at_once_lose_nothing,
    processes_that_save_at_once_lose_nothing,
    the_same_record_saved_at_once_is_kept_once,
    two_hundred_uploads_of_one_record_leave_one,
    batches_of_one_configuration_saved_at_once_are_all_counted,
    notes_and_tags_made_at_once_are_all_kept,
    stores_opened_at_once_are_made_once,
    a_killed_writer_loses_nothing_that_was_saved,
);

async fn all(store: &Store) -> Vec<Record> {
    store.records(&Filter::default()).await.unwrap()
}

async fn tasks_that_save_at_once_lose_nothing(place: &Place) {
    // One store shared by two tasks, and a second one as another program has it.
    let (shared, other) = (place.open().await, place.open().await);
    let mut tasks = Vec::new();
    for (i, store) in [shared.clone(), shared.clone(), other].into_iter().enumerate() {
        tasks.push(tokio::spawn(async move {
            for n in 0..40 {
                assert!(store.save(&record(i as u64 * 1_000 + n)).await.unwrap());
                store.list(&Filter { limit: Some(3), ..Filter::default() }).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(shared.count(&Filter::default()).await.unwrap(), 120);
}

async fn processes_that_save_at_once_lose_nothing(place: &Place) {
    let mut children: Vec<_> =
        (0..3).map(|i| start("save 40", &place.address(), i * 1_000)).collect();
    for (child, output) in &mut children {
        assert_eq!(next_line(output).as_deref(), Some("done"));
        assert!(child.wait().unwrap().success());
    }
    let expected = (0..3).rev().flat_map(|i| (i * 1_000..i * 1_000 + 40).rev());
    assert_eq!(all(&place.open().await).await, expected.map(record).collect::<Vec<_>>());
}

async fn the_same_record_saved_at_once_is_kept_once(place: &Place) {
    let (a, b) = (place.open().await, place.open().await);
    let batch: Vec<Record> = (0..20).map(record).collect();
    let turned: Vec<Record> = batch.iter().rev().cloned().collect();
    let (in_a, in_b) = tokio::join!(
        tokio::spawn({
            let (a, batch) = (a.clone(), batch.clone());
            async move { a.save_all(&batch).await.unwrap() }
        }),
        tokio::spawn(async move { b.save_all(&turned).await.unwrap() }),
    );
    assert_eq!(in_a.unwrap() + in_b.unwrap(), 20);
    assert_eq!(all(&a).await.len(), 20);
}

async fn two_hundred_uploads_of_one_record_leave_one(place: &Place) {
    let stores = [place.open().await, place.open().await];
    let uploads: Vec<_> = (0..200)
        .map(|n| {
            let store = stores[n % 2].clone();
            tokio::spawn(async move { store.save(&record(1)).await.unwrap() })
        })
        .collect();
    let mut n_new = 0;
    for upload in uploads {
        n_new += usize::from(upload.await.unwrap());
    }
    assert_eq!(n_new, 1);
    assert_eq!(all(&stores[0]).await, [record(1)]);
    assert_eq!(stores[0].board().machines(10, None).await.unwrap().rows[0].n_records, 1);
    assert_eq!(stores[0].board().count(&BoardFilter::default()).await.unwrap(), 1);
}

async fn batches_of_one_configuration_saved_at_once_are_all_counted(place: &Place) {
    let mut tasks = Vec::new();
    for task in 0..4u64 {
        let store = place.open().await;
        tasks.push(tokio::spawn(async move {
            for batch in 0..5 {
                // Every batch has both machines, in another order than the next task's.
                let mut records: Vec<Record> =
                    (0..10).map(|n| record(task * 1000 + batch * 10 + n)).collect();
                for record in records.iter_mut().skip(task as usize).step_by(2) {
                    record.machine.fingerprint = "machine-2".into();
                }
                store.save_all(&records).await.unwrap();
                let gone = records[task as usize].id;
                store.remove(gone).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let store = place.open().await;
    for machine in store.board().machines(10, None).await.unwrap().rows {
        let of_machine =
            Filter { machine: Some(machine.facts.fingerprint.clone()), ..Filter::default() };
        let kept = store.records(&of_machine).await.unwrap();
        assert_eq!(machine.n_records, kept.len() as u64);
        let filter = BoardFilter {
            machine: Some(machine.facts.fingerprint.clone()),
            ..BoardFilter::default()
        };
        let rows = store.board().rows(&filter).await.unwrap();
        assert_eq!(rows, [tokmark_stats::board_row(&kept[0]).unwrap()]);
    }
    assert_eq!(store.board().models(10, None).await.unwrap().rows[0].n_records, 180);
}

async fn notes_and_tags_made_at_once_are_all_kept(place: &Place) {
    let store = place.open().await;
    store.save(&record(1)).await.unwrap();
    let mut tasks = Vec::new();
    for i in 0..2 {
        let store = place.open().await;
        tasks.push(tokio::spawn(async move {
            for n in 0..20 {
                let note = Note { at: time(n), text: format!("note {i}") };
                store.note(record(1).id, &note).await.unwrap();
                store.tag(record(1).id, &[format!("tag {i} {n}"), "both".into()]).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let kept = store.get(record(1).id).await.unwrap();
    assert_eq!((kept.notes.len(), kept.tags.len()), (40, 41));
}

async fn stores_opened_at_once_are_made_once(place: &Place) {
    let openings: Vec<_> = (0..16)
        .map(|n| {
            let url = place.url.clone();
            tokio::spawn(async move {
                let store = Store::open(&url).await.unwrap();
                store.save(&record(n)).await.unwrap();
            })
        })
        .collect();
    for opening in openings {
        opening.await.unwrap();
    }
    assert_eq!(place.open().await.count(&Filter::default()).await.unwrap(), 16);
}

async fn a_killed_writer_loses_nothing_that_was_saved(place: &Place) {
    let mut saved = Vec::new();
    for round in 0..10 {
        let (mut child, mut output) = start("save for ever", &place.address(), round * 10_000);
        for _ in 0..=round * 3 % 7 {
            saved.push(next_line(&mut output).unwrap().parse::<u64>().unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        while let Some(line) = next_line(&mut output) {
            saved.push(line.parse().unwrap());
        }
        if place.is_sqlite() {
            assert_eq!(crate::sqlite::integrity(place).await, "ok");
        }
    }
    let store = place.open().await;
    for n in &saved {
        assert_eq!(store.get(record(*n).id).await.unwrap(), record(*n));
    }
    // A record that was being saved when its writer died may be there, but then whole.
    let kept = all(&store).await;
    assert!((saved.len()..=saved.len() + 10).contains(&kept.len()));
    assert!(store.save(&record(999_999)).await.unwrap());
}
