use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::sqlx::{ConnectOptions, Connection};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, SqlxPostgresConnector, SqlxSqliteConnector, TransactionOptions,
    TransactionTrait,
};
use tokmark_model::Bytes;
use url::Url;

use crate::error::Origin;
use crate::schema::{self, Found, SCHEMA_VERSION};
use crate::{StoreError, StoreUrl};

/// How a store is opened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenOptions {
    /// How long another program's lock, or a connection, is waited for.
    pub busy_timeout: Duration,
    /// Connections at most; each is made when it is first needed. An SQLite connection
    /// is a thread and up to 2 MB of cached pages.
    pub max_connections: u32,
    /// Size that an SQLite file may not grow beyond; [`StoreError::DiskFull`] follows.
    pub max_size: Option<Bytes>,
}

impl Default for OpenOptions {
    /// 15 s, two connections, any size.
    fn default() -> Self {
        OpenOptions { busy_timeout: Duration::from_secs(15), max_connections: 2, max_size: None }
    }
}

/// Opens the database, makes or updates its tables.
pub(crate) async fn connect(
    url: &StoreUrl,
    options: &OpenOptions,
    origin: &Origin,
) -> Result<DatabaseConnection, StoreError> {
    match url {
        StoreUrl::Sqlite(path) => connect_sqlite(path, options, origin).await,
        StoreUrl::Postgres(url) => connect_postgres(url, options, origin).await,
    }
}

/// Begins a transaction that will write. SQLite takes the write lock at once: a
/// transaction that reads first and then finds the lock taken could not wait for it.
pub(crate) async fn begin_write(
    db: &DatabaseConnection,
    busy_timeout: Duration,
) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: (db.get_database_backend() == DbBackend::Sqlite)
            .then_some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = db.begin_with_options(options).await?;
    if db.get_database_backend() == DbBackend::Postgres {
        // Inside the transaction, since poolers such as PgBouncer refuse it at connecting.
        let sql = format!("SET LOCAL lock_timeout = {}", busy_timeout.as_millis().max(1));
        transaction.execute_unprepared(&sql).await?;
    }
    Ok(transaction)
}

async fn connect_sqlite(
    path: &Path,
    options: &OpenOptions,
    origin: &Origin,
) -> Result<DatabaseConnection, StoreError> {
    if path.is_dir() {
        return Err(StoreError::Folder { store: origin.store.clone() });
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| {
            if error.kind() == std::io::ErrorKind::StorageFull {
                origin.disk_full()
            } else {
                origin.no_write(format!("{}: {error}", folder.display()))
            }
        })?;
    }
    // Shorter than the header, a file is no database. SQLite takes one of a single byte for
    // an empty one and would write over it.
    if let Ok(length @ 1..100) = path.metadata().map(|file| file.len()) {
        return Err(origin.corrupt(format!("it has {length} bytes")));
    }
    let writable = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    match open_sqlite(writable, options, origin).await {
        Err(StoreError::NoWriteAccess { reason, store }) if path.is_file() => {
            // In a folder that can't be written SQLite can't make the file that readers
            // share. Without such a file nobody writes, and it may be read as it stands.
            if unfinished(path) {
                let reason = format!("{reason}; its -wal file holds changes, copy both elsewhere");
                return Err(StoreError::NoWriteAccess { store, reason });
            }
            let fixed = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
            match open_sqlite(fixed, options, origin).await {
                Err(StoreError::NoWriteAccess { .. }) => {
                    Err(StoreError::NoWriteAccess { store, reason })
                }
                other => other,
            }
        }
        other => other,
    }
}

/// Whether changes wait beside the file to be taken into it.
fn unfinished(path: &Path) -> bool {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    PathBuf::from(wal).metadata().is_ok_and(|wal| wal.len() > 0)
}

async fn open_sqlite(
    sqlite: SqliteConnectOptions,
    options: &OpenOptions,
    origin: &Origin,
) -> Result<DatabaseConnection, StoreError> {
    let mut sqlite = sqlite
        .foreign_keys(true)
        // A finished test must outlast a power cut right after it: measuring is when
        // machines overheat, hang and get reset. One fsync a test costs nothing here.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(options.busy_timeout.min(Duration::from_secs(3600)))
        .disable_statement_logging();
    if let Some(size) = options.max_size {
        sqlite = sqlite.pragma("max_page_count", (size.get() / 4096).max(1).to_string());
    }
    let pool = SqlitePoolOptions::new()
        .max_connections(options.max_connections.max(1))
        .acquire_timeout(options.busy_timeout + Duration::from_secs(1))
        .connect_with(sqlite)
        .await
        .map_err(|error| origin.sqlx(&error))?;
    prepare(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool), options, origin).await
}

async fn connect_postgres(
    url: &Url,
    options: &OpenOptions,
    origin: &Origin,
) -> Result<DatabaseConnection, StoreError> {
    let postgres: PgConnectOptions = url.as_str().parse().map_err(|error| origin.sqlx(&error))?;
    let postgres = postgres.application_name("tokmark").disable_statement_logging();
    // The pool would try a refused connection again until its time is out: ask once here.
    let probe = PgConnection::connect_with(&postgres);
    match tokio::time::timeout(options.busy_timeout, probe).await {
        Err(_) => {
            let reason = format!("no answer within {:.0?}", options.busy_timeout);
            return Err(origin.connection(reason));
        }
        Ok(Err(error)) => return Err(origin.sqlx(&error)),
        // Its answer is all that was wanted.
        Ok(Ok(connection)) => drop(connection.close().await),
    }
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections.max(1))
        .acquire_timeout(options.busy_timeout)
        .connect_lazy_with(postgres);
    prepare(SqlxPostgresConnector::from_sqlx_postgres_pool(pool), options, origin).await
}

/// Makes sure that the tables are those of this program. Writes only if they are not.
async fn prepare(
    db: DatabaseConnection,
    options: &OpenOptions,
    origin: &Origin,
) -> Result<DatabaseConnection, StoreError> {
    let found = schema::look(&db).await.map_err(|error| origin.db(error))?;
    if needed(found, origin)?.is_none() {
        return Ok(db);
    }
    if db.get_database_backend() == DbBackend::Sqlite {
        use_write_ahead_log(&db, options, origin).await?;
    }
    update(&db, options, origin).await?;
    Ok(db)
}

/// The version to update from; `None` where nothing is to be done.
fn needed(found: Found, origin: &Origin) -> Result<Option<i64>, StoreError> {
    let store = origin.store.clone();
    match found {
        Found::Foreign => Err(StoreError::Foreign { store }),
        Found::Version(found) if found > SCHEMA_VERSION => {
            Err(StoreError::NewerSchema { store, found, known: SCHEMA_VERSION })
        }
        Found::Version(SCHEMA_VERSION) => Ok(None),
        Found::Version(older) => Ok(Some(older)),
        Found::Empty => Ok(Some(0)),
    }
}

/// Readers and a writer at once. The mode stays in the file. SQLite doesn't wait for the
/// lock that this needs, so two programs that make the file at once try again here.
async fn use_write_ahead_log(
    db: &DatabaseConnection,
    options: &OpenOptions,
    origin: &Origin,
) -> Result<(), StoreError> {
    let begun = Instant::now();
    loop {
        let switched = db.execute_unprepared("PRAGMA journal_mode = WAL").await;
        match switched.map_err(|error| origin.db(error)) {
            Ok(_) => return Ok(()),
            Err(StoreError::Locked { .. }) if begun.elapsed() < options.busy_timeout => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn update(
    db: &DatabaseConnection,
    options: &OpenOptions,
    origin: &Origin,
) -> Result<(), StoreError> {
    let sorted = |error| origin.db(error);
    let transaction = begin_write(db, options.busy_timeout).await.map_err(sorted)?;
    if db.get_database_backend() == DbBackend::Postgres {
        // "tokmark" as a number, freed at the end of the transaction.
        let sql = "SELECT pg_advisory_xact_lock(32774651906878059)";
        transaction.execute_unprepared(sql).await.map_err(sorted)?;
    }
    // Another program may have done it meanwhile.
    let found = schema::look(&transaction).await.map_err(sorted)?;
    if let Some(version) = needed(found, origin)? {
        schema::migrate(&transaction, version).await.map_err(sorted)?;
    }
    transaction.commit().await.map_err(sorted)
}
