//! The step to version 4, leaderboard, machines, models, jobs, agents and tokens; that to version
//! 5, keys by what is compared; and that to version 6, which fills the first three with what the
//! records say.

use sea_orm::sea_query::{
    ColumnDef, Expr, ForeignKey, ForeignKeyAction, Index, Table, TableCreateStatement,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, DerivePartialModel, EntityTrait, Order,
    QueryFilter, QueryOrder, QuerySelect,
};
use tokmark_model::RecordId;

use crate::catalogue::{self, Entry};
use crate::entity::records;
use crate::row;
use crate::schema::{index, text};

/// Records that are looked up at once.
const PIECE: u64 = 500;

/// Records that are taken into the new tables at once.
const BATCH: usize = 1000;

const TEXT: bool = true;
const NUMBER: bool = false;

/// Runs inside the transaction of [`crate::schema::migrate`]. A later step that adds a
/// column to one of these tables must do its own filling after this one.
pub(crate) async fn to_version_4(
    db: &impl ConnectionTrait,
    backend: DbBackend,
) -> Result<(), DbErr> {
    for column in [
        ColumnDef::new("board_key").uuid().to_owned(),
        ColumnDef::new("model_key").uuid().to_owned(),
        text("model_sort", backend).not_null().default("").to_owned(),
        text("test_sort", backend).not_null().default("").to_owned(),
        ColumnDef::new("rate_class").big_integer().not_null().default(0).to_owned(),
    ] {
        db.execute(Table::alter().table("tokmark_records").add_column(column)).await?;
    }
    for table in [
        board(backend),
        board_values(backend),
        machines(backend),
        models(backend),
        jobs(backend),
        job_models(backend),
        agents(backend),
        tokens(backend),
    ] {
        db.execute(&table).await?;
    }
    for (name, table, columns) in INDEXES {
        db.execute(&index(name, table, columns)).await?;
    }
    for sql in [
        // Upwards, with the newest first among equals.
        "CREATE INDEX tokmark_records_by_model_up \
         ON tokmark_records (model_sort, created_at_us DESC, id DESC)",
        "CREATE INDEX tokmark_records_by_test_up \
         ON tokmark_records (test_sort, created_at_us DESC, id DESC)",
        "CREATE UNIQUE INDEX tokmark_jobs_by_idempotency ON tokmark_jobs (idempotency)",
        "CREATE UNIQUE INDEX tokmark_tokens_by_name ON tokmark_tokens (name) \
         WHERE revoked_at_us IS NULL",
    ] {
        db.execute_unprepared(sql).await?;
    }
    Ok(())
}

/// How often leaderboard, machines and models changed; and keys by what records must have in
/// common to be compared.
pub(crate) async fn to_version_5(
    db: &impl ConnectionTrait,
    backend: DbBackend,
) -> Result<(), DbErr> {
    let mut table = Table::create();
    table.table("tokmark_revision");
    table.col(ColumnDef::new("id").big_integer().not_null().primary_key());
    db.execute(&with(table, &["n_changes"], NUMBER, backend)).await?;
    db.execute_unprepared("INSERT INTO tokmark_revision (id, n_changes) VALUES (1, 0)").await?;
    let mut table = Table::alter();
    db.execute(table.table(BOARD).add_column(ColumnDef::new("line_key").uuid())).await?;
    db.execute(&index("tokmark_board_by_line", BOARD, &["line_key", "rate_tps"])).await?;
    Ok(())
}

/// The leaderboard by time to first token; and leaderboard, machines and models made anew.
pub(crate) async fn to_version_6(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    for table in [BOARD, "tokmark_board_values", "tokmark_machines", "tokmark_models"] {
        db.execute_unprepared(&format!("DELETE FROM {table}")).await?;
    }
    let mut table = Table::alter();
    db.execute(table.table(BOARD).add_column(ColumnDef::new("ttft_p50_ms").double())).await?;
    let columns = ["ttft_p50_ms", "last_at_us", "record_id"];
    db.execute(&index("tokmark_board_by_ttft", BOARD, &columns)).await?;
    fill(db).await
}

/// Each ends in what lists are sorted by, so that a page is read from one place of it.
const INDEXES: &[(&str, &str, &[&str])] = &[
    ("tokmark_records_by_board", RECORDS, &["board_key", "created_at_us", "id"]),
    ("tokmark_records_by_model", RECORDS, &["model_key", "created_at_us", "id"]),
    ("tokmark_records_by_machine", RECORDS, &["machine_fingerprint", "created_at_us", "id"]),
    ("tokmark_records_by_model_sort", RECORDS, &["model_sort", "created_at_us", "id"]),
    ("tokmark_records_by_test_sort", RECORDS, &["test_sort", "created_at_us", "id"]),
    ("tokmark_records_by_rate", RECORDS, &["rate_class", "rate_tps", "created_at_us", "id"]),
    ("tokmark_board_by_rate", BOARD, &["rate_tps", "last_at_us", "record_id"]),
    ("tokmark_board_by_family", BOARD, &["family", "rate_tps"]),
    ("tokmark_board_by_model", BOARD, &["model_name", "rate_tps"]),
    ("tokmark_board_by_hash", BOARD, &["model_sha256", "rate_tps"]),
    ("tokmark_board_by_hardware", BOARD, &["hardware", "rate_tps"]),
    ("tokmark_board_by_backends", BOARD, &["backends", "rate_tps"]),
    ("tokmark_board_by_machine", BOARD, &["machine_fingerprint", "hardware"]),
    ("tokmark_board_by_quantization", BOARD, &["quantization", "rate_tps"]),
    ("tokmark_board_by_shape", BOARD, &["shape", "rate_tps"]),
    ("tokmark_board_values_by_count", "tokmark_board_values", &["field", "n_rows"]),
    ("tokmark_machines_by_time", "tokmark_machines", &["last_at_us", "key"]),
    ("tokmark_models_by_time", "tokmark_models", &["last_at_us", "key"]),
    ("tokmark_jobs_by_time", "tokmark_jobs", &["created_at_us", "id"]),
    ("tokmark_jobs_by_state", "tokmark_jobs", &["state", "created_at_us", "id"]),
];

const RECORDS: &str = "tokmark_records";
const BOARD: &str = "tokmark_board";

/// What the new columns are made of. Named one by one: a later version may have columns that
/// are not there yet.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "records::Entity")]
struct Old {
    id: RecordId,
    kind: String,
    model_name: String,
    model_search: String,
    model_sha256: Option<String>,
    test_kind: String,
    n_prompt: i64,
    n_gen: i64,
    n_depth: i64,
    n_parallel: i64,
    rate_tps: Option<f64>,
}

/// Goes through all records in the order of their ids. What a body does not say because it
/// can't be read stays empty; the record itself stays as it was.
async fn fill(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let mut last = RecordId::nil();
    let mut entries = Vec::new();
    loop {
        let found: Vec<Old> = records::Entity::find()
            .filter(records::Column::Id.gt(last))
            .order_by(records::Column::Id, Order::Asc)
            .limit(PIECE)
            .into_partial_model()
            .all(db)
            .await?;
        let Some(reached) = found.last() else {
            return catalogue::add(db, entries).await;
        };
        last = reached.id;
        for old in found {
            let entry = Entry::kept(db, old.id).await?.unwrap_or_default();
            fill_columns(db, old, &entry).await?;
            entries.push(entry);
        }
        if entries.len() >= BATCH {
            catalogue::add(db, std::mem::take(&mut entries)).await?;
        }
    }
}

async fn fill_columns(db: &impl ConnectionTrait, old: Old, entry: &Entry) -> Result<(), DbErr> {
    use records::Column as C;

    let board_key = entry.board.as_ref().map(|row| row.key);
    let model_key = catalogue::model_key(old.model_sha256.as_deref(), &old.model_name);
    let counts = [old.n_prompt, old.n_gen, old.n_depth, old.n_parallel];
    records::Entity::update_many()
        .col_expr(C::BoardKey, Expr::val(board_key))
        .col_expr(C::ModelKey, Expr::val(model_key))
        .col_expr(C::ModelSort, Expr::val(row::model_sort(&old.model_search)))
        .col_expr(C::TestSort, Expr::val(row::test_sort(&old.test_kind, counts)))
        .col_expr(C::RateClass, Expr::val(row::rate_class(&old.kind, old.rate_tps)))
        .filter(C::Id.eq(old.id))
        .exec(db)
        .await?;
    Ok(())
}

/// Columns that may not be absent.
fn with(
    mut table: TableCreateStatement,
    columns: &[&'static str],
    is_text: bool,
    backend: DbBackend,
) -> TableCreateStatement {
    for column in columns {
        let column = match is_text {
            TEXT => text(column, backend).not_null().to_owned(),
            NUMBER => ColumnDef::new(*column).big_integer().not_null().to_owned(),
        };
        table.col(column);
    }
    table
}

/// A table with one row for many records.
fn of_newest(name: &'static str, backend: DbBackend) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    table.col(ColumnDef::new("key").uuid().not_null().primary_key());
    table.col(ColumnDef::new("record_id").uuid().not_null());
    with(table, &["last_at_us", "n_records"], NUMBER, backend)
}

fn board(backend: DbBackend) -> TableCreateStatement {
    let texts = ["kind", "family", "model_name", "hardware", "machine_fingerprint"];
    let table = with(of_newest(BOARD, backend), &texts, TEXT, backend);
    let mut table = with(table, &["engine", "backends", "shape", "body"], TEXT, backend);
    for name in ["model_sha256", "quantization", "grade"] {
        table.col(text(name, backend));
    }
    for name in ["n_params", "concurrency"] {
        table.col(ColumnDef::new(name).big_integer());
    }
    table.col(ColumnDef::new("is_serving").boolean().not_null());
    table.col(ColumnDef::new("rate_tps").double().not_null());
    table
}

fn board_values(backend: DbBackend) -> TableCreateStatement {
    let mut table = Table::create();
    table.table("tokmark_board_values").primary_key(Index::create().col("field").col("value"));
    let table = with(table, &["field", "value"], TEXT, backend);
    with(table, &["n_rows"], NUMBER, backend)
}

fn machines(backend: DbBackend) -> TableCreateStatement {
    with(of_newest("tokmark_machines", backend), &["fingerprint", "facts"], TEXT, backend)
}

fn models(backend: DbBackend) -> TableCreateStatement {
    with(of_newest("tokmark_models", backend), &["family", "facts"], TEXT, backend)
}

fn jobs(backend: DbBackend) -> TableCreateStatement {
    let mut table = Table::create();
    table.table("tokmark_jobs").col(ColumnDef::new("id").uuid().not_null().primary_key());
    let table = with(table, &["spec", "state", "progress"], TEXT, backend);
    let numbers = ["n_attempts", "created_at_us", "updated_at_us"];
    let mut table = with(table, &numbers, NUMBER, backend);
    table.col(ColumnDef::new("cancel").boolean().not_null());
    table.col(ColumnDef::new("leased_until_us").big_integer());
    for name in ["machine", "message"] {
        table.col(text(name, backend));
    }
    for name in ["agent", "run_id", "idempotency"] {
        table.col(ColumnDef::new(name).uuid());
    }
    table
}

fn job_models(backend: DbBackend) -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("tokmark_job_models")
        .col(ColumnDef::new("job_id").uuid().not_null())
        .primary_key(Index::create().col("job_id").col("model"))
        .foreign_key(
            ForeignKey::create()
                .from("tokmark_job_models", "job_id")
                .to("tokmark_jobs", "id")
                .on_delete(ForeignKeyAction::Cascade),
        );
    with(table, &["model"], TEXT, backend)
}

fn agents(backend: DbBackend) -> TableCreateStatement {
    let mut table = Table::create();
    table.table("tokmark_agents").col(ColumnDef::new("id").uuid().not_null().primary_key());
    let table = with(table, &["hello"], TEXT, backend);
    with(table, &["last_at_us"], NUMBER, backend)
}

fn tokens(backend: DbBackend) -> TableCreateStatement {
    let mut table = Table::create();
    table.table("tokmark_tokens").col(text("sha256", backend).not_null().primary_key());
    let table = with(table, &["name", "scopes"], TEXT, backend);
    let mut table = with(table, &["created_at_us"], NUMBER, backend);
    for name in ["expires_at_us", "revoked_at_us"] {
        table.col(ColumnDef::new(name).big_integer());
    }
    table
}
