//! Versions of the database's tables. Forward only: a step is never changed once it was
//! released, a new one is added, so that every older database can be brought up.
//!
//! Tables carry the project's name: `DATABASE_URL` may well point to a database that
//! serves others too.

use sea_orm::sea_query::{
    ColumnDef, ForeignKey, ForeignKeyAction, Index, IndexCreateStatement, Table,
    TableCreateStatement,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::upgrade;

/// Version of the tables that this program makes and reads.
pub const SCHEMA_VERSION: i64 = 6;

/// What is found in a database before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing of ours, and in an SQLite file nothing at all.
    Empty,
    /// An SQLite file with somebody else's tables.
    Foreign,
    /// Our tables at this version.
    Version(i64),
}

/// Looks without writing or locking.
pub(crate) async fn look(db: &impl ConnectionTrait) -> Result<Found, DbErr> {
    if db.get_database_backend() == DbBackend::Sqlite {
        // The driver relies on names and types being text, and its thread ends where a
        // damaged file has others.
        for row in db.query_all_raw(statement(db, "SELECT sql FROM sqlite_master")).await? {
            row.try_get::<Option<String>>("", "sql")?;
        }
    }
    let sql = match db.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT count(*) AS others, coalesce(sum(name = 'tokmark_schema'), 0) AS ours \
             FROM sqlite_master"
        }
        // By a query over the catalogue, not by to_regclass: inside a transaction that has
        // waited for a lock, that one may still answer from before the wait.
        _ => {
            "SELECT 0::bigint AS others, count(*) AS ours \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relname = 'tokmark_schema' AND n.nspname = ANY (current_schemas(false))"
        }
    };
    let row = db.query_one_raw(statement(db, sql)).await?;
    let (others, ours) = match row {
        Some(row) => (row.try_get::<i64>("", "others")?, row.try_get::<i64>("", "ours")?),
        None => (0, 0),
    };
    if ours == 0 {
        return Ok(if others == 0 { Found::Empty } else { Found::Foreign });
    }
    let sql = "SELECT max(version) AS version FROM tokmark_schema";
    let row = db.query_one_raw(statement(db, sql)).await?;
    let version = match row {
        Some(row) => row.try_get::<Option<i64>>("", "version")?,
        None => None,
    };
    Ok(version.map_or(Found::Empty, Found::Version))
}

/// Brings the tables from `found` to [`SCHEMA_VERSION`]. Runs inside a transaction that
/// excludes every other program that does the same.
pub(crate) async fn migrate(db: &impl ConnectionTrait, found: i64) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    for version in found + 1..=SCHEMA_VERSION {
        match version {
            1 => create_records(db, backend).await?,
            2 => add_settings(db, backend).await?,
            3 => add_is_visit(db).await?,
            4 => upgrade::to_version_4(db, backend).await?,
            5 => upgrade::to_version_5(db, backend).await?,
            6 => upgrade::to_version_6(db).await?,
            other => unreachable!("version {other} has no step"),
        }
        let sql = format!("INSERT INTO tokmark_schema (version) VALUES ({version})");
        db.execute_unprepared(&sql).await?;
    }
    Ok(())
}

pub(crate) fn statement(db: &impl ConnectionTrait, sql: &str) -> Statement {
    Statement::from_string(db.get_database_backend(), sql)
}

/// Settings, so that a list can tell rows of one test apart. Older records have none there;
/// their bodies have them.
async fn add_settings(db: &impl ConnectionTrait, backend: DbBackend) -> Result<(), DbErr> {
    let mut table = Table::alter();
    table.table("tokmark_records");
    table.add_column(text("settings", backend).not_null().default(""));
    db.execute(&table).await?;
    Ok(())
}

/// Whether a record is a visit of an experiment, which lists leave out.
async fn add_is_visit(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let mut table = Table::alter();
    table.table("tokmark_records");
    table.add_column(ColumnDef::new("is_visit").boolean().not_null().default(false));
    db.execute(&table).await?;
    Ok(())
}

async fn create_records(db: &impl ConnectionTrait, backend: DbBackend) -> Result<(), DbErr> {
    let mut schema = Table::create();
    schema
        .table("tokmark_schema")
        .if_not_exists()
        .col(ColumnDef::new("version").big_integer().not_null().primary_key());
    let mut records = Table::create();
    records.table("tokmark_records").col(ColumnDef::new("id").uuid().not_null().primary_key());
    records.col(ColumnDef::new("run_id").uuid().not_null());
    records.col(text("kind", backend).not_null());
    records.col(text("status", backend).not_null());
    records.col(ColumnDef::new("created_at_us").big_integer().not_null());
    records.col(text("model_name", backend).not_null());
    records.col(text("model_search", backend).not_null());
    records.col(text("model_sha256", backend));
    records.col(text("quantization", backend));
    records.col(text("test_kind", backend).not_null());
    for count in ["n_prompt", "n_gen", "n_depth", "n_parallel"] {
        records.col(ColumnDef::new(count).big_integer().not_null());
    }
    for name in ["test_label", "engine_name", "backends", "machine_fingerprint"] {
        records.col(text(name, backend).not_null());
    }
    records.col(text("grade", backend));
    for rate in ["rate_tps", "rate_low_tps", "rate_high_tps"] {
        records.col(ColumnDef::new(rate).double());
    }
    records.col(ColumnDef::new("duration_ns").big_integer());
    records.col(ColumnDef::new("record_version").big_integer().not_null());
    records.col(ColumnDef::new("statistics_version").big_integer());

    let mut bodies = Table::create();
    bodies
        .table("tokmark_record_bodies")
        .col(ColumnDef::new("record_id").uuid().not_null().primary_key())
        .col(text("body", backend).not_null());
    belongs_to_record(&mut bodies, "tokmark_record_bodies");

    let mut notes = Table::create();
    notes
        .table("tokmark_record_notes")
        .col(ColumnDef::new("record_id").uuid().not_null())
        .col(ColumnDef::new("note_id").uuid().not_null())
        .col(ColumnDef::new("position").big_integer().not_null())
        .col(text("noted_at", backend).not_null())
        .col(text("text", backend).not_null())
        .primary_key(Index::create().col("record_id").col("note_id"));
    belongs_to_record(&mut notes, "tokmark_record_notes");

    let mut tags = Table::create();
    tags.table("tokmark_record_tags")
        .col(ColumnDef::new("record_id").uuid().not_null())
        .col(text("tag", backend).not_null())
        .col(ColumnDef::new("position").big_integer().not_null())
        .primary_key(Index::create().col("record_id").col("tag"));
    belongs_to_record(&mut tags, "tokmark_record_tags");

    for table in [&schema, &records, &bodies, &notes, &tags] {
        db.execute(table).await?;
    }
    for index in [
        index("tokmark_records_by_time", "tokmark_records", &["created_at_us", "id"]),
        index("tokmark_records_by_run", "tokmark_records", &["run_id"]),
        index(
            "tokmark_records_by_series",
            "tokmark_records",
            &["model_sha256", "test_label", "machine_fingerprint", "created_at_us"],
        ),
        index("tokmark_record_tags_by_tag", "tokmark_record_tags", &["tag"]),
    ] {
        db.execute(&index).await?;
    }
    Ok(())
}

/// Text compared byte by byte, so that both databases sort alike.
pub(crate) fn text(name: &'static str, backend: DbBackend) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.text();
    if backend == DbBackend::Postgres {
        column.extra("COLLATE \"C\"");
    }
    column
}

fn belongs_to_record(table: &mut TableCreateStatement, name: &'static str) {
    table.foreign_key(
        ForeignKey::create()
            .from(name, "record_id")
            .to("tokmark_records", "id")
            .on_delete(ForeignKeyAction::Cascade),
    );
}

pub(crate) fn index(
    name: &'static str,
    table: &'static str,
    columns: &[&'static str],
) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(*column);
    }
    index
}
