use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_recursion::async_recursion as boxed;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sea_orm::sqlx::{self, Connection};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use uuid::Uuid;

use crate::error::Origin;
use crate::schema;
use crate::{Store, StoreError, StoreUrl};

/// Longer than this, an answer to [`Store::ping`] is none.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// How long another program may take to let go of a database that is to be replaced.
const RELEASED_WITHIN: Duration = Duration::from_secs(2);

impl Store {
    /// A whole copy as a file of its own, while others go on writing: the copy holds what
    /// was there at one moment in between. It has its name only once it is complete, and
    /// can be opened as a store.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoBackup`] for PostgreSQL, for a file that is there already and for a
    /// name that is no text. Errors of writing name the copy, not the store.
    #[boxed]
    pub async fn backup(&self, file: &Path) -> Result<(), StoreError> {
        let refused =
            |reason: String| Err(StoreError::NoBackup { store: self.origin.store.clone(), reason });
        if self.db.get_database_backend() != DbBackend::Sqlite {
            return refused("copy it with pg_dump, and back with pg_restore".to_owned());
        }
        if file.symlink_metadata().is_ok() {
            return refused(format!("{} is there already: name another file", file.display()));
        }
        let partial = partial(file);
        let Some(text) = partial.to_str() else {
            return refused(format!("{} is no text: name another file", file.display()));
        };
        let copy = Origin { store: file.display().to_string(), ..self.origin.clone() };
        let made = self.copy_to(text, &copy).await;
        let named = made.and_then(|()| {
            fs::rename(&partial, file)
                .and_then(|()| sync_folder(file))
                .map_err(|error| copy.no_write(error.to_string()))
        });
        if named.is_err() {
            // Nobody asked for half a copy.
            let _ = fs::remove_file(&partial);
        }
        named
    }

    /// Answers in time, with one trivial query.
    ///
    /// # Errors
    ///
    /// [`StoreError::Connection`] also where no answer came within 5 s.
    #[boxed]
    pub async fn ping(&self) -> Result<(), StoreError> {
        let query = schema::statement(&self.db, "SELECT max(version) FROM tokmark_schema");
        match tokio::time::timeout(PING_TIMEOUT, self.db.query_one_raw(query)).await {
            Ok(answer) => answer.map(drop).map_err(|error| self.origin.db(error)),
            Err(_) => Err(self.origin.connection(format!("no answer within {PING_TIMEOUT:.0?}"))),
        }
    }

    /// Puts the backup `from` in place of the database `to`; where the old one is kept, if there
    /// was one. The backup itself stays as it is, whatever its version.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] where another program has the old database open: what it wrote
    /// afterwards would be lost. Those of [`Store::open`] for what is no backup of ours.
    #[boxed]
    pub async fn restore(from: &Path, to: &Path) -> Result<Option<PathBuf>, StoreError> {
        let new = Origin { store: from.display().to_string(), busy_timeout: RELEASED_WITHIN };
        let old = Origin { store: to.display().to_string(), busy_timeout: RELEASED_WITHIN };
        let partial = partial(to);
        let made = async {
            let mut copied = fs::copy(from, &partial);
            // A database whose program was killed has its last records there.
            if copied.is_ok() && beside(from, "-wal").exists() {
                copied = fs::copy(beside(from, "-wal"), beside(&partial, "-wal"));
            }
            copied.map_err(|error| new.no_write(error.to_string()))?;
            // Opened once: what is no database of ours must not take the place of one.
            Store::open(&StoreUrl::Sqlite(partial.clone())).await?.close().await;
            release(&partial, &new).await?;
            // One that is broken is no obstacle.
            if let Err(locked @ StoreError::Locked { .. }) = release(to, &old).await {
                return Err(locked);
            }
            let kept = set_aside(to).map_err(|error| old.no_write(error.to_string()))?;
            let named = File::open(&partial)
                .and_then(|copy| copy.sync_all())
                .and_then(|()| fs::rename(&partial, to))
                .and_then(|()| sync_folder(to));
            named.map_err(|error| old.no_write(error.to_string()))?;
            Ok(kept)
        };
        let made = made.await;
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(beside(&partial, end));
        }
        made
    }

    async fn copy_to(&self, file: &str, copy: &Origin) -> Result<(), StoreError> {
        let sql = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [file.into()]);
        self.db.execute_raw(sql).await.map_err(|error| copy.db(error))?;
        // The copy has not the mode in which readers and a writer work at once.
        let options =
            SqliteConnectOptions::new().filename(file).journal_mode(SqliteJournalMode::Wal);
        let opened = SqliteConnection::connect_with(&options).await;
        let sorted = |error: sqlx::Error| copy.sqlx(&error);
        opened.map_err(sorted)?.close().await.map_err(sorted)?;
        let synced = File::open(file).and_then(|file| file.sync_all());
        synced.map_err(|error| copy.no_write(error.to_string()))
    }
}

/// Beside the file, so that it can be renamed.
fn partial(file: &Path) -> PathBuf {
    beside(file, &format!(".{}.partial", Uuid::now_v7().simple()))
}

/// Makes a new name outlast a power cut, where folders can be opened.
fn sync_folder(file: &Path) -> std::io::Result<()> {
    if cfg!(unix)
        && let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty())
    {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Takes into the file what waits beside it, which only a program can do that has it for itself:
/// so nobody else has it open then.
async fn release(file: &Path, origin: &Origin) -> Result<(), StoreError> {
    if !file.exists() {
        return Ok(());
    }
    let options = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(origin.busy_timeout)
        .journal_mode(SqliteJournalMode::Delete);
    let sorted = |error: sqlx::Error| origin.sqlx(&error);
    let opened = SqliteConnection::connect_with(&options).await.map_err(sorted)?;
    opened.close().await.map_err(sorted)
}

/// Renames a database and what lies beside it to a name that is free.
fn set_aside(file: &Path) -> std::io::Result<Option<PathBuf>> {
    if !file.exists() {
        return Ok(None);
    }
    // An older one that was kept stays, too.
    let named = |n: u32| match n {
        1 => file.with_extension("db.before-restore"),
        n => file.with_extension(format!("db.before-restore-{n}")),
    };
    let free = (1..).map(named).find(|name| !name.exists());
    let kept = free.unwrap_or_else(|| beside(file, ".before-restore"));
    fs::rename(file, &kept)?;
    for end in ["-wal", "-shm"] {
        // Of a broken one, nobody could take it in.
        if beside(file, end).exists() {
            fs::rename(beside(file, end), beside(&kept, end))?;
        }
    }
    Ok(Some(kept))
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
