use async_recursion::async_recursion as boxed;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, Order, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use tokmark_model::{Nanos, Note, Record, RecordId, RecordKind, Status, Test};
use uuid::Uuid;

use crate::connect::{self, OpenOptions};
use crate::entity::{records, tags};
use crate::error::Origin;
use crate::row::{self, storable, word};
use crate::tables::{Prepared, check_tags};
use crate::{Filter, RecordRow, RunRow, StoreError, StoreUrl};

/// Longest tag, so that every database can index it.
pub const MAX_TAG_BYTES: usize = 200;

/// Records kept in one database. Clones share its connections.
///
/// Every method may fail with [`StoreError::Locked`], [`StoreError::Corrupt`],
/// [`StoreError::Connection`] and [`StoreError::Database`]; those that write also with
/// [`StoreError::NoWriteAccess`] and [`StoreError::DiskFull`], and then nothing of that
/// call was written. What a method adds to these stands under "Errors".
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) db: DatabaseConnection,
    pub(crate) options: OpenOptions,
    pub(crate) origin: Origin,
}

impl Store {
    /// Opens a store with the usual options, see [`Store::open_with`].
    ///
    /// # Errors
    ///
    /// As [`Store::open_with`].
    #[boxed]
    pub async fn open(url: &StoreUrl) -> Result<Self, StoreError> {
        Self::open_with(url, OpenOptions::default()).await
    }

    /// Opens a store, makes it where there is none and updates an older one. A file that
    /// may be read but not written opens, and writing to it fails.
    ///
    /// # Errors
    ///
    /// [`StoreError::NewerSchema`], [`StoreError::Foreign`].
    #[boxed]
    pub async fn open_with(url: &StoreUrl, options: OpenOptions) -> Result<Self, StoreError> {
        let origin = Origin { store: url.to_string(), busy_timeout: options.busy_timeout };
        let db = connect::connect(url, &options, &origin).await?;
        Ok(Store { db, options, origin })
    }

    /// Finds out whether records can be saved, without saving any: worth asking before an
    /// hour is spent on measuring.
    ///
    /// # Errors
    ///
    /// Those of writing.
    #[boxed]
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        let sql = "INSERT INTO tokmark_record_bodies \
                   SELECT * FROM tokmark_record_bodies WHERE 1 = 0";
        transaction.execute_unprepared(sql).await.map_err(|error| self.origin.db(error))?;
        transaction.rollback().await.map_err(|error| self.origin.db(error))
    }

    /// Saves a record and says whether it was new. Saving it again changes nothing, be it with
    /// another signature; notes and tags that the kept one lacks are added to it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] where another record has this id;
    /// [`StoreError::InvalidRecord`] where it would not read back.
    #[boxed]
    pub async fn save(&self, record: &Record) -> Result<bool, StoreError> {
        Ok(self.save_all(std::slice::from_ref(record)).await? == 1)
    }

    /// Saves all of these or, on an error, none, and says how many were new.
    ///
    /// # Errors
    ///
    /// As [`Store::save`].
    #[boxed]
    pub async fn save_all(&self, records: &[Record]) -> Result<usize, StoreError> {
        let prepared = records.iter().map(Prepared::new).collect::<Result<Vec<_>, _>>()?;
        let transaction = self.begin().await?;
        let n_new = self.insert_all(&transaction, prepared).await?;
        self.commit(transaction).await?;
        Ok(n_new)
    }

    /// Saves `record` in place of the one with the id `old`, which it continues: takes over
    /// that one's notes and tags, and removes it.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`]; those of [`Store::save`].
    #[boxed]
    pub async fn replace(&self, old: RecordId, record: &Record) -> Result<(), StoreError> {
        let Record { notes, tags, .. } = self.get(old).await?;
        let mut record = record.clone();
        record.notes.extend(notes);
        record.tags.extend(tags);
        let prepared = Prepared::new(&record)?;
        let (transaction, columns) = self.begin_on(old).await?;
        self.insert_all(&transaction, vec![prepared]).await?;
        self.delete(&transaction, columns).await?;
        self.commit(transaction).await
    }

    /// The one record whose id begins with these hexadecimal digits; hyphens and case
    /// don't matter. Ids begin with the time: all records of 65 seconds share 8 digits,
    /// those of one millisecond share 12.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidId`], [`StoreError::NotFound`],
    /// [`StoreError::AmbiguousPrefix`].
    #[boxed]
    pub async fn resolve(&self, prefix: &str) -> Result<RecordId, StoreError> {
        let invalid = || StoreError::InvalidId { text: prefix.to_owned() };
        let digits: String = prefix.chars().filter(|c| *c != '-').collect();
        let hexadecimal = digits.chars().all(|c| c.is_ascii_hexdigit());
        if digits.is_empty() || digits.len() > 32 || !hexadecimal {
            return Err(invalid());
        }
        let first = Uuid::try_parse(&format!("{digits:0<32}")).map_err(|_| invalid())?;
        let last = Uuid::try_parse(&format!("{digits:f<32}")).map_err(|_| invalid())?;
        let found: Vec<RecordId> = records::Entity::find()
            .select_only()
            .column(records::Column::Id)
            .filter(records::Column::Id.between(first, last))
            .order_by(records::Column::Id, Order::Asc)
            .limit(10)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(|error| self.origin.db(error))?;
        match found.as_slice() {
            [] => Err(self.origin.not_found(prefix)),
            [id] => Ok(*id),
            _ => Err(StoreError::AmbiguousPrefix { prefix: prefix.to_owned(), candidates: found }),
        }
    }

    /// A record as it was saved, with its notes and tags.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`]; [`StoreError::Unreadable`] where a newer program wrote it.
    #[boxed]
    pub async fn get(&self, id: RecordId) -> Result<Record, StoreError> {
        self.read(&[id]).await?.pop().ok_or_else(|| self.origin.not_found(id))
    }

    /// What a list shows of the records under a filter, in its order.
    ///
    /// # Errors
    ///
    /// None of its own.
    #[boxed]
    pub async fn list(&self, filter: &Filter) -> Result<Vec<RecordRow>, StoreError> {
        let found = filter.select().all(&self.db).await.map_err(|error| self.origin.db(error))?;
        self.rows(found).await
    }

    /// The rows of these columns, with notes and tags.
    pub(crate) async fn rows(
        &self,
        found: Vec<records::Model>,
    ) -> Result<Vec<RecordRow>, StoreError> {
        let ids: Vec<RecordId> = found.iter().map(|columns| columns.id).collect();
        let mut notes = self.notes_of(&ids).await?;
        let mut tags = self.tags_of(&ids).await?;
        found
            .into_iter()
            .map(|columns| {
                let id = columns.id;
                let mut row = row::row(columns).map_err(|reason| self.unreadable(id, reason))?;
                row.notes = notes.remove(&id).unwrap_or_default();
                row.tags = tags.remove(&id).unwrap_or_default();
                Ok(row)
            })
            .collect()
    }

    /// The whole records under a filter, in its order. All are in memory at once: to go
    /// through a large store, take the ids from [`Store::list`] and [`Store::get`] each.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] where a newer program wrote one of them.
    #[boxed]
    pub async fn records(&self, filter: &Filter) -> Result<Vec<Record>, StoreError> {
        let ids: Vec<RecordId> = filter
            .select()
            .select_only()
            .column(records::Column::Id)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(|error| self.origin.db(error))?;
        self.read(&ids).await
    }

    /// How many records are under a filter, whatever its limit.
    ///
    /// # Errors
    ///
    /// None of its own.
    #[boxed]
    pub async fn count(&self, filter: &Filter) -> Result<u64, StoreError> {
        records::Entity::find()
            .filter(filter.condition())
            .count(&self.db)
            .await
            .map_err(|error| self.origin.db(error))
    }

    /// The newest runs, newest first.
    ///
    /// # Errors
    ///
    /// None of its own.
    #[boxed]
    pub async fn runs(&self, limit: Option<u64>) -> Result<Vec<RunRow>, StoreError> {
        use records::Column as C;

        let found: Vec<(Uuid, i64, i64, i64)> = records::Entity::find()
            .select_only()
            .column(C::RunId)
            .column_as(C::Id.count(), "n_records")
            .column_as(C::CreatedAtUs.min(), "first_us")
            .column_as(C::CreatedAtUs.max(), "last_us")
            .group_by(C::RunId)
            .order_by(C::CreatedAtUs.max(), Order::Desc)
            .order_by(C::RunId, Order::Desc)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(|error| self.origin.db(error))?;
        let run = |(run_id, n_records, first, last): (Uuid, i64, i64, i64)| {
            let time = |time| row::time(time).map_err(|reason| self.origin.corrupt(reason));
            let n_records = n_records.unsigned_abs();
            Ok(RunRow { run_id, n_records, first_at: time(first)?, last_at: time(last)? })
        };
        found.into_iter().map(run).collect()
    }

    /// Adds a dated note. The same note is kept once.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    #[boxed]
    pub async fn note(&self, id: RecordId, note: &Note) -> Result<(), StoreError> {
        let (transaction, _) = self.begin_on(id).await?;
        self.add_notes(&transaction, id, std::slice::from_ref(note)).await?;
        self.changed(&transaction).await?;
        self.commit(transaction).await
    }

    /// Adds tags; those it has already change nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`]; [`StoreError::InvalidRecord`] for an empty tag or one of
    /// over [`MAX_TAG_BYTES`].
    pub async fn tag(&self, id: RecordId, tags: &[impl AsRef<str>]) -> Result<(), StoreError> {
        let tags: Vec<String> = tags.iter().map(|tag| tag.as_ref().to_owned()).collect();
        check_tags(id, &tags)?;
        let (transaction, _) = self.begin_on(id).await?;
        self.add_tags(&transaction, id, &tags).await?;
        self.changed(&transaction).await?;
        self.commit(transaction).await
    }

    /// Takes tags away; those it lacks change nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    pub async fn untag(&self, id: RecordId, tags: &[impl AsRef<str>]) -> Result<(), StoreError> {
        let (transaction, _) = self.begin_on(id).await?;
        tags::Entity::delete_many()
            .filter(tags::Column::RecordId.eq(id))
            .filter(tags::Column::Tag.is_in(tags.iter().map(|tag| storable(tag.as_ref()))))
            .exec(&transaction)
            .await
            .map_err(|error| self.origin.db(error))?;
        self.changed(&transaction).await?;
        self.commit(transaction).await
    }

    /// Removes a record with its notes and tags.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    #[boxed]
    pub async fn remove(&self, id: RecordId) -> Result<(), StoreError> {
        let (transaction, columns) = self.begin_on(id).await?;
        self.delete(&transaction, columns).await?;
        self.commit(transaction).await
    }

    /// How long this test took last time, with this model on this machine, loading left
    /// out; `None` where it was never measured to its end.
    ///
    /// # Errors
    ///
    /// None of its own.
    #[boxed]
    pub async fn expected_duration(
        &self,
        model_sha256: &str,
        test: &Test,
        machine_fingerprint: &str,
    ) -> Result<Option<Nanos>, StoreError> {
        use records::Column as C;

        let last: Option<i64> = records::Entity::find()
            .select_only()
            .column(C::DurationNs)
            .filter(C::ModelSha256.eq(storable(model_sha256)))
            .filter(C::TestLabel.eq(test.label()))
            .filter(C::MachineFingerprint.eq(storable(machine_fingerprint)))
            .filter(C::Kind.eq(word(&RecordKind::Measured)))
            .filter(C::Status.eq(word(&Status::Ok)))
            .filter(C::DurationNs.is_not_null())
            .filter(C::IsVisit.eq(false))
            .order_by(C::CreatedAtUs, Order::Desc)
            .into_tuple()
            .one(&self.db)
            .await
            .map_err(|error| self.origin.db(error))?;
        Ok(last.map(row::nanos))
    }

    /// Closes all connections, which also takes SQLite's `-wal` file into the database.
    /// A store that is dropped instead loses nothing.
    #[boxed]
    pub async fn close(self) {
        // Whatever went wrong here: every finished call is in the database already.
        let _ = self.db.close().await;
    }
}
