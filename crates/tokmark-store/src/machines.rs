//! The machines and models that records are of.

use std::collections::HashMap;

use async_recursion::async_recursion as boxed;
use sea_orm::{ColumnTrait, Condition, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use tokmark_model::{MachineFacts, ModelFacts, Timestamp};

use crate::entity::{board, machines, models};
use crate::row::{clipped, storable};
use crate::tables::CHUNK;
use crate::{Board, Cursor, Page, StoreError};

/// A machine that records are of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MachineRow {
    /// The facts in its newest record.
    pub facts: MachineFacts,
    /// Names of its hardware in the leaderboard, sorted; several where records used
    /// different devices, none where nothing of it is there.
    pub hardware: Vec<String>,
    /// Records, whatever became of them.
    pub n_records: u64,
    /// When its newest was begun, to the microsecond.
    pub last_at: Timestamp,
}

/// A model that records are of: by its hash, or by its name where none is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelRow {
    /// The facts in its newest record.
    pub facts: ModelFacts,
    /// Its family.
    pub family: String,
    /// Records, whatever became of them.
    pub n_records: u64,
    /// When its newest was begun, to the microsecond.
    pub last_at: Timestamp,
}

impl Board<'_> {
    /// The machines that measured last, the newest first. One that measures while its list is
    /// read goes to the top, where the next reading begins.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidCursor`] where another order gave the cursor;
    /// [`StoreError::Unreadable`] where a newer program wrote one of them.
    #[boxed]
    pub async fn machines(
        &self,
        limit: u64,
        after: Option<&Cursor>,
    ) -> Result<Page<MachineRow>, StoreError> {
        use machines::Column as C;

        let older = after.map(|after| after.older(C::LastAtUs, C::Key)).transpose()?;
        let found = machines::Entity::find()
            .filter(Condition::all().add_option(older))
            .order_by(C::LastAtUs, Order::Desc)
            .order_by(C::Key, Order::Desc)
            .limit(limit.saturating_add(1))
            .all(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        let Page { rows, next } =
            Page::of(found, limit, |last| Cursor::in_time(last.last_at_us, last.key));
        Ok(Page { rows: self.machine_rows(rows).await?, next })
    }

    async fn machine_rows(
        &self,
        found: Vec<machines::Model>,
    ) -> Result<Vec<MachineRow>, StoreError> {
        let mut hardware = self.hardware(&found).await?;
        let row = |columns: machines::Model| {
            Ok(MachineRow {
                facts: self.parse(columns.record_id, &columns.facts)?,
                hardware: hardware.remove(&clipped(&columns.fingerprint)).unwrap_or_default(),
                n_records: columns.n_records.unsigned_abs(),
                last_at: self.time(columns.last_at_us)?,
            })
        };
        found.into_iter().map(row).collect()
    }

    /// The machine with this fingerprint.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] where a newer program wrote it.
    #[boxed]
    pub async fn machine(&self, fingerprint: &str) -> Result<Option<MachineRow>, StoreError> {
        let found = machines::Entity::find()
            .filter(machines::Column::Fingerprint.eq(storable(fingerprint)))
            .order_by(machines::Column::LastAtUs, Order::Desc)
            .one(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        let rows = self.machine_rows(found.into_iter().collect()).await?;
        Ok(rows.into_iter().next())
    }

    /// The models that were measured last, the newest first, as [`Board::machines`].
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidCursor`] where another order gave the cursor;
    /// [`StoreError::Unreadable`] where a newer program wrote one of them.
    #[boxed]
    pub async fn models(
        &self,
        limit: u64,
        after: Option<&Cursor>,
    ) -> Result<Page<ModelRow>, StoreError> {
        use models::Column as C;

        let older = after.map(|after| after.older(C::LastAtUs, C::Key)).transpose()?;
        let found = models::Entity::find()
            .filter(Condition::all().add_option(older))
            .order_by(C::LastAtUs, Order::Desc)
            .order_by(C::Key, Order::Desc)
            .limit(limit.saturating_add(1))
            .all(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        let row = |columns: models::Model| {
            Ok(ModelRow {
                facts: self.parse(columns.record_id, &columns.facts)?,
                family: columns.family,
                n_records: columns.n_records.unsigned_abs(),
                last_at: self.time(columns.last_at_us)?,
            })
        };
        let Page { rows, next } =
            Page::of(found, limit, |last| Cursor::in_time(last.last_at_us, last.key));
        let rows: Result<Vec<ModelRow>, _> = rows.into_iter().map(row).collect();
        Ok(Page { rows: rows?, next })
    }

    /// Hardware in the leaderboard by fingerprint.
    async fn hardware(
        &self,
        machines: &[machines::Model],
    ) -> Result<HashMap<String, Vec<String>>, StoreError> {
        use board::Column as C;

        let mut hardware: HashMap<String, Vec<String>> = HashMap::new();
        for chunk in machines.chunks(CHUNK) {
            let fingerprints = chunk.iter().map(|machine| clipped(&machine.fingerprint));
            let found: Vec<(String, String)> = board::Entity::find()
                .select_only()
                .columns([C::MachineFingerprint, C::Hardware])
                .distinct()
                .filter(C::MachineFingerprint.is_in(fingerprints))
                .order_by(C::MachineFingerprint, Order::Asc)
                .order_by(C::Hardware, Order::Asc)
                .into_tuple()
                .all(&self.store.db)
                .await
                .map_err(|error| self.store.origin.db(error))?;
            for (fingerprint, name) in found {
                hardware.entry(fingerprint).or_default().push(name);
            }
        }
        Ok(hardware)
    }
}
