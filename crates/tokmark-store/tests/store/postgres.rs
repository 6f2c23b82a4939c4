//! What only PostgreSQL can suffer.

use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::{Connection, Executor};
use tokmark_store::{Filter, OpenOptions, Store, StoreError, StoreUrl};

use crate::place::{block_on, cluster, on_postgres};
use crate::sample::record;

#[test]
fn a_table_locked_for_too_long_is_told() {
    on_postgres(async |place| {
        // The tables are made without haste.
        place.open().await.save(&record(1)).await.unwrap();
        let options =
            OpenOptions { busy_timeout: Duration::from_secs(2), ..OpenOptions::default() };
        let store = Store::open_with(&place.url, options).await.unwrap();
        let mut other = PgConnection::connect(&place.address()).await.unwrap();
        other.execute("BEGIN; LOCK TABLE tokmark_records IN EXCLUSIVE MODE").await.unwrap();
        let error = store.save(&record(2)).await.unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
        other.execute("ROLLBACK").await.unwrap();
        store.save(&record(2)).await.unwrap();
        assert_eq!(store.count(&Filter::default()).await.unwrap(), 2);
    });
}

#[test]
fn a_user_who_may_only_read_reads_and_is_told_so_when_saving() {
    on_postgres(async |place| {
        let store = place.open().await;
        store.save(&record(1)).await.unwrap();
        let role = format!("reader_{}", uuid::Uuid::now_v7().simple());
        place
            .execute(&format!(
                "CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
            ))
            .await;
        let StoreUrl::Postgres(mut url) = place.url.clone() else { unreachable!() };
        url.set_username(&role).unwrap();
        let reader = Store::open(&StoreUrl::Postgres(url)).await.unwrap();
        assert_eq!(reader.get(record(1).id).await.unwrap(), record(1));
        for error in
            [reader.save(&record(2)).await.unwrap_err(), reader.check_writable().await.unwrap_err()]
        {
            assert!(matches!(error, StoreError::NoWriteAccess { .. }), "{error:?}");
        }
        store.check_writable().await.unwrap();
        reader.close().await;
        place.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    });
}

#[test]
fn a_server_that_cannot_be_reached_is_told_without_the_password() {
    let mut missing = url::Url::parse(&cluster()).unwrap();
    missing.set_path("no_such_database");
    missing.set_password(Some("secret")).unwrap();
    let nobody_listens = url::Url::parse("postgres://ann:secret@127.0.0.1:1/runs").unwrap();
    for url in [missing, nobody_listens] {
        let error = block_on(Store::open(&StoreUrl::Postgres(url))).unwrap_err();
        assert!(matches!(error, StoreError::Connection { .. }), "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
