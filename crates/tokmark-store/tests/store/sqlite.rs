//! Files that are damaged, locked or somebody else's.

use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sea_orm::sqlx::{Connection, Executor, Row};
use tokmark_store::{Filter, OpenOptions, Store, StoreError, StoreUrl};

use crate::place::{Place, block_on};
use crate::sample::record;

async fn connection(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// What SQLite says of the whole file.
pub async fn integrity(place: &Place) -> String {
    let mut connection = connection(place.url.file().unwrap()).await;
    let row = connection.fetch_one("PRAGMA integrity_check").await.unwrap();
    connection.close().await.unwrap();
    row.get(0)
}

/// Everything that a user might do with what stands in the file.
async fn use_it(url: &StoreUrl) -> Result<(), StoreError> {
    let store = Store::open(url).await?;
    let outcome = async {
        store.list(&Filter::default()).await?;
        store.records(&Filter::default()).await?;
        store.runs(None).await?;
        store.resolve(&record(1).id.to_string()).await?;
        store.save(&record(1_000)).await
    };
    let outcome = outcome.await;
    store.close().await;
    outcome.map(|_| ())
}

/// A store of 60 records, closed, as bytes.
async fn bytes(place: &Place) -> Vec<u8> {
    let store = place.open().await;
    store.save_all(&(0..60).map(record).collect::<Vec<_>>()).await.unwrap();
    store.close().await;
    std::fs::read(place.url.file().unwrap()).unwrap()
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn random_bytes_are_told_and_left_alone() {
    let place = Place::sqlite();
    let path = place.url.file().unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut state = 42;
    for length in [1, 15, 16, 100, 1_000, 4_096, 100_000] {
        let noise: Vec<u8> = (0..length).map(|_| random(&mut state) as u8).collect();
        std::fs::write(path, &noise).unwrap();
        let error = block_on(use_it(&place.url)).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{length}: {error:?}");
        assert_eq!(std::fs::read(path).unwrap(), noise);
    }
}

#[test]
fn truncated_files_are_told_and_left_alone() {
    let place = Place::sqlite();
    let whole = block_on(bytes(&place));
    let path = place.url.file().unwrap();
    for length in [50, 100, 512, 4_096, 5_000, 40_960, whole.len() / 2, whole.len() - 4_096] {
        std::fs::write(path, &whole[..length]).unwrap();
        let error = block_on(use_it(&place.url)).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{length}: {error:?}");
        assert_eq!(std::fs::read(path).unwrap(), &whole[..length], "{length}");
    }
}

#[test]
fn flipped_bits_never_panic() {
    let place = Place::sqlite();
    let whole = block_on(bytes(&place));
    let path = place.url.file().unwrap();
    let mut state = 7;
    let mut n_told = 0;
    for round in 0..60 {
        let mut damaged = whole.clone();
        // The first page holds the header and the tables' definitions.
        let range = if round % 2 == 0 { 4_096 } else { damaged.len() };
        for _ in 0..20 {
            let at = random(&mut state) as usize % range;
            damaged[at] ^= 1 << (random(&mut state) % 8);
        }
        std::fs::write(path, &damaged).unwrap();
        n_told += usize::from(block_on(use_it(&place.url)).is_err());
    }
    assert!(n_told > 20, "{n_told}");
}

#[test]
fn definitions_that_are_no_text_are_told() {
    let place = Place::sqlite();
    let mut damaged = block_on(bytes(&place));
    let word = b"uuid";
    let ats: Vec<usize> =
        (0..damaged.len() - word.len()).filter(|at| damaged[*at..].starts_with(word)).collect();
    assert!(ats.len() > 10);
    for at in ats {
        damaged[at + 1] = 0xff;
    }
    std::fs::write(place.url.file().unwrap(), &damaged).unwrap();
    let error = block_on(use_it(&place.url)).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[test]
fn an_empty_file_becomes_a_store() {
    let place = Place::sqlite();
    let path = place.url.file().unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, "").unwrap();
    block_on(async {
        let store = place.open().await;
        assert!(store.save(&record(1)).await.unwrap());
    });
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let place = Place::sqlite();
    let path = place.url.file().unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    block_on(async {
        let mut other = connection(path).await;
        other.execute("CREATE TABLE bookmarks (url TEXT)").await.unwrap();
        other.close().await.unwrap();
    });
    let before = std::fs::read(path).unwrap();
    let error = block_on(use_it(&place.url)).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error:?}");
    assert_eq!(std::fs::read(path).unwrap(), before);
}

#[test]
fn a_file_locked_for_too_long_is_told_and_still_read() {
    let place = Place::sqlite();
    block_on(async {
        let options =
            OpenOptions { busy_timeout: Duration::from_millis(50), ..OpenOptions::default() };
        let store = Store::open_with(&place.url, options).await.unwrap();
        store.save(&record(1)).await.unwrap();
        let mut other = connection(place.url.file().unwrap()).await;
        other.execute("BEGIN IMMEDIATE").await.unwrap();
        for error in [
            store.save(&record(2)).await.unwrap_err(),
            store.check_writable().await.unwrap_err(),
            store.tag(record(1).id, &["x"]).await.unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
        }
        // History opens and reads meanwhile.
        let reader = Store::open_with(&place.url, options).await.unwrap();
        assert_eq!(reader.get(record(1).id).await.unwrap(), record(1));
        other.execute("ROLLBACK").await.unwrap();
        store.save(&record(2)).await.unwrap();
    });
}

#[test]
fn a_new_file_locked_for_too_long_is_told() {
    let place = Place::sqlite();
    let path = place.url.file().unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    block_on(async {
        let mut other = connection(path).await;
        other.execute("BEGIN EXCLUSIVE").await.unwrap();
        let options =
            OpenOptions { busy_timeout: Duration::from_millis(50), ..OpenOptions::default() };
        let error = Store::open_with(&place.url, options).await.unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    });
}

#[test]
fn readers_and_a_writer_work_at_once() {
    let place = Place::sqlite();
    block_on(async {
        let _store = place.open().await;
        let mut other = connection(place.url.file().unwrap()).await;
        let row = other.fetch_one("PRAGMA journal_mode").await.unwrap();
        assert_eq!(row.get::<String, _>(0), "wal");
    });
}
