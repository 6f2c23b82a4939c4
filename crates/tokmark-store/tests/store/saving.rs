//! What every store does with what it is given.

use tokmark_model::*;
use tokmark_store::*;

use crate::place::{Place, on_both_databases};
use crate::sample::{self, NASTY, awkward, record, time};

on_both_databases!(
    records_read_back_equal,
    saving_again_changes_nothing,
    a_signature_that_comes_later_changes_nothing,
    another_record_under_the_same_id_is_refused,
    a_batch_is_saved_whole_or_not_at_all,
    records_that_would_not_read_back_are_refused,
    importing_twice_changes_nothing,
    notes_and_tags_are_added_and_taken_away,
    removed_records_are_gone,
    a_continued_record_takes_the_place_of_the_one_before,
    a_newer_schema_is_refused,
);

async fn all(store: &Store) -> Vec<Record> {
    store.records(&Filter::default()).await.unwrap()
}

async fn records_read_back_equal(place: &Place) {
    let store = place.open().await;
    for record in [record(1), awkward(2)] {
        assert!(store.save(&record).await.unwrap());
        assert_eq!(store.get(record.id).await.unwrap(), record);
    }
    store.close().await;
    assert_eq!(all(&place.open().await).await, [awkward(2), record(1)]);
}

async fn saving_again_changes_nothing(place: &Place) {
    let store = place.open().await;
    assert!(store.save(&awkward(1)).await.unwrap());
    assert!(!store.save(&awkward(1)).await.unwrap());
    let without = Record { notes: Vec::new(), tags: Vec::new(), ..awkward(1) };
    assert!(!store.save(&without).await.unwrap());
    assert_eq!(all(&store).await, [awkward(1)]);
}

async fn a_signature_that_comes_later_changes_nothing(place: &Place) {
    let store = place.open().await;
    let signed =
        |n: u8| Record { signature: Some(Signature::new(&[n; 32], &[n; 64])), ..record(n.into()) };
    for (first, second) in [(record(1), signed(1)), (signed(2), record(2))] {
        assert!(store.save(&first).await.unwrap());
        assert!(!store.save(&second).await.unwrap());
        assert_eq!(store.get(first.id).await.unwrap(), first);
    }
}

async fn a_continued_record_takes_the_place_of_the_one_before(place: &Place) {
    let store = place.open().await;
    store.save(&awkward(1)).await.unwrap();
    let continued = Record { notes: Vec::new(), tags: Vec::new(), ..record(2) };
    store.replace(record(1).id, &continued).await.unwrap();
    let Record { notes, tags, .. } = awkward(1);
    assert_eq!(all(&store).await, [Record { notes, tags, ..continued }]);
    let gone = store.replace(record(1).id, &record(3)).await.unwrap_err();
    assert!(matches!(gone, StoreError::NotFound { .. }), "{gone}");
}

async fn another_record_under_the_same_id_is_refused(place: &Place) {
    let store = place.open().await;
    store.save(&record(1)).await.unwrap();
    let mut other = record(1);
    other.samples[0].duration_ns = Nanos(1);
    other.tags = vec!["other".into()];
    let error = store.save(&other).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { id, .. } if id == record(1).id), "{error}");
    assert_eq!(all(&store).await, [record(1)]);
}

async fn a_batch_is_saved_whole_or_not_at_all(place: &Place) {
    let store = place.open().await;
    store.save(&record(3)).await.unwrap();
    let mut other = record(3);
    other.flags = vec!["changed".into()];
    store.save_all(&[record(1), other, record(2)]).await.unwrap_err();
    assert_eq!(all(&store).await, [record(3)]);
    assert_eq!(store.save_all(&[record(2), record(3), record(1), record(1)]).await.unwrap(), 2);
    assert_eq!(all(&store).await, [record(3), record(2), record(1)]);
}

async fn records_that_would_not_read_back_are_refused(place: &Place) {
    let store = place.open().await;
    let mut no_number = record(1);
    no_number.summary = Some(sample::summary(f64::NAN));
    let empty_tag = Record { tags: vec![String::new()], ..record(1) };
    let long_tag = Record { tags: vec!["x".repeat(MAX_TAG_BYTES + 1)], ..record(1) };
    for wrong in [no_number, empty_tag, long_tag] {
        let error = store.save(&wrong).await.unwrap_err();
        assert!(matches!(error, StoreError::InvalidRecord { .. }), "{error}");
    }
    assert_eq!(store.count(&Filter::default()).await.unwrap(), 0);
}

async fn importing_twice_changes_nothing(place: &Place) {
    let store = place.open().await;
    let kept = Record { notes: vec![note(3, "ours")], tags: vec!["ours".into()], ..record(1) };
    store.save(&kept).await.unwrap();
    let imported = Record {
        notes: vec![note(1, "theirs"), note(3, "ours"), note(3, "theirs")],
        tags: vec!["theirs".into(), "ours".into(), "theirs".into()],
        ..record(1)
    };
    let merged = Record {
        notes: vec![note(1, "theirs"), note(3, "ours"), note(3, "theirs")],
        tags: vec!["ours".into(), "theirs".into()],
        ..record(1)
    };
    for n_new in [1, 0] {
        assert_eq!(store.save_all(&[imported.clone(), record(2)]).await.unwrap(), n_new);
        assert_eq!(all(&store).await, [record(2), merged.clone()]);
    }
}

fn note(seconds: u64, text: &str) -> Note {
    Note { at: time(seconds), text: text.into() }
}

async fn notes_and_tags_are_added_and_taken_away(place: &Place) {
    let store = place.open().await;
    store.save_all(&[record(1), record(2)]).await.unwrap();
    let id = record(1).id;
    for note in [note(9, "no gain, reverted"), note(8, NASTY), note(9, "no gain, reverted")] {
        store.note(id, &note).await.unwrap();
    }
    let long = "x".repeat(100_000);
    store.note(id, &note(10, &long)).await.unwrap();
    store.tag(id, &["b", "a", NASTY]).await.unwrap();
    store.tag(id, &["a", "c"]).await.unwrap();
    store.untag(id, &["b", "never given"]).await.unwrap();

    let expected = Record {
        notes: vec![note(8, NASTY), note(9, "no gain, reverted"), note(10, &long)],
        tags: vec!["a".into(), NASTY.into(), "c".into()],
        ..record(1)
    };
    assert_eq!(all(&store).await, [record(2), expected.clone()]);
    let rows = store.list(&Filter::default()).await.unwrap();
    assert_eq!((&rows[1].notes, &rows[1].tags), (&expected.notes, &expected.tags));
    assert!(rows[0].notes.is_empty() && rows[0].tags.is_empty());

    let unknown = record(3).id;
    let none: [&str; 0] = [];
    for error in [
        store.note(unknown, &note(1, "x")).await.unwrap_err(),
        store.tag(unknown, &["x"]).await.unwrap_err(),
        store.untag(unknown, &none).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
    }
    let error = store.tag(id, &[""]).await.unwrap_err();
    assert!(matches!(error, StoreError::InvalidRecord { .. }), "{error}");
}

async fn removed_records_are_gone(place: &Place) {
    let store = place.open().await;
    store.save_all(&[awkward(1), record(2)]).await.unwrap();
    store.remove(awkward(1).id).await.unwrap();
    assert_eq!(all(&store).await, [record(2)]);
    for error in [
        store.remove(awkward(1).id).await.unwrap_err(),
        store.get(awkward(1).id).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
    }
    let tagged = Filter { tag: Some("zeta".into()), ..Filter::default() };
    assert_eq!(store.count(&tagged).await.unwrap(), 0);
    store.save(&record(1)).await.unwrap();
    assert_eq!(all(&store).await, [record(2), record(1)]);
}

async fn a_newer_schema_is_refused(place: &Place) {
    place.open().await.close().await;
    let newer = SCHEMA_VERSION + 1;
    place.execute(&format!("INSERT INTO tokmark_schema (version) VALUES ({newer})")).await;
    let error = Store::open(&place.url).await.unwrap_err();
    let message = error.to_string();
    match error {
        StoreError::NewerSchema { found, known, .. } => {
            assert_eq!((found, known), (newer, SCHEMA_VERSION));
        }
        other => panic!("{other}"),
    }
    let advice = format!("this tokmark knows {SCHEMA_VERSION}: use a newer tokmark");
    assert!(message.ends_with(&advice), "{message}");
}
