//! Databases of older versions.

use tokmark_model::*;
use tokmark_store::*;

use crate::place::{Place, on_both_databases};
use crate::sample::{awkward, record, time};

on_both_databases!(
    a_version_3_database_is_filled_in,
    a_body_that_cannot_be_read_stops_no_upgrade,
    an_old_database_opened_at_once_is_upgraded_once,
);

/// What version 3 made. SQLite takes any word for a type.
const VERSION_3: &str = "
CREATE TABLE tokmark_schema (version bigint NOT NULL PRIMARY KEY);
INSERT INTO tokmark_schema (version) VALUES (1), (2), (3);
CREATE TABLE tokmark_records (
    id uuid NOT NULL PRIMARY KEY, run_id uuid NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL,
    created_at_us bigint NOT NULL, model_name TEXT NOT NULL, model_search TEXT NOT NULL,
    model_sha256 TEXT, quantization TEXT, test_kind TEXT NOT NULL, n_prompt bigint NOT NULL,
    n_gen bigint NOT NULL, n_depth bigint NOT NULL, n_parallel bigint NOT NULL,
    test_label TEXT NOT NULL, engine_name TEXT NOT NULL, backends TEXT NOT NULL,
    machine_fingerprint TEXT NOT NULL, grade TEXT, rate_tps double precision,
    rate_low_tps double precision, rate_high_tps double precision, duration_ns bigint,
    record_version bigint NOT NULL, statistics_version bigint,
    settings TEXT DEFAULT '' NOT NULL, is_visit boolean DEFAULT false NOT NULL
);
CREATE TABLE tokmark_record_bodies (
    record_id uuid NOT NULL PRIMARY KEY REFERENCES tokmark_records (id) ON DELETE CASCADE,
    body TEXT NOT NULL
);
CREATE TABLE tokmark_record_notes (
    record_id uuid NOT NULL REFERENCES tokmark_records (id) ON DELETE CASCADE,
    note_id uuid NOT NULL, position bigint NOT NULL, noted_at TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (record_id, note_id)
);
CREATE TABLE tokmark_record_tags (
    record_id uuid NOT NULL REFERENCES tokmark_records (id) ON DELETE CASCADE,
    tag TEXT NOT NULL, position bigint NOT NULL, PRIMARY KEY (record_id, tag)
);
CREATE INDEX tokmark_record_tags_by_tag ON tokmark_record_tags (tag);
CREATE INDEX tokmark_records_by_run ON tokmark_records (run_id);
CREATE INDEX tokmark_records_by_series
    ON tokmark_records (model_sha256, test_label, machine_fingerprint, created_at_us);
CREATE INDEX tokmark_records_by_time ON tokmark_records (created_at_us, id);
";

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\0', "\u{fffd}").replace('\'', "''"))
}

fn absent<T: ToString>(value: Option<T>) -> String {
    value.map_or("NULL".into(), |value| value.to_string())
}

/// What version 3 wrote of a record.
fn insert(place: &Place, record: &Record, body: &str) -> String {
    let uuid = |id: Uuid| match place.is_sqlite() {
        true => format!("X'{}'", id.simple()),
        false => format!("'{id}'"),
    };
    let (model, test) = (&record.model, &record.test);
    let word = |value: serde_json::Value| quoted(value.as_str().unwrap());
    let search = [Some(&model.name), Some(&model.file_name), model.source.as_ref()];
    let search: Vec<&str> = search.into_iter().flatten().map(String::as_str).collect();
    let rate = record.rate();
    let columns = [
        uuid(record.id),
        uuid(record.run_id),
        word(serde_json::to_value(record.kind).unwrap()),
        word(serde_json::to_value(record.status).unwrap()),
        record.created_at.as_microsecond().to_string(),
        quoted(&model.name),
        quoted(&search.join("\n").to_lowercase()),
        absent(model.sha256.as_deref().map(quoted)),
        absent(model.quantization.as_deref().map(quoted)),
        word(serde_json::to_value(test.kind()).unwrap()),
        test.n_prompt.to_string(),
        test.n_gen.to_string(),
        test.n_depth.to_string(),
        test.n_parallel.to_string(),
        quoted(&record.label()),
        quoted(&record.engine.name),
        quoted(&record.engine.backends),
        quoted(&record.machine.fingerprint),
        absent(
            record.grade.as_ref().map(|grade| word(serde_json::to_value(grade.letter).unwrap())),
        ),
        absent(rate.map(|rate| rate.rate_tps.get())),
        absent(rate.and_then(|rate| rate.interval).map(|ends| ends.low)),
        absent(rate.and_then(|rate| rate.interval).map(|ends| ends.high)),
        "3507".into(),
        record.record_version.to_string(),
        absent(record.statistics_version()),
        quoted(&record.params.settings()),
        record.visit.is_some().to_string(),
    ];
    format!(
        "INSERT INTO tokmark_records VALUES ({}); INSERT INTO tokmark_record_bodies VALUES ({}, {});",
        columns.join(", "),
        uuid(record.id),
        quoted(body),
    )
}

/// Records of all sorts, more than are taken in at once.
fn old_records() -> Vec<Record> {
    let mut records: Vec<Record> = (0..1100).map(record).collect();
    for (n, record) in records.iter_mut().enumerate() {
        record.samples.truncate(1);
        record.samples[0].token_ns.clear();
        record.machine.fingerprint = format!("machine-{}", n % 5);
        if n % 3 == 0 {
            record.model.sha256 = None;
            record.model.name = format!("Qwen3-{n}B");
        }
        if n % 4 == 0 {
            record.test = Test::pp(512).at_depth(u32::try_from(n).unwrap());
        }
        if n % 7 == 0 {
            record.summary = None;
        }
        if n % 10 == 1 {
            record.kind = RecordKind::Published;
            record.summary = None;
            record.published = Some(Published {
                source: "a table".into(),
                rate_tps: Some(TokensPerSecond(n as f64)),
                ..Published::default()
            });
        }
    }
    let plain = Record { notes: Vec::new(), tags: Vec::new(), ..awkward(5_000) };
    records.push(plain);
    records
}

async fn make_version_3(place: &Place, records: &[Record]) {
    let sql = match place.is_sqlite() {
        true => VERSION_3.to_owned(),
        false => VERSION_3.replace("TEXT", "TEXT COLLATE \"C\""),
    };
    if let Some(folder) = place.url.file().and_then(|file| file.parent()) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(place.url.file().unwrap(), "").unwrap();
    }
    let inserts =
        records.iter().map(|old| insert(place, old, &serde_json::to_string(old).unwrap()));
    let sql = format!("BEGIN; {sql} {} COMMIT;", inserts.collect::<String>());
    place.execute(&sql).await;
}

/// The rows of all orders, page by page, and what the board says.
async fn everything(store: &Store) -> (Vec<Vec<RecordRow>>, Vec<BoardRow>, BoardChoices) {
    let mut lists = Vec::new();
    for key in [SortKey::Time, SortKey::Rate, SortKey::Model, SortKey::Test] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let sort = Sort { key, direction };
            let filter = Filter { sort, limit: Some(1000), ..Filter::default() };
            let first = store.page(&filter, None).await.unwrap();
            let second = store.page(&filter, first.next.as_ref()).await.unwrap();
            assert_eq!(second.next, None);
            lists.push([first.rows, second.rows].concat());
        }
    }
    let board = store.board();
    let rows = board.rows(&BoardFilter::default()).await.unwrap();
    (lists, rows, board.choices().await.unwrap())
}

async fn a_version_3_database_is_filled_in(place: &Place) {
    let records = old_records();
    make_version_3(place, &records).await;
    let old = place.open().await;
    let fresh_place = Place::sqlite();
    let fresh = fresh_place.open().await;
    fresh.save_all(&records).await.unwrap();
    let (expected, found) = (everything(&fresh).await, everything(&old).await);
    // What version 3 wrote of durations is not what the samples say here.
    let ids =
        |lists: &[Vec<RecordRow>]| lists.iter().flatten().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(&found.0), ids(&expected.0));
    assert_eq!((found.1, found.2), (expected.1, expected.2));
    assert_eq!(
        old.board().machines(99, None).await.unwrap().rows,
        fresh.board().machines(99, None).await.unwrap().rows
    );
    assert_eq!(
        old.board().models(2000, None).await.unwrap().rows,
        fresh.board().models(2000, None).await.unwrap().rows
    );
    let of_model = Filter { model_sha256: Some("ab".repeat(32)), ..Filter::default() };
    assert_eq!(old.count(&of_model).await.unwrap(), fresh.count(&of_model).await.unwrap());
    // Nothing of the records changed, and the store goes on.
    assert_eq!(
        old.records(&Filter::default()).await.unwrap(),
        fresh.records(&Filter::default()).await.unwrap()
    );
    for store in [&old, &fresh] {
        store.save(&record(9_000)).await.unwrap();
        for n in [1099, 1097, 1096, 1091] {
            store.remove(records[n].id).await.unwrap();
        }
    }
    assert_eq!(everything(&old).await.1, everything(&fresh).await.1);
    old.jobs().submit(&crate::jobs::quick("A"), None, None, time(1)).await.unwrap();
    old.close().await;
    place.open().await.ping().await.unwrap();
}

async fn a_body_that_cannot_be_read_stops_no_upgrade(place: &Place) {
    make_version_3(place, &[record(1)]).await;
    place.execute(&insert(place, &record(2), "{\"of\": \"another time\"}")).await;
    let store = place.open().await;
    let rows = store.list(&Filter::default()).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [record(2).id, record(1).id]);
    let rows = store.board().rows(&BoardFilter::default()).await.unwrap();
    assert_eq!(rows, [tokmark_stats::board_row(&record(1)).unwrap()]);
    assert_eq!(store.board().machines(9, None).await.unwrap().rows[0].n_records, 1);
    let of_model = Filter { model_sha256: Some("ab".repeat(32)), ..Filter::default() };
    assert_eq!(store.count(&of_model).await.unwrap(), 2);
    let error = store.get(record(2).id).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreadable { .. }), "{error}");
    // Removing it takes nothing from what it never was part of.
    store.remove(record(2).id).await.unwrap();
    assert_eq!(store.board().machines(9, None).await.unwrap().rows[0].n_records, 1);
    store.remove(record(1).id).await.unwrap();
    assert_eq!(store.board().machines(9, None).await.unwrap().rows, []);
}

async fn an_old_database_opened_at_once_is_upgraded_once(place: &Place) {
    make_version_3(place, &[record(1), record(2)]).await;
    let openings: Vec<_> = (0..6)
        .map(|_| {
            let url = place.url.clone();
            tokio::spawn(async move {
                let store = Store::open(&url).await.unwrap();
                store.board().machines(9, None).await.unwrap().rows[0].n_records
            })
        })
        .collect();
    for opening in openings {
        assert_eq!(opening.await.unwrap(), 2);
    }
}
