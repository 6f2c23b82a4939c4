use async_recursion::async_recursion as boxed;
use sea_orm::sea_query::{Expr, Func};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokmark_model::{BoardRow, GradeLetter, RecordId, RecordKind, Timestamp};

use crate::catalogue::EVERY_ROW;
use crate::entity::{board, board_values, revision};
use crate::filter::{at_least, containing};
use crate::page::USUAL_ROWS;
use crate::row::{self, clipped, word};
use crate::tables::CHUNK;
use crate::{Cursor, Direction, Page, Store, StoreError};

/// Values of one menu.
const MAX_CHOICES: u64 = 200;

/// Lists of back ends that a part of their names may mean.
const MAX_MEANT: u64 = 1000;

/// The leaderboard: one row for each configuration (model, quantization, machine, engine with
/// version, back ends and settings, test, kind and source), which shows its newest record.
/// Whatever saves, replaces or removes records keeps it right.
#[derive(Debug, Clone, Copy)]
pub struct Board<'s> {
    pub(crate) store: &'s Store,
}

/// Which rows of the leaderboard are meant. Absent fields don't restrict; several restrict
/// together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BoardFilter {
    /// Family of the model.
    pub family: Option<String>,
    /// The model's whole name.
    pub model: Option<String>,
    /// Hash of the model's file.
    pub model_sha256: Option<String>,
    /// The whole name of the hardware, as [`BoardRow::hardware`].
    pub hardware: Option<String>,
    /// Fingerprint of the machine.
    pub machine: Option<String>,
    /// Part of the list of back ends, in any case.
    pub backend: Option<String>,
    /// The engine's whole name, in any case.
    pub engine: Option<String>,
    /// Quantization, as [`BoardRow::quantization`].
    pub quantization: Option<String>,
    /// Shape of the load, or the test.
    pub shape: Option<String>,
    /// Requests or sequences at once.
    pub concurrency: Option<u32>,
    /// So many parameters or more; models of unknown size are left out.
    pub min_params: Option<u64>,
    /// So many parameters or fewer; models of unknown size are left out.
    pub max_params: Option<u64>,
    /// This grade or a better one; rows without a grade are left out.
    pub grade_at_least: Option<GradeLetter>,
    /// How records came to be.
    pub kind: Option<RecordKind>,
    /// Load points on servers alone, or tests of engines alone.
    pub is_serving: Option<bool>,
    /// Only what generates text: no rates of prompts alone.
    pub generates: bool,
    /// At most so many.
    pub limit: Option<u64>,
    /// The limit is of configurations, each with all of its tests and shapes; it counts them too.
    pub by_configuration: bool,
    /// By the median time to first token, the shortest first; rows without one are left out.
    pub by_ttft: bool,
}

/// What the menus of the filters offer: values with the number of rows that have them, the
/// most frequent first, 200 of each at most. Long values are cut, which filters allow for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BoardChoices {
    /// Families of models.
    pub families: Vec<(String, u64)>,
    /// Hardware.
    pub hardware: Vec<(String, u64)>,
    /// Lists of back ends.
    pub backends: Vec<(String, u64)>,
    /// Quantizations.
    pub quantizations: Vec<(String, u64)>,
    /// Shapes and tests.
    pub shapes: Vec<(String, u64)>,
    /// Engines.
    pub engines: Vec<(String, u64)>,
    /// Requests or sequences at once.
    pub concurrencies: Vec<(u32, u64)>,
}

impl Store {
    /// The leaderboard, with machines and models.
    pub fn board(&self) -> Board<'_> {
        Board { store: self }
    }
}

impl Board<'_> {
    /// How often records, notes or tags changed: what was made of them holds as long as this number
    /// stands, whichever program writes.
    ///
    /// # Errors
    ///
    /// None of its own.
    #[boxed]
    pub async fn revision(&self) -> Result<u64, StoreError> {
        let row = revision::Entity::find()
            .one(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        Ok(row.map_or(0, |row| row.n_changes.unsigned_abs()))
    }

    /// The rows under a filter, fastest first (rows without a rate by the lower end of their
    /// range) or as it says, the newest first among equals.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] where a newer program wrote one of them.
    #[boxed]
    pub async fn rows(&self, filter: &BoardFilter) -> Result<Vec<BoardRow>, StoreError> {
        use board::Column as C;

        let condition = self.condition(filter).await?;
        // Keys alone are sorted; bodies are wide.
        let found = filter.limit.map(|limit| {
            if filter.by_configuration {
                let keys = board::Entity::find().select_only().column(C::LineKey);
                let fastest = Expr::col(C::RateTps).max();
                let keys = keys.filter(condition.clone()).group_by(C::LineKey);
                let keys = keys.order_by(fastest, Order::Desc).order_by(C::LineKey, Order::Asc);
                let meant = C::LineKey.in_subquery(keys.limit(limit).into_query());
                return condition.clone().add(meant);
            }
            let keys = board::Entity::find().select_only().column(C::Key).filter(condition.clone());
            let keys = filter.sorted(keys).limit(limit).into_query();
            Condition::all().add(C::Key.in_subquery(keys))
        });
        let rows = board::Entity::find().select_only().columns([C::RecordId, C::Body]);
        let found: Vec<(RecordId, String)> = filter
            .sorted(rows.filter(found.unwrap_or(condition)))
            .into_tuple()
            .all(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        found.into_iter().map(|(id, body)| self.parse(id, &body)).collect()
    }

    /// One page of the rows under a filter by rate, the newest first among equals.
    /// `filter.limit` is the number of rows, 1 at least.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidCursor`] where another order gave the cursor;
    /// [`StoreError::Unreadable`] where a newer program wrote one of the rows.
    #[boxed]
    pub async fn page(
        &self,
        filter: &BoardFilter,
        direction: Direction,
        after: Option<&Cursor>,
    ) -> Result<Page<BoardRow>, StoreError> {
        use board::Column as C;

        let n_rows = Ord::max(filter.limit.unwrap_or(USUAL_ROWS), 1);
        let slower = |after: &Cursor| after.slower(C::RateTps, C::LastAtUs, C::RecordId, direction);
        let condition = self.condition(filter).await?.add_option(after.map(slower).transpose()?);
        // Keys alone are sorted; bodies are wide.
        let sorted = |select: Select<board::Entity>| {
            let by_rate = select.order_by(C::RateTps, direction.order());
            by_rate.order_by(C::LastAtUs, Order::Desc).order_by(C::RecordId, Order::Desc)
        };
        let keys = board::Entity::find().select_only().column(C::Key).filter(condition);
        let keys = sorted(keys).limit(n_rows + 1).into_query();
        let rows = board::Entity::find().select_only().columns([C::RecordId, C::Body]);
        let found: Vec<(RecordId, String)> = sorted(rows.filter(C::Key.in_subquery(keys)))
            .into_tuple()
            .all(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        let rows: Result<Vec<BoardRow>, _> =
            found.into_iter().map(|(id, body)| self.parse(id, &body)).collect();
        Ok(Page::of(rows?, n_rows, |last| Cursor::after_row(last, direction)))
    }

    /// Which of these records its rows show.
    ///
    /// # Errors
    ///
    /// None of its own.
    #[boxed]
    pub async fn holding(&self, ids: &[RecordId]) -> Result<Vec<RecordId>, StoreError> {
        use board::Column as C;

        let mut held = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            let rows = board::Entity::find().select_only().column(C::RecordId);
            let found: Vec<RecordId> = rows
                .filter(C::RecordId.is_in(chunk.iter().copied()))
                .into_tuple()
                .all(&self.store.db)
                .await
                .map_err(|error| self.store.origin.db(error))?;
            held.extend(found);
        }
        Ok(held)
    }

    /// How many rows or configurations are under a filter, whatever its limit.
    ///
    /// # Errors
    ///
    /// None of its own.
    #[boxed]
    pub async fn count(&self, filter: &BoardFilter) -> Result<u64, StoreError> {
        let sorted = |error| self.store.origin.db(error);
        if filter.by_configuration {
            let condition = self.condition(filter).await?;
            let keys = board::Entity::find().select_only().column(board::Column::LineKey);
            let keys = keys.filter(condition).distinct();
            return keys.count(&self.store.db).await.map_err(sorted);
        }
        if (BoardFilter { limit: None, ..filter.clone() }) == BoardFilter::default() {
            // Counted already.
            let counts = board_values::Entity::find()
                .filter(board_values::Column::Field.eq(EVERY_ROW))
                .all(&self.store.db)
                .await
                .map_err(sorted)?;
            return Ok(counts.iter().map(|value| value.n_rows.unsigned_abs()).sum());
        }
        let condition = self.condition(filter).await?;
        board::Entity::find().filter(condition).count(&self.store.db).await.map_err(sorted)
    }

    /// What the menus of the filters offer.
    ///
    /// # Errors
    ///
    /// None of its own.
    #[boxed]
    pub async fn choices(&self) -> Result<BoardChoices, StoreError> {
        let concurrencies = self.values("concurrency").await?;
        Ok(BoardChoices {
            families: self.values("family").await?,
            hardware: self.values("hardware").await?,
            backends: self.values("backends").await?,
            quantizations: self.values("quantization").await?,
            shapes: self.values("shape").await?,
            engines: self.values("engine").await?,
            concurrencies: concurrencies
                .into_iter()
                .filter_map(|(value, n_rows)| Some((value.parse().ok()?, n_rows)))
                .collect(),
        })
    }

    /// What restricts. Parts of words and their case are looked up among the values that there
    /// are, so that the database knows how many rows have them.
    async fn condition(&self, filter: &BoardFilter) -> Result<Condition, StoreError> {
        use board::Column as C;

        let mut condition = filter.exact();
        if let Some(part) = &filter.backend {
            let like = lower(board_values::Column::Value.into_expr()).like(containing(part));
            condition = condition.add(C::Backends.is_in(self.named("backends", like).await?));
        }
        if let Some(name) = &filter.engine {
            let name = clipped(name).to_ascii_lowercase();
            let same = ExprTrait::eq(lower(board_values::Column::Value.into_expr()), name);
            condition = condition.add(C::Engine.is_in(self.named("engine", same).await?));
        }
        Ok(condition)
    }

    /// The values of a field that this is true of, the most frequent ones.
    async fn named(&self, field: &str, is_meant: Expr) -> Result<Vec<String>, StoreError> {
        use board_values::Column as C;

        board_values::Entity::find()
            .select_only()
            .column(C::Value)
            .filter(C::Field.eq(field))
            .filter(C::NRows.gt(0))
            .filter(is_meant)
            .order_by(C::NRows, Order::Desc)
            .limit(MAX_MEANT)
            .into_tuple()
            .all(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))
    }

    async fn values(&self, field: &str) -> Result<Vec<(String, u64)>, StoreError> {
        use board_values::Column as C;

        let found: Vec<(String, i64)> = board_values::Entity::find()
            .select_only()
            .columns([C::Value, C::NRows])
            .filter(C::Field.eq(field))
            .filter(C::NRows.gt(0))
            .order_by(C::NRows, Order::Desc)
            .order_by(C::Value, Order::Asc)
            .limit(MAX_CHOICES)
            .into_tuple()
            .all(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        Ok(found.into_iter().map(|(value, n_rows)| (value, n_rows.unsigned_abs())).collect())
    }

    pub(crate) fn parse<T: DeserializeOwned>(
        &self,
        id: RecordId,
        json: &str,
    ) -> Result<T, StoreError> {
        serde_json::from_str(json).map_err(|error| self.store.unreadable(id, error.to_string()))
    }

    pub(crate) fn time(&self, microseconds: i64) -> Result<Timestamp, StoreError> {
        row::time(microseconds).map_err(|reason| self.store.origin.corrupt(reason))
    }
}

fn lower(expr: Expr) -> Expr {
    Expr::from(Func::lower(expr))
}

impl BoardFilter {
    fn sorted(&self, select: Select<board::Entity>) -> Select<board::Entity> {
        use board::Column as C;

        let sorted = match self.by_ttft {
            true => select.order_by(C::TtftP50Ms, Order::Asc),
            false => select.order_by(C::RateTps, Order::Desc),
        };
        sorted.order_by(C::LastAtUs, Order::Desc).order_by(C::RecordId, Order::Desc)
    }

    /// What restricts by whole values.
    fn exact(&self) -> Condition {
        use board::Column as C;

        let equal = |column: C, text: &Option<String>| {
            text.as_ref().map(|text| ColumnTrait::eq(&column, clipped(text)))
        };
        let params = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let graded =
            self.grade_at_least.map(|worst| ColumnTrait::is_in(&C::Grade, at_least(worst)));
        Condition::all()
            .add_option(equal(C::Family, &self.family))
            .add_option(equal(C::ModelName, &self.model))
            .add_option(equal(C::ModelSha256, &self.model_sha256))
            .add_option(equal(C::Hardware, &self.hardware))
            .add_option(equal(C::MachineFingerprint, &self.machine))
            .add_option(equal(C::Quantization, &self.quantization))
            .add_option(equal(C::Shape, &self.shape))
            .add_option(self.concurrency.map(|n| ColumnTrait::eq(&C::Concurrency, i64::from(n))))
            .add_option(self.min_params.map(|n| ColumnTrait::gte(&C::NParams, params(n))))
            .add_option(self.max_params.map(|n| ColumnTrait::lte(&C::NParams, params(n))))
            .add_option(graded)
            .add_option(self.kind.map(|kind| ColumnTrait::eq(&C::Kind, word(&kind))))
            .add_option(self.is_serving.map(|serving| ColumnTrait::eq(&C::IsServing, serving)))
            .add_option(self.by_ttft.then(|| ColumnTrait::is_not_null(&C::TtftP50Ms)))
            .add_option(self.generates.then(|| {
                // Labels of prompts alone begin so; a load point's shape may be called anything.
                let is_serving = ColumnTrait::eq(&C::IsServing, true);
                Condition::any()
                    .add(is_serving)
                    .add(ColumnTrait::not_like(&C::Shape, "pp%"))
                    .add(ColumnTrait::like(&C::Shape, "%+tg%"))
            }))
    }
}
