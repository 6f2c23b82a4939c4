//! Where a test keeps its records: a file in a new folder or a database of its own.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sea_orm::sqlx::{AssertSqlSafe, Connection, raw_sql};
use tempfile::TempDir;
use tokmark_store::{Store, StoreUrl};

/// The variable that names the throw-away cluster.
const CLUSTER: &str = "TOKMARK_TEST_POSTGRES";

pub struct Place {
    pub url: StoreUrl,
    folder: Option<TempDir>,
    database: Option<String>,
}

impl Place {
    pub fn sqlite() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(folder.path().join("new folder/tokmark.db"));
        Place { url, folder: Some(folder), database: None }
    }

    /// A new database, of another collation than bytes, so that sorting alike is shown.
    pub async fn postgres() -> Place {
        let cluster = cluster();
        let database = format!("tokmark_test_{}", uuid::Uuid::now_v7().simple());
        let sql = format!(
            "CREATE DATABASE {database} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
        );
        on_cluster(&cluster, &sql).await;
        let mut url = url::Url::parse(&cluster).unwrap();
        url.set_path(&database);
        Place { url: StoreUrl::Postgres(url), folder: None, database: Some(database) }
    }

    pub async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    /// The address to hand to another process.
    pub fn address(&self) -> String {
        match &self.url {
            StoreUrl::Sqlite(path) => path.to_str().unwrap().to_owned(),
            StoreUrl::Postgres(url) => url.to_string(),
        }
    }

    pub fn is_sqlite(&self) -> bool {
        self.folder.is_some()
    }

    /// Runs SQL behind the store's back.
    pub async fn execute(&self, sql: &str) {
        match &self.url {
            StoreUrl::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            StoreUrl::Postgres(url) => on_cluster(url.as_str(), sql).await,
        }
    }

    async fn remove(self) {
        if let Some(database) = self.database {
            let sql = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
            on_cluster(&cluster(), &sql).await;
        }
    }
}

pub fn cluster() -> String {
    std::env::var(CLUSTER).unwrap_or_else(|_| {
        panic!(
            "{CLUSTER} names no cluster: run ./x test, which starts one, or \
             export {CLUSTER}=\"$(scripts/postgres.sh start)\""
        )
    })
}

async fn on_cluster(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Runs a test of the suite on SQLite and takes its traces away, whatever comes of it.
pub fn on_sqlite(test: impl AsyncFnOnce(&Place)) {
    let place = Place::sqlite();
    block_on(test(&place));
}

/// The same on PostgreSQL.
pub fn on_postgres(test: impl AsyncFnOnce(&Place)) {
    let place = block_on(Place::postgres());
    let outcome = catch_unwind(AssertUnwindSafe(|| block_on(test(&place))));
    block_on(place.remove());
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

/// Makes each test of a suite into one test for each database.
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $name() { crate::place::on_sqlite(super::$name); })+
        }
        mod on_postgres {
            $(#[test] fn $name() { crate::place::on_postgres(super::$name); })+
        }
    };
}
pub(crate) use on_both_databases;
