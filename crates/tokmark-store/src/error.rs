use std::time::Duration;

use sea_orm::sqlx::{self, error::DatabaseError};
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use tokmark_model::RecordId;
use uuid::Uuid;

/// What can go wrong with a store. `store` is the file or the URL without its password.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file, its folder or the database may not be written.
    #[error(
        "no write access to {store} ({reason}): \
         change its permissions or name another with --db"
    )]
    NoWriteAccess {
        /// Which store.
        store: String,
        /// What the system said.
        reason: String,
    },
    /// A folder stands where the file would be.
    #[error("{store} is a folder: name a file in it with --db, as in {store}/tokmark.db")]
    Folder {
        /// Which store.
        store: String,
    },
    /// Somebody else held the lock for longer than the busy timeout.
    #[error(
        "{store} was locked by another program for over {:.0?}: end that program or try again",
        waited
    )]
    Locked {
        /// Which store.
        store: String,
        /// How long was waited.
        waited: Duration,
    },
    /// The file is damaged, or no database at all. It was left as it is.
    #[error(
        "{store} is damaged or no database ({reason}): it was left as it is; \
         move it away or name another with --db"
    )]
    Corrupt {
        /// Which store.
        store: String,
        /// What was found.
        reason: String,
    },
    /// An SQLite file of another program.
    #[error("{store} is the database of another program: name another file with --db")]
    Foreign {
        /// Which store.
        store: String,
    },
    /// Written by a newer Tokmark.
    #[error("{store} has schema version {found}, this tokmark knows {known}: use a newer tokmark")]
    NewerSchema {
        /// Which store.
        store: String,
        /// Its version.
        found: i64,
        /// Highest version that this program knows.
        known: i64,
    },
    /// No space, or the size limit of [`crate::OpenOptions`] is reached.
    #[error("no space left for {store}: free some, or name a file on another disk with --db")]
    DiskFull {
        /// Which store.
        store: String,
    },
    /// No record has this id or begins with it.
    #[error("no record {id} in {store}: tokmark history lists what there is")]
    NotFound {
        /// Which store.
        store: String,
        /// What was asked for.
        id: String,
    },
    /// Several records begin with these digits.
    #[error(
        "{prefix} stands for several records, among them {}: \
         give more digits",
        list(candidates)
    )]
    AmbiguousPrefix {
        /// What was asked for.
        prefix: String,
        /// Up to ten records that begin with it, oldest first.
        candidates: Vec<RecordId>,
    },
    /// Not hexadecimal digits, or too many of them.
    #[error(
        "'{text}' is no record id: \
         give the id or its first digits, as tokmark history shows them"
    )]
    InvalidId {
        /// What was asked for.
        text: String,
    },
    /// Another record has this id already.
    #[error(
        "another record {id} is in {store} already: \
         it was kept as it is; remove it first to replace it"
    )]
    Conflict {
        /// Which store.
        store: String,
        /// The id of both.
        id: RecordId,
    },
    /// The record can't be kept so that it reads back.
    #[error("record {id} can't be kept ({reason}): mend it and save it again")]
    InvalidRecord {
        /// Which record.
        id: RecordId,
        /// What is wrong with it.
        reason: String,
    },
    /// A kept record can't be read by this program.
    #[error(
        "record {id} in {store} can't be read ({reason}): \
         use a newer tokmark, or remove it with tokmark rm"
    )]
    Unreadable {
        /// Which store.
        store: String,
        /// Which record.
        id: RecordId,
        /// What is wrong with it.
        reason: String,
    },
    /// Neither a path nor a URL of a known database.
    #[error(
        "'{text}' names no store ({reason}): \
         give a path, sqlite:PATH or postgres://USER@HOST/DATABASE"
    )]
    InvalidUrl {
        /// What was given, without password.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The system names no home folder.
    #[error("no folder for data is known here ({reason}): set TOKMARK_DATA or give --db")]
    NoDataFolder {
        /// What the system said.
        reason: String,
    },
    /// The database server can't be reached or refuses the user.
    #[error(
        "no connection to {store} ({reason}): \
         check that the server runs and takes this user and password"
    )]
    Connection {
        /// Which store.
        store: String,
        /// What was said.
        reason: String,
    },
    /// A cursor that no page gave, or that another order gave.
    #[error("this cursor can't be followed ({reason}): begin again without one")]
    InvalidCursor {
        /// What is wrong with it.
        reason: String,
    },
    /// No job has this id.
    #[error("no job {id} in {store}")]
    NoJob {
        /// Which store.
        store: String,
        /// What was asked for.
        id: Uuid,
    },
    /// The job is over, or another agent has it.
    #[error("job {id} is over or another agent has it: stop measuring and claim anew")]
    LeaseLost {
        /// Which job.
        id: Uuid,
    },
    /// A job or an agent's description that can't be kept so that it reads back.
    #[error("it can't be kept ({reason}): mend it and send it again")]
    InvalidJob {
        /// What is wrong with it.
        reason: String,
    },
    /// A token whose name is empty, too long or taken, or that opens nothing.
    #[error("token '{name}' can't be added: {reason}")]
    InvalidToken {
        /// Its name.
        name: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A word that names no scope.
    #[error("'{text}' is no scope: give read, submit or admin")]
    InvalidScope {
        /// What was given.
        text: String,
    },
    /// This store is not copied by Tokmark, or not to there.
    #[error("no backup of {store}: {reason}")]
    NoBackup {
        /// Which store.
        store: String,
        /// Why, and what to do instead.
        reason: String,
    },
    /// Anything else that the database said.
    #[error("{store} failed ({reason}): try again, or name another with --db")]
    Database {
        /// Which store.
        store: String,
        /// What was said.
        reason: String,
    },
}

impl StoreError {
    /// The store can't be reached or is locked, and nothing is wrong with what was asked: the
    /// caller may ask again later.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, StoreError::Connection { .. } | StoreError::Locked { .. })
    }

    /// It can be read and not written: no space, or no permission.
    pub fn is_not_writable(&self) -> bool {
        matches!(self, StoreError::DiskFull { .. } | StoreError::NoWriteAccess { .. })
    }
}

fn list(ids: &[RecordId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What an error needs to know of the store it happened in.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The store without password.
    pub store: String,
    /// How long a lock is waited for.
    pub busy_timeout: Duration,
}

impl Origin {
    /// Sorts an error of SeaORM.
    pub fn db(&self, error: DbErr) -> StoreError {
        match error {
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => self.sqlx(&error),
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => self.no_connection_in_time(),
            DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => {
                self.connection("it was closed".to_owned())
            }
            other => self.other(other.to_string()),
        }
    }

    /// Sorts an error of the driver. SQLite reports extended result codes, whose low byte
    /// is the primary code; PostgreSQL reports five characters (SQLSTATE).
    pub fn sqlx(&self, error: &sqlx::Error) -> StoreError {
        match error {
            sqlx::Error::Database(error) => self.database(error.as_ref()),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::PoolClosed => self.connection(error.to_string()),
            sqlx::Error::PoolTimedOut => self.no_connection_in_time(),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                self.corrupt(error.to_string())
            }
            other => self.other(other.to_string()),
        }
    }

    fn database(&self, error: &dyn DatabaseError) -> StoreError {
        let code = error.code().unwrap_or_default();
        let reason = error.message().to_owned();
        if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
            let extended: i32 = code.parse().unwrap_or(0);
            return match extended & 0xff {
                5 | 6 => self.locked(),                        // BUSY, LOCKED
                3 | 8 | 14 | 23 => self.no_write(reason),      // PERM, READONLY, CANTOPEN, AUTH
                11 | 26 => self.corrupt(reason),               // CORRUPT, NOTADB
                13 => self.disk_full(),                        // FULL
                10 if extended == 4874 => self.disk_full(),    // IOERR_SHMSIZE
                10 if extended == 522 => self.corrupt(reason), // IOERR_SHORT_READ
                _ => self.other(reason),
            };
        }
        match code.as_ref() {
            "53100" => self.disk_full(),
            "55P03" | "40P01" | "40001" => self.locked(),
            "42501" | "25006" => self.no_write(reason),
            "XX001" | "XX002" => self.corrupt(reason),
            "3D000" | "53300" => self.connection(reason),
            code if ["08", "28", "57"].iter().any(|class| code.starts_with(class)) => {
                self.connection(reason)
            }
            _ => self.other(reason),
        }
    }

    fn no_connection_in_time(&self) -> StoreError {
        if self.store.starts_with("postgres") {
            self.connection(format!("no answer within {:.0?}", self.busy_timeout))
        } else {
            self.locked()
        }
    }

    pub fn no_write(&self, reason: String) -> StoreError {
        StoreError::NoWriteAccess { store: self.store.clone(), reason }
    }

    pub fn locked(&self) -> StoreError {
        StoreError::Locked { store: self.store.clone(), waited: self.busy_timeout }
    }

    pub fn corrupt(&self, reason: String) -> StoreError {
        StoreError::Corrupt { store: self.store.clone(), reason }
    }

    pub fn disk_full(&self) -> StoreError {
        StoreError::DiskFull { store: self.store.clone() }
    }

    pub fn connection(&self, reason: String) -> StoreError {
        StoreError::Connection { store: self.store.clone(), reason }
    }

    pub fn not_found(&self, id: impl ToString) -> StoreError {
        StoreError::NotFound { store: self.store.clone(), id: id.to_string() }
    }

    pub fn other(&self, reason: String) -> StoreError {
        StoreError::Database { store: self.store.clone(), reason }
    }
}
