//! What the methods of [`Store`] are made of: single reads and writes of the tables.

use std::collections::{HashMap, HashSet};

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, Order, QueryFilter, QueryOrder,
    TryInsertResult,
};
use tokmark_model::{Note, Record, RecordId};

use crate::catalogue::{self, Entry};
use crate::entity::{bodies, notes, records, tags};
use crate::row::{self, storable};
use crate::store::{MAX_TAG_BYTES, Store};
use crate::{StoreError, connect};

/// Ids in one statement; both databases allow 32,766 and more.
pub(crate) const CHUNK: usize = 500;

/// Bodies in memory at once beside the records made of them; one may have megabytes.
const BODY_CHUNK: usize = 32;

/// Bytes of bodies in one statement, one body apart.
const STATEMENT_BYTES: usize = 4 << 20;

/// Longest text that records are found by as a whole.
const MAX_KEY_BYTES: usize = 500;

impl Store {
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        connect::begin_write(&self.db, self.options.busy_timeout)
            .await
            .map_err(|error| self.origin.db(error))
    }

    /// Begins to change a record that must be there; gives its columns too.
    pub(crate) async fn begin_on(
        &self,
        id: RecordId,
    ) -> Result<(DatabaseTransaction, records::Model), StoreError> {
        let transaction = self.begin().await?;
        let found = records::Entity::find_by_id(id)
            .one(&transaction)
            .await
            .map_err(|error| self.origin.db(error))?;
        match found {
            Some(columns) => Ok((transaction, columns)),
            None => Err(self.origin.not_found(id)),
        }
    }

    pub(crate) async fn commit(&self, transaction: DatabaseTransaction) -> Result<(), StoreError> {
        transaction.commit().await.map_err(|error| self.origin.db(error))
    }

    /// Inserts those records that aren't there, adds what notes and tags the others lack, and
    /// says how many were new.
    pub(crate) async fn insert_all(
        &self,
        transaction: &DatabaseTransaction,
        mut prepared: Vec<Prepared<'_>>,
    ) -> Result<usize, StoreError> {
        let sorted = |error| self.origin.db(error);
        // Two programs that save the same records must not wait for each other in a ring.
        prepared.sort_by_key(|new| new.record.id);
        let mut unique: Vec<Prepared> = Vec::with_capacity(prepared.len());
        let mut merged = Vec::new();
        for new in prepared {
            merged.push(new.record);
            match unique.last() {
                Some(last) if last.record.id == new.record.id => {
                    if !self.same(new.record.id, &last.body, &new.body)? {
                        return Err(self.conflict(new.record.id));
                    }
                }
                _ => unique.push(new),
            }
        }
        let mut inserted = HashSet::with_capacity(unique.len());
        for piece in pieces(&unique) {
            let columns = piece.iter().map(|new| new.columns.clone().into_active_model());
            let found = records::Entity::insert_many(columns)
                .on_conflict_do_nothing_on([records::Column::Id])
                .exec_with_returning_keys(transaction)
                .await
                .map_err(sorted)?;
            if let TryInsertResult::Inserted(ids) = found {
                inserted.extend(ids);
            }
        }
        let (new, known): (Vec<Prepared>, Vec<Prepared>) =
            unique.into_iter().partition(|new| inserted.contains(&new.record.id));
        self.compare(transaction, &known).await?;
        let entries = new.iter().map(|new| new.entry.clone()).collect();
        self.insert_bodies(transaction, new).await?;
        let has_remarks =
            merged.iter().any(|record| !(record.notes.is_empty() && record.tags.is_empty()));
        for record in merged {
            self.add_notes(transaction, record.id, &record.notes).await?;
            self.add_tags(transaction, record.id, &record.tags).await?;
        }
        if !inserted.is_empty() {
            catalogue::add(transaction, entries).await.map_err(sorted)?;
        }
        if !inserted.is_empty() || has_remarks {
            self.changed(transaction).await?;
        }
        Ok(inserted.len())
    }

    /// Refuses records that others with their ids are kept in place of.
    async fn compare(
        &self,
        transaction: &DatabaseTransaction,
        known: &[Prepared<'_>],
    ) -> Result<(), StoreError> {
        for chunk in known.chunks(BODY_CHUNK) {
            let kept = bodies::Entity::find()
                .filter(bodies::Column::RecordId.is_in(chunk.iter().map(|new| new.record.id)))
                .all(transaction)
                .await
                .map_err(|error| self.origin.db(error))?;
            let kept: HashMap<RecordId, String> =
                kept.into_iter().map(|row| (row.record_id, row.body)).collect();
            for new in chunk {
                let id = new.record.id;
                match kept.get(&id) {
                    Some(kept) if self.same(id, kept, &new.body)? => {}
                    _ => return Err(self.conflict(id)),
                }
            }
        }
        Ok(())
    }

    /// Many in one statement, as long as they are small.
    async fn insert_bodies(
        &self,
        transaction: &DatabaseTransaction,
        new: Vec<Prepared<'_>>,
    ) -> Result<(), StoreError> {
        let rows: Vec<bodies::Model> = new
            .into_iter()
            .map(|new| bodies::Model { record_id: new.record.id, body: new.body })
            .collect();
        let mut rows = rows.as_slice();
        while !rows.is_empty() {
            let mut n_bytes = 0;
            let is_small = |row: &&bodies::Model| {
                n_bytes += row.body.len();
                n_bytes <= STATEMENT_BYTES
            };
            let n = rows.iter().take_while(is_small).count().max(1);
            let piece = pieces(&rows[..n]).next().unwrap_or(rows);
            bodies::Entity::insert_many(
                piece.iter().cloned().map(IntoActiveModel::into_active_model),
            )
            .exec_without_returning(transaction)
            .await
            .map_err(|error| self.origin.db(error))?;
            rows = &rows[piece.len()..];
        }
        Ok(())
    }

    /// Removes a record with its notes and tags, also from leaderboard, machines and models.
    pub(crate) async fn delete(
        &self,
        transaction: &DatabaseTransaction,
        columns: records::Model,
    ) -> Result<(), StoreError> {
        let sorted = |error| self.origin.db(error);
        let records::Model { id, board_key, machine_fingerprint, model_key, .. } = columns;
        let is_counted = Entry::kept(transaction, id).await.map_err(sorted)?.is_some();
        let gone = records::Entity::delete_by_id(id).exec(transaction).await.map_err(sorted)?;
        if gone.rows_affected == 0 {
            // Another program was faster.
            return Err(self.origin.not_found(id));
        }
        if !is_counted {
            // An upgrade could not read it and left it out.
            return Ok(());
        }
        catalogue::take_out(transaction, id, board_key, &machine_fingerprint, model_key)
            .await
            .map_err(sorted)?;
        self.changed(transaction).await
    }

    /// Says that records, notes or tags changed; the last write of a transaction.
    pub(crate) async fn changed(
        &self,
        transaction: &DatabaseTransaction,
    ) -> Result<(), StoreError> {
        catalogue::changed(transaction).await.map_err(|error| self.origin.db(error))
    }

    fn conflict(&self, id: RecordId) -> StoreError {
        StoreError::Conflict { store: self.origin.store.clone(), id }
    }

    /// Whether two bodies say the same, whoever signed them. Texts may differ where another
    /// version wrote them, and figures where another version of the statistics made them.
    fn same(&self, id: RecordId, kept: &str, new: &str) -> Result<bool, StoreError> {
        let unsigned = |body: &str| -> Result<Record, StoreError> {
            Ok(Record { signature: None, ..self.parse(id, body)? })
        };
        if kept == new {
            return Ok(true);
        }
        let (mut kept, mut new) = (unsigned(kept)?, unsigned(new)?);
        if kept.statistics_version() != new.statistics_version() {
            (kept, new) = (kept.without_figures(), new.without_figures());
        }
        Ok(kept == new)
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

/// A record with all that is written of it.
pub(crate) struct Prepared<'r> {
    record: &'r Record,
    columns: records::Model,
    entry: Entry,
    body: String,
}

impl<'r> Prepared<'r> {
    /// # Errors
    ///
    /// [`StoreError::InvalidRecord`] where it would not read back.
    pub fn new(record: &'r Record) -> Result<Self, StoreError> {
        let invalid = |reason: String| StoreError::InvalidRecord { id: record.id, reason };
        check_tags(record.id, &record.tags)?;
        check_keys(record).map_err(invalid)?;
        let (body, read) = body(record).map_err(|error| invalid(error.to_string()))?;
        let entry = Entry::of(read).map_err(|error| invalid(error.to_string()))?;
        let columns = row::columns(record, entry.board.as_ref().map(|row| row.key));
        Ok(Prepared { record, columns, entry, body })
    }
}

/// What is kept of a record, notes and tags apart, and how that reads back.
fn body(record: &Record) -> Result<(String, Record), serde_json::Error> {
    let body = if record.notes.is_empty() && record.tags.is_empty() {
        serde_json::to_string(record)?
    } else {
        serde_json::to_string(&Record { notes: Vec::new(), tags: Vec::new(), ..record.clone() })?
    };
    // A rate that is no number, for one, would be written as null.
    let read = serde_json::from_str(&body)?;
    Ok((body, read))
}

/// What records are found by must be short enough for every database to index it.
fn check_keys(record: &Record) -> Result<(), String> {
    let label = record.label();
    for (name, text) in [
        ("the fingerprint of the machine", record.machine.fingerprint.as_str()),
        ("the hash of the model", record.model.sha256.as_deref().unwrap_or_default()),
        ("the name of the test", label.as_str()),
    ] {
        if text.len() > MAX_KEY_BYTES {
            return Err(format!("{name} has over {MAX_KEY_BYTES} bytes"));
        }
    }
    Ok(())
}

/// Pieces for statements that insert many rows. They have few different sizes: every size
/// is a statement that a connection remembers.
pub(crate) fn pieces<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let size = [256, 64, 16, 4, 1].into_iter().find(|size| *size <= rest.len())?;
        let (piece, others) = rest.split_at(size);
        rest = others;
        Some(piece)
    })
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
            let (_, read) = body(&record).unwrap();
            prop_assert_eq!(read, record);
        }
    }
}
