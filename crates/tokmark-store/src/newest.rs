//! Rows that stand for many records and show the newest of them, kept right while several
//! programs save and remove at once.

use std::collections::{BTreeMap, HashSet};

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IdenStatic,
    IntoActiveModel, Iterable, Order, QueryFilter, QueryOrder, QuerySelect, TryInsertResult,
};
use tokmark_model::RecordId;
use uuid::Uuid;

use crate::catalogue::Entry;
use crate::entity::{board, machines, models, records};
use crate::tables::{CHUNK, pieces};

type ColumnOf<M> = <<M as Newest>::Table as EntityTrait>::Column;

/// A row that stands for `n_records` records and shows one of them.
pub(crate) trait Newest: Clone + Send + Sync + IntoActiveModel<Self::Active> {
    type Table: EntityTrait<Model = Self>;
    type Active: ActiveModelTrait<Entity = Self::Table> + Send;
    const KEY: ColumnOf<Self>;

    fn key(&self) -> Uuid;
    /// When the record that it shows was begun, and its id: the newest is the greatest.
    fn shows(&self) -> (i64, RecordId);
    fn n_records(&mut self) -> &mut i64;
    /// Of what a record says, the row of this table.
    fn pick(entry: Entry) -> Option<Self>;
    /// The records that it stands for.
    fn records(&self) -> Condition;

    /// Takes in another row of the same key.
    fn merge(&mut self, other: Self) {
        let (mut other, n_kept) = (other, *self.n_records());
        let n_records = n_kept + *other.n_records();
        if other.shows() > self.shows() {
            *self = other;
        }
        *self.n_records() = n_records;
    }
}

macro_rules! newest {
    ($table:ident, |$row:ident| $records:expr, |$entry:ident| $pick:expr) => {
        impl Newest for $table::Model {
            type Table = $table::Entity;
            type Active = $table::ActiveModel;
            const KEY: $table::Column = $table::Column::Key;

            fn key(&self) -> Uuid {
                self.key
            }
            fn shows(&self) -> (i64, RecordId) {
                (self.last_at_us, self.record_id)
            }
            fn n_records(&mut self) -> &mut i64 {
                &mut self.n_records
            }
            fn pick($entry: Entry) -> Option<Self> {
                $pick
            }
            fn records(&self) -> Condition {
                let $row = self;
                Condition::all().add($records)
            }
        }
    };
}

newest!(board, |row| records::Column::BoardKey.eq(row.key), |entry| entry.board);
newest!(models, |row| records::Column::ModelKey.eq(row.key), |entry| entry.model);
newest!(
    machines,
    |row| records::Column::MachineFingerprint.eq(row.fingerprint.as_str()),
    |entry| entry.machine
);

/// A row before and after; absent where there was or is none.
pub(crate) struct Change<M> {
    pub before: Option<M>,
    pub after: Option<M>,
}

/// Takes new records in. Runs inside a transaction.
///
/// Whoever does this inserts what is missing first and then locks what was there, each in
/// the order of the keys: so nobody waits in a ring.
pub(crate) async fn add<M: Newest>(
    db: &impl ConnectionTrait,
    rows: impl IntoIterator<Item = M>,
) -> Result<Vec<Change<M>>, DbErr> {
    let mut wanted: BTreeMap<Uuid, M> = BTreeMap::new();
    for row in rows {
        match wanted.get_mut(&row.key()) {
            Some(kept) => kept.merge(row),
            None => drop(wanted.insert(row.key(), row)),
        }
    }
    let mut changes = Vec::with_capacity(wanted.len());
    // Again where a row went away between looking and locking.
    while !wanted.is_empty() {
        let known = known::<M>(db, &wanted).await?;
        let absent: Vec<M> =
            wanted.values().filter(|row| !known.contains(&row.key())).cloned().collect();
        for row in insert(db, absent).await? {
            wanted.remove(&row.key());
            changes.push(Change { before: None, after: Some(row) });
        }
        let keys: Vec<Uuid> = wanted.keys().copied().collect();
        let mut written = Vec::with_capacity(keys.len());
        for before in lock::<M>(db, &keys).await? {
            if let Some(new) = wanted.remove(&before.key()) {
                let mut after = before.clone();
                after.merge(new);
                written.push(after.clone());
                changes.push(Change { before: Some(before), after: Some(after) });
            }
        }
        overwrite(db, written).await?;
    }
    Ok(changes)
}

/// Takes a record out that was just removed. Runs inside a transaction.
pub(crate) async fn take_out<M: Newest>(
    db: &impl ConnectionTrait,
    key: Uuid,
    removed: RecordId,
) -> Result<Option<Change<M>>, DbErr> {
    let Some(mut before) = lock::<M>(db, &[key]).await?.pop() else {
        return Ok(None);
    };
    let n_records = (*before.n_records() - 1).max(1);
    let mut after = match before.shows() {
        (_, shown) if shown == removed => newest_of(db, &before).await?,
        _ => Some(before.clone()),
    };
    match &mut after {
        Some(after) => {
            *after.n_records() = n_records;
            overwrite(db, vec![after.clone()]).await?;
        }
        None => {
            M::Table::delete_many().filter(M::KEY.eq(key)).exec(db).await?;
        }
    }
    Ok(Some(Change { before: Some(before), after }))
}

/// The row of the newest record that is left.
async fn newest_of<M: Newest>(db: &impl ConnectionTrait, row: &M) -> Result<Option<M>, DbErr> {
    use records::Column as C;

    const PIECE: u64 = 8;
    for piece in 0.. {
        let ids: Vec<RecordId> = records::Entity::find()
            .select_only()
            .column(C::Id)
            .filter(row.records())
            .order_by(C::CreatedAtUs, Order::Desc)
            .order_by(C::Id, Order::Desc)
            .offset(piece * PIECE)
            .limit(PIECE)
            .into_tuple()
            .all(db)
            .await?;
        for id in &ids {
            // One that can't be read shows nothing; the next may.
            let entry = Entry::kept(db, *id).await?;
            if let Some(found) = entry.and_then(M::pick).filter(|found| found.key() == row.key()) {
                return Ok(Some(found));
            }
        }
        if (ids.len() as u64) < PIECE {
            break;
        }
    }
    Ok(None)
}

async fn known<M: Newest>(
    db: &impl ConnectionTrait,
    wanted: &BTreeMap<Uuid, M>,
) -> Result<HashSet<Uuid>, DbErr> {
    let keys: Vec<Uuid> = wanted.keys().copied().collect();
    let mut known = HashSet::with_capacity(keys.len());
    for chunk in keys.chunks(CHUNK) {
        let found: Vec<Uuid> = M::Table::find()
            .select_only()
            .column(M::KEY)
            .filter(M::KEY.is_in(chunk.iter().copied()))
            .into_tuple()
            .all(db)
            .await?;
        known.extend(found);
    }
    Ok(known)
}

/// Inserts rows, sorted by key, and gives those that were not there.
async fn insert<M: Newest>(db: &impl ConnectionTrait, rows: Vec<M>) -> Result<Vec<M>, DbErr> {
    let mut inserted = Vec::with_capacity(rows.len());
    for piece in pieces(&rows) {
        let found = M::Table::insert_many(piece.iter().cloned().map(M::into_active_model))
            .on_conflict_do_nothing_on([M::KEY])
            .exec_with_returning_many(db)
            .await?;
        if let TryInsertResult::Inserted(found) = found {
            inserted.extend(found);
        }
    }
    Ok(inserted)
}

/// The rows of these keys, sorted by key, which nobody else changes until the transaction
/// ends. SQLite has one writer at a time anyway.
async fn lock<M: Newest>(db: &impl ConnectionTrait, keys: &[Uuid]) -> Result<Vec<M>, DbErr> {
    let mut rows = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(CHUNK) {
        let found = M::Table::find()
            .filter(M::KEY.is_in(chunk.iter().copied()))
            .order_by(M::KEY, Order::Asc)
            .lock_exclusive()
            .all(db)
            .await?;
        rows.extend(found);
    }
    Ok(rows)
}

async fn overwrite<M: Newest>(db: &impl ConnectionTrait, rows: Vec<M>) -> Result<(), DbErr> {
    let others = ColumnOf::<M>::iter().filter(|column| column.as_str() != M::KEY.as_str());
    let others: Vec<ColumnOf<M>> = others.collect();
    for piece in pieces(&rows) {
        M::Table::insert_many(piece.iter().cloned().map(M::into_active_model))
            .on_conflict(OnConflict::column(M::KEY).update_columns(others.clone()).to_owned())
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}
