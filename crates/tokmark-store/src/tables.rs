//! What the methods of [`Store`] are made of: single reads and writes of the tables.

use std::collections::{HashMap, HashSet};

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, Order, QueryFilter, QueryOrder,
    TryInsertResult,
};
use tokmark_model::{Note, Record, RecordId};

use crate::entity::{bodies, notes, records, tags};
use crate::row::{self, storable};
use crate::store::{MAX_TAG_BYTES, Store};
use crate::{StoreError, connect};

/// Ids in one statement; both databases allow 32,766 and more.
const CHUNK: usize = 500;

/// Bodies in memory at once beside the records made of them; one may have megabytes.
const BODY_CHUNK: usize = 32;

impl Store {
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        connect::begin_write(&self.db, self.options.busy_timeout)
            .await
            .map_err(|error| self.origin.db(error))
    }

    /// Begins to change a record that must be there.
    pub(crate) async fn begin_on(&self, id: RecordId) -> Result<DatabaseTransaction, StoreError> {
        let transaction = self.begin().await?;
        let found = records::Entity::find_by_id(id)
            .one(&transaction)
            .await
            .map_err(|error| self.origin.db(error))?;
        match found {
            Some(_) => Ok(transaction),
            None => Err(self.origin.not_found(id)),
        }
    }

    pub(crate) async fn commit(&self, transaction: DatabaseTransaction) -> Result<(), StoreError> {
        transaction.commit().await.map_err(|error| self.origin.db(error))
    }

    /// Inserts columns and body of a record that isn't there; says whether it was not.
    pub(crate) async fn insert(
        &self,
        transaction: &DatabaseTransaction,
        record: &Record,
        body: String,
    ) -> Result<bool, StoreError> {
        let sorted = |error| self.origin.db(error);
        let inserted = records::Entity::insert(row::columns(record).into_active_model())
            .on_conflict_do_nothing_on([records::Column::Id])
            .exec_without_returning(transaction)
            .await
            .map_err(sorted)?;
        if matches!(inserted, TryInsertResult::Inserted(1)) {
            let body = bodies::Model { record_id: record.id, body };
            bodies::Entity::insert(body.into_active_model())
                .exec_without_returning(transaction)
                .await
                .map_err(sorted)?;
            return Ok(true);
        }
        let kept = bodies::Entity::find_by_id(record.id).one(transaction).await.map_err(sorted)?;
        match kept {
            Some(kept) if self.same(record.id, &kept.body, &body)? => Ok(false),
            _ => {
                let store = self.origin.store.clone();
                Err(StoreError::Conflict { store, id: record.id })
            }
        }
    }

    /// Whether two bodies say the same. Texts may differ where another version wrote them.
    fn same(&self, id: RecordId, kept: &str, new: &str) -> Result<bool, StoreError> {
        Ok(kept == new || self.parse(id, kept)? == self.parse(id, new)?)
    }

    /// Adds the notes and tags that the kept record lacks.
    pub(crate) async fn merge(
        &self,
        transaction: &DatabaseTransaction,
        record: &Record,
    ) -> Result<(), StoreError> {
        self.add_notes(transaction, record.id, &record.notes).await?;
        self.add_tags(transaction, record.id, &record.tags).await
    }

    pub(crate) async fn add_notes(
        &self,
        transaction: &DatabaseTransaction,
        id: RecordId,
        notes: &[Note],
    ) -> Result<(), StoreError> {
        for (position, note) in notes.iter().enumerate() {
            let columns = row::note_columns(id, note, position);
            notes::Entity::insert(columns.into_active_model())
                .on_conflict(
                    OnConflict::columns([notes::Column::RecordId, notes::Column::NoteId])
                        .do_nothing()
                        .to_owned(),
                )
                .exec_without_returning(transaction)
                .await
                .map_err(|error| self.origin.db(error))?;
        }
        Ok(())
    }

    pub(crate) async fn add_tags(
        &self,
        transaction: &DatabaseTransaction,
        id: RecordId,
        tags: &[String],
    ) -> Result<(), StoreError> {
        if tags.is_empty() {
            return Ok(());
        }
        let sorted = |error| self.origin.db(error);
        let kept = tags::Entity::find()
            .filter(tags::Column::RecordId.eq(id))
            .all(transaction)
            .await
            .map_err(sorted)?;
        let mut position = kept.iter().map(|tag| tag.position + 1).max().unwrap_or(0);
        let mut seen: HashSet<String> = kept.into_iter().map(|tag| tag.tag).collect();
        for tag in tags.iter().map(|tag| storable(tag)) {
            if !seen.insert(tag.clone()) {
                continue;
            }
            let columns = tags::Model { record_id: id, tag, position };
            tags::Entity::insert(columns.into_active_model())
                .on_conflict(
                    OnConflict::columns([tags::Column::RecordId, tags::Column::Tag])
                        .do_nothing()
                        .to_owned(),
                )
                .exec_without_returning(transaction)
                .await
                .map_err(sorted)?;
            position += 1;
        }
        Ok(())
    }

    /// The records of these ids, in their order; ids without a record are left out.
    pub(crate) async fn read(&self, ids: &[RecordId]) -> Result<Vec<Record>, StoreError> {
        let mut notes = self.notes_of(ids).await?;
        let mut tags = self.tags_of(ids).await?;
        let mut found = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(BODY_CHUNK) {
            let rows = bodies::Entity::find()
                .filter(bodies::Column::RecordId.is_in(chunk.iter().copied()))
                .all(&self.db)
                .await
                .map_err(|error| self.origin.db(error))?;
            let mut bodies: HashMap<RecordId, String> =
                rows.into_iter().map(|row| (row.record_id, row.body)).collect();
            for id in chunk {
                let Some(body) = bodies.remove(id) else {
                    continue;
                };
                let mut record = self.parse(*id, &body)?;
                record.notes = notes.remove(id).unwrap_or_default();
                record.tags = tags.remove(id).unwrap_or_default();
                found.push(record);
            }
        }
        Ok(found)
    }

    /// Notes by record, oldest first.
    pub(crate) async fn notes_of(
        &self,
        ids: &[RecordId],
    ) -> Result<HashMap<RecordId, Vec<Note>>, StoreError> {
        let mut found: HashMap<RecordId, Vec<Note>> = HashMap::new();
        for chunk in ids.chunks(CHUNK) {
            let rows = notes::Entity::find()
                .filter(notes::Column::RecordId.is_in(chunk.iter().copied()))
                .order_by(notes::Column::Position, Order::Asc)
                .order_by(notes::Column::NoteId, Order::Asc)
                .all(&self.db)
                .await
                .map_err(|error| self.origin.db(error))?;
            for columns in rows {
                let id = columns.record_id;
                let note = row::note(columns).map_err(|reason| self.unreadable(id, reason))?;
                found.entry(id).or_default().push(note);
            }
        }
        found.values_mut().for_each(|notes| notes.sort_by_key(|note| note.at));
        Ok(found)
    }

    /// Tags by record, in the order in which they were given.
    pub(crate) async fn tags_of(
        &self,
        ids: &[RecordId],
    ) -> Result<HashMap<RecordId, Vec<String>>, StoreError> {
        let mut found: HashMap<RecordId, Vec<String>> = HashMap::new();
        for chunk in ids.chunks(CHUNK) {
            let rows = tags::Entity::find()
                .filter(tags::Column::RecordId.is_in(chunk.iter().copied()))
                .order_by(tags::Column::Position, Order::Asc)
                .order_by(tags::Column::Tag, Order::Asc)
                .all(&self.db)
                .await
                .map_err(|error| self.origin.db(error))?;
            for tag in rows {
                found.entry(tag.record_id).or_default().push(tag.tag);
            }
        }
        Ok(found)
    }

    fn parse(&self, id: RecordId, body: &str) -> Result<Record, StoreError> {
        serde_json::from_str(body).map_err(|error| self.unreadable(id, error.to_string()))
    }

    pub(crate) fn unreadable(&self, id: RecordId, reason: String) -> StoreError {
        StoreError::Unreadable { store: self.origin.store.clone(), id, reason }
    }
}

/// What is kept of a record, notes and tags apart; refused unless it reads back.
pub(crate) fn body(record: &Record) -> Result<String, StoreError> {
    let invalid = |error: serde_json::Error| StoreError::InvalidRecord {
        id: record.id,
        reason: error.to_string(),
    };
    check_tags(record.id, &record.tags)?;
    let plain = Record { notes: Vec::new(), tags: Vec::new(), ..record.clone() };
    let body = serde_json::to_string(&plain).map_err(invalid)?;
    // A rate that is no number, for one, would be written as null.
    serde_json::from_str::<Record>(&body).map_err(invalid)?;
    Ok(body)
}

pub(crate) fn check_tags(id: RecordId, tags: &[String]) -> Result<(), StoreError> {
    let wrong = |tag: &&String| tag.is_empty() || tag.len() > MAX_TAG_BYTES;
    match tags.iter().find(wrong) {
        None => Ok(()),
        Some(_) => {
            let reason = format!("a tag has 1 to {MAX_TAG_BYTES} bytes");
            Err(StoreError::InvalidRecord { id, reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::num::f64::{NORMAL, SUBNORMAL};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_body_reads_back_equal(
            floats in prop::collection::vec(NORMAL | SUBNORMAL, 1..50),
            integers in prop::collection::vec(any::<u64>(), 0..20),
            text in ".*",
        ) {
            let mut record: Record = serde_json::from_value(serde_json::json!({
                "record_version": 1, "id": RecordId::nil(), "run_id": RecordId::nil(),
                "kind": "measured", "created_at": "2026-11-21T22:40:15.123456789Z",
                "tool": { "name": "tokmark", "version": "1" }, "status": "ok",
                "test": { "n_prompt": 1, "n_gen": 0 },
                "params": tokmark_model::EngineParams::default(), "model": { "name": text },
                "engine": {}, "machine": {},
            })).unwrap();
            record.machine.power_cap_w = floats.first().copied();
            record.warmup_ns = integers.iter().copied().map(tokmark_model::Nanos).collect();
            record.newer.insert("later".into(), serde_json::json!({ "f": floats, "n": integers }));
            let read: Record = serde_json::from_str(&body(&record).unwrap()).unwrap();
            prop_assert_eq!(read, record);
        }
    }
}
