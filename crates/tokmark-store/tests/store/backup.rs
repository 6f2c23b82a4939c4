//! Copies of a store that is in use, and whether it answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokmark_store::*;

use crate::place::{Place, block_on, on_both_databases, on_postgres};
use crate::sample::{awkward, record, time};

on_both_databases!(a_store_answers,);

async fn a_store_answers(place: &Place) {
    place.open().await.ping().await.unwrap();
}

#[test]
fn a_copy_made_while_others_write_is_whole() {
    let place = Place::sqlite();
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let store = place.open().await;
        store.save_all(&(0..300).map(record).collect::<Vec<_>>()).await.unwrap();
        store.save(&awkward(999)).await.unwrap();
        store.jobs().submit(&crate::jobs::quick("A"), None, None, time(1)).await.unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let (writer, until) = (place.open().await, is_over.clone());
        let writing = tokio::spawn(async move {
            let mut n = 1_000;
            while !until.load(Ordering::Relaxed) {
                writer.save_all(&[record(n), record(n + 1)]).await.unwrap();
                n += 2;
            }
            n - 1_000
        });
        let mut seen = 0;
        for n in 0..3 {
            let file = folder.path().join(format!("copy {n}.db"));
            store.backup(&file).await.unwrap();
            let copy = Store::open(&StoreUrl::Sqlite(file)).await.unwrap();
            let records = copy.records(&Filter::default()).await.unwrap();
            // Batches are there whole or not at all, and nothing is ever lost.
            assert_eq!(records.len() % 2, 301 % 2);
            assert!(records.len() >= 301.max(seen));
            seen = records.len();
            assert_eq!(copy.get(awkward(999).id).await.unwrap(), awkward(999));
            assert_eq!(copy.board().rows(&BoardFilter::default()).await.unwrap().len(), 2);
            assert_eq!(copy.jobs().list(9, None).await.unwrap().rows.len(), 1);
            assert!(copy.save(&record(500)).await.unwrap());
            copy.close().await;
        }
        is_over.store(true, Ordering::Relaxed);
        let n_written = writing.await.unwrap();
        assert_eq!(store.count(&Filter::default()).await.unwrap(), 301 + n_written);
    });
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn readers_and_a_writer_work_at_once_on_a_copy() {
    let place = Place::sqlite();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.db");
    block_on(async {
        place.open().await.backup(&file).await.unwrap();
        use sea_orm::sqlx::{Connection, Executor, Row, sqlite::*};
        let options = SqliteConnectOptions::new().filename(&file);
        let mut copy = SqliteConnection::connect_with(&options).await.unwrap();
        let mode = copy.fetch_one("PRAGMA journal_mode").await.unwrap();
        assert_eq!(mode.get::<String, _>(0), "wal");
    });
}

#[test]
fn a_copy_never_takes_the_place_of_a_file() {
    let place = Place::sqlite();
    block_on(async {
        let store = place.open().await;
        let own = place.url.file().unwrap().to_owned();
        let folder = own.parent().unwrap().to_owned();
        let other = folder.join("letter.txt");
        std::fs::write(&other, "dear").unwrap();
        for taken in [&own, &other, &folder] {
            let error = store.backup(taken).await.unwrap_err();
            assert!(matches!(error, StoreError::NoBackup { .. }), "{error}");
        }
        assert_eq!(std::fs::read(&other).unwrap(), b"dear");
        let missing = folder.join("no such folder/copy.db");
        let error = store.backup(&missing).await.unwrap_err();
        assert!(matches!(error, StoreError::NoWriteAccess { .. }), "{error:?}");
        assert!(error.to_string().contains("no such folder"), "{error}");
    });
}

#[test]
fn a_server_is_copied_by_its_own_program() {
    on_postgres(async |place| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("copy.db");
        let error = place.open().await.backup(&file).await.unwrap_err();
        assert!(matches!(error, StoreError::NoBackup { .. }), "{error}");
        assert!(error.to_string().contains("pg_dump"), "{error}");
        assert!(!file.exists());
    });
}

#[test]
fn a_backup_takes_the_place_of_a_database_that_nobody_has_open() {
    let folder = tempfile::tempdir().unwrap();
    let (file, copy) = (folder.path().join("tokmark.db"), folder.path().join("copy.db"));
    block_on(async {
        let url = StoreUrl::Sqlite(file.clone());
        let store = Store::open(&url).await.unwrap();
        store.save_all(&[record(1), record(2)]).await.unwrap();
        store.backup(&copy).await.unwrap();
        let before = std::fs::read(&copy).unwrap();
        store.save(&record(3)).await.unwrap();
        let refused = Store::restore(&copy, &file).await;
        assert!(matches!(refused, Err(StoreError::Locked { .. })), "{refused:?}");
        assert_eq!(store.count(&Filter::default()).await.unwrap(), 3);
        store.close().await;
        let kept = Store::restore(&copy, &file).await.unwrap().unwrap();
        for (place, n) in [(file.clone(), 2), (kept, 3)] {
            let store = Store::open(&StoreUrl::Sqlite(place)).await.unwrap();
            assert_eq!(store.count(&Filter::default()).await.unwrap(), n);
            store.close().await;
        }
        assert_eq!(std::fs::read(&copy).unwrap(), before);
        // As a killed program leaves it: what it wrote last lies beside the file.
        let (live, left) = (folder.path().join("live.db"), folder.path().join("left.db"));
        let store = Store::open(&StoreUrl::Sqlite(live.clone())).await.unwrap();
        store.save_all(&[record(4), record(5), record(6)]).await.unwrap();
        let wal = |path: &std::path::Path| path.with_extension("db-wal");
        assert!(wal(&live).metadata().unwrap().len() > 0);
        std::fs::copy(&live, &left).unwrap();
        std::fs::copy(wal(&live), wal(&left)).unwrap();
        store.close().await;
        Store::restore(&left, &file).await.unwrap();
        let store = Store::open(&StoreUrl::Sqlite(file.clone())).await.unwrap();
        assert_eq!(store.count(&Filter::default()).await.unwrap(), 3);
        store.close().await;
        // What is no database of ours replaces none.
        std::fs::write(&copy, b"no database").unwrap();
        assert!(Store::restore(&copy, &file).await.is_err());
        // A broken database is replaced.
        std::fs::write(&copy, before).unwrap();
        std::fs::write(&file, b"broken, and of more than a hundred bytes: ".repeat(9)).unwrap();
        assert!(Store::restore(&copy, &file).await.unwrap().is_some());
        let names = std::fs::read_dir(folder.path()).unwrap();
        let names: Vec<_> = names.map(|name| name.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| !name.to_string_lossy().contains("partial")), "{names:?}");
    });
}
