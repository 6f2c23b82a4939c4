//! Lists read page by page.

use tokmark_model::*;
use tokmark_store::*;

use crate::place::{Place, on_both_databases};
use crate::sample::{self, NASTY, record, summary, time};

on_both_databases!(
    pages_follow_each_other_in_every_order,
    pages_stay_whole_while_records_are_added_and_removed,
    a_page_has_a_size_within_limits,
    a_cursor_of_another_order_is_refused,
    hostile_cursors_are_refused,
    records_with_awkward_values_are_paged_through,
);

const KEYS: [SortKey; 4] = [SortKey::Time, SortKey::Rate, SortKey::Model, SortKey::Test];
const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

fn orders() -> impl Iterator<Item = Sort> {
    let both = |key| DIRECTIONS.map(|direction| Sort { key, direction });
    KEYS.into_iter().flat_map(both)
}

/// Records that agree in every combination of what lists are sorted by: three of four begin
/// at the same time, rates, models and tests are few, some lack a rate or samples.
fn ties(numbers: impl IntoIterator<Item = u64>) -> Vec<Record> {
    numbers.into_iter().map(tied).collect()
}

fn tied(n: u64) -> Record {
    let mut tied = record(n);
    tied.created_at = time(n / 4);
    tied.id = sample::id(tied.created_at, n * 7919 % 1009 + (n << 20));
    tied.model.name = ["b", "B", "a", NASTY][(n % 4) as usize].into();
    tied.test = [Test::tg(128), Test::pp(512), Test::pp(64).at_depth(7)][(n % 3) as usize];
    tied.summary =
        (!n.is_multiple_of(5)).then(|| summary([10.0, 20.0, 20.5][(n / 2 % 3) as usize]));
    if n.is_multiple_of(7) {
        tied.kind = RecordKind::ImportedSummary;
    }
    tied
}

fn limited(sort: Sort, limit: u64) -> Filter {
    Filter { sort, limit: Some(limit), ..Filter::default() }
}

/// The next page, by way of the cursor's text.
async fn next(store: &Store, filter: &Filter, after: Option<Cursor>) -> Page {
    let text = after.map(|cursor| cursor.to_string());
    let cursor = text.map(|text| {
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{text}");
        text.parse().unwrap()
    });
    store.page(filter, cursor.as_ref()).await.unwrap()
}

async fn pages_follow_each_other_in_every_order(place: &Place) {
    let store = place.open().await;
    store.save_all(&ties(0..60)).await.unwrap();
    for sort in orders() {
        let whole = store.list(&Filter { sort, ..Filter::default() }).await.unwrap();
        for size in [1, 7, 59, 60, 61] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = next(&store, &limited(sort, size), after).await;
                assert!(page.rows.len() as u64 <= size && !page.rows.is_empty());
                seen.extend(page.rows);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, whole, "{sort:?} by {size}");
        }
    }
}

async fn pages_stay_whole_while_records_are_added_and_removed(place: &Place) {
    let store = place.open().await;
    let first = ties((0..60).map(|n| n * 2));
    let removed = [first[3].id, first[30].id, first[58].id];
    let mut added = 0;
    for sort in orders() {
        store.save_all(&first).await.unwrap();
        let before = store.list(&Filter { sort, ..Filter::default() }).await.unwrap();
        let (mut seen, mut after): (Vec<RecordRow>, _) = (Vec::new(), None);
        loop {
            let page = next(&store, &limited(sort, 5), after).await;
            seen.extend(page.rows);
            after = page.next;
            if after.is_none() {
                break;
            }
            // Whoever looks on would see what is added before and after this place.
            added += 1;
            let new = ties([1 + added * 2, 1 + (added * 37 % 60) * 2 + 10_000]);
            store.save_all(&new).await.unwrap();
            if seen.len() == 20 {
                for id in removed {
                    store.remove(id).await.unwrap();
                }
            }
        }
        let now = store.list(&Filter { sort, ..Filter::default() }).await.unwrap();
        let place_of = |row: &RecordRow| now.iter().position(|other| other.id == row.id);
        let places: Vec<_> = seen.iter().filter_map(place_of).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "{sort:?}: none twice, all in order");
        let ids: Vec<_> = seen.iter().map(|row| row.id).collect();
        for row in before.iter().filter(|row| !removed.contains(&row.id)) {
            assert!(ids.contains(&row.id), "{sort:?}: {} was left out", row.id);
        }
    }
}

async fn a_page_has_a_size_within_limits(place: &Place) {
    let store = place.open().await;
    store.save_all(&(0..1005).map(record).collect::<Vec<_>>()).await.unwrap();
    for (limit, expected) in [(None, 100), (Some(0), 1), (Some(5_000_000), 1000)] {
        let page = store.page(&Filter { limit, ..Filter::default() }, None).await.unwrap();
        assert_eq!((page.rows.len(), page.next.is_some()), (expected, true), "{limit:?}");
    }
    let tagged = Filter { tag: Some("none".into()), ..Filter::default() };
    assert_eq!(store.page(&tagged, None).await.unwrap(), Page { rows: vec![], next: None });
}

async fn a_cursor_of_another_order_is_refused(place: &Place) {
    let store = place.open().await;
    store.save_all(&ties(0..9)).await.unwrap();
    for sort in orders() {
        let cursor = store.page(&limited(sort, 1), None).await.unwrap().next.unwrap();
        for other in orders().filter(|other| *other != sort) {
            let error = store.page(&limited(other, 1), Some(&cursor)).await.unwrap_err();
            assert!(matches!(error, StoreError::InvalidCursor { .. }), "{error}");
        }
    }
}

async fn hostile_cursors_are_refused(place: &Place) {
    let store = place.open().await;
    store.save_all(&ties(0..30)).await.unwrap();
    let wrong = ["", "=", "e30", "bnVsbA", "' OR 1=1 --", "ß", "\0", &"A".repeat(1 << 20)];
    let sort = |key: &str| format!(r#""sort":{{"key":"{key}","direction":"descending"}}"#);
    let place_text = r#""at_us":1,"id":"00000000-0000-0000-0000-000000000000""#;
    let (time, rate, model) = (sort("time"), sort("rate"), sort("model"));
    let places = [
        format!(r#"{{{time},"text":"x",{place_text}}}"#),
        format!(r#"{{{time},"more":1,{place_text}}}"#),
        format!(r#"{{{time},"at_us":1e99,"id":"00000000-0000-0000-0000-000000000000"}}"#),
        format!(r#"{{{time},"at_us":1,"id":"x"}}"#),
        format!(r#"{{{rate},{place_text}}}"#),
        format!(r#"{{{rate},"rate":[9,1.0],{place_text}}}"#),
        format!(r#"{{{rate},"rate":[-1,1.0],{place_text}}}"#),
        format!(r#"{{{rate},"rate":[0,null],{place_text}}}"#),
        format!(r#"{{{rate},"rate":[1,1.0],{place_text}}}"#),
        format!(r#"{{{rate},"rate":[0,1e999],{place_text}}}"#),
        format!(r#"{{{model},{place_text}}}"#),
        format!(r#"{{{model},"text":"\u0000",{place_text}}}"#),
        format!(r#"{{{model},"text":"{}",{place_text}}}"#, "x".repeat(300)),
        format!("{}1{}", "[".repeat(500), "]".repeat(500)),
    ];
    let encoded = places.iter().map(|place| base64url(place.as_bytes()));
    for text in wrong.into_iter().map(String::from).chain(encoded) {
        let error = text.parse::<Cursor>().unwrap_err();
        assert!(matches!(error, StoreError::InvalidCursor { .. }), "{error}");
        assert!(error.to_string().len() < 200);
    }
    // A changed cursor is refused or shows some page, and never anything else.
    for sort in orders() {
        let cursor = store.page(&limited(sort, 3), None).await.unwrap().next.unwrap();
        let text = cursor.to_string();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'x' { b'1' } else { b'x' };
            if let Ok(changed) = String::from_utf8(bytes).unwrap().parse::<Cursor>() {
                let filter = limited(sort, 3);
                match store.page(&filter, Some(&changed)).await {
                    Ok(page) => assert!(page.rows.len() <= 3),
                    Err(StoreError::InvalidCursor { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
    // Places that no record has are places still.
    for (at, id) in [(i64::MIN, "0"), (i64::MAX, "f")] {
        let id = format!("{0}-{1}-{1}-{1}-{2}", id.repeat(8), id.repeat(4), id.repeat(12));
        let text = base64url(format!(r#"{{{time},"at_us":{at},"id":"{id}"}}"#).as_bytes());
        let page = store.page(&Filter::default(), Some(&text.parse().unwrap())).await.unwrap();
        assert_eq!(page.rows.len(), if at < 0 { 0 } else { 30 });
    }
}

async fn records_with_awkward_values_are_paged_through(place: &Place) {
    let store = place.open().await;
    let mut records = ties(0..12);
    for (record, rate) in records.iter_mut().zip([5e-324, f64::MAX, -0.0, 0.0, 0.1 + 0.2, 1e300]) {
        record.summary = Some(summary(rate));
        // No ends that are no numbers.
        record.summary.as_mut().unwrap().rate.interval = None;
        record.model.name = format!("{}{NASTY}", "é🦀".repeat(100));
        record.test = Test { n_prompt: u32::MAX, n_gen: u32::MAX, n_depth: 0, n_parallel: 1 };
    }
    store.save_all(&records).await.unwrap();
    for sort in orders() {
        let whole = store.list(&Filter { sort, ..Filter::default() }).await.unwrap();
        let (mut seen, mut after) = (Vec::new(), None);
        for _ in 0..12 {
            let page = next(&store, &limited(sort, 1), after).await;
            seen.extend(page.rows);
            after = page.next;
        }
        assert_eq!((seen, after), (whole, None), "{sort:?}");
    }
}

fn base64url(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
