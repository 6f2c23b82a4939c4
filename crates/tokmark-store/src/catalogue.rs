//! What records say to leaderboard, machines and models.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel};
use tokmark_model::{BoardRow, Record, RecordId, TokensPerSecond};
use tokmark_stats::{board_row, family};
use uuid::Uuid;

use crate::entity::{board, board_values, bodies, machines, models, revision};
use crate::newest::{self, Change};
use crate::row::{clipped, letter, storable, word};
use crate::tables::pieces;

/// Keys are UUIDs of version 5 under this name.
const NAMESPACE: Uuid = Uuid::from_u128(0x8d0f_6f1c_6b7e_5c55_9f0a_2f27_51a4_0e4b);

/// What one record says to each table that has one row for many records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub board: Option<board::Model>,
    pub machine: Option<machines::Model>,
    pub model: Option<models::Model>,
}

/// What becomes of a table's menus: field and value, and by how many rows it changes.
type Deltas = BTreeMap<(&'static str, String), i64>;

impl Entry {
    /// What a record says, as it was read back.
    ///
    /// # Errors
    ///
    /// A figure that JSON can't hold, which a record that was read back has not.
    pub fn of(record: Record) -> Result<Entry, serde_json::Error> {
        let (id, at_us) = (record.id, record.created_at.as_microsecond());
        let row = board_row(&record);
        let machine = match record.machine.fingerprint.as_str() {
            "" => None,
            fingerprint => Some(machines::Model {
                key: machine_key(fingerprint),
                record_id: id,
                last_at_us: at_us,
                n_records: 1,
                fingerprint: storable(fingerprint),
                facts: serde_json::to_string(&record.machine)?,
            }),
        };
        let facts = serde_json::to_string(&record.model)?;
        // An experiment is of several models, and each has records of its own.
        let key = model_key(record.model.sha256.as_deref(), &record.model.name)
            .filter(|_| record.experiment.is_none());
        let family = match &row {
            Some(row) => row.family.clone(),
            None => family(&record.model.name),
        };
        let model = key.map(|key| models::Model {
            key,
            record_id: id,
            last_at_us: at_us,
            n_records: 1,
            family: clipped(&family),
            facts,
        });
        let board = row.map(|row| board_columns(&row)).transpose()?;
        Ok(Entry { board, machine, model })
    }

    /// What a kept record says; `None` where it can't be read.
    pub async fn kept(db: &impl ConnectionTrait, id: RecordId) -> Result<Option<Entry>, DbErr> {
        let kept = bodies::Entity::find_by_id(id).one(db).await?;
        let record = kept.and_then(|kept| serde_json::from_str(&kept.body).ok());
        Ok(record.and_then(|record| Entry::of(record).ok()))
    }
}

/// Takes new records into every table. Runs inside a transaction, as its last act: others
/// that save records of the same model wait from here on.
pub(crate) async fn add(db: &impl ConnectionTrait, entries: Vec<Entry>) -> Result<(), DbErr> {
    let (mut boards, mut machines, mut models) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        boards.extend(entry.board);
        machines.extend(entry.machine);
        models.extend(entry.model);
    }
    let mut deltas = Deltas::new();
    for change in newest::add(db, boards).await? {
        count_values(&change, &mut deltas);
    }
    newest::add(db, machines).await?;
    newest::add(db, models).await?;
    change_values(db, deltas).await
}

/// Takes a record out of every table that was just removed. Runs inside a transaction.
pub(crate) async fn take_out(
    db: &impl ConnectionTrait,
    removed: RecordId,
    board_key: Option<Uuid>,
    machine_fingerprint: &str,
    model_key: Option<Uuid>,
) -> Result<(), DbErr> {
    let mut deltas = Deltas::new();
    if let Some(key) = board_key
        && let Some(change) = newest::take_out::<board::Model>(db, key, removed).await?
    {
        count_values(&change, &mut deltas);
    }
    if !machine_fingerprint.is_empty() {
        let key = machine_key(machine_fingerprint);
        newest::take_out::<machines::Model>(db, key, removed).await?;
    }
    if let Some(key) = model_key {
        newest::take_out::<models::Model>(db, key, removed).await?;
    }
    change_values(db, deltas).await
}

/// Counts a change of records, notes or tags. The last write of a transaction: whoever comes next
/// waits for its end.
pub(crate) async fn changed(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    revision::Entity::update_many()
        .col_expr(
            revision::Column::NChanges,
            ExprTrait::add(Expr::col(revision::Column::NChanges), 1),
        )
        .exec(db)
        .await?;
    Ok(())
}

/// The key of a model: by its hash, else by its name; `None` without both.
pub(crate) fn model_key(sha256: Option<&str>, name: &str) -> Option<Uuid> {
    match sha256 {
        Some(sha256) => Some(key(&("model", "sha256", storable(sha256)))),
        None if name.is_empty() => None,
        None => Some(key(&("model", "name", storable(name)))),
    }
}

fn machine_key(fingerprint: &str) -> Uuid {
    key(&("machine", storable(fingerprint)))
}

/// Records of one configuration have the same.
fn board_key(row: &BoardRow) -> Uuid {
    let model = row.model_sha256.as_ref().unwrap_or(&row.model_name);
    let machine = match row.machine_fingerprint.as_str() {
        "" => &row.hardware,
        fingerprint => fingerprint,
    };
    let engine = (&row.engine, &row.engine_version, &row.backends, &row.settings);
    let conditions = (row.conditions.workload, row.conditions.stack);
    let test = (&row.label, row.is_serving, row.power_cap_w);
    key(&(row.kind, model, &row.quantization, machine, engine, conditions, test, &row.source))
}

/// Rows of one configuration, whatever was measured, have the same.
fn line_key(row: &BoardRow) -> Uuid {
    let model = (row.model_sha256.as_ref().unwrap_or(&row.model_name), &row.quantization);
    let machine = (&row.machine_fingerprint, &row.hardware);
    let engine = (&row.engine, &row.engine_version, &row.backends, row.conditions.stack);
    key(&(row.kind, model, machine, engine, row.is_serving, row.concurrency))
}

/// The key of these parts, whatever stands in them.
fn key(parts: &impl serde::Serialize) -> Uuid {
    let text = serde_json::to_string(parts).expect("texts and flags are written to memory");
    Uuid::new_v5(&NAMESPACE, text.as_bytes())
}

/// What rows of the leaderboard are sorted by: the rate, else the lower end of its range.
pub(crate) fn speed(row: &BoardRow) -> f64 {
    row.rate_tps.or(row.rate_low_tps).map_or(0.0, TokensPerSecond::get)
}

fn board_columns(row: &BoardRow) -> Result<board::Model, serde_json::Error> {
    Ok(board::Model {
        key: board_key(row),
        record_id: row.id,
        last_at_us: row.created_at.as_microsecond(),
        n_records: 1,
        kind: word(&row.kind),
        family: clipped(&row.family),
        model_name: clipped(&row.model_name),
        model_sha256: row.model_sha256.as_deref().map(clipped),
        quantization: row.quantization.as_deref().map(clipped),
        n_params: row.n_params.map(|n| i64::try_from(n).unwrap_or(i64::MAX)),
        hardware: clipped(&row.hardware),
        machine_fingerprint: clipped(&row.machine_fingerprint),
        engine: clipped(&row.engine),
        backends: clipped(&row.backends),
        shape: clipped(&row.shape),
        is_serving: row.is_serving,
        concurrency: row.concurrency.map(Into::into),
        grade: row.grade.map(letter),
        rate_tps: speed(row),
        body: serde_json::to_string(row)?,
        line_key: Some(line_key(row)),
        ttft_p50_ms: row.ttft_p50_ms,
    })
}

/// A field that every row has a value of.
pub(crate) const EVERY_ROW: &str = "kind";

/// The fields that filters offer in menus, as `tokmark_board_values` names them.
fn values(row: &board::Model) -> [(&'static str, Option<String>); 8] {
    [
        (EVERY_ROW, Some(row.kind.clone())),
        ("family", Some(row.family.clone())),
        ("hardware", Some(row.hardware.clone())),
        ("backends", Some(row.backends.clone())),
        ("quantization", row.quantization.clone()),
        ("shape", Some(row.shape.clone())),
        ("engine", Some(row.engine.clone())),
        ("concurrency", row.concurrency.map(|n| n.to_string())),
    ]
}

fn count_values(change: &Change<board::Model>, deltas: &mut Deltas) {
    for (row, by) in [(&change.before, -1), (&change.after, 1)] {
        for (field, value) in row.iter().flat_map(values) {
            if let Some(value) = value {
                *deltas.entry((field, value)).or_default() += by;
            }
        }
    }
}

async fn change_values(db: &impl ConnectionTrait, deltas: Deltas) -> Result<(), DbErr> {
    use board_values::Column as C;

    let changed = deltas.into_iter().filter(|(_, by)| *by != 0);
    let rows: Vec<board_values::Model> = changed
        .map(|((field, value), by)| board_values::Model { field: field.into(), value, n_rows: by })
        .collect();
    let sum = Expr::col((board_values::Entity, C::NRows)).add(Expr::col(("excluded", C::NRows)));
    for piece in pieces(&rows) {
        board_values::Entity::insert_many(piece.iter().cloned().map(|row| row.into_active_model()))
            .on_conflict(
                OnConflict::columns([C::Field, C::Value]).value(C::NRows, sum.clone()).to_owned(),
            )
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}
